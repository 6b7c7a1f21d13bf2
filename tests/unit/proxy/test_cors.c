// SPDX-License-Identifier: Apache-2.0
// Cross-origin requests: each row of docs/dataplane.md 1.13.
#include "proxy/cors.h"
#include "manifests/kinds/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const struct string_matcher origins[] = {
    {.kind = STRING_MATCH_EXACT, .value = STR("https://shop.example")},
    {.kind = STRING_MATCH_PREFIX, .value = STR("https://dev.")}};
static const struct table_cors shop = {.origins = origins,
                                       .origin_count = 2,
                                       .allow_credentials = true,
                                       .allow_methods = STR("GET,POST"),
                                       .allow_headers = STR("x-a,x-b"),
                                       .expose_headers = STR("x-seen"),
                                       .max_age = STR("600")};
static struct regex_worker regexes;

static enum cors_kind ask(const struct table_cors *cors, const char *method, const char *origin,
                          const char *asked, struct head *response) {
  struct head head;
  struct cors_request request;
  head_init(&head);
  head.method = str_of(method);
  if (origin)
    (void)head_add_name(&head, STR("origin"), str_of(origin));
  if (asked)
    (void)head_add_name(&head, STR("access-control-request-method"), str_of(asked));
  (void)head_add_name(&head, STR("access-control-request-headers"), STR("x-wanted"));
  enum cors_kind kind = cors_check(cors, &head, &regexes, &request);
  head_init(response);
  (void)head_add_name(response, STR("access-control-allow-origin"), STR("of-the-backend"));
  cors_respond(cors, kind, &request, response);
  return kind;
}

static const char *value(const struct head *head, const char *name) {
  char full[64];
  struct str parts[] = {STR("access-control-"), str_of(name)};
  memcpy(full, parts[0].ptr, parts[0].len);
  memcpy(full + parts[0].len, parts[1].ptr, parts[1].len);
  const struct head_field *field =
      head_find_name(head, (struct str){full, parts[0].len + parts[1].len});
  return field ? field->value.ptr : "-";
}

static void a_preflight_of_an_allowed_origin_is_answered(void **state) {
  struct head r;
  (void)state;
  assert_int_equal(ask(&shop, "OPTIONS", "https://shop.example", "PUT", &r), CORS_PREFLIGHT);
  assert_true(cors_is_answered(CORS_PREFLIGHT));
  assert_string_equal(value(&r, "allow-origin"), "https://shop.example");
  assert_string_equal(value(&r, "allow-credentials"), "true");
  assert_string_equal(value(&r, "allow-methods"), "GET,POST");
  assert_string_equal(value(&r, "allow-headers"), "x-a,x-b");
  assert_string_equal(value(&r, "max-age"), "600");
  assert_string_equal(value(&r, "expose-headers"), "x-seen");
}

static void stars_echo_what_is_asked_for(void **state) {
  static const struct table_cors any = {.any_origin = true,
                                        .echo_methods = true,
                                        .echo_headers = true,
                                        .allow_methods = STR("*"),
                                        .allow_headers = STR("*")};
  struct head r;
  (void)state;
  assert_int_equal(ask(&any, "OPTIONS", "null", "DELETE", &r), CORS_PREFLIGHT);
  assert_string_equal(value(&r, "allow-origin"), "null"); // never "*"
  assert_string_equal(value(&r, "allow-methods"), "DELETE");
  assert_string_equal(value(&r, "allow-headers"), "x-wanted");
  assert_string_equal(value(&r, "allow-credentials"), "-");
  assert_string_equal(value(&r, "max-age"), "-");
  assert_string_equal(value(&r, "expose-headers"), "-");
}

static void a_preflight_of_another_origin_goes_on_or_is_ignored(void **state) {
  struct table_cors ignoring = shop;
  struct head r;
  (void)state;
  assert_int_equal(ask(&shop, "OPTIONS", "https://evil.example", "PUT", &r), CORS_OTHER);
  assert_string_equal(value(&r, "allow-origin"), "of-the-backend");
  ignoring.ignore_unmatched = true;
  assert_int_equal(ask(&ignoring, "OPTIONS", "https://evil.example", "PUT", &r),
                   CORS_PREFLIGHT_IGNORED);
  assert_string_equal(value(&r, "allow-methods"), "GET,POST");
  assert_string_equal(value(&r, "expose-headers"), "-");
  // Without ignoring only preflights are meant.
  assert_int_equal(ask(&ignoring, "GET", "https://evil.example", NULL, &r), CORS_OTHER);
}

static void other_requests_go_on(void **state) {
  struct head r;
  (void)state;
  assert_int_equal(ask(&shop, "GET", "https://dev.shop.example", NULL, &r), CORS_ALLOWED);
  assert_string_equal(value(&r, "allow-origin"), "https://dev.shop.example");
  assert_string_equal(value(&r, "allow-credentials"), "true");
  assert_string_equal(value(&r, "expose-headers"), "x-seen");
  assert_string_equal(value(&r, "allow-methods"), "-");
  assert_int_equal(ask(&shop, "GET", "https://evil.example", NULL, &r), CORS_OTHER);
  assert_int_equal(ask(&shop, "GET", NULL, NULL, &r), CORS_NONE);
  assert_string_equal(value(&r, "allow-origin"), "of-the-backend");
  // OPTIONS alone is no preflight, nor is one that asks for no method.
  assert_int_equal(ask(&shop, "OPTIONS", "https://shop.example", NULL, &r), CORS_ALLOWED);
  assert_int_equal(ask(&shop, "OPTIONS", "https://shop.example", "", &r), CORS_ALLOWED);
  assert_int_equal(ask(&shop, "GET", "https://shop.example", "PUT", &r), CORS_ALLOWED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_preflight_of_an_allowed_origin_is_answered),
      cmocka_unit_test(stars_echo_what_is_asked_for),
      cmocka_unit_test(a_preflight_of_another_origin_goes_on_or_is_ignored),
      cmocka_unit_test(other_requests_go_on),
  };
  regex_worker_init(&regexes);
  int rc = cmocka_run_group_tests(tests, NULL, NULL);
  regex_worker_dispose(&regexes);
  return rc;
}
