// SPDX-License-Identifier: Apache-2.0
// Each field of HTTPMatchRequest (docs/dataplane.md 1.3), from YAML to the answer.
#include "tests/unit/proxy/support_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const char *const versions[] = {"v1"};

// Whether the block takes the request: it answers 299, everything else goes on to 298.
static bool takes(const char *block, const char *line) {
  struct fixture fixture;
  struct buf yaml;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "reviews", "default", versions, 1);
  buf_init(&yaml, 65536);
  (void)buf_addf(&yaml,
                 "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
                 "metadata: {name: vs, namespace: default}\nspec:\n  hosts: [reviews]\n  http:\n"
                 "  - match:\n    - %s\n    directResponse: {status: 299}\n"
                 "  - directResponse: {status: 298}\n",
                 block);
  fixture_apply(&fixture, buf_z(&yaml));
  struct proxy_table *table = fixture_build(&fixture);
  struct str answer = test_route(&fixture, table, line);
  bool result = str_eq(answer, STR("299"));
  if (!result && !str_eq(answer, STR("298"))) {
    for (size_t i = 0; i < table->findings.count; i++)
      print_message("%s\n", finding_text(&table->findings.items[i], &fixture.arena).ptr);
    fail_msg("%s with %s: %s", block, line, answer.ptr);
  }
  table_unref(table);
  fixture_dispose(&fixture);
  buf_dispose(&yaml);
  return result;
}

struct match_case {
  const char *block, *line;
  bool want;
};

static void check(const struct match_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (takes(cases[i].block, cases[i].line) != cases[i].want)
      fail_msg("%s with \"%s\": expected %s", cases[i].block, cases[i].line,
               cases[i].want ? "a match" : "no match");
  }
}
#define CHECK(cases) check(cases, sizeof(cases) / sizeof((cases)[0]))

static void uri(void **state) {
  (void)state;
  static const struct match_case cases[] = {
      {"uri: {exact: /foo}", "GET reviews /foo", true},
      {"uri: {exact: /foo}", "GET reviews /foo?x=y", true},
      {"uri: {exact: /foo}", "GET reviews /foo/", false},
      {"uri: {exact: /foo}", "GET reviews /FOO", false},
      {"uri: {prefix: /foo}", "GET reviews /foobar", true},
      {"uri: {prefix: /foo}", "GET reviews /fo", false},
      {"uri: {prefix: ''}", "GET reviews /anything", true},
      {"uri: {regex: '/v[0-9]+/.*'}", "GET reviews /v12/x", true},
      {"uri: {regex: '/v[0-9]+'}", "GET reviews /v12/x", false},
      {"{uri: {exact: /foo}, ignoreUriCase: true}", "GET reviews /FoO", true},
      {"{uri: {prefix: /foo}, ignoreUriCase: true}", "GET reviews /FOObar", true},
      {"{uri: {regex: /foo}, ignoreUriCase: true}", "GET reviews /FOO", false},
  };
  CHECK(cases);
}

static void method_scheme_authority(void **state) {
  (void)state;
  static const struct match_case cases[] = {
      {"method: {exact: POST}", "POST reviews /", true},
      {"method: {exact: POST}", "post reviews /", false},
      {"method: {regex: 'GET|HEAD'}", "HEAD reviews /", true},
      {"scheme: {exact: http}", "GET reviews /", true},
      {"scheme: {exact: https}", "GET reviews /", false},
      {"authority: {exact: 'reviews:8080'}", "GET reviews:8080 /", true},
      {"authority: {exact: reviews}", "GET reviews:8080 /", false},
      {"authority: {prefix: rev}", "GET reviews:8080 /", true},
      {"authority: {prefix: rev}", "GET Reviews:8080 /", false},
  };
  CHECK(cases);
}

static void headers(void **state) {
  (void)state;
  static const struct match_case cases[] = {
      {"headers: {x-user: {exact: beta}}", "GET reviews / x-user:beta", true},
      {"headers: {X-User: {exact: beta}}", "GET reviews / X-USER:beta", true},
      {"headers: {x-user: {exact: beta}}", "GET reviews / x-user:Beta", false},
      {"headers: {x-user: {exact: beta}}", "GET reviews /", false},
      {"headers: {x-user: {prefix: be}}", "GET reviews / x-user:beta", true},
      {"headers: {x-user: {regex: 'b.*a'}}", "GET reviews / x-user:beta", true},
      {"headers: {x-user: {regex: 'b.*'}}", "GET reviews / x-user:abc", false},
      {"headers: {x-user: {}}", "GET reviews / x-user:", true},
      {"headers: {x-user: {}}", "GET reviews /", false},
      // Several fields of one name are one value.
      {"headers: {x-user: {exact: 'a,b'}}", "GET reviews / x-user:a x-user:b", true},
      {"headers: {x-user: {exact: a}}", "GET reviews / x-user:a x-user:b", false},
      {"headers: {'a!#$%&''*+-.^_`|~z': {exact: v}}", "GET reviews / a!#$%&'*+-.^_`|~z:v", true},
      {"headers: {':method': {exact: GET}}", "GET reviews /", true},
      {"headers: {':method': {exact: GET}}", "PUT reviews /", false},
      {"headers: {':path': {exact: '/a?b=c'}}", "GET reviews /a?b=c", true},
      {"headers: {':authority': {exact: reviews}}", "GET reviews /", true},
      {"headers: {':scheme': {exact: http}}", "GET reviews /", true},
      {"headers: {a: {exact: '1'}, b: {exact: '2'}}", "GET reviews / a:1 b:2", true},
      {"headers: {a: {exact: '1'}, b: {exact: '2'}}", "GET reviews / a:1", false},
  };
  CHECK(cases);
}

static void without_headers(void **state) {
  (void)state;
  static const struct match_case cases[] = {
      {"withoutHeaders: {x: {exact: a}}", "GET reviews / x:a", false},
      {"withoutHeaders: {x: {exact: a}}", "GET reviews / x:b", true},
      {"withoutHeaders: {x: {exact: a}}", "GET reviews /", true},
      {"withoutHeaders: {x: {}}", "GET reviews /", true},
      {"withoutHeaders: {x: {}}", "GET reviews / x:", false},
      {"withoutHeaders: {x: {regex: '*'}}", "GET reviews / x:1", false},
      {"withoutHeaders: {x: {regex: '*'}}", "GET reviews /", true},
      {"withoutHeaders: {x: {regex: '.*'}}", "GET reviews /", false}, // the empty value matches
      {"withoutHeaders: {x: {prefix: a}}", "GET reviews / x:ab", false},
  };
  CHECK(cases);
}

static void query_params(void **state) {
  (void)state;
  static const struct match_case cases[] = {
      {"queryParams: {k: {exact: v}}", "GET reviews /?k=v", true},
      {"queryParams: {k: {exact: v}}", "GET reviews /?a=b&k=v", true},
      {"queryParams: {k: {exact: v}}", "GET reviews /?k=w&k=v", false}, // the first counts
      {"queryParams: {k: {exact: v}}", "GET reviews /?K=v", false},
      {"queryParams: {k: {exact: v}}", "GET reviews /", false},
      {"queryParams: {k: {exact: ''}}", "GET reviews /?k", true},
      {"queryParams: {k: {exact: ''}}", "GET reviews /?k=", true},
      {"queryParams: {k: {exact: 'a b'}}", "GET reviews /?k=a%20b", false}, // raw
      {"queryParams: {k: {exact: 'a%20b'}}", "GET reviews /?k=a%20b", true},
      {"queryParams: {k: {}}", "GET reviews /?k", true},
      {"queryParams: {k: {}}", "GET reviews /?kk=1", false},
      {"queryParams: {k: {prefix: v}}", "GET reviews /?k=v1", true},
      {"queryParams: {k: {regex: '[0-9]+'}}", "GET reviews /?k=12", true},
      {"queryParams: {k: {regex: '[0-9]+'}}", "GET reviews /?k=12a", false},
  };
  CHECK(cases);
}

static void parts_about_the_proxy(void **state) {
  (void)state;
  static const struct match_case cases[] = {
      {"port: 8080", "GET reviews /", true},
      {"port: 8080", "GET reviews:8080 /", true},
      {"port: 9090", "GET reviews /", false},
      {"gateways: [mesh]", "GET reviews /", true},
      {"gateways: [my-gateway]", "GET reviews /", false},
      {"sourceLabels: {app: web}", "GET reviews /", false},
      {"sourceNamespace: serin-system", "GET reviews /", true},
      {"sourceNamespace: team1", "GET reviews /", false},
      // With gateways named, the source is not looked at.
      {"{gateways: [mesh], sourceNamespace: team1}", "GET reviews /", true},
  };
  CHECK(cases);
}

static void blocks_are_alternatives_and_fields_are_not(void **state) {
  (void)state;
  static const struct match_case cases[] = {
      {"uri: {exact: /a}\n    - uri: {exact: /b}", "GET reviews /b", true},
      {"uri: {exact: /a}\n    - uri: {exact: /b}", "GET reviews /c", false},
      {"{uri: {exact: /a}, method: {exact: GET}}", "PUT reviews /a", false},
  };
  CHECK(cases);
}

static void a_pattern_over_its_limit_refuses_the_request(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "reviews", "default", versions, 1);
  fixture_apply(&fixture,
                "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
                "metadata: {name: vs}\nspec:\n  hosts: [reviews]\n  http:\n"
                "  - match: [{uri: {regex: '/(a+)+'}}]\n    directResponse: {status: 299}\n"
                "  - directResponse: {status: 298}\n");
  struct proxy_table *table = fixture_build(&fixture);
  char line[2100] = "GET reviews /";
  memset(line + 13, 'a', 2000);
  line[2013] = '!';
  assert_true(str_eq(test_route(&fixture, table, line), STR("500")));
  assert_true(str_eq(test_route(&fixture, table, "GET reviews /aaa"), STR("299")));
  table_unref(table);
  fixture_dispose(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(uri),
      cmocka_unit_test(method_scheme_authority),
      cmocka_unit_test(headers),
      cmocka_unit_test(without_headers),
      cmocka_unit_test(query_params),
      cmocka_unit_test(parts_about_the_proxy),
      cmocka_unit_test(blocks_are_alternatives_and_fields_are_not),
      cmocka_unit_test(a_pattern_over_its_limit_refuses_the_request),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
