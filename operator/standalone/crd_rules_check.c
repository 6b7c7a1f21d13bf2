// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "operator/standalone/crd_check.h"
#include "operator/standalone/crd_rules_cost.h"
#include "operator/standalone/crd_validate.h"
#include "operator/standalone/crd_value.h"

#include <string.h>

#define EXPENSIVE_MAX 4u        // that are named
#define EXPENSIVE_FROM 1000000u // what costs less is nobody's fault

// The rules that cost most, the worst first.
struct rules_costs {
  uint64_t total;
  struct {
    struct str path;
    uint64_t cost;
  } worst[EXPENSIVE_MAX];
  size_t count;
};

struct rules_checker {
  struct findings *findings;
  struct arena *arena;
  struct rules_costs costs;
};

// Where a schema stands, and the list around it whose items are not known again, if any.
struct rules_place {
  struct str path, uncorrelated;
  struct crd_rules_copies copies;
};

static void put_text(struct buf *out, const char *name, struct str text) {
  buf_addf(out, "\"%s\":", name);
  json_write_string(out, text.ptr ? text : STR(""));
  buf_add_char(out, ',');
}

struct str crd_rule_show(const struct json *rule, struct arena *arena) {
  struct buf plain, out;
  const struct json *optional = json_get(rule, "optionalOldSelf");
  struct str reason = json_get_string(rule, "reason");
  buf_init(&plain, 256u << 10);
  buf_init(&out, 1u << 20);
  buf_add_char(&plain, '{');
  put_text(&plain, "Rule", json_get_string(rule, "rule"));
  put_text(&plain, "Message", json_get_string(rule, "message"));
  put_text(&plain, "MessageExpression", json_get_string(rule, "messageExpression"));
  if (reason.len)
    put_text(&plain, "Reason", reason);
  else
    buf_add_z(&plain, "\"Reason\":null,");
  put_text(&plain, "FieldPath", json_get_string(rule, "fieldPath"));
  buf_addf(&plain, "\"OptionalOldSelf\":%s}",
           !optional                ? "null"
           : json_is_true(optional) ? "true"
                                    : "false");
  for (size_t i = 0; i < plain.len; i++) { // as Go writes JSON
    if (memchr("<>&", plain.ptr[i], 3))
      buf_addf(&out, "\\u%04x", (unsigned)plain.ptr[i]);
    else
      buf_add_char(&out, plain.ptr[i]);
  }
  struct str text = arena_str(arena, buf_str(&out));
  buf_dispose(&plain);
  buf_dispose(&out);
  return text;
}

static struct str child(struct rules_checker *c, struct str path, const char *name) {
  return arena_printf(c->arena, "%.*s.%s", STR_ARG(path), name);
}

// --- Words

static void wrong(struct rules_checker *c, struct str path, const char *name,
                  const struct json *value, const char *why) {
  crd_add(c->findings, child(c, path, name), "invalid", "Invalid value: %.*s: %s",
          STR_ARG(crd_show(value, c->arena)), why);
}

static bool has_lines(struct str text) {
  return str_find_char(text, '\n') >= 0 || str_find_char(text, '\r') >= 0;
}

static void check_message(struct rules_checker *c, const struct json *rule, struct str at) {
  const struct json *message = json_get(rule, "message");
  struct str source = str_trim(json_get_string(rule, "rule"));
  struct str says = str_trim(json_string(message));
  if (!source.len)
    crd_add(c->findings, child(c, at, "rule"), "required", "Required value: rule is not specified");
  else if (json_string(message).len && !says.len)
    wrong(c, at, "message", message, "must be non-empty if specified");
  else if (has_lines(says))
    wrong(c, at, "message", message, "must not contain line breaks");
  else if (has_lines(source) && !says.len)
    crd_add(c->findings, child(c, at, "message"), "required",
            "Required value: message must be specified if rule contains line breaks");
}

static void check_reason(struct rules_checker *c, const struct json *rule, struct str at) {
  static const char *const reasons[] = {"FieldValueDuplicate", "FieldValueForbidden",
                                        "FieldValueInvalid", "FieldValueRequired"};
  const struct json *reason = json_get(rule, "reason");
  for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
    if (!reason || str_eq_z(json_string(reason), reasons[i]))
      return;
  crd_add(c->findings, child(c, at, "reason"), "enum",
          "Unsupported value: %.*s: supported values: \"FieldValueDuplicate\", "
          "\"FieldValueForbidden\", \"FieldValueInvalid\", \"FieldValueRequired\"",
          STR_ARG(crd_show(reason, c->arena)));
}

static void check_field_path(struct rules_checker *c, const struct json *schema,
                             const struct json *rule, struct str at) {
  const struct json *path = json_get(rule, "fieldPath");
  struct str text = json_string(path), field;
  if (!text.len)
    return;
  if (!str_trim(text).len)
    wrong(c, at, "fieldPath", path, "must be non-empty if specified");
  if (has_lines(text))
    wrong(c, at, "fieldPath", path, "must not contain line breaks");
  if (!crd_rule_field(schema, text, c->arena, &field))
    wrong(c, at, "fieldPath", path, "must be a valid path");
}

void crd_rules_check_words(const struct json *schema, struct str path, struct findings *findings) {
  struct rules_checker c = {findings, findings->arena, {0}};
  size_t index = 0;
  JSON_EACH(rule, json_get(schema, "x-kubernetes-validations")) {
    struct str at =
        arena_printf(c.arena, "%.*s.x-kubernetes-validations[%zu]", STR_ARG(path), index++);
    struct str expression = json_get_string(rule, "messageExpression");
    check_message(&c, rule, at);
    if (expression.len && !str_trim(expression).len)
      crd_add(findings, child(&c, at, "messageExpression"), "required",
              "Required value: messageExpression must be non-empty if specified");
    check_reason(&c, rule, at);
    check_field_path(&c, schema, rule, at);
  }
}

// --- One rule

static void check_old(struct rules_checker *c, const struct crd_rule *rule, struct str at,
                      const struct rules_place *place) {
  const struct json *optional = json_get(rule->json, "optionalOldSelf");
  struct str source = json_get_string(rule->json, "rule");
  if (rule->uses_old && place->uncorrelated.ptr)
    crd_add(c->findings, child(c, at, "rule"), "invalid",
            "Invalid value: %.*s: oldSelf cannot be used on the uncorrelatable portion of the "
            "schema within %.*s",
            STR_ARG(json_text(c->arena, json_new_string(c->arena, source))),
            STR_ARG(place->uncorrelated));
  else if (!rule->uses_old && optional)
    crd_add(c->findings, child(c, at, "optionalOldSelf"), "invalid",
            "Invalid value: %s: may not be set if oldSelf is not used in rule",
            json_is_true(optional) ? "true" : "false");
}

static void note_cost(struct rules_costs *costs, struct str path, uint64_t cost) {
  size_t at = costs->count;
  costs->total = costs->total > UINT64_MAX - cost ? UINT64_MAX : costs->total + cost;
  if (cost < EXPENSIVE_FROM)
    return;
  while (at > 0 && costs->worst[at - 1].cost < cost)
    at--;
  if (at == EXPENSIVE_MAX)
    return;
  costs->count += costs->count < EXPENSIVE_MAX;
  for (size_t i = costs->count - 1; i > at; i--)
    costs->worst[i] = costs->worst[i - 1];
  costs->worst[at].path = path;
  costs->worst[at].cost = cost;
}

#define TOO_MUCH                                                                                   \
  " exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, "    \
  "maxProperties, and maxLength where arrays, maps, and strings are declared)"

static void check_cost(struct rules_checker *c, const struct crd_rule *rule,
                       const struct json *schema, struct str at, const struct rules_place *place) {
  uint64_t cost = crd_rules_cost(rule, schema, place->copies);
  struct str path = child(c, at, "rule");
  if (cost > CRD_RULES_COST_REFUSED)
    crd_add(c->findings, path, "forbidden", "Forbidden: estimated rule cost" TOO_MUCH);
  note_cost(&c->costs, path, cost);
}

static void check_costs(struct rules_checker *c, struct str path) {
  if (c->costs.total <= CRD_RULES_COST_REFUSED)
    return;
  for (size_t i = 0; i < c->costs.count; i++)
    crd_add(c->findings, c->costs.worst[i].path, "forbidden",
            "Forbidden: contributed to estimated rule cost total exceeding cost limit for entire "
            "OpenAPIv3 schema");
  crd_add(c->findings, path, "forbidden",
          "Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 "
          "schema" TOO_MUCH);
}

static void check_rule(struct rules_checker *c, const struct crd_rule *rule, struct str at,
                       const struct rules_place *place) {
  if (rule->fault.ptr)
    crd_add(c->findings, child(c, at, "rule"), "invalid", "Invalid value: %.*s: %.*s",
            STR_ARG(crd_rule_show(rule->json, c->arena)), STR_ARG(rule->fault));
  if (rule->message_fault.ptr)
    crd_add(c->findings, child(c, at, "messageExpression"), "invalid", "Invalid value: %.*s: %.*s",
            STR_ARG(crd_rule_show(rule->json, c->arena)), STR_ARG(rule->message_fault));
  check_old(c, rule, at, place);
}

// --- The walk

static void walk(struct rules_checker *c, const struct crd_rules *rules,
                 const struct rules_place *place) {
  struct rules_place below = *place;
  size_t index = 0, compiled = 0;
  JSON_EACH(rule, json_get(rules->schema, "x-kubernetes-validations")) {
    struct str at =
        arena_printf(c->arena, "%.*s.x-kubernetes-validations[%zu]", STR_ARG(place->path), index++);
    if (compiled < rules->count && rules->rules[compiled].json == rule)
      check_cost(c, &rules->rules[compiled], rules->schema, at, place);
    if (compiled < rules->count && rules->rules[compiled].json == rule)
      check_rule(c, &rules->rules[compiled++], at, place);
  }
  if (json_get(rules->schema, "x-kubernetes-validations") && !rules->type)
    crd_add(c->findings, child(c, place->path, "x-kubernetes-validations"), "internal",
            "Internal error: internal error: failed to construct type information for "
            "x-kubernetes-validations rules: unable to convert structural schema to CEL "
            "declarations");
  for (size_t i = 0; i < rules->member_count; i++) {
    below.path = arena_printf(c->arena, "%.*s.properties[%.*s]", STR_ARG(place->path),
                              STR_ARG(rules->members[i].key));
    walk(c, rules->members[i].rules, &below);
  }
  below.path = child(c, place->path, "additionalProperties");
  if (rules->values || rules->items)
    below.copies = crd_rules_copies_below(place->copies, rules->schema);
  if (rules->values)
    walk(c, rules->values, &below);
  below.path = child(c, place->path, "items");
  if (!str_eq_z(json_get_string(rules->schema, "x-kubernetes-list-type"), "map") &&
      !below.uncorrelated.ptr)
    below.uncorrelated = place->path;
  if (rules->items)
    walk(c, rules->items, &below);
}

// --- Defaults

static void judge_default(struct rules_checker *c, const struct json *schema, struct str path) {
  const struct json *value = json_get(schema, "default");
  const struct crd_rules *rules =
      crd_rules_compile(schema, crd_flag(schema, "x-kubernetes-embedded-resource"), c->arena);
  struct str at = child(c, path, "default");
  size_t before = c->findings->errors;
  crd_rules_judge(rules, value, value, at, c->findings);
  if (c->findings->errors == before) // as it would come new
    crd_rules_judge(rules, value, NULL, at, c->findings);
}

static void walk_defaults(struct rules_checker *c, const struct json *schema, struct str path) {
  if (!json_is(schema, JSON_OBJECT))
    return;
  if (json_get(schema, "default"))
    judge_default(c, schema, path);
  JSON_EACH(property, json_get(schema, "properties"))
    walk_defaults(
        c, property,
        arena_printf(c->arena, "%.*s.properties[%.*s]", STR_ARG(path), STR_ARG(property->key)));
  walk_defaults(c, json_get(schema, "items"), child(c, path, "items"));
}

void crd_rules_check(const struct json *schema, struct str path, struct findings *findings) {
  struct rules_checker c = {findings, findings->arena, {0}};
  struct rules_place root = {.path = path, .copies = {.count = 1}};
  size_t before = findings->errors;
  const struct crd_rules *rules = crd_rules_compile(schema, true, c.arena);
  if (!rules)
    return;
  walk(&c, rules, &root);
  check_costs(&c, path);
  if (findings->errors == before)
    walk_defaults(&c, schema, path);
}
