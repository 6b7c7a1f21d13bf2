// SPDX-License-Identifier: Apache-2.0
// Lines of the access log, and the ring that carries them.
#include "manifests/base/bug.h"
#include "manifests/base/rng.h"
#include "manifests/text/json.h"
#include "proxy/access_log.h"
#include "proxy/access_log_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct access_log_entry entry = {
    .start_wall_ms = 1769688000123,
    .method = STR("GET"),
    .path = STR("/a"),
    .query = STR("b"),
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
  assert_int_equal(access_log_line(&out, ACCESS_LOG_TEXT, &entry, &(struct access_log_clock){0}),
                   0);
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
  assert_int_equal(access_log_line(&out, ACCESS_LOG_JSON, &entry, &(struct access_log_clock){0}),
                   0);
  assert_non_null(strstr(buf_z(&out), "\"response_code\":200,"));
  assert_non_null(strstr(buf_z(&out), "\"upstream_service_time\":null,"));
  assert_non_null(strstr(buf_z(&out), "\"user_agent\":\"a \\\"b\\\"\\u000a\\u0080\","));
  assert_non_null(strstr(buf_z(&out), "\"route_name\":null}\n"));
  buf_dispose(&out);
}

static void the_ring_wraps_and_drops_whole_lines(void **state) {
  struct access_log_ring ring;
  static char chunk[ACCESS_LOG_RING], line[1000];
  (void)state;
  access_log_ring_init(&ring, NULL);
  memset(line, 'x', sizeof(line));
  size_t put = 0, taken = 0;
  for (int i = 0; i < 5000; i++) {
    uint64_t dropped = ring.dropped;
    access_log_ring_put(&ring, (struct str){line, sizeof(line)});
    put += ring.dropped == dropped ? sizeof(line) : 0;
    if (i % 1500 == 1499)
      taken += access_log_ring_take(&ring, chunk);
  }
  assert_true(ring.dropped > 0);
  size_t n;
  while ((n = access_log_ring_take(&ring, chunk)) > 0) {
    for (size_t i = 0; i < n; i++)
      assert_int_equal(chunk[i], 'x');
    taken += n;
  }
  assert_int_equal(put, taken);
  access_log_ring_dispose(&ring);
}

// Bytes a peer may get into any field: whatever they are, the line stays one line, its fields stay
// where they are, and JSON stays JSON.
static struct str hostile(struct rng *rng, char *out, size_t room) {
  static const char *const pieces[] = {"\n",      "\r\n",
                                       "\"",      "\\",
                                       " ",       "\t",
                                       "\x1b[2J", "\x7f",
                                       "\xff",    "\xe2\x80\xa8",
                                       "\\\"",    "{",
                                       "}",       "[",
                                       "] \"",    "\",\"response_code\":200,\"x\":\"",
                                       "a",       "\x01"};
  size_t len = 0, count = rng_next(rng) % 12;
  for (size_t i = 0; i < count; i++) {
    const char *piece = pieces[rng_next(rng) % ARRAY_LEN(pieces)];
    if (rng_next(rng) % 16 == 0 && len < room)
      out[len++] = '\0';
    for (; *piece && len < room; piece++)
      out[len++] = *piece;
  }
  return (struct str){out, len};
}

static size_t count_char(struct str s, char c) {
  size_t count = 0;
  for (size_t i = 0; i < s.len; i++)
    count += s.ptr[i] == c;
  return count;
}

// Quotes that are not escaped.
static size_t count_quotes(struct str s) {
  size_t count = 0;
  for (size_t i = 0; i < s.len; i++) {
    if (s.ptr[i] == '\\')
      i++;
    else
      count += s.ptr[i] == '"';
  }
  return count;
}

static void no_byte_of_a_peer_forges_a_line(void **state) {
  struct rng rng;
  struct arena arena;
  struct buf out;
  char bytes[14][256];
  (void)state;
  rng_init(&rng, 4711);
  arena_init(&arena);
  buf_init(&out, 1u << 20);
  for (int round = 0; round < 20000; round++) {
    struct access_log_entry e = entry;
    struct str *fields[] = {&e.method,
                            &e.path,
                            &e.query,
                            &e.protocol,
                            &e.details,
                            &e.termination,
                            &e.transport_failure,
                            &e.forwarded_for,
                            &e.user_agent,
                            &e.request_id,
                            &e.authority,
                            &e.upstream_cluster,
                            &e.upstream_host,
                            &e.route_name};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
      *fields[i] = hostile(&rng, bytes[i], sizeof(bytes[i]));
    buf_reset(&out);
    assert_int_equal(access_log_line(&out, ACCESS_LOG_TEXT, &e, &(struct access_log_clock){0}), 0);
    struct str line = buf_str(&out);
    assert_int_equal(count_char(line, '\n'), 1);
    assert_int_equal(line.ptr[line.len - 1], '\n');
    for (size_t i = 0; i + 1 < line.len; i++)
      assert_in_range((unsigned char)line.ptr[i], 0x20, 0x7e);
    assert_int_equal(count_quotes(line), 14);
    buf_reset(&out);
    assert_int_equal(access_log_line(&out, ACCESS_LOG_JSON, &e, &(struct access_log_clock){0}), 0);
    struct json *json;
    arena_reset(&arena);
    assert_int_equal(count_char(buf_str(&out), '\n'), 1);
    if (str_contains(buf_str(&out), STR("\\u0000"))) // good JSON, but not for our reader
      continue;
    assert_int_equal(json_parse(buf_str(&out), &arena, &json, NULL), 0);
    assert_int_equal(json->count, 24);
    assert_int_equal(json_int(json_get(json, "response_code"), 0), 200);
  }
  buf_dispose(&out);
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_lines_are_envoys),
      cmocka_unit_test(json_lines_have_types),
      cmocka_unit_test(no_byte_of_a_peer_forges_a_line),
      cmocka_unit_test(the_ring_wraps_and_drops_whole_lines),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
