// SPDX-License-Identifier: Apache-2.0
// What the kernel says of a peer that has or has not received our bytes before it closed.
#include "proxy/upstream_sent.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

// Two ends of a TCP connection.
static void connected(int ends[2]) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof(address);
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(listener, (struct sockaddr *)(void *)&address, len), 0);
  assert_int_equal(listen(listener, 1), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)(void *)&address, &len), 0);
  ends[0] = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(ends[0], (struct sockaddr *)(void *)&address, len), 0);
  ends[1] = accept(listener, NULL, NULL);
  assert_true(ends[1] >= 0);
  (void)close(listener);
}

static void wait_readable(int fd) {
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  assert_int_equal(poll(&wait, 1, 10000), 1);
}

static uint64_t acked(int fd) {
  uint64_t bytes = 0;
  assert_true(upstream_sent_acked(fd, &bytes));
  return bytes;
}

static void what_was_received_is_told(void **state) {
  int ends[2];
  (void)state;
  connected(ends);
  assert_int_equal(acked(ends[0]), 0);
  assert_int_equal(send(ends[0], "0123456789", 10, 0), 10);
  wait_readable(ends[1]);
  assert_int_equal(send(ends[1], "x", 1, 0), 1); // its acknowledgement comes along
  wait_readable(ends[0]);
  assert_int_equal(acked(ends[0]), 10);
  (void)close(ends[1]); // with unread bytes: a reset, but they were received
  char byte[2];
  (void)recv(ends[0], byte, sizeof(byte), 0);
  wait_readable(ends[0]);
  assert_int_equal(acked(ends[0]), 10);
  (void)close(ends[0]);
}

static void what_came_too_late_was_not_received(void **state) {
  int ends[2];
  char byte;
  (void)state;
  connected(ends);
  (void)close(ends[1]);
  wait_readable(ends[0]); // the end is known here; a sender that did not look does not know
  assert_int_equal(send(ends[0], "0123456789", 10, MSG_NOSIGNAL), 10);
  while (recv(ends[0], &byte, 1, 0) > 0)
    ;
  struct pollfd wait = {.fd = ends[0], .events = 0}; // the reset
  assert_int_equal(poll(&wait, 1, 10000), 1);
  assert_int_equal(acked(ends[0]), 0);
  (void)close(ends[0]);
}

static void other_sockets_do_not_say(void **state) {
  uint64_t bytes;
  (void)state;
  assert_false(upstream_sent_acked(-1, &bytes));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_received_is_told),
      cmocka_unit_test(what_came_too_late_was_not_received),
      cmocka_unit_test(other_sockets_do_not_say),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
