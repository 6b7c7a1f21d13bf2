// SPDX-License-Identifier: Apache-2.0
// Heads and what the proxy does to them, and the canonical form of paths.
#include "proxy/head_path.h"
#include "proxy/head_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct head head;

static void add(const char *name, const char *value) {
  static char names[4096];
  static size_t at;
  size_t len = strlen(name);
  if (at + len > sizeof(names))
    at = 0;
  memcpy(names + at, name, len);
  assert_int_equal(head_lower_token(names + at, len), len);
  head_add_lower(&head, (struct str){names + at, len}, str_of(value));
  at += len;
}

static const char *value_of(const char *name) {
  const struct head_field *field = head_find_name(&head, str_of(name));
  return field ? field->value.ptr : NULL;
}

static void names_are_lowered_and_known(void **state) {
  char bad[] = "a b", empty[] = "";
  (void)state;
  head_init(&head);
  add("HoSt", "x");
  add("X-Other", "1");
  add("TE", "trailers");
  assert_int_equal(head.fields[0].id, HEAD_HOST);
  assert_int_equal(head.fields[1].id, HEAD_OTHER);
  assert_int_equal(head.fields[2].id, HEAD_TE);
  assert_true(str_eq(head.fields[1].name, STR("x-other")));
  assert_int_equal(head_lower_token(bad, 3), 1);
  assert_int_equal(head_lower_token(empty, 0), 0);
}

static void every_known_name_is_found(void **state) {
  (void)state;
  for (int id = HEAD_OTHER + 1; id < HEAD_NAME_COUNT; id++) {
    head_init(&head);
    assert_true(head_add_name(&head, head_name_text((enum head_name)id), STR("v")));
    assert_int_equal(head.fields[0].id, id);
  }
}

static void fields_are_set_and_removed(void **state) {
  (void)state;
  head_init(&head);
  add("date", "1");
  add("server", "2");
  add("date", "3");
  head_set(&head, HEAD_DATE, STR("4"));
  assert_int_equal(head.count, 2);
  assert_string_equal(value_of("date"), "4");
  head_remove(&head, HEAD_DATE);
  assert_int_equal(head.count, 1);
  assert_null(head_find(&head, HEAD_DATE));
  head_set(&head, HEAD_DATE, STR("5"));
  assert_int_equal(head_count(&head, HEAD_DATE), 1);
}

static void authorities_are_checked(void **state) {
  static const char *const good[] = {"a",     "a.b-c_d",  "a:80",      "127.0.0.1:8080",
                                     "[::1]", "[::1]:80", "xn--a.b:0", "a."};
  static const char *const bad[] = {"",     "a b",    "a/b",   "u@a",   "a:",  "a:x", "a:70000",
                                    "[::1", "[]",     "[g::]", "a:80:", "a,b", "a?b", "a#b",
                                    "a\\b", "[::1]x", ":80",   "\"a\"", "a\tb"};
  (void)state;
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
    assert_true(head_authority_is_valid(str_of(good[i])));
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    assert_false(head_authority_is_valid(str_of(bad[i])));
}

static void methods_are_classified(void **state) {
  static const char *const idempotent[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
  (void)state;
  for (size_t i = 0; i < sizeof(idempotent) / sizeof(idempotent[0]); i++) {
    head.method = str_of(idempotent[i]);
    assert_true(head_classify_method(&head));
    assert_true(head.is_idempotent);
    assert_int_equal(head.is_head, i == 1);
  }
  head.method = STR("POST");
  assert_true(head_classify_method(&head));
  assert_false(head.is_idempotent);
  head.method = STR("BREW");
  assert_false(head_classify_method(&head));
  assert_false(head.is_idempotent);
}

static void a_mesh_request_keeps_what_it_says(void **state) {
  struct head_rules_request rules = {.new_id = STR("fresh")};
  (void)state;
  head_init(&head);
  add("X-Request-Id", "mine");
  add("X-Forwarded-Proto", "https");
  add("X-Envoy-Retry-On", "5xx");
  add("X-Envoy-Upstream-Rq-Timeout-Ms", "250");
  assert_int_equal(head_rules_number(&head, HEAD_X_ENVOY_TIMEOUT, 7), 250);
  head_rules_request(&head, &rules);
  assert_string_equal(value_of("x-request-id"), "mine");
  assert_string_equal(value_of("x-forwarded-proto"), "https");
  assert_null(value_of("x-envoy-retry-on"));
  assert_int_equal(head_rules_number(&head, HEAD_X_ENVOY_TIMEOUT, 7), 7);
  head_init(&head);
  head_rules_request(&head, &rules);
  assert_string_equal(value_of("x-request-id"), "fresh");
  assert_string_equal(value_of("x-forwarded-proto"), "http");
}

static void a_gateway_believes_nothing(void **state) {
  struct head_rules_request rules = {
      .is_gateway = true, .new_id = STR("fresh"), .peer = STR("10.0.0.1")};
  (void)state;
  head_init(&head);
  add("X-Request-Id", "mine");
  add("X-Forwarded-Proto", "https");
  head_rules_request(&head, &rules);
  assert_string_equal(value_of("x-request-id"), "fresh");
  assert_string_equal(value_of("x-forwarded-proto"), "http");
  assert_string_equal(value_of("x-forwarded-for"), "10.0.0.1");
}

static void tries_and_responses_are_marked(void **state) {
  struct head_rules_response rules = {
      .server = STR("envoy"), .date = STR("today"), .service_time = STR("12")};
  (void)state;
  head_init(&head);
  head_rules_try(&head, STR("1"), STR("500"));
  head_rules_try(&head, STR("2"), STR("400"));
  assert_string_equal(value_of("x-envoy-attempt-count"), "2");
  assert_string_equal(value_of("x-envoy-expected-rq-timeout-ms"), "400");
  assert_int_equal(head.count, 2);
  head_init(&head);
  add("Server", "theirs");
  add("Date", "theirs");
  head_rules_response(&head, &rules);
  assert_string_equal(value_of("server"), "envoy");
  assert_string_equal(value_of("date"), "theirs");
  assert_string_equal(value_of("x-envoy-upstream-service-time"), "12");
}

static void operations_come_in_order(void **state) {
  const struct str remove[] = {STR("a"), STR("b")};
  const struct table_header set[] = {{.name = STR("b"), .value = STR("set")}};
  const struct table_header more[] = {{.name = STR("b"), .value = STR("added")}};
  const struct table_header_ops ops = {
      .remove = remove, .remove_count = 2, .set = set, .set_count = 1, .add = more, .add_count = 1};
  (void)state;
  head_init(&head);
  add("a", "1");
  add("b", "2");
  add("c", "3");
  head_rules_apply(&head, &ops, NULL);
  assert_int_equal(head.count, 3);
  assert_string_equal(head.fields[0].value.ptr, "3");
  assert_string_equal(head.fields[1].value.ptr, "set");
  assert_string_equal(head.fields[2].value.ptr, "added");
}

static void configured_fields_leave_room_for_our_own(void **state) {
  (void)state;
  head_init(&head);
  for (unsigned i = 0; i < HEAD_FIELDS_MAX; i++)
    add("x", "1");
  while (head_add_name(&head, STR("more"), STR("2")))
    ;
  struct head_rules_request rules = {.new_id = STR("id")};
  head_rules_request(&head, &rules);
  head_rules_try(&head, STR("1"), STR("2"));
  assert_true(head.count < HEAD_FIELDS_ROOM);
  assert_string_equal(value_of("x-envoy-attempt-count"), "1");
  head_dispose(&head);
}

static void more_fields_than_most_heads_have(void **state) {
  char texts[HEAD_FIELDS_ROOM][8];
  (void)state;
  head_init(&head);
  for (int round = 0; round < 2; round++) { // what has grown once serves again
    for (unsigned i = 0; i < HEAD_FIELDS_ROOM; i++) {
      snprintf(texts[i], sizeof(texts[i]), "%u", i);
      head_add_lower(&head, STR("x"), str_of(texts[i]));
    }
    for (unsigned i = 0; i < HEAD_FIELDS_ROOM; i++)
      assert_ptr_equal(head.fields[i].value.ptr, texts[i]);
    assert_ptr_not_equal(head.fields, head.first);
    head_reset(&head);
    assert_int_equal(head.count, 0);
  }
  head_dispose(&head);
}

static void paths_have_one_form(void **state) {
  static const struct {
    const char *in, *out; // NULL: refused
  } cases[] = {
      {"/", "/"},
      {"/a/b", "/a/b"},
      {"/a/./b", "/a/b"},
      {"/a/../b", "/b"},
      {"/..", "/"},
      {"/../../x", "/x"},
      {"/a/b/..", "/a/"},
      {"/a/b/.", "/a/b/"},
      {"/a//b", "/a//b"},
      {"/a//../b", "/a/b"},
      {"/%61%2Db", "/a-b"},
      {"/%2e%2e/x", "/x"},
      {"/a%2fb", "/a%2fb"},
      {"/a%5cb", "/a%5cb"},
      {"/a\\..\\b", "/b"},
      {"/a?b/../c", "/a?b/../c"},
      {"/a/./?x#y", "/a/?x"},
      {"/.a/..b/c.", "/.a/..b/c."},
      {"/...", "/..."},
      {"/%", NULL},
      {"/%4", NULL},
      {"/%4g", NULL},
      {"/%00", NULL},
  };
  char path[64];
  (void)state;
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    size_t len = strlen(cases[i].in);
    memcpy(path, cases[i].in, len);
    bool ok = head_path_normalize(path, &len, HEAD_PATH_BASE);
    assert_int_equal(ok, cases[i].out != NULL);
    if (!ok)
      continue;
    path[len] = '\0';
    assert_string_equal(path, cases[i].out);
    // Once canonical, always canonical.
    size_t again = len;
    assert_true(head_path_normalize(path, &again, HEAD_PATH_BASE));
    assert_int_equal(again, len);
  }
}

static void paths_have_other_modes(void **state) {
  static const struct {
    enum head_path_mode mode;
    const char *in, *out;
  } cases[] = {
      {HEAD_PATH_NONE, "//a/../%zz\\b#c", "//a/../%zz\\b"},
      {HEAD_PATH_BASE, "//a//%2Fb", "//a//%2Fb"},
      {HEAD_PATH_MERGE_SLASHES, "//a//%2Fb///?x//y", "/a/%2Fb/?x//y"},
      {HEAD_PATH_MERGE_SLASHES, "/a\\\\b", "/a/b"},
      {HEAD_PATH_MERGE_SLASHES, "/a//../b", "/a/b"},
      {HEAD_PATH_DECODE_SLASHES, "/a%2F..%5cb%2f", "/b/"},
      {HEAD_PATH_DECODE_SLASHES, "/a%2F%2Fb?c%2Fd", "/a/b?c%2Fd"},
      {HEAD_PATH_DECODE_SLASHES, "/a%252Fb", "/a%252Fb"},
  };
  char path[64];
  (void)state;
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    size_t len = strlen(cases[i].in);
    memcpy(path, cases[i].in, len);
    assert_true(head_path_normalize(path, &len, cases[i].mode));
    path[len] = '\0';
    assert_string_equal(path, cases[i].out);
  }
  enum head_path_mode mode;
  assert_true(head_path_mode_parse(STR("MERGE_SLASHES"), &mode));
  assert_int_equal(mode, HEAD_PATH_MERGE_SLASHES);
  assert_true(head_path_mode_parse(STR("decode-and-merge-slashes"), &mode));
  assert_int_equal(mode, HEAD_PATH_DECODE_SLASHES);
  assert_false(head_path_mode_parse(STR("most"), &mode));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_lowered_and_known),
      cmocka_unit_test(every_known_name_is_found),
      cmocka_unit_test(fields_are_set_and_removed),
      cmocka_unit_test(authorities_are_checked),
      cmocka_unit_test(methods_are_classified),
      cmocka_unit_test(a_mesh_request_keeps_what_it_says),
      cmocka_unit_test(a_gateway_believes_nothing),
      cmocka_unit_test(tries_and_responses_are_marked),
      cmocka_unit_test(operations_come_in_order),
      cmocka_unit_test(configured_fields_leave_room_for_our_own),
      cmocka_unit_test(more_fields_than_most_heads_have),
      cmocka_unit_test(paths_have_one_form),
      cmocka_unit_test(paths_have_other_modes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
