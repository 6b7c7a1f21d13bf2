// SPDX-License-Identifier: Apache-2.0
// What is wrong with an object is said and does no harm: the last good version stays.
#include "tests/unit/proxy/support_table.h"

#include "manifests/text/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const char *const versions[] = {"v1"};
static const char vs_head[] = "apiVersion: networking.istio.io/v1\nkind: VirtualService\n";

static void a_broken_version_leaves_the_last_good_one(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "agent", "default", versions, 1);
  fixture_apply_of(&fixture, vs_head,
                   "metadata: {name: vs, resourceVersion: '1'}\n"
                   "spec: {hosts: [agent], http: [{directResponse: {status: 201}}]}\n");
  static const char *const broken[] = {"metadata: {name: vs, resourceVersion: '2'}\nspec: {hosts: "
                                       "[agent], http: [{timeout: soon}]}\n",
                                       "metadata: {name: vs, resourceVersion: '3'}\n"
                                       "spec: {hosts: [agent], http: [{match: [{uri: {regex: "
                                       "'(a'}}], directResponse: {status: 202}}]}\n",
                                       "metadata: {name: vs, resourceVersion: '4'}\n"
                                       "spec: {hosts: [agent], http: [{match: [{uri: {regex: "
                                       "'(a)\\1'}}], directResponse: {status: 202}}]}\n"};
  for (size_t i = 0; i < 3; i++) {
    fixture_apply_of(&fixture, vs_head, broken[i]);
    struct proxy_table *table = fixture_build(&fixture);
    assert_string_equal(test_route(&fixture, table, "GET agent /").ptr, "201");
    assert_true(table_has_finding(table, "last-good", "resourceVersion 1"));
    assert_true(table->findings.errors >= 2);
    assert_true(str_eq(table->sources[0].revision, STR("1"))); // what is served is what is said
    table_unref(table);
  }
  fixture_apply_of(&fixture, vs_head,
                   "metadata: {name: vs, resourceVersion: '5'}\n"
                   "spec: {hosts: [agent], http: [{directResponse: {status: 203}}]}\n");
  struct proxy_table *table = fixture_build(&fixture);
  assert_string_equal(test_route(&fixture, table, "GET agent /").ptr, "203");
  assert_int_equal(table->findings.errors, 0);
  table_unref(table);
  fixture_dispose(&fixture);
}

static void what_would_end_a_line_is_refused(void **state) {
  (void)state;
  static const char *const https[] = {
      "rewrite: {uri: \"/a b\"}, route: [{destination: {host: agent}}]",
      "rewrite: {uri: \"/a\\r\\nX: y\"}, route: [{destination: {host: agent}}]",
      "rewrite: {authority: \"a\\nb\"}, route: [{destination: {host: agent}}]",
      ("rewrite: {uriRegexRewrite: {match: a, rewrite: \"b\\n\"}}, "
       "route: [{destination: {host: agent}}]"),
      "redirect: {uri: \"/a\\r\\nSet-Cookie: x\"}",
      "redirect: {authority: \"a b\"}"};
  for (size_t i = 0; i < sizeof https / sizeof https[0]; i++) {
    struct fixture fixture;
    struct buf yaml;
    fixture_init(&fixture);
    fixture_add_service(&fixture, "agent", "default", versions, 1);
    buf_init(&yaml, 4096);
    (void)buf_addf(&yaml, "%smetadata: {name: vs}\nspec: {hosts: [agent], http: [{%s}]}\n", vs_head,
                   https[i]);
    fixture_apply(&fixture, buf_z(&yaml));
    struct proxy_table *table = fixture_build(&fixture);
    if (table->findings.errors == 0)
      fail_msg("taken: %s", https[i]);
    assert_true(str_eq(table->hosts[0].source, STR("Service/default/agent")));
    table_unref(table);
    fixture_dispose(&fixture);
    buf_dispose(&yaml);
  }
}

static void a_heartbeat_is_no_change(void **state) {
  (void)state;
  static const char *const pods[] = {
      "resourceVersion: '1', labels: {a: b}}, status: {podIP: 10.0.0.1, phase: Pending}}",
      "resourceVersion: '2', labels: {a: b}}, status: {podIP: 10.0.0.1, phase: Running}}",
      "resourceVersion: '3', labels: {a: c}}, status: {podIP: 10.0.0.1, phase: Running}}"};
  struct fixture fixture;
  fixture_init(&fixture);
  for (size_t i = 0; i < 3; i++) {
    struct buf text;
    struct yaml_doc *docs;
    struct findings findings;
    findings_init(&findings, &fixture.arena);
    buf_init(&text, 4096);
    (void)buf_addf(&text, "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: n, %s}",
                   pods[i]);
    assert_int_equal(yaml_parse(buf_str(&text), STR(""), &fixture.arena, &docs, &findings), 1);
    assert_int_equal(config_set_put(&fixture.set, docs[0].root, STR(""), 0), i != 1);
    buf_dispose(&text);
  }
  fixture_dispose(&fixture);
}

static void what_is_not_enforced_is_said(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "agent", "default", versions, 1);
  fixture_apply_of(&fixture, vs_head,
                   "metadata: {name: vs}\nspec:\n  hosts: [agent]\n  http:\n"
                   "  - match: [{statPrefix: mine}]\n"
                   "    route: [{destination: {host: agent}}]\n");
  fixture_apply(&fixture, "apiVersion: gateway.networking.k8s.io/v1\nkind: GRPCRoute\n"
                          "metadata: {name: r}\nspec: {parentRefs: [{name: gw}]}\n");
  struct proxy_table *table = fixture_build(&fixture);
  assert_true(table_has_finding(table, "not-enforced", "statPrefix"));
  assert_true(table_has_finding(table, "not-enforced", "GRPCRoute default/r"));
  table_unref(table);
  fixture_dispose(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_broken_version_leaves_the_last_good_one),
      cmocka_unit_test(what_would_end_a_line_is_refused),
      cmocka_unit_test(a_heartbeat_is_no_change),
      cmocka_unit_test(what_is_not_enforced_is_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
