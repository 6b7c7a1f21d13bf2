// SPDX-License-Identifier: Apache-2.0
// What control headers and grpc-timeout make of a route's time-outs and retries.
#include "proxy/exchange_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct exchange_wishes wishes;
static struct exchange_policy policy;

// Headers as "name: value" lines.
static void read(struct retry_policy *route, int64_t timeout_ms, bool is_internal, bool is_grpc,
                 const char *text) {
  char lines[1024];
  struct head head;
  struct str rest, line;
  struct route_decision decision = {.retry = route, .timeout_ms = timeout_ms};
  head_init(&head);
  (void)strncpy(lines, text, sizeof lines - 1);
  lines[sizeof lines - 1] = '\0';
  rest = str_of(lines);
  while (str_next(&rest, '\n', &line)) {
    struct str name;
    size_t at = (size_t)(line.ptr - lines);
    if (str_next(&line, ':', &name))
      head_add_lower(&head, (struct str){lines + at, head_lower_token(lines + at, name.len)},
                     str_trim(line));
  }
  memset(&wishes, 0, sizeof wishes);
  policy = (struct exchange_policy){0};
  exchange_policy_read(&decision, &head, is_internal, is_grpc, &wishes, &policy);
}

static void a_route_is_as_it_is_without_headers(void **state) {
  (void)state;
  struct retry_policy route = retry_policy_default();
  route.per_try_timeout_ms = 7;
  read(&route, 9, true, false, "x-request-id: 1");
  assert_ptr_equal(policy.retry, &route);
  assert_int_equal(policy.timeout_ms, 9);
  assert_int_equal(policy.per_try_timeout_ms, 7);
  assert_false(policy.timeout_is_204);
}

static void clients_of_the_mesh_may_ask(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint32_t attempts; // of the route
    uint32_t on, added;
  } cases[] = {
      {"x-envoy-retry-on: 5xx", 0, RETRY_ON_5XX, 1},
      {"x-envoy-retry-on: 5xx, what", 2, RETRY_DEFAULT_ON | RETRY_ON_5XX, 2},
      {"x-envoy-retry-grpc-on: internal,cancelled", 0, RETRY_ON_INTERNAL | RETRY_ON_CANCELLED, 1},
      {"x-envoy-retry-on: reset\nx-envoy-retry-grpc-on: internal", 0,
       RETRY_ON_RESET | RETRY_ON_INTERNAL, 1},
      {"x-envoy-retry-on: reset\nx-envoy-max-retries: 7", 0, RETRY_ON_RESET, 7},
      {"x-envoy-max-retries: 7", 2, RETRY_DEFAULT_ON, 7},
      {"x-envoy-max-retries: 99999999", 2, RETRY_DEFAULT_ON, 1000},
      {"x-envoy-max-retries: x", 2, RETRY_DEFAULT_ON, 2},
      {"x-envoy-retriable-status-codes: 418", 2, RETRY_DEFAULT_ON, 2},
      {"x-envoy-retry-on: reset\nx-envoy-retriable-status-codes: 418", 0, RETRY_ON_RESET, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct retry_policy route = retry_policy_default();
    route.attempts = cases[i].attempts;
    read(&route, 0, true, false, cases[i].text);
    assert_int_equal(policy.retry->on, cases[i].on);
    assert_int_equal(policy.retry->attempts, cases[i].added);
    assert_int_equal(route.attempts, cases[i].attempts);
    read(&route, 0, false, false, cases[i].text); // others may not
    assert_ptr_equal(policy.retry, &route);
  }
}

static void retries_that_are_off_stay_off(void **state) {
  (void)state;
  static const char *const texts[] = {"x-envoy-max-retries: 3",
                                      "x-envoy-retriable-status-codes: 503",
                                      "x-envoy-retriable-header-names: a"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct retry_policy route = retry_policy_default();
    route.attempts = 0;
    read(&route, 0, true, false, texts[i]);
    assert_int_equal(policy.retry->attempts, 0);
  }
}

static void timeouts_are_replaced(void **state) {
  (void)state;
  struct retry_policy route = retry_policy_default();
  read(&route, 50, true, false,
       "x-envoy-upstream-rq-timeout-ms: 0\nx-envoy-upstream-rq-per-try-timeout-ms: 20\n"
       "x-envoy-upstream-rq-timeout-alt-response: x");
  assert_int_equal(policy.timeout_ms, 0); // none
  assert_int_equal(policy.per_try_timeout_ms, 20);
  assert_true(policy.timeout_is_204);
  read(&route, 50, true, false, "x-envoy-upstream-rq-timeout-ms: -1");
  assert_int_equal(policy.timeout_ms, 50);
}

static void named_headers_ask_for_a_retry(void **state) {
  (void)state;
  struct retry_policy route = retry_policy_default();
  struct head response;
  head_init(&response);
  assert_true(head_add_name(&response, STR("x-again"), STR("")));
  read(&route, 0, true, false, "x-envoy-retriable-header-names: a, X-Again ,b");
  assert_true(exchange_policy_is_retriable(&wishes, &response));
  read(&route, 0, true, false, "x-envoy-retriable-header-names: x-agai,,x-again2");
  assert_false(exchange_policy_is_retriable(&wishes, &response));
  read(&route, 0, true, false, "x-request-id: 1");
  assert_false(exchange_policy_is_retriable(&wishes, &response));
}

static void grpc_clients_have_a_timeout_of_their_own(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t ms;
  } values[] = {{"1H", 3600000}, {"2M", 120000},     {"3S", 3000}, {"99999999m", 99999999},
                {"1u", 1},       {"1000u", 1},       {"1n", 1},    {"0S", 0},
                {"1", -1},       {"S", -1},          {"-1S", -1},  {"1s", -1},
                {"1.5S", -1},    {"999999999S", -1}, {"", -1}};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
    assert_int_equal(grpc_timeout_ms(str_of(values[i].text)), values[i].ms);
  struct retry_policy route = retry_policy_default();
  read(&route, 5000, false, true, "grpc-timeout: 2S");
  assert_int_equal(policy.timeout_ms, 2000);
  read(&route, 5000, false, true, "grpc-timeout: 9S"); // the route's is the most
  assert_int_equal(policy.timeout_ms, 5000);
  read(&route, 0, false, true, "grpc-timeout: 2S"); // and where it has none, nor has the client
  assert_int_equal(policy.timeout_ms, 0);
  read(&route, 5000, false, false, "grpc-timeout: 2S");
  assert_int_equal(policy.timeout_ms, 5000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_route_is_as_it_is_without_headers),
      cmocka_unit_test(clients_of_the_mesh_may_ask),
      cmocka_unit_test(retries_that_are_off_stay_off),
      cmocka_unit_test(timeouts_are_replaced),
      cmocka_unit_test(named_headers_ask_for_a_retry),
      cmocka_unit_test(grpc_clients_have_a_timeout_of_their_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
