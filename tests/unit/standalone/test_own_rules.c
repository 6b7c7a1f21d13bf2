// SPDX-License-Identifier: Apache-2.0
// The rules in CEL of Serin's own definitions say what the checks in C say: each has an object that
// it and they refuse, and what is good is good to both.
#include "manifests/base/bug.h"
#include "manifests/kinds/registry.h"
#include "manifests/schema/decode.h"
#include "manifests/schema/defaults.h"
#include "manifests/text/json_patch.h"
#include "manifests/text/yaml.h"
#include "operator/standalone/crd_rules.h"
#include "operator/standalone/crd_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

static const char PAIR[] =
    "{\"apiVersion\":\"serin.dev/"
    "v1alpha1\",\"kind\":\"Rollout\",\"metadata\":{\"name\":\"r\"},\"spec\":{"
    "\"stable\":{\"deployment\":\"a\",\"subset\":\"v1\"},\"canary\":{\"deployment\":\"b\","
    "\"subset\":\"v2\"},"
    "\"traffic\":{\"virtualService\":{\"name\":\"vs\"},\"destinationRule\":\"dr\"}}}";
static const char ROUTE[] =
    "{\"apiVersion\":\"serin.dev/"
    "v1alpha1\",\"kind\":\"Rollout\",\"metadata\":{\"name\":\"r\"},\"spec\":{"
    "\"replicas\":2,\"selector\":{\"matchLabels\":{\"app\":\"a\"}},\"template\":{\"metadata\":{"
    "\"labels\":{"
    "\"app\":\"a\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"}]}},\"traffic\":{"
    "\"httpRoute\":{"
    "\"name\":\"h\",\"stableService\":\"s\"}}}}";
static const char SET[] =
    "{\"apiVersion\":\"serin.dev/"
    "v1alpha1\",\"kind\":\"MetricSet\",\"metadata\":{\"name\":\"m\"},\"spec\":{"
    "\"metrics\":[{\"name\":\"error-rate\"}]}}";
static const char ACTION[] =
    "{\"apiVersion\":\"serin.dev/"
    "v1alpha1\",\"kind\":\"RolloutAction\",\"metadata\":{\"name\":\"a\"},\"spec\":{"
    "\"rollout\":\"r\",\"verb\":\"promote\"}}";

struct own_case {
  const char *base, *patch, *message; // a part of it; NULL: good
};

#define ANALYSIS(text) "{\"spec\":{\"analysis\":{" text "}}}"
#define METRIC(text) ANALYSIS("\"metrics\":[{" text "}]")
#define NOTIFY(text) "{\"spec\":{\"notifications\":[{\"name\":\"n\"," text "}]}}"
#define SET_METRIC(text) "{\"spec\":{\"metrics\":[{" text "}]}}"
#define NARROW                                                                                     \
  "\"tolerance\":{\"ratio\":2,\"points\":\"2%\"},\"accept\":{\"ratio\":1.5,\"points\":\"1%\"}"

static const struct own_case CASES[] = {
    {PAIR, "{}", NULL},
    {ROUTE, "{}", NULL},
    {SET, "{}", NULL},
    {ACTION, "{}", NULL},
    {ACTION, "{\"spec\":{\"verb\":\"undo\",\"toRevision\":3}}", NULL},
    {PAIR, METRIC("\"name\":\"own\",\"query\":\"up\",\"limit\":5"), NULL},
    {PAIR, NOTIFY("\"form\":\"teams\",\"secretRef\":{\"name\":\"s\"}"), NULL},
    {PAIR, NOTIFY("\"url\":\"http://e.com\",\"allowHTTP\":true,\"secretRef\":{\"name\":\"s\"}"),
     NULL},
    {PAIR, "{\"spec\":{\"traffic\":{\"httpRoute\":{\"name\":\"h\",\"stableService\":\"s\"}}}}",
     "name the routes whose weights are set in one way"},
    {PAIR, "{\"spec\":{\"traffic\":{\"destinationRule\":null}}}",
     "destinationRule is required beside VirtualServices"},
    {ROUTE, "{\"spec\":{\"traffic\":{\"destinationRule\":\"d\"}}}",
     "destinationRule is required beside VirtualServices"},
    {PAIR,
     "{\"spec\":{\"traffic\":{\"virtualService\":null,\"virtualServices\":[{\"name\":\"a\"},{"
     "\"name\":\"b\"},"
     "{\"name\":\"c\"},{\"name\":\"d\"},{\"name\":\"e\"},{\"name\":\"f\"},{\"name\":\"g\"},{"
     "\"name\":\"h\"},"
     "{\"name\":\"i\"}]}}}",
     "virtualServices: at most 8 are driven"},
    {PAIR, "{\"spec\":{\"steps\":[{\"deploy\":{\"replicas\":0}},{\"setWeight\":100}]}}",
     "replicas: expected proportional"},
    {PAIR, "{\"spec\":{\"steps\":[{\"deploy\":{\"replicas\":\"101%\"}},{\"setWeight\":100}]}}",
     "replicas: expected proportional"},
    {PAIR, ANALYSIS("\"prometheus\":{\"address\":\"ftp://x\"}"),
     "address: expected http:// or https://"},
    {PAIR, ANALYSIS("\"prometheus\":{\"address\":\"http://u:p@x\"}"),
     "address: expected http:// or https://"},
    {PAIR, ANALYSIS("\"judge\":{\"type\":\"rank\",\"rank\":{\"pass\":50,\"marginal\":60}}"),
     "rank.marginal is above rank.pass"},
    {PAIR,
     ANALYSIS("\"judge\":{\"type\":\"burnRate\",\"burnRate\":{\"shortWindow\":\"2h\","
              "\"longWindow\":\"1h\"}}"),
     "burnRate.shortWindow is longer than longWindow"},
    {PAIR, METRIC("\"name\":\"own\",\"limit\":5"), "error-rate and latency-pNN are built in"},
    {PAIR, METRIC("\"name\":\"error-rate\",\"query\":\"up\""),
     "error-rate and latency-pNN are built in"},
    {PAIR, METRIC("\"name\":\"error-rate\"," NARROW),
     "accept must be at least as wide as tolerance"},
    {PAIR, METRIC("\"name\":\"own\",\"query\":\"up\",\"limit\":5,\"tolerance\":{\"ratio\":2}"),
     "tolerance and accept are for built-in metrics"},
    {PAIR, NOTIFY("\"form\":\"slack\""), "url is required, here or as the key url"},
    {PAIR, NOTIFY("\"url\":\"https://e.com\""), "secretRef is required: the generic form"},
    {PAIR, NOTIFY("\"form\":\"slack\",\"url\":\"http://e.com\""), "url: expected https://"},
    {PAIR, NOTIFY("\"form\":\"slack\",\"url\":\"https://e.com\",\"on\":[\"bored\"]"),
     "on: expected paused, holding"},
    {PAIR, "{\"spec\":{\"traffic\":null}}", "traffic is required"},
    {PAIR, "{\"spec\":{\"workloadRef\":{\"name\":\"w\"}}}", "say what is released in one form"},
    {PAIR, "{\"spec\":{\"stable\":null,\"canary\":null}}", "say what is released in one form"},
    {PAIR, "{\"spec\":{\"canary\":null}}", "stable and canary are given together"},
    {ROUTE, "{\"spec\":{\"selector\":null}}", "selector and template are given together"},
    {PAIR, "{\"spec\":{\"canary\":{\"deployment\":\"a\"}}}",
     "canary.deployment is the same Deployment"},
    {PAIR, "{\"spec\":{\"canary\":{\"subset\":\"v1\"}}}", "canary.subset is the same subset"},
    {PAIR, "{\"spec\":{\"canary\":{\"subset\":null}}}",
     "stable.subset and canary.subset are required beside"},
    {ROUTE, "{\"spec\":{\"traffic\":{\"httpRoute\":{\"canaryService\":\"c\"}}}}",
     "httpRoute.canaryService is given with stable and canary"},
    {ROUTE,
     "{\"spec\":{\"traffic\":{\"httpRoute\":null,\"grpcRoute\":{\"name\":\"h\",\"stableService\":"
     "\"s\","
     "\"canaryService\":\"c\"}}}}",
     "grpcRoute.canaryService is given with stable and canary"},
    {PAIR,
     "{\"spec\":{\"steps\":[{\"decommission\":{\"action\":\"scaleDown\"}},{\"setWeight\":100}]}}",
     "decommission must be the last step"},
    {SET, SET_METRIC("\"name\":\"own\",\"limit\":5"), "error-rate and latency-pNN are built in"},
    {SET, SET_METRIC("\"name\":\"error-rate\"," NARROW), "accept must be at least as wide"},
    {SET, SET_METRIC("\"name\":\"own\",\"query\":\"up\",\"limit\":5,\"accept\":{\"ratio\":2}"),
     "tolerance and accept are for built-in metrics"},
    {ACTION, "{\"spec\":{\"toRevision\":3}}", "toRevision is for the verb undo only"},
};

static const struct json *schema_of(const char *plural, struct arena *arena) {
  char path[512], *text;
  long size;
  struct yaml_doc *docs;
  (void)snprintf(path, sizeof path, "%s/manifests/install/crds/%s.yaml", SERIN_SOURCE_DIR, plural);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  (void)fseek(file, 0, SEEK_END);
  size = ftell(file);
  rewind(file);
  text = arena_alloc(arena, (size_t)size + 1);
  assert_int_equal(fread(text, 1, (size_t)size, file), size);
  (void)fclose(file);
  struct findings findings;
  findings_init(&findings, arena);
  assert_int_equal(
      yaml_parse((struct str){text, (size_t)size}, STR("crd"), arena, &docs, &findings), 1);
  return json_path(docs[0].root, "spec.versions.0.schema.openAPIV3Schema");
}

static struct json *object_of(const struct own_case *c, struct arena *arena) {
  struct json *base, *patch;
  assert_int_equal(json_parse(str_of(c->base), arena, &base, NULL), 0);
  assert_int_equal(json_parse(str_of(c->patch), arena, &patch, NULL), 0);
  return json_merge_patch(arena, base, patch);
}

static bool says(const struct findings *found, const char *message) {
  for (size_t i = 0; i < found->count; i++)
    if (str_contains(found->items[i].message, str_of(message)))
      return true;
  return false;
}

static void judge_both(const struct own_case *c, struct arena *arena) {
  struct json *object = object_of(c, arena);
  const struct kind_desc *kind =
      kind_find(json_get_string(object, "apiVersion"), json_get_string(object, "kind"));
  struct decode_options options = {.unknown = UNKNOWN_ERROR};
  struct findings ours, theirs;
  void *decoded;
  findings_init(&ours, arena);
  findings_init(&theirs, arena);
  (void)kind_decode(kind, object, &options, arena, &ours, &decoded);
  const struct json *schema = schema_of(kind->plural, arena);
  const struct crd_rules *rules = crd_rules_compile(schema, true, arena);
  crd_default(schema, object, arena);
  crd_rules_judge(rules, object, NULL, STR(""), &theirs);
  for (size_t i = 0; i < theirs.count && !c->message; i++)
    print_error("%s: %.*s\n", c->patch, STR_ARG(theirs.items[i].message));
  for (size_t i = 0; i < ours.count && !c->message; i++)
    print_error("%s: %.*s\n", c->patch, STR_ARG(ours.items[i].message));
  if (!c->message && (ours.errors || theirs.errors))
    fail_msg("good, but refused: %s", c->patch);
  if (c->message && !says(&theirs, c->message))
    fail_msg("the rule does not refuse: %s (%s)", c->patch, c->message);
  if (c->message && !ours.errors)
    fail_msg("the check in C does not refuse: %s (%s)", c->patch, c->message);
}

static void both_judge_alike(void **state) {
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
    struct arena arena;
    arena_init(&arena);
    judge_both(&CASES[i], &arena);
    arena_dispose(&arena);
  }
}

static size_t missing_cases(const struct json *schema, const char *kind) {
  size_t missing = 0;
  JSON_EACH(rule, json_get(schema, "x-kubernetes-validations")) {
    struct str message = json_get_string(rule, "message");
    bool found = str_contains(json_get_string(rule, "rule"), STR("oldSelf")); // see below
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
      found = found || (CASES[i].message && str_contains(message, str_of(CASES[i].message)) &&
                        str_contains(str_of(CASES[i].base), str_of(kind)));
    if (!found)
      print_error("%s: no object breaks \"%.*s\"\n", kind, STR_ARG(message));
    missing += !found;
  }
  JSON_EACH(property, json_get(schema, "properties"))
    missing += missing_cases(property, kind);
  const struct json *items = json_get(schema, "items"),
                    *more = json_get(schema, "additionalProperties");
  return missing + (items ? missing_cases(items, kind) : 0) +
         (json_is(more, JSON_OBJECT) ? missing_cases(more, kind) : 0);
}

static void each_rule_compiles_and_has_its_object(void **state) {
  (void)state;
  static const struct {
    const char *plural, *kind;
  } KINDS[] = {{"rollouts", "\"Rollout\""},
               {"metricsets", "\"MetricSet\""},
               {"rolloutactions", "\"RolloutAction\""}};
  for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
    struct arena arena;
    struct findings found;
    arena_init(&arena);
    findings_init(&found, &arena);
    const struct json *schema = schema_of(KINDS[i].plural, &arena);
    crd_rules_check(schema, STR("schema"), &found);
    for (size_t k = 0; k < found.count; k++)
      print_error("%.*s: %.*s\n", STR_ARG(found.items[k].path), STR_ARG(found.items[k].message));
    assert_int_equal(found.count, 0);
    assert_int_equal(missing_cases(schema, KINDS[i].kind), 0);
    arena_dispose(&arena);
  }
}

// An action's spec never changes: the server says so of its own kind, the rule on a cluster.
static void actions_are_immutable(void **state) {
  (void)state;
  struct arena arena;
  struct findings found;
  arena_init(&arena);
  const struct own_case now = {ACTION, "{\"spec\":{\"verb\":\"abort\"}}", NULL};
  const struct own_case was = {ACTION, "{}", NULL};
  const struct crd_rules *rules =
      crd_rules_compile(schema_of("rolloutactions", &arena), true, &arena);
  findings_init(&found, &arena);
  crd_rules_judge(rules, object_of(&was, &arena), object_of(&was, &arena), STR(""), &found);
  assert_int_equal(found.count, 0);
  crd_rules_judge(rules, object_of(&now, &arena), object_of(&was, &arena), STR(""), &found);
  assert_true(found.errors == 1 && says(&found, "spec is immutable"));
  assert_true(kind_find_name(STR("rolloutactions"))->immutable_spec);
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_judge_alike),
      cmocka_unit_test(each_rule_compiles_and_has_its_object),
      cmocka_unit_test(actions_are_immutable),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
