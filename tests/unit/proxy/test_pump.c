// SPDX-License-Identifier: Apache-2.0
// Bytes into a socket that takes them slowly: nothing lost, nothing twice, memory given back.
#include "proxy/http1_body.h"
#include "proxy/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int ends[2];
static struct pump pump;

static int open_pair(void **state) {
  (void)state;
  int small = 4096;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0)
    return -1;
  (void)setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
  pump_init(&pump, ends[0]);
  return 0;
}

static int close_pair(void **state) {
  (void)state;
  pump_dispose(&pump);
  (void)close(ends[0]);
  (void)close(ends[1]);
  return 0;
}

static void pieces_go_out_together(void **state) {
  char got[16];
  (void)state;
  pump_add(&pump, "ab", 2);
  unsigned slot = pump_hold(&pump);
  pump_add(&pump, "ef", 2);
  pump_add(&pump, "", 0);
  pump_fill(&pump, slot, "cd", 2);
  assert_int_equal(pump_flush(&pump), 0);
  assert_true(pump_is_empty(&pump));
  assert_int_equal(recv(ends[1], got, sizeof(got), 0), 6);
  assert_memory_equal(got, "abcdef", 6);
  assert_int_equal(pump.written, 6);
}

static void what_is_not_taken_is_kept_in_order(void **state) {
  static char data[200000], got[200000];
  size_t sent = 0, received = 0;
  (void)state;
  for (size_t i = 0; i < sizeof(data); i++)
    data[i] = (char)(i * 7 + i / 256);
  while (received < sizeof(data)) {
    for (int i = 0; i < 3 && sent < sizeof(data); i++) {
      size_t n = sizeof(data) - sent < 3001 ? sizeof(data) - sent : 3001;
      pump_add(&pump, data + sent, n);
      sent += n;
    }
    assert_int_equal(pump_flush(&pump), 0);
    assert_int_equal(pump.count, 0);
    ssize_t n = recv(ends[1], got + received, 5000, 0);
    if (n > 0)
      received += (size_t)n;
  }
  assert_memory_equal(got, data, sizeof(data));
  assert_true(pump_is_empty(&pump));
  assert_null(pump.kept);
}

static void a_closed_peer_is_an_error(void **state) {
  (void)state;
  (void)shutdown(ends[1], SHUT_RD);
  pump_add(&pump, "x", 1);
  assert_int_equal(pump_flush(&pump), -EPIPE);
}

static void pieces_of_a_turn_are_one_chunk(void **state) {
  struct http1_body body;
  char got[256];
  (void)state;
  http1_body_init(&body, &pump, true);
  assert_int_equal(http1_body_add(&body, STR("hello ")), 0);
  assert_int_equal(http1_body_add(&body, STR("world")), 0);
  http1_body_close_chunk(&body);
  assert_int_equal(pump_flush(&pump), 0);
  assert_int_equal(http1_body_add(&body, STR("!")), 0);
  http1_body_end(&body, STR_NULL);
  assert_int_equal(pump_flush(&pump), 0);
  ssize_t n = recv(ends[1], got, sizeof(got), 0);
  const char *expected = "b\r\nhello world\r\n1\r\n!\r\n0\r\n\r\n";
  assert_int_equal(n, strlen(expected));
  assert_memory_equal(got, expected, (size_t)n);
}

static void any_number_of_pieces_fits(void **state) {
  struct http1_body body;
  char got[4096];
  (void)state;
  http1_body_init(&body, &pump, true);
  for (int i = 0; i < 100; i++)
    assert_int_equal(http1_body_add(&body, STR("x")), 0);
  http1_body_end(&body, STR_NULL);
  assert_int_equal(pump_flush(&pump), 0);
  size_t xs = 0;
  ssize_t n = recv(ends[1], got, sizeof(got), 0);
  assert_true(n > 100);
  for (ssize_t i = 0; i < n; i++)
    xs += got[i] == 'x';
  assert_int_equal(xs, 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(pieces_go_out_together, open_pair, close_pair),
      cmocka_unit_test_setup_teardown(what_is_not_taken_is_kept_in_order, open_pair, close_pair),
      cmocka_unit_test_setup_teardown(a_closed_peer_is_an_error, open_pair, close_pair),
      cmocka_unit_test_setup_teardown(pieces_of_a_turn_are_one_chunk, open_pair, close_pair),
      cmocka_unit_test_setup_teardown(any_number_of_pieces_fits, open_pair, close_pair),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
