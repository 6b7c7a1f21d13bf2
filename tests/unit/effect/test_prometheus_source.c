// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/prometheus_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct arena arena;

static int setup(void **state) {
  (void)state;
  arena_init(&arena);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_dispose(&arena);
  return 0;
}

static const struct prometheus_default OWN = {.address = STR("http://own:9090/"),
                                              .secret_ns = STR("serin-system"),
                                              .secret_name = STR("prom"),
                                              .timeout_ms = 9000};

static struct prometheus_source source_of(const struct rollout_prometheus *given) {
  return prometheus_source_of(given, &OWN, STR("team1"), &arena);
}

static void own_credentials_go_to_the_own_address_only(void **state) {
  (void)state;
  struct rollout_prometheus given = {.timeout_ms = 5000};
  struct prometheus_source source = source_of(&given);
  assert_string_equal(arena_str(&arena, source.address).ptr, "http://own:9090");
  assert_string_equal(source.secret_name.ptr, "prom");
  assert_string_equal(source.secret_ns.ptr, "serin-system");
  assert_int_equal(source.timeout_ms, 9000);
  given.address = STR("http://elsewhere:9090");
  source = source_of(&given);
  assert_int_equal(source.secret_name.len, 0);
  assert_int_equal(source.timeout_ms, 5000);
  struct rollout_secret_ref ref = {STR("mine")};
  given.secret_ref = &ref;
  source = source_of(&given);
  assert_string_equal(source.secret_ns.ptr, "team1"); // never another namespace's
  assert_string_equal(source.secret_name.ptr, "mine");
}

static void equal_sources_share_a_key(void **state) {
  (void)state;
  struct rollout_header header = {STR("X-Scope-OrgID"), STR("a")};
  struct rollout_prometheus plain = {.address = STR("http://p:9090")},
                            slash = {.address = STR("http://p:9090/")}, headed = plain,
                            open = plain;
  headed.headers = &header;
  headed.headers_count = 1;
  open.insecure_skip_verify = true;
  assert_string_equal(source_of(&plain).key.ptr, source_of(&slash).key.ptr);
  assert_string_not_equal(source_of(&plain).key.ptr, source_of(&headed).key.ptr);
  assert_string_not_equal(source_of(&plain).key.ptr, source_of(&open).key.ptr);
}

static int credentials(const char *data, struct http_request *request, struct err *err) {
  struct json *json;
  struct str text = arena_printf(&arena, "{\"metadata\":{\"name\":\"prom\"},\"data\":{%s}}", data);
  assert_int_equal(json_parse(text, &arena, &json, NULL), RC_OK);
  *request = (struct http_request){0};
  *err = (struct err){0};
  return prometheus_credentials(json, &arena, request, err);
}

static void a_secret_becomes_credentials(void **state) {
  (void)state;
  struct http_request request;
  struct err err;
  // "s3cret\n": files end in a newline.
  assert_int_equal(credentials("\"token\":\"czNjcmV0Cg==\"", &request, &err), RC_OK);
  assert_string_equal(arena_str(&arena, request.bearer).ptr, "s3cret");
  assert_int_equal(
      credentials("\"username\":\"dXNlcg==\",\"password\":\"cGFzcw==\"", &request, &err), RC_OK);
  assert_string_equal(arena_str(&arena, request.user).ptr, "user");
  assert_string_equal(arena_str(&arena, request.password).ptr, "pass");
  assert_int_equal(credentials("\"ca.crt\":\"Q0E=\"", &request, &err), RC_OK);
  assert_string_equal(arena_str(&arena, request.tls.ca_pem).ptr, "CA");
}

static void a_wrong_secret_is_said_without_its_content(void **state) {
  (void)state;
  static const char *const WRONG[] = {
      "\"token\":\"!!!!\"",
      "\"token\":\"YQpi\"", // a newline inside would become a header of its own
      "\"token\":\"YQ==\",\"username\":\"Yg==\"",
      "\"tls.crt\":\"Yg==\"",
  };
  for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
    struct http_request request;
    struct err err;
    assert_int_equal(credentials(WRONG[i], &request, &err), RC_INVALID);
    assert_int_equal(request.bearer.len, 0);
    assert_true(str_contains(str_of(err.msg), STR("prom")));
    assert_false(str_contains(str_of(err.msg), STR("!!!!")));
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(own_credentials_go_to_the_own_address_only),
      TEST(equal_sources_share_a_key),
      TEST(a_secret_becomes_credentials),
      TEST(a_wrong_secret_is_said_without_its_content),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
