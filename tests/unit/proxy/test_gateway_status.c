// SPDX-License-Identifier: Apache-2.0
// What stays and what changes when a status is written again; the rest is in tests/golden/proxy.
#include "proxy/gateway_status.h"
#include "tests/unit/proxy/support_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define T0 1000000000000
#define T1 2000000000000

static const char objects[] =
    "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"
    "metadata: {name: gw, generation: 7}\nspec:\n  gatewayClassName: serin\n"
    "  listeners: [{name: a, port: 80, protocol: HTTP}, {name: b, port: 81, protocol: HTTP}]\n---\n"
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"
    "metadata: {name: r, generation: 5}\nspec:\n  parentRefs: [{name: gw}]\n"
    "  rules: [{filters: [{type: RequestRedirect, requestRedirect: {port: 1}}]}]\n";

// Port `*ctx` cannot be had; 0: none.
static const char *taken(void *ctx, const struct table_listener *listener) {
  const uint16_t *ports = ctx;
  return listener->port == ports[0] || listener->port == ports[1] ? "cannot listen: in use" : "";
}

static const struct json *condition(const struct json *of, const char *type) {
  JSON_EACH(item, json_get(of, "conditions")) {
    if (str_eq_z(json_get_string(item, "type"), type))
      return item;
  }
  fail_msg("no condition %s", type);
  return NULL;
}

static void assert_condition(const struct json *of, const char *type, const char *status,
                             const char *reason) {
  const struct json *item = condition(of, type);
  assert_true(str_eq_z(json_get_string(item, "status"), status));
  assert_true(str_eq_z(json_get_string(item, "reason"), reason));
}

static void a_port_that_is_taken(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_apply(&fixture, objects);
  struct proxy_table *table = fixture_build(&fixture);
  struct arena *arena = &fixture.arena;
  const struct gateway_report_gateway *gateway = &table->gateways->gateways[0];
  uint16_t ports[2] = {81, 0};
  const struct dump_listening listening = {taken, ports};
  struct gateway_status_view view = {.table = table, .listening = &listening, .now_ms = T0};
  struct json *some = gateway_status_gateway(&view, gateway, NULL, arena);
  assert_condition(some, "Accepted", "True", "ListenersNotValid");
  assert_condition(some, "Programmed", "True", "Programmed");
  assert_condition(json_path(some, "listeners.0"), "Programmed", "True", "Programmed");
  assert_condition(json_path(some, "listeners.1"), "Accepted", "False", "PortUnavailable");
  assert_condition(json_path(some, "listeners.1"), "Programmed", "False", "Invalid");
  assert_int_equal(json_int(json_path(some, "listeners.1.attachedRoutes"), -1), 1);
  assert_int_equal(json_int(json_get(condition(some, "Accepted"), "observedGeneration"), 0), 7);
  ports[1] = 80;
  struct json *none = gateway_status_gateway(&view, gateway, some, arena);
  assert_condition(none, "Programmed", "False", "AddressNotUsable");
  assert_null(json_path(none, "addresses.0"));
  table_unref(table);
  fixture_dispose(&fixture);
}

static void a_condition_keeps_its_time_while_its_status_stays(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_apply(&fixture, objects);
  struct proxy_table *table = fixture_build(&fixture);
  struct arena *arena = &fixture.arena;
  const struct gateway_report_gateway *gateway = &table->gateways->gateways[0];
  uint16_t ports[2] = {0, 0};
  const struct dump_listening listening = {taken, ports};
  struct gateway_status_view view = {.table = table, .listening = &listening, .now_ms = T0};
  struct json *first = gateway_status_gateway(&view, gateway, NULL, arena);
  view.now_ms = T1;
  assert_true(json_equal(gateway_status_gateway(&view, gateway, first, arena), first));
  ports[0] = 80;
  struct json *second = gateway_status_gateway(&view, gateway, first, arena);
  const struct json *listener = json_path(second, "listeners.0");
  assert_true(str_eq(json_get_string(condition(listener, "Programmed"), "lastTransitionTime"),
                     STR("2033-05-18T03:33:20Z")));
  assert_true(str_eq(json_get_string(condition(listener, "ResolvedRefs"), "lastTransitionTime"),
                     STR("2001-09-09T01:46:40Z")));
  table_unref(table);
  fixture_dispose(&fixture);
}

static void entries_of_other_controllers_stay(void **state) {
  (void)state;
  struct fixture fixture;
  struct err err;
  struct json *old;
  fixture_init(&fixture);
  fixture_apply(&fixture, objects);
  struct proxy_table *table = fixture_build(&fixture);
  struct arena *arena = &fixture.arena;
  assert_int_equal(json_parse(STR("{\"parents\":[{\"controllerName\":\"x.y/z\",\"conditions\":[]},"
                                  "{\"controllerName\":\"serin.dev/gateway-controller\","
                                  "\"parentRef\":{\"name\":\"gone\"}}]}"),
                              arena, &old, &err),
                   0);
  const struct gateway_status_view view = {.table = table, .now_ms = T0};
  const struct gateway_report_route *route = &table->gateways->routes[0];
  struct json *status = gateway_status_route(&view, route, old, arena);
  assert_true(str_eq(json_path_string(status, "parents.0.controllerName"), STR("x.y/z")));
  assert_true(str_eq(json_path_string(status, "parents.1.parentRef.name"), STR("gw")));
  assert_null(json_path(status, "parents.2"));
  assert_condition(json_path(status, "parents.1"), "Accepted", "True", "Accepted");
  // Attached to nothing of ours any more: ours go, the others stay.
  const struct gateway_report_route none = {0};
  status = gateway_status_route(&view, &none, status, arena);
  assert_non_null(json_path(status, "parents.0"));
  assert_null(json_path(status, "parents.1"));
  table_unref(table);
  fixture_dispose(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_port_that_is_taken),
      cmocka_unit_test(a_condition_keeps_its_time_while_its_status_stays),
      cmocka_unit_test(entries_of_other_controllers_stay),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
