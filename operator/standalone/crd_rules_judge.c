// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/map.h"
#include "operator/standalone/crd_rules_state.h"

#include <stdarg.h>

#define MESSAGE_MAX (5u << 10) // bytes of a messageExpression's text
#define TEXT_MAX (256u << 10)

struct judge {
  struct arena *arena;
  struct findings *findings;
  int64_t budget; // negative: no further rule is run
};

// A value, the one it was before, and whether what it belongs to is as it was.
struct spot {
  struct str path;
  const struct json *value;
  const struct json *old;   // NULL: nothing it can be compared with
  const struct json *whole; // the nearest value around it that can be compared, and what it was
  const struct json *was;
};

static const struct str NO_FIELD = {"<nil>", 5};

static void report(struct judge *j, enum finding_level level, struct str path, const char *id,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));

static void report(struct judge *j, enum finding_level level, struct str path, const char *id,
                   const char *format, ...) {
  struct buf text;
  va_list args;
  buf_init(&text, TEXT_MAX);
  va_start(args, format);
  (void)buf_addv(&text, format, args);
  va_end(args);
  struct str shown = path.len ? path : NO_FIELD;
  if (level == FINDING_ERROR)
    findings_add(j->findings, level, STR(""), 0, shown, id, "%.*s", STR_ARG(buf_str(&text)));
  else
    findings_add(j->findings, level, STR(""), 0, shown, id, "%.*s: %.*s", STR_ARG(shown),
                 STR_ARG(buf_str(&text)));
  buf_dispose(&text);
}

static struct str type_of(const struct crd_rules *rules) {
  return json_get_string(rules->schema, "type");
}

static void fault(struct judge *j, const struct crd_rules *rules, const struct spot *at,
                  struct str text) {
  report(j, FINDING_ERROR, at->path, "invalid", "Invalid value: \"%.*s\": %.*s",
         STR_ARG(type_of(rules)), STR_ARG(text));
}

// --- What a rule says

static struct str words_of(const struct crd_rule *rule) {
  struct str message = json_get_string(rule->json, "message");
  return str_trim(message.len ? message : json_get_string(rule->json, "rule"));
}

static struct str own_message(const struct crd_rule *rule, struct arena *arena) {
  struct str message = json_get_string(rule->json, "message");
  if (message.len)
    return str_trim(message);
  return arena_printf(arena, "failed rule: %.*s", STR_ARG(words_of(rule)));
}

static void broken(struct judge *j, const struct crd_rules *rules, const struct crd_rule *rule,
                   const struct spot *at, struct str message, enum finding_level level) {
  struct str reason = json_get_string(rule->json, "reason"), path = at->path;
  if (rule->field.len)
    path = arena_printf(j->arena, "%.*s%s%.*s", STR_ARG(path),
                        path.len && rule->field.ptr[0] != '[' ? "." : "", STR_ARG(rule->field));
  if (str_eq_z(reason, "FieldValueRequired"))
    report(j, level, path, "required", "Required value: %.*s", STR_ARG(message));
  else if (str_eq_z(reason, "FieldValueForbidden"))
    report(j, level, path, "forbidden", "Forbidden: %.*s", STR_ARG(message));
  else if (str_eq_z(reason, "FieldValueDuplicate"))
    report(j, level, path, "duplicate", "Duplicate value: \"%.*s\"", STR_ARG(type_of(rules)));
  else
    report(j, level, path, "invalid", "Invalid value: \"%.*s\": %.*s", STR_ARG(type_of(rules)),
           STR_ARG(message));
}

// --- One rule

static bool is_unchanged(const struct spot *at) {
  if (at->old)
    return json_equal(at->value, at->old);
  return at->whole && json_equal(at->whole, at->was);
}

// False: the rest of the rules is not run.
static bool pay(struct judge *j, const struct crd_rules *rules, const struct spot *at,
                uint64_t cost) {
  j->budget -= (int64_t)cost;
  if (j->budget >= 0)
    return true;
  fault(j, rules, at,
        STR("validation failed due to running out of cost budget, no further validation rules will "
            "be run"));
  return false;
}

// The text of messageExpression; the rule's own message when it gives none that can be shown.
static struct str message_of(struct judge *j, const struct crd_rule *rule,
                             const struct cel_value *values, struct arena *scratch) {
  uint64_t cost;
  if (!rule->has_message)
    return own_message(rule, j->arena);
  struct cel_value value = cel_evaluate(&rule->message, values, scratch, &cost);
  j->budget -= (int64_t)cost;
  struct str text = value.kind == CEL_STRING ? str_trim(value.text) : STR("");
  if (!text.len || text.len > MESSAGE_MAX || str_find_char(text, '\n') >= 0)
    return own_message(rule, j->arena);
  return arena_str(j->arena, text);
}

static bool run_failed(struct judge *j, const struct crd_rules *rules, const struct crd_rule *rule,
                       const struct spot *at, struct str error) {
  struct str words = words_of(rule);
  if (str_starts(error, STR("operation cancelled"))) {
    fault(j, rules, at,
          arena_printf(j->arena,
                       "'%.*s': no further validation rules will be run due to call cost exceeds "
                       "limit for rule: %.*s",
                       STR_ARG(error), STR_ARG(words)));
    return false;
  }
  if (str_starts(error, STR("no such overload")))
    fault(j, rules, at,
          arena_printf(j->arena,
                       "'%.*s': call arguments did not match a supported operator, function or "
                       "macro signature for rule: %.*s",
                       STR_ARG(error), STR_ARG(words)));
  else
    fault(j, rules, at,
          arena_printf(j->arena, "%.*s evaluating rule: %.*s", STR_ARG(error), STR_ARG(words)));
  return true;
}

// False: the rest of the rules is not run.
static bool run_rule(struct judge *j, const struct crd_rules *rules, const struct crd_rule *rule,
                     const struct spot *at, const struct cel_value *values, struct arena *scratch) {
  uint64_t cost;
  if (rule->fault.ptr) {
    fault(j, rules, at, arena_printf(j->arena, "rule compile error: %.*s", STR_ARG(rule->fault)));
    return true;
  }
  if (rule->uses_old && !at->old && !rule->optional_old)
    return true;
  struct cel_value given[CRD_RULES_VARIABLES] = {values[0], values[1]};
  if (rule->optional_old)
    given[1] = at->old ? cel_some(scratch, values[1]) : cel_none();
  struct cel_value verdict = cel_evaluate(&rule->program, given, scratch, &cost);
  if (verdict.kind == CEL_ERROR && !run_failed(j, rules, rule, at, verdict.text))
    return false;
  if (!pay(j, rules, at, cost))
    return false;
  if (verdict.kind == CEL_ERROR || cel_is_true(verdict))
    return true;
  struct str message = message_of(j, rule, given, scratch);
  bool known = !rule->uses_old && is_unchanged(at);
  broken(j, rules, rule, at, message, known ? FINDING_WARNING : FINDING_ERROR);
  return pay(j, rules, at, 0);
}

static void run_rules(struct judge *j, const struct crd_rules *rules, const struct spot *at) {
  struct arena scratch;
  if (!rules->count)
    return;
  arena_init(&scratch);
  struct cel_value values[CRD_RULES_VARIABLES] = {cel_from_json(at->value, rules->type, &scratch)};
  if (at->old)
    values[1] = cel_from_json(at->old, rules->type, &scratch);
  for (size_t i = 0; i < rules->count; i++)
    if (!run_rule(j, rules, &rules->rules[i], at, values, &scratch)) {
      j->budget = -1;
      break;
    }
  arena_dispose(&scratch);
}

// --- The walk

static void walk(struct judge *j, const struct crd_rules *rules, const struct spot *at);

static struct spot below(const struct spot *at, const struct json *value, const struct json *old,
                         struct str path) {
  struct spot spot = {path, value, json_is(old, JSON_NULL) ? NULL : old, at->whole, at->was};
  if (at->old) {
    spot.whole = at->value;
    spot.was = at->old;
  }
  return spot;
}

static struct str identity(const struct json *item, const struct json *keys, struct arena *arena) {
  struct buf text;
  buf_init(&text, TEXT_MAX);
  JSON_EACH(key, keys) {
    const struct json *value = json_get_s(item, json_string(key));
    if (value)
      json_write(&text, value);
    buf_add_char(&text, '\n');
  }
  struct str result = arena_str(arena, buf_str(&text));
  buf_dispose(&text);
  return result;
}

// Items of a list are the same as before by their keys, and only in lists of type map.
static void walk_list(struct judge *j, const struct crd_rules *rules, const struct spot *at) {
  const struct json *keys = json_get(rules->schema, "x-kubernetes-list-map-keys");
  bool by_key = str_eq_z(json_get_string(rules->schema, "x-kubernetes-list-type"), "map");
  struct map before;
  size_t index = 0;
  map_init(&before);
  JSON_EACH(item, by_key && json_is(at->old, JSON_ARRAY) ? at->old : NULL) {
    struct str name = identity(item, keys, j->arena);
    if (!map_get(&before, name))
      (void)map_put(&before, name, item);
  }
  JSON_EACH(item, at->value) {
    const struct json *old = by_key ? map_get(&before, identity(item, keys, j->arena)) : NULL;
    struct spot spot =
        below(at, item, old, arena_printf(j->arena, "%.*s[%zu]", STR_ARG(at->path), index++));
    walk(j, rules->items, &spot);
  }
  map_dispose(&before);
}

static void walk_object(struct judge *j, const struct crd_rules *rules, const struct spot *at) {
  const struct json *old = json_is(at->old, JSON_OBJECT) ? at->old : NULL;
  JSON_EACH(item, rules->values ? at->value : NULL) {
    struct spot spot =
        below(at, item, json_get_s(old, item->key),
              arena_printf(j->arena, "%.*s[%.*s]", STR_ARG(at->path), STR_ARG(item->key)));
    walk(j, rules->values, &spot);
  }
  for (size_t i = 0; i < rules->member_count; i++) {
    struct str key = rules->members[i].key;
    const struct json *value = json_get_s(at->value, key);
    struct spot spot = below(at, value, json_get_s(old, key),
                             arena_printf(j->arena, "%.*s%s%.*s", STR_ARG(at->path),
                                          at->path.len ? "." : "", STR_ARG(key)));
    if (value)
      walk(j, rules->members[i].rules, &spot);
  }
}

static void walk(struct judge *j, const struct crd_rules *rules, const struct spot *at) {
  if (j->budget < 0 || json_is(at->value, JSON_NULL))
    return;
  run_rules(j, rules, at);
  if (rules->items && json_is(at->value, JSON_ARRAY))
    walk_list(j, rules, at);
  else if (json_is(at->value, JSON_OBJECT))
    walk_object(j, rules, at);
}

void crd_rules_judge(const struct crd_rules *rules, const struct json *object,
                     const struct json *old, struct str path, struct findings *findings) {
  struct judge j = {.arena = findings->arena, .findings = findings, .budget = CRD_RULES_COST_MAX};
  struct spot root = {.path = path, .value = object, .old = old};
  if (rules)
    walk(&j, rules, &root);
}
