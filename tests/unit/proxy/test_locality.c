// SPDX-License-Identifier: Apache-2.0
// Which DestinationRule is in force, and what localityLbSetting makes of endpoints.
#include "tests/unit/proxy/support_table.h"

#include "proxy/outlier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NETWORKING "apiVersion: networking.istio.io/v1\n"
#define RULE(name, ns, spec)                                                                       \
  "---\n" NETWORKING "kind: DestinationRule\nmetadata: {name: " name ", namespace: " ns            \
  "}\nspec: {" spec "}\n"
#define LB(kind) "trafficPolicy: {loadBalancer: {simple: " kind "}}"

static const char entry[] =
    NETWORKING "kind: ServiceEntry\nmetadata: {name: a, namespace: team1}\nspec:\n"
               "  hosts: [a.b.example]\n  resolution: STATIC\n"
               "  ports: [{number: 80, name: http}, {number: 81, name: http2}]\n"
               "  endpoints:\n"
               "  - {address: 10.0.0.1, locality: eu/a/1, labels: {rack: r1, v: '1'}}\n"
               "  - {address: 10.0.0.2, locality: eu/a/2, labels: {rack: r2, v: '1'}}\n"
               "  - {address: 10.0.0.3, locality: eu/b, labels: {rack: r1, v: '2'}}\n"
               "  - {address: 10.0.0.4, locality: us/c, labels: {rack: r1, v: '2'}}\n"
               "  - {address: 10.0.0.5, locality: as/d, labels: {v: '1'}}\n";

static struct proxy_table *build(struct fixture *fixture, const char *rules) {
  struct buf yaml;
  fixture_init(fixture);
  fixture->settings.locality = STR("eu/a/1");
  buf_init(&yaml, 65536);
  (void)buf_add_z(&yaml, entry);
  (void)buf_add_z(&yaml, rules);
  fixture_apply(fixture, buf_z(&yaml));
  buf_dispose(&yaml);
  return fixture_build(fixture);
}

static void end(struct fixture *fixture, struct proxy_table *table) {
  table_unref(table);
  fixture_dispose(fixture);
}

static const struct table_cluster *of(const struct proxy_table *table, const char *id) {
  const struct table_cluster *cluster = table_find_cluster(table, str_of(id));
  if (!cluster)
    fail_msg("no cluster %s", id);
  return cluster;
}

// Priorities of the five endpoints, or "-".
static void has_priorities(const char *policy, const char *want) {
  struct fixture fixture;
  struct buf rule;
  char got[8] = "-";
  buf_init(&rule, 65536);
  (void)buf_addf(&rule, RULE("r", "team1", "host: a.b.example, trafficPolicy: {%s}"), policy);
  struct proxy_table *table = build(&fixture, buf_z(&rule));
  const struct table_cluster *cluster = of(table, "outbound|80||a.b.example");
  for (size_t i = 0; cluster->locality_count && i < 5; i++)
    got[i] = (char)('0' + cluster->localities[cluster->endpoints[i].locality].priority);
  assert_string_equal(got, want);
  buf_dispose(&rule);
  end(&fixture, table);
}

static void the_near_come_first(void **state) {
  (void)state;
  has_priorities("outlierDetection: {}", "01233");
  has_priorities("loadBalancer: {simple: RANDOM}", "-"); // not without outlierDetection
  has_priorities("outlierDetection: {}, loadBalancer: {localityLbSetting: {enabled: false}}", "-");
  has_priorities(
      "outlierDetection: {}, loadBalancer: {localityLbSetting: {failover: [{from: eu, to: "
      "as}]}}",
      "01243");
  has_priorities("outlierDetection: {}, loadBalancer: {localityLbSetting: {failoverPriority: "
                 "[topology.kubernetes.io/region, 'rack=r1']}}",
                 "01022");
  has_priorities("outlierDetection: {}, loadBalancer: {localityLbSetting: {failoverPriority: "
                 "['v=2']}}",
                 "11001");
}

static void shares_by_locality(void **state) {
  (void)state;
  struct fixture fixture;
  struct proxy_table *table =
      build(&fixture, RULE("r", "team1",
                           "host: a.b.example, trafficPolicy: {loadBalancer: {"
                           "localityLbSetting: {distribute: [{from: us/*, to: {us/*: "
                           "100}}, {from: eu/a/*, to: {eu/*: 70, us/*: 30}}]}}}"));
  const struct table_cluster *cluster = of(table, "outbound|80||a.b.example");
  static const uint32_t want[] = {233333, 233333, 233333, 300000, 0};
  assert_int_equal(cluster->locality_count, 5);
  for (size_t i = 0; i < 5; i++) {
    const struct table_locality *locality = &cluster->localities[cluster->endpoints[i].locality];
    assert_int_equal(locality->weight, want[i]);
    assert_int_equal(locality->is_out, i == 4);
  }
  end(&fixture, table);
}

static void the_place_of_a_rule_decides(void **state) {
  (void)state;
  static const struct {
    const char *rules, *rule;
    enum table_balancer balancer;
  } rows[] = {
      {"", "", TABLE_LEAST_REQUEST},
      {RULE("r", "team1", "host: a.b.example, " LB("RANDOM")), "team1/r", TABLE_RANDOM},
      // The most specific host, then the proxy's namespace, the service's, the root.
      {RULE("r", "team1", "host: '*.example', " LB("RANDOM"))
           RULE("s", "team1", "host: '*.b.example', " LB("ROUND_ROBIN")),
       "team1/s", TABLE_ROUND_ROBIN},
      {RULE("r", "team1", "host: a.b.example, " LB("RANDOM"))
           RULE("s", "serin-system", "host: '*.example', " LB("ROUND_ROBIN")),
       "serin-system/s", TABLE_ROUND_ROBIN},
      {RULE("r", "istio-system", "host: a.b.example, " LB("RANDOM"))
           RULE("s", "team1", "host: '*', " LB("ROUND_ROBIN")),
       "team1/s", TABLE_ROUND_ROBIN},
      {RULE("r", "istio-system", "host: '*', " LB("RANDOM")), "istio-system/r", TABLE_RANDOM},
      {RULE("r", "other", "host: a.b.example, " LB("RANDOM")), "", TABLE_LEAST_REQUEST},
      // exportTo.
      {RULE("r", "team1", "host: a.b.example, exportTo: ['.'], " LB("RANDOM")), "",
       TABLE_LEAST_REQUEST},
      {RULE("r", "team1", "host: a.b.example, exportTo: [serin-system], " LB("RANDOM")), "team1/r",
       TABLE_RANDOM},
      {RULE("r", "serin-system", "host: a.b.example, exportTo: ['.'], " LB("RANDOM")),
       "serin-system/r", TABLE_RANDOM},
      // workloadSelector: this proxy has the label app=proxy.
      {RULE("r", "serin-system", "host: a.b.example, " LB("RANDOM")) RULE(
           "s", "serin-system",
           "host: a.b.example, workloadSelector: {matchLabels: {app: proxy}}, " LB("ROUND_ROBIN")),
       "serin-system/s", TABLE_ROUND_ROBIN},
      {RULE("r", "serin-system", "host: a.b.example, " LB("RANDOM")) RULE(
           "s", "serin-system",
           "host: a.b.example, workloadSelector: {matchLabels: {app: no}}, " LB("ROUND_ROBIN")),
       "serin-system/r", TABLE_RANDOM},
  };
  static const struct table_label label = {STR("app"), STR("proxy")};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct fixture fixture;
    struct proxy_table *table = build(&fixture, rows[i].rules);
    table_unref(table);
    fixture.settings.labels = &label;
    fixture.settings.label_count = 1;
    table = fixture_build(&fixture);
    const struct table_cluster *cluster = of(table, "outbound|80||a.b.example");
    assert_string_equal(arena_str(&fixture.arena, cluster->rule).ptr, rows[i].rule);
    assert_int_equal(cluster->balancer, rows[i].balancer);
    end(&fixture, table);
  }
}

// Blocks are replaced as a whole, by the settings of a port all four.
static void blocks_are_replaced_whole(void **state) {
  (void)state;
  struct fixture fixture;
  struct proxy_table *table = build(
      &fixture,
      RULE("r", "team1",
           "host: a.b.example, trafficPolicy: {loadBalancer: {simple: RANDOM}, outlierDetection: "
           "{consecutive5xxErrors: 7}, portLevelSettings: [{port: {number: 81}, loadBalancer: "
           "{simple: ROUND_ROBIN}}]}, subsets: [{name: s, trafficPolicy: {loadBalancer: {simple: "
           "ROUND_ROBIN}}}, {name: t, trafficPolicy: {outlierDetection: {interval: 1s}, "
           "portLevelSettings: [{port: {number: 80}, loadBalancer: {consistentHash: {useSourceIp: "
           "true}}}]}}]"));
  const struct table_cluster *top = of(table, "outbound|80||a.b.example");
  assert_int_equal(top->balancer, TABLE_RANDOM);
  assert_int_equal(top->outlier->consecutive_5xx, 7);
  const struct table_cluster *port = of(table, "outbound|81||a.b.example");
  assert_int_equal(port->balancer, TABLE_ROUND_ROBIN);
  assert_null(port->outlier); // not inherited
  const struct table_cluster *subset = of(table, "outbound|80|s|a.b.example");
  assert_int_equal(subset->balancer, TABLE_ROUND_ROBIN);
  assert_int_equal(subset->outlier->consecutive_5xx, 7);
  subset = of(table, "outbound|81|s|a.b.example");
  assert_null(subset->outlier);
  subset = of(table, "outbound|80|t|a.b.example");
  assert_non_null(subset->hash);
  assert_null(subset->outlier);
  subset = of(table, "outbound|81|t|a.b.example");
  assert_int_equal(subset->balancer, TABLE_ROUND_ROBIN);
  assert_int_equal(subset->outlier->consecutive_5xx, 5); // its own block, whole
  assert_int_equal(subset->outlier->interval_ms, 1000);
  end(&fixture, table);
}

static void rules_of_one_host_are_merged(void **state) {
  (void)state;
  struct fixture fixture;
  struct proxy_table *table = build(
      &fixture, RULE("a", "team1", "host: a.b.example, subsets: [{name: one, labels: {v: '1'}}]")
                    RULE("b", "team1",
                         "host: a.b.example, subsets: [{name: one, labels: {v: "
                         "'2'}}, {name: two, labels: {v: '2'}}], " LB("RANDOM"))
                        RULE("c", "team1", "host: a.b.example, " LB("ROUND_ROBIN")));
  const struct table_cluster *top = of(table, "outbound|80||a.b.example");
  assert_int_equal(top->balancer, TABLE_RANDOM); // the first that has a policy
  assert_int_equal(of(table, "outbound|80|one|a.b.example")->endpoint_count, 3);
  assert_int_equal(of(table, "outbound|80|two|a.b.example")->endpoint_count, 2);
  bool named = false, subset = false;
  for (size_t i = 0; i < table->findings.count; i++) {
    struct str text = table->findings.items[i].message;
    named |= str_contains(text, STR("team1/c")) && str_contains(text, STR("team1/b"));
    subset |= str_eq_z(table->findings.items[i].id, "duplicate-subset");
  }
  assert_true(named);
  assert_true(subset);
  end(&fixture, table);
}

static void an_old_field_counts_when_asked_to(void **state) {
  (void)state;
  static const struct {
    const char *fields;
    bool compat;
    uint32_t threshold;
  } rows[] = {{"consecutiveErrors: 3", false, 5},
              {"consecutiveErrors: 3", true, 3},
              {"consecutiveErrors: 3, consecutive5xxErrors: 7", true, 7},
              {"interval: 1s", true, 5}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct fixture fixture;
    struct buf rule;
    buf_init(&rule, 65536);
    (void)buf_addf(&rule,
                   RULE("r", "team1", "host: a.b.example, trafficPolicy: {outlierDetection: {%s}}"),
                   rows[i].fields);
    struct proxy_table *table = build(&fixture, buf_z(&rule));
    table_unref(table);
    fixture.settings.consecutive_errors_5xx = rows[i].compat;
    table = fixture_build(&fixture);
    assert_int_equal(of(table, "outbound|80||a.b.example")->outlier->consecutive_5xx,
                     rows[i].threshold);
    buf_dispose(&rule);
    end(&fixture, table);
  }
}

// An endpoint is as old as its slot, through all tables; a ring that stays the same is shared.
static void what_outlives_a_table(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture.steady_ms = 1000;
  fixture_apply(&fixture, RULE("r", "team1",
                               "host: a.b.example, trafficPolicy: {loadBalancer: {simple: "
                               "ROUND_ROBIN, warmup: {duration: 30s, aggression: 2}}}")
                              RULE("h", "team1",
                                   "host: h.example, trafficPolicy: {loadBalancer: "
                                   "{consistentHash: {useSourceIp: true}}}"));
  static const char *const texts[] = {
      NETWORKING "kind: ServiceEntry\nmetadata: {name: a, namespace: team1}\nspec: {hosts: "
                 "[a.b.example, h.example], resolution: STATIC, ports: [{number: 80, name: http}], "
                 "endpoints: [{address: 10.0.0.1}]}\n",
      NETWORKING "kind: ServiceEntry\nmetadata: {name: a, namespace: team1}\nspec: {hosts: "
                 "[a.b.example], resolution: STATIC, ports: [{number: 80, name: http}], "
                 "endpoints: [{address: 10.0.0.1}, {address: 10.0.0.2}]}\n---\n" NETWORKING
                 "kind: ServiceEntry\nmetadata: {name: h, namespace: team1}\nspec: {hosts: "
                 "[h.example], resolution: STATIC, ports: [{number: 80, name: http}], "
                 "endpoints: [{address: 10.0.0.1}]}\n",
      NETWORKING "kind: ServiceEntry\nmetadata: {name: h, namespace: team1}\nspec: {hosts: "
                 "[h.example], resolution: STATIC, ports: [{number: 80, name: http}], "
                 "endpoints: [{address: 10.0.0.1, weight: 2}]}\n"};
  fixture_apply(&fixture, texts[0]);
  struct proxy_table *first = fixture_build(&fixture);
  fixture.steady_ms = 6000;
  fixture.previous = first;
  fixture_apply(&fixture, texts[1]);
  struct proxy_table *second = fixture_build(&fixture);
  const struct table_cluster *cluster = of(second, "outbound|80||a.b.example");
  assert_int_equal(cluster->endpoints[0].since_ms, 1000);
  assert_int_equal(cluster->endpoints[1].since_ms, 6000);
  assert_int_equal(cluster->warmup->until_ms, 36000);
  assert_true(cluster->warmup->minimum > 0.09 && cluster->warmup->minimum < 0.11);
  const struct hash_ring *ring = of(first, "outbound|80||h.example")->ring;
  assert_non_null(ring);
  assert_ptr_equal(of(second, "outbound|80||h.example")->ring, ring);
  fixture.previous = second;
  fixture_apply(&fixture, texts[2]);
  struct proxy_table *third = fixture_build(&fixture);
  assert_ptr_not_equal(of(third, "outbound|80||h.example")->ring, ring);
  table_unref(first);
  table_unref(second);
  end(&fixture, third);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_near_come_first),
      cmocka_unit_test(shares_by_locality),
      cmocka_unit_test(the_place_of_a_rule_decides),
      cmocka_unit_test(blocks_are_replaced_whole),
      cmocka_unit_test(rules_of_one_host_are_merged),
      cmocka_unit_test(an_old_field_counts_when_asked_to),
      cmocka_unit_test(what_outlives_a_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
