// SPDX-License-Identifier: Apache-2.0
// HTTPRoutes on Gateways: attachment, hostnames, precedence, backends; Istio Gateway servers.
#include "proxy/gateway_report.h"
#include "tests/unit/proxy/support_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const char *const versions[] = {"v1"};
static const char route_head[] = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n";
static const char gateway_head[] = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n";

static void start(struct fixture *fixture) {
  fixture_init(fixture);
  static const char *const names[] = {"one", "two", "three"};
  for (size_t i = 0; i < 3; i++)
    fixture_add_service(fixture, names[i], "default", versions, 1);
}

static const struct table_listener *listener(const struct proxy_table *table, uint16_t port) {
  const struct table_listener *found = table_find_listener(table, STR("127.0.0.1"), port);
  assert_non_null(found);
  return found;
}

// What a request gets on a port, as "one", "404 NR", "500" ...
static const char *at(struct fixture *fixture, const struct proxy_table *table, uint16_t port,
                      const char *line) {
  struct str got = test_route_at(fixture, table, listener(table, port), line);
  ptrdiff_t bars = str_find_char(got, '|');
  if (bars < 0)
    return got.ptr;
  static const char *const names[] = {"one", "two", "three"};
  for (size_t i = 0; i < 3; i++) {
    if (str_contains(got, arena_printf(&fixture->arena, "||%s.default.", names[i])))
      return names[i];
  }
  return got.ptr;
}

#define BACKEND(name) "backendRefs: [{name: " name ", port: 8080}]"

static const struct gateway_report_parent *parent(const struct proxy_table *table,
                                                  const char *name) {
  const struct gateway_report *report = table->gateways;
  for (size_t i = 0; i < report->route_count; i++) {
    if (str_eq_z(report->routes[i].name, name))
      return &report->routes[i].parents[0];
  }
  fail_msg("no report of %s", name);
  return NULL;
}

static void the_most_specific_match_wins(void **state) {
  (void)state;
  struct fixture fixture;
  start(&fixture);
  fixture_apply_of(&fixture, gateway_head,
                   "metadata: {name: gw}\nspec:\n  gatewayClassName: serin\n"
                   "  listeners: [{name: http, port: 80, protocol: HTTP}]\n");
  fixture_apply_of(&fixture, route_head,
                   "metadata: {name: a}\nspec:\n  parentRefs: [{name: gw}]\n  rules:\n"
                   "  - {matches: [{queryParams: [{name: q, value: x}]}], " BACKEND(
                       "one") "}\n"
                              "  - {matches: [{headers: [{name: Version, value: two}]}], " BACKEND(
                                  "two") "}\n"
                                         "  - {matches: [{path: {value: /path5}}], " BACKEND(
                                             "three") "}\n"
                                                      "  - {matches: [{path: {type: Exact, value: "
                                                      "/path5/x}}], " BACKEND("one") "}\n");
  fixture_apply_of(&fixture, route_head,
                   "metadata: {name: b}\nspec:\n  parentRefs: [{name: gw}]\n  rules:\n"
                   "  - {matches: [{path: {value: /path5/}, method: POST}], " BACKEND("two") "}\n");
  struct proxy_table *table = fixture_build(&fixture);
  static const char *const cases[][2] = {
      {"GET any.host /?q=x", "one"},
      {"GET any.host:80 /?q=x version:two", "two"},     // headers count before query parameters
      {"GET any.host /path5?q=x version:two", "three"}, // the longer path before both
      {"GET any.host /path5/x", "one"},
      {"POST any.host /path5/y", "two"},
      {"GET any.host /path55", "404 NR"},
      {"GET any.host /path5/", "three"},
      {"GET any.host /?q=y", "404 NR"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_string_equal(at(&fixture, table, 80, cases[i][0]), cases[i][1]);
  assert_int_equal(table->gateways->gateways[0].listeners[0].attached_routes, 2);
  assert_string_equal(parent(table, "a")->accepted, "Accepted");
  table_unref(table);
  fixture_dispose(&fixture);
}

static void patterns_come_before_what_takes_every_request(void **state) {
  (void)state;
  struct fixture fixture;
  start(&fixture);
  fixture_apply_of(&fixture, gateway_head,
                   "metadata: {name: gw}\nspec:\n  gatewayClassName: serin\n"
                   "  listeners: [{name: http, port: 80, protocol: HTTP}]\n");
  fixture_apply_of(
      &fixture, route_head,
      "metadata: {name: a}\nspec:\n  parentRefs: [{name: gw}]\n  rules:\n"
      "  - {" BACKEND(
          "one") "}\n"
                 "  - {matches: [{path: {type: RegularExpression, value: \"/[0-9]+\"}}], " BACKEND(
                     "two") "}\n"
                            "  - {matches: [{path: {value: /7}}], " BACKEND("three") "}\n");
  struct proxy_table *table = fixture_build(&fixture);
  assert_string_equal(at(&fixture, table, 80, "GET h /"), "one");
  assert_string_equal(at(&fixture, table, 80, "GET h /42"), "two");
  assert_string_equal(at(&fixture, table, 80, "GET h /7"), "three");
  assert_string_equal(at(&fixture, table, 80, "GET h /42/x"), "one");
  table_unref(table);
  fixture_dispose(&fixture);
}

static void hostnames_intersect_and_listeners_are_isolated(void **state) {
  (void)state;
  struct fixture fixture;
  start(&fixture);
  fixture_apply_of(&fixture, gateway_head,
                   "metadata: {name: gw}\nspec:\n  gatewayClassName: serin\n  listeners:\n"
                   "  - {name: exact, port: 80, protocol: HTTP, hostname: very.specific.com}\n"
                   "  - {name: wild, port: 80, protocol: HTTP, hostname: \"*.wildcard.io\"}\n"
                   "  - {name: rest, port: 80, protocol: HTTP}\n"
                   "  - {name: other, port: 81, protocol: HTTP}\n");
  fixture_apply_of(
      &fixture, route_head,
      "metadata: {name: a}\nspec:\n  parentRefs: [{name: gw, sectionName: exact}]\n"
      "  hostnames: [\"*.specific.com\", no.match]\n  rules: [{" BACKEND("one") "}]\n");
  fixture_apply_of(
      &fixture, route_head,
      "metadata: {name: b}\nspec:\n  parentRefs: [{name: gw, sectionName: wild}]\n"
      "  hostnames: [foo.wildcard.io, wildcard.io]\n  rules: [{" BACKEND("two") "}]\n");
  fixture_apply_of(&fixture, route_head,
                   "metadata: {name: c}\nspec:\n  parentRefs: [{name: gw, sectionName: rest}]\n"
                   "  hostnames: [\"*.com\", bar.wildcard.io]\n"
                   "  rules: [{matches: [{path: {value: /c}}], " BACKEND("three") "}]\n");
  fixture_apply_of(&fixture, route_head,
                   "metadata: {name: d}\nspec:\n  parentRefs: [{name: gw, port: 81}]\n"
                   "  rules: [{" BACKEND("one") "}]\n");
  fixture_apply_of(&fixture, route_head,
                   "metadata: {name: e}\nspec:\n  parentRefs: [{name: gw, sectionName: exact}]\n"
                   "  hostnames: [\"*.io\"]\n  rules: [{" BACKEND("one") "}]\n");
  fixture_apply_of(&fixture, route_head,
                   "metadata: {name: f}\nspec:\n  parentRefs: [{name: gw, sectionName: none}]\n"
                   "  rules: [{" BACKEND("one") "}]\n");
  struct proxy_table *table = fixture_build(&fixture);
  static const char *const cases[][2] = {
      {"GET very.specific.com /", "one"},     {"GET VERY.specific.com:80 /c", "one"},
      {"GET other.specific.com /c", "three"}, {"GET other.specific.com /", "404 NR"},
      {"GET foo.wildcard.io /", "two"},       {"GET wildcard.io /", "404 NR"},
      {"GET bar.wildcard.io /c", "404 NR"},   {"GET x.foo.wildcard.io /", "404 NR"},
      {"GET elsewhere.org /c", "404 NR"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_string_equal(at(&fixture, table, 80, cases[i][0]), cases[i][1]);
  assert_string_equal(at(&fixture, table, 81, "GET any /"), "one");
  assert_string_equal(parent(table, "e")->accepted, "NoMatchingListenerHostname");
  assert_string_equal(parent(table, "f")->accepted, "NoMatchingParent");
  table_unref(table);
  fixture_dispose(&fixture);
}

// Rule 1 of the precedence: the host name comes before the path, and what it does not match falls
// to the less specific one.
static void a_less_specific_hostname_comes_after(void **state) {
  (void)state;
  struct fixture fixture;
  start(&fixture);
  fixture_apply_of(&fixture, gateway_head,
                   "metadata: {name: gw}\nspec:\n  gatewayClassName: serin\n"
                   "  listeners: [{name: http, port: 80, protocol: HTTP}]\n");
  fixture_apply_of(
      &fixture, route_head,
      "metadata: {name: a}\nspec:\n  parentRefs: [{name: gw}]\n  hostnames: [a.example.com]\n"
      "  rules: [{matches: [{path: {value: /x}}], " BACKEND("one") "}]\n");
  fixture_apply_of(
      &fixture, route_head,
      "metadata: {name: b}\nspec:\n  parentRefs: [{name: gw}]\n  hostnames: [\"*.example.com\"]\n"
      "  rules: [{matches: [{path: {type: Exact, value: /x/y}}, {path: {value: /z}}], " BACKEND(
          "two") "}]\n");
  fixture_apply_of(&fixture, route_head,
                   "metadata: {name: c}\nspec:\n  parentRefs: [{name: gw}]\n  rules: [{" BACKEND(
                       "three") "}]\n");
  struct proxy_table *table = fixture_build(&fixture);
  static const char *const cases[][2] = {
      {"GET a.example.com /x/y", "one"}, {"GET a.example.com /z", "two"},
      {"GET a.example.com /", "three"},  {"GET b.example.com /x/y", "two"},
      {"GET b.example.com /x", "three"}, {"GET example.com /z", "three"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_string_equal(at(&fixture, table, 80, cases[i][0]), cases[i][1]);
  table_unref(table);
  fixture_dispose(&fixture);
}

static void namespaces_and_kinds_are_admitted(void **state) {
  (void)state;
  struct fixture fixture;
  start(&fixture);
  fixture_apply(&fixture, "apiVersion: v1\nkind: Namespace\n"
                          "metadata: {name: apps, namespace: \"\", labels: {team: green}}\n");
  fixture_apply_of(
      &fixture, gateway_head,
      "metadata: {name: gw}\nspec:\n  gatewayClassName: serin\n  listeners:\n"
      "  - {name: same, port: 80, protocol: HTTP}\n"
      "  - {name: all, port: 81, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}\n"
      "  - name: some\n    port: 82\n    protocol: HTTP\n    allowedRoutes:\n"
      "      namespaces: {from: Selector, selector: {matchLabels: {team: green}}}\n"
      "  - name: grpc\n    port: 83\n    protocol: HTTP\n    allowedRoutes:\n"
      "      namespaces: {from: All}\n      kinds: [{kind: GRPCRoute}]\n"
      "  - name: tls\n    port: 84\n    protocol: HTTPS\n"
      "    tls: {certificateRefs: [{name: x}]}\n");
  static const char *const sections[] = {"same", "all", "some", "grpc", "tls"};
  for (size_t i = 0; i < 5; i++)
    for (size_t j = 0; j < 2; j++)
      fixture_apply(&fixture,
                    arena_printf(&fixture.arena,
                                 "%smetadata: {name: %s-%zu, namespace: %s}\nspec:\n"
                                 "  parentRefs: [{name: gw, namespace: default, sectionName: %s}]\n"
                                 "  rules: [{filters: [{type: RequestRedirect, requestRedirect: "
                                 "{port: 1}}]}]\n",
                                 route_head, sections[i], j, j ? "blue" : "apps", sections[i])
                        .ptr);
  struct proxy_table *table = fixture_build(&fixture);
  static const char *const want[][2] = {
      {"NotAllowedByListeners", "NotAllowedByListeners"},
      {"Accepted", "Accepted"},
      {"Accepted", "NotAllowedByListeners"},
      {"NotAllowedByListeners", "NotAllowedByListeners"},
      {"NoMatchingParent", "NoMatchingParent"},
  };
  for (size_t i = 0; i < 5; i++)
    for (size_t j = 0; j < 2; j++)
      assert_string_equal(
          parent(table, arena_printf(&fixture.arena, "%s-%zu", sections[i], j).ptr)->accepted,
          want[i][j]);
  const struct gateway_report_gateway *gateway = &table->gateways->gateways[0];
  assert_string_equal(gateway->accepted, "ListenersNotValid");
  assert_true(gateway->is_accepted);
  assert_string_equal(gateway->listeners[3].resolved, "InvalidRouteKinds");
  assert_string_equal(gateway->listeners[4].accepted, "UnsupportedProtocol");
  assert_int_equal(gateway->listeners[1].attached_routes, 2);
  assert_null(table_find_listener(table, STR("127.0.0.1"), 84));
  table_unref(table);
  fixture_dispose(&fixture);
}

static void backends_that_cannot_be_used_keep_their_share(void **state) {
  (void)state;
  struct fixture fixture;
  start(&fixture);
  fixture_add_service(&fixture, "far", "other", versions, 1);
  fixture_add_service(&fixture, "granted", "other", versions, 1);
  fixture_apply(
      &fixture,
      "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\n"
      "metadata: {name: g, namespace: other}\nspec:\n"
      "  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]\n"
      "  to: [{group: \"\", kind: Service, name: granted}]\n");
  fixture_apply_of(&fixture, gateway_head,
                   "metadata: {name: gw}\nspec:\n  gatewayClassName: serin\n"
                   "  listeners: [{name: http, port: 80, protocol: HTTP}]\n");
  static const struct {
    const char *name, *backend, *reason, *got;
  } cases[] = {
      {"far", "name: far, namespace: other, port: 8080", "RefNotPermitted", "500 NC"},
      {"granted", "name: granted, namespace: other, port: 8080", "ResolvedRefs",
       "outbound|8080||granted.other.svc.cluster.local"},
      {"missing", "name: missing, port: 8080", "BackendNotFound", "500 NC"},
      {"port", "name: one, port: 9", "BackendNotFound", "500 NC"},
      {"kind", "kind: Bucket, group: x.y, name: one", "InvalidKind", "500 NC"},
      {"zero", "name: one, port: 8080, weight: 0", "ResolvedRefs", "500"},
      {"good", "name: one, port: 8080", "ResolvedRefs", "one"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    fixture_apply(&fixture,
                  arena_printf(&fixture.arena,
                               "%smetadata: {name: %s}\nspec:\n  parentRefs: [{name: gw}]\n"
                               "  rules: [{matches: [{path: {value: /%s}}], "
                               "backendRefs: [{%s}]}]\n",
                               route_head, cases[i].name, cases[i].name, cases[i].backend)
                      .ptr);
  struct proxy_table *table = fixture_build(&fixture);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_string_equal(parent(table, cases[i].name)->resolved, cases[i].reason);
    assert_string_equal(
        at(&fixture, table, 80, arena_printf(&fixture.arena, "GET h /%s", cases[i].name).ptr),
        cases[i].got);
  }
  table_unref(table);
  fixture_dispose(&fixture);
}

static void a_host_of_a_service_entry_is_a_backend(void **state) {
  (void)state;
  struct fixture fixture;
  start(&fixture);
  fixture_apply(
      &fixture,
      "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e}\nspec:\n"
      "  hosts: [api.far.org]\n  ports: [{number: 80, name: http, protocol: HTTP}]\n"
      "  resolution: STATIC\n  endpoints: [{address: 192.0.2.1}]\n");
  fixture_apply_of(
      &fixture, route_head,
      "metadata: {name: a}\nspec:\n  parentRefs: [{name: gw}]\n  rules: [{backendRefs: [{group: "
      "networking.istio.io, kind: Hostname, name: api.far.org, port: 80}]}]\n");
  struct proxy_table *table = fixture_build(&fixture);
  assert_string_equal(at(&fixture, table, 15001, "GET any.host /"), "outbound|80||api.far.org");
  table_unref(table);
  fixture_dispose(&fixture);
}

static void a_rule_that_cannot_be_honoured_answers_500(void **state) {
  (void)state;
  struct fixture fixture;
  start(&fixture);
  fixture_apply_of(&fixture, gateway_head,
                   "metadata: {name: gw}\nspec:\n  gatewayClassName: serin\n"
                   "  listeners: [{name: http, port: 80, protocol: HTTP}]\n");
  fixture_apply_of(
      &fixture, route_head,
      "metadata: {name: partly}\nspec:\n  parentRefs: [{name: gw}]\n  rules:\n"
      "  - matches: [{path: {value: /a}}]\n    filters: [{type: ExtensionRef, extensionRef: "
      "{group: x.y, kind: Limit, name: limit}}]\n    " BACKEND(
          "one") "\n"
                 "  - {matches: [{path: {value: /b}}], " BACKEND("two") "}\n");
  fixture_apply_of(
      &fixture, route_head,
      "metadata: {name: wholly}\nspec:\n  parentRefs: [{name: gw}]\n  rules:\n"
      "  - matches: [{path: {value: /c}}]\n    backendRefs:\n"
      "    - {name: one, port: 8080, filters: [{type: URLRewrite, urlRewrite: {hostname: "
      "x.y}}]}\n");
  struct proxy_table *table = fixture_build(&fixture);
  assert_string_equal(at(&fixture, table, 80, "GET h /a"), "500");
  assert_string_equal(at(&fixture, table, 80, "GET h /b"), "two");
  assert_string_equal(at(&fixture, table, 80, "GET h /c"), "500");
  assert_string_equal(parent(table, "partly")->accepted, "Accepted");
  assert_true(str_starts(parent(table, "partly")->dropped, STR("Dropped Rule 0")));
  assert_string_equal(parent(table, "wholly")->accepted, "UnsupportedValue");
  table_unref(table);
  fixture_dispose(&fixture);
}

static void only_our_gateways_are_opened(void **state) {
  (void)state;
  struct fixture fixture;
  start(&fixture);
  fixture_apply(&fixture, "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\n"
                          "metadata: {name: mine, namespace: \"\"}\n"
                          "spec: {controllerName: serin.dev/gateway-controller}\n---\n"
                          "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\n"
                          "metadata: {name: theirs, namespace: \"\"}\n"
                          "spec: {controllerName: example.com/other}\n");
  static const char *const classes[] = {"mine", "theirs", "unknown", "serin"};
  for (size_t i = 0; i < 4; i++)
    fixture_apply(&fixture, arena_printf(&fixture.arena,
                                         "%smetadata: {name: %s}\nspec:\n  gatewayClassName: %s\n"
                                         "  addresses: [{value: 127.0.0.2}]\n"
                                         "  listeners: [{name: http, port: %zu, protocol: HTTP}]\n",
                                         gateway_head, classes[i], classes[i], 80 + i)
                                .ptr);
  fixture_apply_of(&fixture, gateway_head,
                   "metadata: {name: named}\nspec:\n  gatewayClassName: mine\n"
                   "  addresses: [{type: Hostname, value: example.com}]\n"
                   "  listeners: [{name: http, port: 90, protocol: HTTP}]\n");
  struct proxy_table *table = fixture_build(&fixture);
  for (uint16_t i = 0; i < 4; i++)
    assert_int_equal(table_find_listener(table, STR("127.0.0.2"), (uint16_t)(80 + i)) != NULL,
                     i == 0 || i == 3);
  assert_int_equal(table->gateways->class_count, 1);
  assert_int_equal(table->gateways->gateway_count, 3);
  for (size_t i = 0; i < 3; i++) {
    const struct gateway_report_gateway *gateway = &table->gateways->gateways[i];
    bool is_named = str_eq(gateway->name, STR("named"));
    assert_int_equal(gateway->is_accepted, !is_named);
    assert_string_equal(gateway->accepted, is_named ? "UnsupportedAddress" : "Accepted");
  }
  table_unref(table);
  fixture_dispose(&fixture);
}

// docs/dataplane.md: a Gateway that is not declared is the command line's.
static void without_a_gateway_the_command_line_stands_for_it(void **state) {
  (void)state;
  struct fixture fixture;
  start(&fixture);
  static const struct table_listener listeners[] = {
      {.address = STR("127.0.0.1"), .port = 15001, .persona = TABLE_MESH, .is_fixed = true},
      {.address = STR("127.0.0.1"), .port = 8080, .persona = TABLE_GATEWAY, .is_fixed = true}};
  fixture_apply_of(
      &fixture, route_head,
      "metadata: {name: a}\nspec:\n  parentRefs: [{name: nobody}]\n  rules: [{" BACKEND(
          "two") "}]\n");
  struct proxy_table *table = fixture_build(&fixture); // the mesh is all there is
  assert_true(table_has_finding(table, "assumed-gateway", "nobody"));
  assert_string_equal(at(&fixture, table, 15001, "GET any.host /"), "two");
  assert_string_equal(at(&fixture, table, 15001, "GET one /"), "one"); // Services keep their names
  assert_int_equal(table->gateways->route_count, 0);                   // whose it is, is not known
  table_unref(table);
  fixture.settings.listeners = listeners;
  fixture.settings.listener_count = 2;
  table = fixture_build(&fixture);
  assert_string_equal(at(&fixture, table, 8080, "GET any.host /"), "two");
  assert_string_equal(at(&fixture, table, 15001, "GET any.host /"), "502");
  table_unref(table);
  fixture_dispose(&fixture);
}

static void a_service_as_parent_routes_the_mesh(void **state) {
  (void)state;
  struct fixture fixture;
  start(&fixture);
  fixture_apply_of(
      &fixture, route_head,
      "metadata: {name: a}\nspec:\n  parentRefs: [{group: \"\", kind: Service, name: one}]\n"
      "  rules: [{matches: [{path: {value: /x}}], " BACKEND("two") "}]\n");
  struct proxy_table *table = fixture_build(&fixture);
  assert_string_equal(at(&fixture, table, 15001, "GET one.default /x"), "two");
  assert_string_equal(at(&fixture, table, 15001, "GET one /y"), "404 NR");
  assert_string_equal(at(&fixture, table, 15001, "GET two /x"), "two");
  assert_string_equal(parent(table, "a")->accepted, "Accepted");
  table_unref(table);
  fixture_dispose(&fixture);
}

static void istio_servers_bind_virtual_services(void **state) {
  (void)state;
  struct fixture fixture;
  static const struct table_label labels[] = {{STR("istio"), STR("ingress")}};
  start(&fixture);
  fixture.settings.labels = labels;
  fixture.settings.label_count = 1;
  fixture_apply(
      &fixture,
      "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: gw}\nspec:\n"
      "  selector: {istio: ingress}\n  servers:\n"
      "  - {port: {number: 80, name: http, protocol: HTTP}, hosts: [\"./*.example.com\", "
      "far/a.org]}\n"
      "  - {port: {number: 81, name: http, protocol: HTTP}, hosts: [s.org], tls: {httpsRedirect: "
      "true}}\n"
      "  - {port: {number: 443, name: s, protocol: HTTPS}, hosts: [\"*\"], tls: {mode: SIMPLE, "
      "credentialName: c}}\n---\n"
      "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: other}\nspec:\n"
      "  selector: {istio: egress}\n"
      "  servers: [{port: {number: 82, name: http, protocol: HTTP}, hosts: [\"*\"]}]\n");
  fixture_apply(
      &fixture,
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n"
      "  hosts: [shop.example.com, a.org, s.org]\n  gateways: [gw]\n  http:\n"
      "  - {match: [{gateways: [other]}], directResponse: {status: 201}}\n"
      "  - {match: [{gateways: [default/gw], uri: {prefix: /x}}], directResponse: {status: 202}}\n"
      "  - {match: [{port: 81}], directResponse: {status: 203}}\n");
  struct proxy_table *table = fixture_build(&fixture);
  assert_string_equal(at(&fixture, table, 80, "GET shop.example.com /x"), "202");
  assert_string_equal(at(&fixture, table, 80, "GET shop.example.com /y"), "404 NR");
  assert_string_equal(at(&fixture, table, 80, "GET a.org /x"), "404 NR"); // for namespace far
  assert_string_equal(at(&fixture, table, 81, "GET s.org /x"), "301");
  assert_string_equal(at(&fixture, table, 81, "GET a.org /x"), "404 NR");
  assert_null(table_find_listener(table, STR("127.0.0.1"), 443));
  assert_null(table_find_listener(table, STR("127.0.0.1"), 82));
  assert_true(table_has_finding(table, "not-enforced", "protocol HTTPS"));
  assert_true(table_has_finding(table, "not-in-force", "selects proxies"));
  table_unref(table);
  fixture_dispose(&fixture);
}

static void prefixes_are_replaced_by_elements(void **state) {
  (void)state;
  static const char *const cases[][4] = {
      {"/foo", "/xyz", "/foo/bar", "/xyz/bar"},
      {"/foo/", "/xyz/", "/foo/bar", "/xyz/bar"},
      {"/foo", "/xyz", "/foo", "/xyz"},
      {"/foo", "/xyz", "/foo/", "/xyz/"},
      {"/foo", "", "/foo/bar", "/bar"},
      {"/foo", "", "/foo/", "/"},
      {"/foo", "/", "/foo", "/"},
      {"/foo", "/", "/foo/bar", "/bar"},
      {"/", "/xyz", "/bar", "/xyz/bar"},
      {"/", "/xyz", "/", "/xyz"},
      {"/v1/research", "/a2a/task", "/v1/research/x", "/a2a/task/x"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct fixture fixture;
    struct route_worker worker;
    struct route_decision decision;
    struct str path, original;
    start(&fixture);
    fixture_apply(
        &fixture,
        arena_printf(&fixture.arena,
                     "%smetadata: {name: a}\nspec:\n  parentRefs: [{name: gw}]\n  rules:\n"
                     "  - matches: [{path: {value: %s}}]\n    filters: [{type: URLRewrite, "
                     "urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: "
                     "\"%s\"}}}]\n    " BACKEND("one") "\n",
                     route_head, cases[i][0], cases[i][1])
            .ptr);
    struct proxy_table *table = fixture_build(&fixture);
    struct test_request *request =
        test_request_new(arena_printf(&fixture.arena, "GET h %s?y=1", cases[i][2]).ptr);
    route_worker_init(&worker, 1);
    route_worker_fit(&worker, table);
    route_match(table, &request->request, &worker, &decision);
    assert_int_equal(decision.kind, ROUTE_FORWARD);
    route_rewrite(&decision, &request->request, &worker, &path, &original);
    assert_string_equal(arena_str(&fixture.arena, path).ptr, cases[i][3]);
    route_worker_dispose(&worker);
    test_request_free(request);
    table_unref(table);
    fixture_dispose(&fixture);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_most_specific_match_wins),
      cmocka_unit_test(patterns_come_before_what_takes_every_request),
      cmocka_unit_test(hostnames_intersect_and_listeners_are_isolated),
      cmocka_unit_test(a_less_specific_hostname_comes_after),
      cmocka_unit_test(namespaces_and_kinds_are_admitted),
      cmocka_unit_test(backends_that_cannot_be_used_keep_their_share),
      cmocka_unit_test(a_host_of_a_service_entry_is_a_backend),
      cmocka_unit_test(a_rule_that_cannot_be_honoured_answers_500),
      cmocka_unit_test(only_our_gateways_are_opened),
      cmocka_unit_test(without_a_gateway_the_command_line_stands_for_it),
      cmocka_unit_test(a_service_as_parent_routes_the_mesh),
      cmocka_unit_test(istio_servers_bind_virtual_services),
      cmocka_unit_test(prefixes_are_replaced_by_elements),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
