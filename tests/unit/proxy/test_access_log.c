// SPDX-License-Identifier: Apache-2.0
// Lines of the access log, and the ring that carries them.
#include "proxy/access_log.h"
#include "proxy/access_log_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct access_log_entry entry = {
    .start_wall_ms = 1769688000123,
    .method = STR("GET"),
    .path = STR("/a?b"),
    .protocol = STR("HTTP/1.1"),
    .flags = STR("-"),
    .details = STR("via upstream"),
    .status = 200,
    .bytes_received = 1,
    .bytes_sent = 2,
    .duration_ms = 3,
    .service_ms = -1,
    .user_agent = STR("a \"b\"\n\x80"),
    .authority = STR("x"),
    .upstream_host = STR("127.0.0.1:1"),
};

static void text_lines_are_envoys(void **state) {
  struct buf out;
  (void)state;
  buf_init(&out, 4096);
  assert_int_equal(access_log_line(&out, ACCESS_LOG_TEXT, &entry), 0);
  assert_string_equal(buf_z(&out),
                      "[2026-01-29T12:00:00.123Z] \"GET /a?b HTTP/1.1\" 200 - via_upstream - "
                      "\"-\" 1 2 3 - \"-\" \"a \\\"b\\\"\\u000a\\u0080\" \"-\" \"x\" "
                      "\"127.0.0.1:1\" - - - - - -\n");
  buf_dispose(&out);
}

static void json_lines_have_types(void **state) {
  struct buf out;
  (void)state;
  buf_init(&out, 4096);
  assert_int_equal(access_log_line(&out, ACCESS_LOG_JSON, &entry), 0);
  assert_non_null(strstr(buf_z(&out), "\"response_code\":200,"));
  assert_non_null(strstr(buf_z(&out), "\"upstream_service_time\":null,"));
  assert_non_null(strstr(buf_z(&out), "\"user_agent\":\"a \\\"b\\\"\\u000a\\u0080\","));
  assert_non_null(strstr(buf_z(&out), "\"route_name\":null}\n"));
  buf_dispose(&out);
}

static void the_ring_wraps_and_drops_whole_lines(void **state) {
  struct access_log_ring ring;
  static char chunk[ACCESS_LOG_CHUNK], line[1000];
  (void)state;
  access_log_ring_init(&ring, NULL);
  memset(line, 'x', sizeof(line));
  size_t put = 0, taken = 0;
  for (int i = 0; i < 5000; i++) {
    uint64_t dropped = ring.dropped;
    access_log_ring_put(&ring, (struct str){line, sizeof(line)});
    put += ring.dropped == dropped ? sizeof(line) : 0;
    if (i % 3 == 0)
      taken += access_log_ring_take(&ring, chunk, 1500);
  }
  assert_true(ring.dropped > 0);
  size_t n;
  while ((n = access_log_ring_take(&ring, chunk, sizeof(chunk))) > 0) {
    for (size_t i = 0; i < n; i++)
      assert_int_equal(chunk[i], 'x');
    taken += n;
  }
  assert_int_equal(put, taken);
  access_log_ring_dispose(&ring);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_lines_are_envoys),
      cmocka_unit_test(json_lines_have_types),
      cmocka_unit_test(the_ring_wraps_and_drops_whole_lines),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
