// SPDX-License-Identifier: Apache-2.0
// VirtualServices that delegate: which requests reach which entry, and what is ignored.
#include "manifests/base/bug.h"
#include "tests/unit/proxy/support_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define VS "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"

static const char *const versions[] = {"v1"};

static struct proxy_table *build(struct fixture *fixture, const char *root, const char *leaf) {
  struct buf yaml;
  fixture_init(fixture);
  fixture_add_service(fixture, "agent", "team1", versions, 1);
  fixture_add_service(fixture, "books", "team2", versions, 1);
  buf_init(&yaml, 65536);
  (void)buf_addf(&yaml,
                 VS "metadata: {name: root, namespace: team1}\nspec:\n  hosts: [agent]\n  http:\n%s"
                    "---\n" VS "metadata: {name: leaf, namespace: team2}\nspec:\n  http:\n%s",
                 root, leaf);
  fixture_apply(fixture, buf_z(&yaml));
  buf_dispose(&yaml);
  return fixture_build(fixture);
}

static const struct table_host *host(const struct proxy_table *table) {
  for (size_t i = 0; i < table->host_count; i++) {
    if (str_eq(table->hosts[i].name, STR("agent.team1.svc.cluster.local")))
      return &table->hosts[i];
  }
  fail_msg("no host");
  return NULL;
}

static void entries_are_narrowed_and_filled_up(void **state) {
  struct fixture fixture;
  (void)state;
  struct proxy_table *table =
      build(&fixture,
            "  - name: r\n    match: [{uri: {prefix: /books}, headers: {x-who: {exact: ann}}}]\n"
            "    timeout: 7s\n    retries: {attempts: 5}\n"
            "    delegate: {name: leaf, namespace: team2}\n"
            "  - directResponse: {status: 299}\n",
            "  - name: new\n    match: [{uri: {prefix: /books/new}, queryParams: {a: {}}}]\n"
            "    timeout: 1s\n    route: [{destination: {host: books}}]\n"
            "  - directResponse: {status: 298}\n");
  static const char *const cases[][2] = {
      {"GET agent /books/new?a x-who:ann", "outbound|8080||books.team2.svc.cluster.local"},
      {"GET agent /books/new x-who:ann", "298"},
      {"GET agent /books/old x-who:ann", "298"},
      {"GET agent /books/new?a x-who:bob", "299"},
      {"GET agent /else x-who:ann", "299"}};
  for (size_t i = 0; i < ARRAY_LEN(cases); i++)
    assert_string_equal(test_route(&fixture, table, cases[i][0]).ptr, cases[i][1]);
  const struct table_host *found = host(table);
  assert_int_equal(found->route_count, 3);
  assert_true(str_eq(found->routes[0].name, STR("r-new")));
  assert_int_equal(found->routes[0].timeout_ms, 1000);  // the delegate's own
  assert_int_equal(found->routes[0].retry.attempts, 5); // the root's
  assert_int_equal(found->routes[1].timeout_ms, 7000);
  assert_int_equal(table->findings.errors, 0);
  assert_int_equal(table->source_count, 2); // both are in force
  table_unref(table);
  fixture_dispose(&fixture);
}

static void what_lies_outside_is_ignored(void **state) {
  static const char *const leaves[] = {
      "{uri: {prefix: /boo}}",          "{uri: {exact: /book}}",
      "{uri: {regex: /books/.*}}",      "{method: {exact: POST}}",
      "{headers: {X-Who: {exact: b}}}", "{port: 81}",
      "{ignoreUriCase: true}",          "{uri: {prefix: /books}}, {uri: {prefix: /other}}",
  };
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(leaves); i++) {
    struct fixture fixture;
    struct buf leaf;
    buf_init(&leaf, 4096);
    (void)buf_addf(&leaf, "  - match: [%s]\n    directResponse: {status: 298}\n", leaves[i]);
    struct proxy_table *table = build(
        &fixture,
        "  - match: [{uri: {prefix: /books}, method: {exact: GET}, headers: {x-who: {exact: a}}, "
        "port: 80}]\n    delegate: {name: leaf, namespace: team2}\n",
        buf_z(&leaf));
    if (!table_has_finding(table, "ignored-delegate-route", "spec.http[0]") ||
        host(table)->route_count)
      fail_msg("%s was taken", leaves[i]);
    assert_int_equal(table->findings.errors, 0);
    table_unref(table);
    fixture_dispose(&fixture);
    buf_dispose(&leaf);
  }
}

static void patterns_contain_nothing_that_can_be_seen(void **state) {
  struct fixture fixture;
  (void)state;
  struct proxy_table *table = build(&fixture,
                                    "  - match: [{uri: {regex: '/a.*'}}]\n"
                                    "    delegate: {name: leaf, namespace: team2}\n",
                                    "  - match: [{method: {exact: GET}}]\n"
                                    "    directResponse: {status: 298}\n");
  assert_string_equal(test_route(&fixture, table, "GET agent /ab").ptr, "298");
  assert_string_equal(test_route(&fixture, table, "GET agent /b").ptr, "404 NR");
  table_unref(table);
  fixture_dispose(&fixture);
}

static void one_level_and_only_what_exists(void **state) {
  struct fixture fixture;
  (void)state;
  struct proxy_table *table =
      build(&fixture,
            "  - match: [{uri: {prefix: /a}}]\n    delegate: {name: nobody}\n"
            "  - match: [{uri: {prefix: /b}}]\n    delegate: {name: root}\n"
            "  - delegate: {name: leaf, namespace: team2}\n",
            "  - match: [{uri: {prefix: /c}}]\n    delegate: {name: x}\n"
            "  - directResponse: {status: 298}\n");
  assert_true(table_has_finding(table, "unknown-delegate", "team1/nobody does not exist"));
  assert_true(table_has_finding(table, "unknown-delegate", "team1/root has hosts"));
  assert_true(table_has_finding(table, "ignored-delegate-route", "delegates again"));
  assert_string_equal(test_route(&fixture, table, "GET agent /a").ptr, "298");
  table_unref(table);
  fixture_dispose(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(entries_are_narrowed_and_filled_up),
      cmocka_unit_test(what_lies_outside_is_ignored),
      cmocka_unit_test(patterns_contain_nothing_that_can_be_seen),
      cmocka_unit_test(one_level_and_only_what_exists),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
