// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/proxy/support_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const char *const versions[] = {"v1", "v2"};

static const char vs_head[] = "apiVersion: networking.istio.io/v1\nkind: VirtualService\n";
static const char dr_head[] = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n";

static const struct table_cluster *cluster(const struct proxy_table *table, const char *id) {
  const struct table_cluster *found = table_find_cluster(table, str_of(id));
  if (!found)
    fail_msg("no cluster %s", id);
  return found;
}

static void a_service_answers_to_all_its_names(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "agent", "team1", versions, 2);
  fixture_add_service(&fixture, "shared", "team1", versions, 1);
  fixture_add_service(&fixture, "shared", "team2", versions, 1);
  fixture_add_service(&fixture, "ours", "serin-system", versions, 1);
  fixture_add_service(&fixture, "ours", "team2", versions, 1);
  fixture_apply(&fixture, "apiVersion: v1\nkind: Service\nmetadata: {name: vip}\n"
                          "spec: {clusterIP: 10.96.0.9, ports: [{port: 80}]}\n");
  struct proxy_table *table = fixture_build(&fixture);
  static const char *const lines[] = {"GET agent /", "GET agent.team1 /", "GET agent.team1.svc /",
                                      "GET agent.team1.svc.cluster.local /",
                                      "GET AGENT.team1.svc.cluster.local.:8080 /"};
  for (size_t i = 0; i < 5; i++)
    assert_string_equal(test_route(&fixture, table, lines[i]).ptr,
                        "outbound|8080||agent.team1.svc.cluster.local");
  assert_string_equal(test_route(&fixture, table, "GET shared.team2 /").ptr,
                      "outbound|8080||shared.team2.svc.cluster.local");
  assert_string_equal(test_route(&fixture, table, "GET shared /").ptr, "502"); // of two namespaces
  assert_string_equal(test_route(&fixture, table, "GET ours /").ptr, // the proxy's own comes first
                      "outbound|8080||ours.serin-system.svc.cluster.local");
  assert_string_equal(test_route(&fixture, table, "GET 10.96.0.9 /").ptr,
                      "outbound|80||vip.default.svc.cluster.local");
  table_unref(table);
  fixture_dispose(&fixture);
}

static void the_port_comes_from_the_host_or_is_the_default(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_apply(&fixture,
                "apiVersion: v1\nkind: Service\nmetadata: {name: multi}\nspec:\n  ports:\n"
                "  - {name: tcp-db, port: 5432}\n  - {name: http, port: 80}\n"
                "  - {name: http-admin, port: 9000}\n  - {name: dns, port: 53, protocol: UDP}\n");
  fixture_apply_of(&fixture, vs_head,
                   "metadata: {name: vs}\nspec:\n  hosts: [multi]\n  http:\n"
                   "  - {match: [{port: 9000}], directResponse: {status: 299}}\n"
                   "  - route: [{destination: {host: multi}}]\n");
  struct proxy_table *table = fixture_build(&fixture);
  assert_string_equal(test_route(&fixture, table, "GET multi /").ptr,
                      "outbound|80||multi.default.svc.cluster.local");
  assert_string_equal(test_route(&fixture, table, "GET multi:5432 /").ptr,
                      "outbound|5432||multi.default.svc.cluster.local");
  assert_string_equal(test_route(&fixture, table, "GET multi:9000 /").ptr, "299");
  // The proxy's own port, or any the Service does not have, stands for the default one.
  assert_string_equal(test_route(&fixture, table, "GET multi:15001 /").ptr,
                      "outbound|80||multi.default.svc.cluster.local");
  assert_null(table_find_cluster(table, STR("outbound|53||multi.default.svc.cluster.local")));
  table_unref(table);
  fixture_dispose(&fixture);
}

static void the_oldest_virtual_service_keeps_the_host(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "agent", "default", versions, 2);
  fixture_apply_of(
      &fixture, vs_head,
      "metadata: {name: a-younger, creationTimestamp: '2026-01-02T00:00:00Z', resourceVersion: "
      "'7'}\n"
      "spec: {hosts: [agent], http: [{directResponse: {status: 201}}]}\n");
  fixture_apply_of(
      &fixture, vs_head,
      "metadata: {name: z-older, creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '8'}\n"
      "spec: {hosts: [agent], http: [{directResponse: {status: 202}}]}\n");
  struct proxy_table *table = fixture_build(&fixture);
  assert_string_equal(test_route(&fixture, table, "GET agent /").ptr, "202");
  assert_true(table_has_finding(table, "duplicate-host", "VirtualService default/a-younger"));
  assert_true(table_has_finding(table, "duplicate-host", "VirtualService/default/z-older"));
  assert_int_equal(table->source_count, 1); // what is not in force is not acknowledged
  assert_true(str_eq(table->sources[0].key, STR("VirtualService/default/z-older")));
  assert_true(str_eq(table->sources[0].revision, STR("8")));
  table_unref(table);
  fixture_dispose(&fixture);
}

static void without_ages_the_name_decides(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "agent", "default", versions, 2);
  fixture_apply_of(
      &fixture, vs_head,
      "metadata: {name: b}\nspec: {hosts: [agent], http: [{directResponse: {status: 202}}]}\n");
  fixture_apply_of(
      &fixture, vs_head,
      "metadata: {name: a, namespace: zzz}\n"
      "spec: {hosts: [agent.default.svc.cluster.local], http: [{directResponse: {status: "
      "201}}]}\n");
  struct proxy_table *table = fixture_build(&fixture);
  assert_string_equal(test_route(&fixture, table, "GET agent /").ptr, "201");
  table_unref(table);
  fixture_dispose(&fixture);
}

static void wildcards_cover_services_without_their_own(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "one", "team1", versions, 1);
  fixture_add_service(&fixture, "two", "team1", versions, 1);
  fixture_add_service(&fixture, "three", "team2", versions, 1);
  fixture_apply_of(
      &fixture, vs_head,
      "metadata: {name: all}\n"
      "spec: {hosts: ['*.team1.svc.cluster.local'], http: [{directResponse: {status: 201}}]}\n");
  fixture_apply_of(&fixture, vs_head,
                   "metadata: {name: own, namespace: team1}\n"
                   "spec: {hosts: [two], http: [{directResponse: {status: 202}}]}\n");
  fixture_apply_of(&fixture, vs_head,
                   "metadata: {name: foreign}\n"
                   "spec: {hosts: ['*.example.com'], http: [{directResponse: {status: 203}}]}\n");
  struct proxy_table *table = fixture_build(&fixture);
  assert_string_equal(test_route(&fixture, table, "GET one.team1.svc.cluster.local /").ptr, "201");
  assert_string_equal(test_route(&fixture, table, "GET one.team1 /").ptr, "201");
  assert_string_equal(test_route(&fixture, table, "GET two.team1 /").ptr, "202");
  assert_string_equal(test_route(&fixture, table, "GET nobody.team1.svc.cluster.local /").ptr,
                      "201");
  assert_string_equal(test_route(&fixture, table, "GET three /").ptr,
                      "outbound|8080||three.team2.svc.cluster.local");
  assert_string_equal(test_route(&fixture, table, "GET x.y.example.com:80 /").ptr, "203");
  assert_string_equal(test_route(&fixture, table, "GET example.com /").ptr, "502");
  table_unref(table);
  fixture_dispose(&fixture);
}

static void only_mesh_routes_count(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "agent", "default", versions, 1);
  fixture_apply_of(
      &fixture, vs_head,
      "metadata: {name: a}\n"
      "spec: {hosts: [agent], gateways: [gw], http: [{directResponse: {status: 201}}]}\n");
  fixture_apply_of(
      &fixture, vs_head,
      "metadata: {name: b}\n"
      "spec: {hosts: [agent], gateways: [gw, mesh], http: [{directResponse: {status: 202}}]}\n");
  struct proxy_table *table = fixture_build(&fixture);
  assert_string_equal(test_route(&fixture, table, "GET agent /").ptr, "202");
  assert_true(table_has_finding(table, "not-enforced", "default/a: Gateway default"));
  table_unref(table);
  fixture_dispose(&fixture);
}

static void a_catch_all_ends_the_list(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "agent", "default", versions, 1);
  fixture_apply_of(
      &fixture, vs_head,
      "metadata: {name: a}\nspec:\n  hosts: [agent]\n  http:\n"
      "  - {name: first, match: [{name: m1, uri: {prefix: /x}}, {uri: {regex: '.*'}}, {uri: "
      "{exact: /y}}],"
      " directResponse: {status: 201}}\n"
      "  - {name: second, directResponse: {status: 202}}\n");
  struct proxy_table *table = fixture_build(&fixture);
  assert_int_equal(table->hosts[0].route_count, 2);
  assert_true(str_eq(table->hosts[0].routes[0].name, STR("first.m1")));
  assert_true(str_eq(table->hosts[0].routes[1].name, STR("first")));
  assert_true(table_has_finding(table, "unreachable-route", "never reached"));
  table_unref(table);
  fixture_dispose(&fixture);
}

static void subsets_are_the_labels_of_pods(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "agent", "default", versions, 2);
  fixture_apply_of(
      &fixture, dr_head,
      "metadata: {name: dr}\nspec:\n  host: agent\n  subsets:\n"
      "  - {name: v1, labels: {version: v1}}\n  - {name: all}\n"
      "  - {name: both, labels: {version: v2, app: agent}}\n  - {name: none, labels: {version: "
      "v3}}\n");
  struct proxy_table *table = fixture_build(&fixture);
  assert_int_equal(cluster(table, "outbound|8080||agent.default.svc.cluster.local")->endpoint_count,
                   2);
  assert_int_equal(
      cluster(table, "outbound|8080|all|agent.default.svc.cluster.local")->endpoint_count, 2);
  assert_int_equal(
      cluster(table, "outbound|8080|none|agent.default.svc.cluster.local")->endpoint_count, 0);
  const struct table_cluster *both =
      cluster(table, "outbound|8080|both|agent.default.svc.cluster.local");
  assert_int_equal(both->endpoint_count, 1);
  const struct table_endpoint *endpoint = &both->endpoints[0];
  assert_true(str_eq(endpoint->peer.version, STR("v2")));
  assert_true(str_eq(endpoint->peer.workload, STR("agent-v2"))); // the ReplicaSet's name minus hash
  assert_true(str_eq(endpoint->peer.workload_namespace, STR("default")));
  assert_true(str_eq(endpoint->peer.canonical_service, STR("agent")));
  assert_true(str_eq(endpoint->peer.canonical_revision, STR("v2")));
  assert_true(str_eq(endpoint->hostname, STR("agent-v2-abc")));
  assert_int_equal(endpoint->address.v4.sin_family, AF_INET);
  assert_int_equal(ntohs(endpoint->address.v4.sin_port), 8080);
  table_unref(table);
  fixture_dispose(&fixture);
}

static const char slices[] =
    "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{name: http, port: "
    "80}]}\n---\n"
    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
    "metadata: {name: s-1, labels: {kubernetes.io/service-name: s, version: own}}\naddressType: "
    "IPv4\n"
    "ports: [{name: http, port: 8080}]\nendpoints:\n"
    "- {addresses: [10.0.0.1], conditions: {ready: true}}\n"
    "- {addresses: [10.0.0.2], conditions: {ready: false}}\n"
    "- {addresses: [10.0.0.3]}\n"
    "- {addresses: [10.0.0.4], conditions: {ready: false}}\n"
    "---\n"
    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
    "metadata: {name: s-2, labels: {kubernetes.io/service-name: s}}\naddressType: IPv6\n"
    "ports: [{name: http, port: 8080}, {name: other, port: 1}]\nendpoints:\n"
    "- {addresses: ['fd00::1']}\n"
    "- {addresses: [10.0.0.4]}\n"
    "- {addresses: [not-an-address]}\n"
    "---\n"
    "apiVersion: v1\nkind: Endpoints\nmetadata: {name: s}\n"
    "subsets: [{addresses: [{ip: 10.9.9.9}], ports: [{name: http, port: 1}]}]\n"
    "---\n"
    "apiVersion: v1\nkind: Service\nmetadata: {name: legacy}\nspec: {ports: [{port: 80}]}\n---\n"
    "apiVersion: v1\nkind: Endpoints\nmetadata: {name: legacy}\n"
    "subsets: [{addresses: [{ip: 10.1.1.1}], notReadyAddresses: [{ip: 10.1.1.2}], ports: [{port: "
    "8080}]}]\n";

static void ready_endpoints_of_all_slices_count_once(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_apply(&fixture, slices);
  struct proxy_table *table = fixture_build(&fixture);
  const struct table_cluster *s = cluster(table, "outbound|80||s.default.svc.cluster.local");
  static const char *const keys[] = {"10.0.0.1:8080", "10.0.0.3:8080", "10.0.0.4:8080",
                                     "[fd00::1]:8080"};
  assert_int_equal(s->endpoint_count, 4);
  for (size_t i = 0; i < 4; i++)
    assert_true(str_eq_z(s->endpoints[i].key, keys[i]));
  assert_int_equal(s->unready_count, 1);
  assert_true(str_eq(s->endpoints[0].peer.version, STR("own"))); // no Pod: the slice's labels
  assert_true(str_eq(s->endpoints[0].peer.workload, STR("unknown")));
  assert_true(table_has_finding(table, "endpoint-address", "not-an-address"));
  assert_true(table_has_finding(table, "endpoint-port", "\"other\""));
  const struct table_cluster *legacy =
      cluster(table, "outbound|80||legacy.default.svc.cluster.local");
  assert_int_equal(legacy->endpoint_count, 1);
  assert_int_equal(legacy->unready_count, 1);
  table_unref(table);
  fixture_dispose(&fixture);
}

// As a real API server has it of a Service whose Pods are gone.
static void a_slice_may_have_no_endpoints(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_apply(&fixture,
                "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80}]}\n"
                "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s-1, "
                "labels: {kubernetes.io/service-name: s}}\naddressType: IPv4\nports: null\n"
                "endpoints: null\n");
  struct proxy_table *table = fixture_build(&fixture);
  assert_int_equal(cluster(table, "outbound|80||s.default.svc.cluster.local")->endpoint_count, 0);
  assert_false(table_has_finding(table, "required", ""));
  table_unref(table);
  fixture_dispose(&fixture);
}

static void rules_of_one_host_are_merged(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "agent", "default", versions, 2);
  fixture_apply_of(
      &fixture, dr_head,
      "metadata: {name: a}\nspec: {host: agent, subsets: [{name: v1, labels: {version: v1}}]}\n");
  fixture_apply_of(
      &fixture, dr_head,
      "metadata: {name: b}\nspec:\n  host: agent.default.svc.cluster.local\n"
      "  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}\n"
      "  subsets: [{name: v1, labels: {version: v2}}, {name: v2, labels: {version: v2}}]\n");
  fixture_apply_of(
      &fixture, dr_head,
      "metadata: {name: c}\nspec:\n  host: agent\n  trafficPolicy: {loadBalancer: {simple: "
      "RANDOM}}\n");
  fixture_apply_of(&fixture, dr_head,
                   "metadata: {name: wide}\nspec:\n  host: '*.default.svc.cluster.local'\n"
                   "  trafficPolicy: {loadBalancer: {simple: RANDOM}}\n");
  struct proxy_table *table = fixture_build(&fixture);
  const struct table_cluster *v1 =
      cluster(table, "outbound|8080|v1|agent.default.svc.cluster.local");
  assert_int_equal(v1->balancer, TABLE_ROUND_ROBIN); // whole, from the first that has one
  assert_true(str_eq(v1->endpoints[0].peer.version, STR("v1"))); // the first subset of a name
  assert_int_equal(v1->endpoint_count, 1);
  assert_non_null(cluster(table, "outbound|8080|v2|agent.default.svc.cluster.local"));
  assert_true(table_has_finding(table, "duplicate-host", "DestinationRule default/c"));
  assert_true(table_has_finding(table, "duplicate-subset", "\"v1\""));
  assert_true(str_eq(v1->rule, STR("default/a, default/b, default/c")));
  table_unref(table);
  fixture_dispose(&fixture);
}

static void blocks_replace_blocks(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "agent", "default", versions, 2);
  fixture_apply(&fixture,
                "apiVersion: v1\nkind: Service\nmetadata: {name: agent}\n"
                "spec: {ports: [{name: http, port: 8080}, {name: http-b, port: 9090}]}\n");
  fixture_apply_of(
      &fixture, dr_head,
      "metadata: {name: a}\nspec:\n  host: agent\n  trafficPolicy:\n"
      "    loadBalancer: {simple: ROUND_ROBIN}\n"
      "    connectionPool: {tcp: {connectTimeout: 2s}, http: {maxRequestsPerConnection: 3}}\n"
      "    portLevelSettings: [{port: {number: 9090}, loadBalancer: {simple: RANDOM}}]\n"
      "  subsets:\n"
      "  - {name: v1, labels: {version: v1}, trafficPolicy: {connectionPool: {tcp: "
      "{connectTimeout: 1s}}}}\n"
      "  - {name: v2, labels: {version: v2}, trafficPolicy: {loadBalancer: {simple: "
      "LEAST_CONN}}}\n");
  struct proxy_table *table = fixture_build(&fixture);
  static const struct {
    const char *id;
    enum table_balancer balancer;
    int64_t connect_timeout_ms;
    uint32_t max_requests;
  } cases[] = {
      {"outbound|8080||agent.default.svc.cluster.local", TABLE_ROUND_ROBIN, 2000, 3},
      {"outbound|9090||agent.default.svc.cluster.local", TABLE_RANDOM, 10000,
       0}, // nothing inherited
      {"outbound|8080|v1|agent.default.svc.cluster.local", TABLE_ROUND_ROBIN, 1000, 0},
      {"outbound|8080|v2|agent.default.svc.cluster.local", TABLE_LEAST_REQUEST, 2000, 3},
      {"outbound|9090|v1|agent.default.svc.cluster.local", TABLE_RANDOM, 1000, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const struct table_cluster *found = cluster(table, cases[i].id);
    assert_int_equal(found->balancer, cases[i].balancer);
    assert_int_equal(found->connect_timeout_ms, cases[i].connect_timeout_ms);
    assert_int_equal(found->max_requests_per_connection, cases[i].max_requests);
  }
  table_unref(table);
  fixture_dispose(&fixture);
}

static void rules_of_foreign_namespaces_do_not_count(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "agent", "default", versions, 2);
  fixture_apply_of(
      &fixture, dr_head,
      "metadata: {name: a, namespace: team9}\nspec:\n  host: agent.default.svc.cluster.local\n"
      "  trafficPolicy: {loadBalancer: {simple: RANDOM}}\n");
  fixture_apply_of(
      &fixture, dr_head,
      "metadata: {name: root, namespace: istio-system}\nspec:\n  host: '*.svc.cluster.local'\n"
      "  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}\n");
  struct proxy_table *table = fixture_build(&fixture);
  assert_int_equal(cluster(table, "outbound|8080||agent.default.svc.cluster.local")->balancer,
                   TABLE_ROUND_ROBIN);
  assert_true(table_has_finding(table, "not-in-force", "DestinationRule team9/a"));
  table_unref(table);
  fixture_dispose(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_service_answers_to_all_its_names),
      cmocka_unit_test(the_port_comes_from_the_host_or_is_the_default),
      cmocka_unit_test(the_oldest_virtual_service_keeps_the_host),
      cmocka_unit_test(without_ages_the_name_decides),
      cmocka_unit_test(wildcards_cover_services_without_their_own),
      cmocka_unit_test(only_mesh_routes_count),
      cmocka_unit_test(a_catch_all_ends_the_list),
      cmocka_unit_test(subsets_are_the_labels_of_pods),
      cmocka_unit_test(ready_endpoints_of_all_slices_count_once),
      cmocka_unit_test(a_slice_may_have_no_endpoints),
      cmocka_unit_test(rules_of_one_host_are_merged),
      cmocka_unit_test(blocks_replace_blocks),
      cmocka_unit_test(rules_of_foreign_namespaces_do_not_count),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
