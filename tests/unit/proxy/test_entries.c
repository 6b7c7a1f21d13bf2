// SPDX-License-Identifier: Apache-2.0
// ServiceEntry, WorkloadEntry and ExternalName: what they make of a table. Names are resolved by a
// list here.
#include "tests/unit/proxy/support_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NETWORKING "apiVersion: networking.istio.io/v1\n"

static size_t asked;

static size_t find(void *ctx, struct str name, const struct str **ret_addresses) {
  static const struct str both[] = {STR("10.9.0.2"), STR("10.9.0.1")}, six[] = {STR("fd00::7")};
  (void)ctx;
  asked++;
  *ret_addresses = both;
  if (str_eq(name, STR("db.example")) || str_eq(name, STR("api.example.com")))
    return 2;
  *ret_addresses = six;
  return str_eq(name, STR("six.example")) ? 1 : 0;
}

static const struct table_dns dns = {find, NULL};

static struct proxy_table *build(struct fixture *fixture, const char *yaml) {
  fixture_init(fixture);
  fixture->dns = &dns;
  fixture_apply(fixture, yaml);
  return fixture_build(fixture);
}

static void end(struct fixture *fixture, struct proxy_table *table) {
  table_unref(table);
  fixture_dispose(fixture);
}

static void has_endpoints(const struct proxy_table *table, const char *id, const char *keys) {
  const struct table_cluster *cluster = table_find_cluster(table, str_of(id));
  struct buf text;
  buf_init(&text, 4096);
  if (!cluster)
    fail_msg("no cluster %s", id);
  for (size_t i = 0; i < cluster->endpoint_count; i++)
    (void)buf_addf(&text, "%s%.*s*%u", i ? " " : "", STR_ARG(cluster->endpoints[i].key),
                   cluster->endpoints[i].weight);
  assert_string_equal(buf_z(&text), keys);
  buf_dispose(&text);
}

static void static_endpoints(void **state) {
  (void)state;
  struct fixture fixture;
  struct proxy_table *table = build(
      &fixture, NETWORKING
      "kind: ServiceEntry\nmetadata: {name: vms, namespace: team1}\nspec:\n"
      "  hosts: [Legacy.example.com]\n  addresses: [10.1.1.1]\n  resolution: STATIC\n"
      "  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}, "
      "{number: 81, name: other, protocol: HTTP}]\n"
      "  endpoints:\n"
      "  - {address: 10.0.0.1, weight: 3, labels: {version: v1}}\n"
      "  - {address: 10.0.0.2, ports: {http: 9090}, labels: {version: v2}}\n"
      "  - {address: not.an.address}\n"
      "---\n" NETWORKING "kind: DestinationRule\nmetadata: {name: vms, namespace: team1}\nspec:\n"
      "  host: legacy.example.com\n  subsets: [{name: v2, labels: {version: v2}}]\n");
  has_endpoints(table, "outbound|80||legacy.example.com", "10.0.0.1:8080*3 10.0.0.2:9090*1");
  has_endpoints(table, "outbound|81||legacy.example.com", "10.0.0.1:81*3 10.0.0.2:81*1");
  has_endpoints(table, "outbound|80|v2|legacy.example.com", "10.0.0.2:9090*1");
  assert_true(table_find_cluster(table, STR("outbound|80||legacy.example.com"))->is_weighted);
  assert_true(table_has_finding(table, "endpoint-address", "not.an.address"));
  assert_string_equal(test_route(&fixture, table, "GET legacy.example.com /").ptr,
                      "outbound|80||legacy.example.com");
  assert_string_equal(test_route(&fixture, table, "GET 10.1.1.1:81 /").ptr,
                      "outbound|81||legacy.example.com");
  // Nothing of a name in the cluster's own domain comes with it.
  assert_string_not_equal(test_route(&fixture, table, "GET legacy.example.com.team1 /").ptr,
                          "outbound|80||legacy.example.com");
  end(&fixture, table);
}

static void names_are_resolved(void **state) {
  (void)state;
  struct fixture fixture;
  struct proxy_table *table = build(
      &fixture, NETWORKING
      "kind: ServiceEntry\nmetadata: {name: a, namespace: team1}\nspec:\n"
      "  {hosts: [api.example.com], resolution: DNS, ports: [{number: 80, name: http}]}\n"
      "---\n" NETWORKING "kind: ServiceEntry\nmetadata: {name: b, namespace: team1}\nspec:\n"
      "  {hosts: ['*.wild.example'], resolution: DNS, ports: [{number: 80, name: http}],\n"
      "   endpoints: [{address: db.example}, {address: six.example}, {address: unknown}]}\n"
      "---\n" NETWORKING "kind: ServiceEntry\nmetadata: {name: c, namespace: team1}\nspec:\n"
      "  {hosts: [one.example], resolution: DNS_ROUND_ROBIN, ports: [{number: 80, name: "
      "http}, {number: 443, name: s, protocol: HTTPS}, {number: 81, name: g, protocol: GRPC}],"
      "\n   endpoints: [{address: db.example}]}\n"
      "---\n" NETWORKING "kind: ServiceEntry\nmetadata: {name: d, namespace: team1}\nspec:\n"
      "  {hosts: [db.example, '*.none.example'], resolution: NONE, ports: [{number: 80, "
      "name: http}]}\n"
      "---\napiVersion: v1\nkind: Service\nmetadata: {name: ext, namespace: team1}\n"
      "spec: {type: ExternalName, externalName: db.example, ports: [{port: 70}]}\n");
  has_endpoints(table, "outbound|80||api.example.com", "10.9.0.1:80*1 10.9.0.2:80*1");
  has_endpoints(table, "outbound|80||*.wild.example", "10.9.0.1:80*1 10.9.0.2:80*1 [fd00::7]:80*1");
  has_endpoints(table, "outbound|80||one.example", "10.9.0.2:80*1");
  has_endpoints(table, "outbound|80||db.example", "10.9.0.1:80*1 10.9.0.2:80*1");
  has_endpoints(table, "outbound|80||*.none.example", "");
  has_endpoints(table, "outbound|70||ext.team1.svc.cluster.local", "10.9.0.2:70*1");
  assert_true(table_has_finding(table, "not-enforced", "*.none.example"));
  assert_true(table_has_finding(table, "not-enforced", "port 443 asks for TLS"));
  assert_true(table_has_finding(table, "not-enforced", "port 81 asks for HTTP/2"));
  assert_string_equal(test_route(&fixture, table, "GET x.wild.example /").ptr,
                      "outbound|80||*.wild.example");
  assert_true(asked >= 7);
  end(&fixture, table);
}

static void workloads_are_chosen_by_label(void **state) {
  (void)state;
  struct fixture fixture;
  struct proxy_table *table =
      build(&fixture, NETWORKING
            "kind: ServiceEntry\nmetadata: {name: vms, namespace: team1}\nspec:\n"
            "  {hosts: [vms.example], resolution: STATIC, ports: [{number: 80, name: http, "
            "targetPort: 8080}],\n   workloadSelector: {labels: {app: vm}}}\n"
            "---\n" NETWORKING
            "kind: WorkloadEntry\nmetadata: {name: one, namespace: team1, labels: {app: vm}}\n"
            "spec: {address: 10.0.0.1, weight: 2, labels: {version: v1}}\n"
            "---\n" NETWORKING "kind: WorkloadEntry\nmetadata: {name: two, namespace: team1}\n"
            "spec: {address: db.example, ports: {http: 9000}, labels: {app: vm}}\n"
            "---\n" NETWORKING "kind: WorkloadEntry\nmetadata: {name: other, namespace: team2}\n"
            "spec: {address: 10.0.0.3, labels: {app: vm}}\n"
            "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: team1, labels: {app: "
            "vm}}\nspec: {containers: [{name: a, image: a}]}\nstatus: {podIP: 10.0.0.9}\n"
            "---\napiVersion: v1\nkind: Pod\nmetadata: {name: q, namespace: team1, labels: {app: "
            "vm}}\nspec: {containers: [{name: a, image: a}]}\nstatus: {podIP: 10.0.0.8, "
            "conditions: [{type: Ready, status: 'False'}]}\n"
            "---\napiVersion: v1\nkind: Service\nmetadata: {name: vm, namespace: team1}\n"
            "spec: {selector: {app: vm, version: v1}, ports: [{name: http, port: 80, targetPort: "
            "7000}]}\n");
  has_endpoints(table, "outbound|80||vms.example",
                "10.0.0.1:8080*2 10.0.0.9:8080*1 10.9.0.1:9000*1 10.9.0.2:9000*1");
  has_endpoints(table, "outbound|80||vm.team1.svc.cluster.local", "10.0.0.1:7000*2");
  const struct table_cluster *cluster = table_find_cluster(table, STR("outbound|80||vms.example"));
  assert_true(str_eq(cluster->endpoints[0].peer.workload, STR("one")));
  end(&fixture, table);
}

static void exported_or_not(void **state) {
  (void)state;
  struct fixture fixture;
  struct proxy_table *table =
      build(&fixture, NETWORKING
            "kind: ServiceEntry\nmetadata: {name: a, namespace: team1}\nspec:\n"
            "  {hosts: [hidden.example], exportTo: ['.'], resolution: DNS, ports: [{number: 80, "
            "name: http}]}\n"
            "---\n" NETWORKING "kind: ServiceEntry\nmetadata: {name: b, namespace: team1}\nspec:\n"
            "  {hosts: [seen.example], exportTo: [serin-system], resolution: DNS, ports: "
            "[{number: 80, name: http}]}\n"
            "---\n" NETWORKING "kind: ServiceEntry\nmetadata: {name: c, namespace: team2}\nspec:\n"
            "  {hosts: [seen.example], resolution: DNS, ports: [{number: 90, name: http}]}\n");
  assert_null(table_find_cluster(table, STR("outbound|80||hidden.example")));
  assert_non_null(table_find_cluster(table, STR("outbound|80||seen.example")));
  assert_null(table_find_cluster(table, STR("outbound|90||seen.example")));
  assert_true(table_has_finding(table, "duplicate-host", "team1/b"));
  end(&fixture, table);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(static_endpoints),
      cmocka_unit_test(names_are_resolved),
      cmocka_unit_test(workloads_are_chosen_by_label),
      cmocka_unit_test(exported_or_not),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
