// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/value_rules.h"
#include "manifests/base/bug.h"
#include "operator/standalone/crd_validate.h"

#include <stdarg.h>
#include <string.h>

#define PATH_BYTES 4096

void value_fault(struct value_check *check, struct str path, const char *rest, const char *id,
                 const char *format, ...) {
  struct buf text;
  va_list args;
  buf_init(&text, 64u << 10);
  va_start(args, format);
  (void)buf_addv(&text, format, args);
  va_end(args);
  const char *dot = rest && rest[0] && rest[0] != '[' && path.len ? "." : "";
  struct str at = arena_printf(check->arena, "%.*s%s%s", STR_ARG(path), dot, rest ? rest : "");
  findings_add(check->findings, FINDING_ERROR, STR(""), 0, at, id, "%.*s", STR_ARG(buf_str(&text)));
  buf_dispose(&text);
}

void value_invalid(struct value_check *check, struct str path, const char *rest,
                   const struct json *value, const char *why) {
  value_fault(check, path, rest, VALUE_INVALID_ID, "Invalid value: %.*s: %s",
              STR_ARG(crd_show(value, check->arena)), why);
}

bool value_is_empty(const struct json *value) {
  if (!value || json_is(value, JSON_NULL))
    return true;
  if (json_is(value, JSON_STRING))
    return json_string(value).len == 0;
  return (json_is(value, JSON_ARRAY) || json_is(value, JSON_OBJECT)) && value->count == 0;
}

// --- Tests of one value

static void test_required(struct value_check *check, const struct value_rule *rule,
                          const struct json *value, struct str path) {
  bool absent = value_is_empty(value) || (json_is(value, JSON_INT) && value->integer == 0);
  if (absent && !json_is(value, JSON_OBJECT))
    value_fault(check, path, NULL, VALUE_REQUIRED_ID, "Required value%s%s", rule->words ? ": " : "",
                rule->words ? rule->words : "");
}

static void test_choice(struct value_check *check, const char *choices, const struct json *value,
                        struct str path) {
  struct str rest = str_of(choices), choice, text = json_string(value);
  struct buf list;
  if (value_is_empty(value))
    return;
  buf_init(&list, PATH_BYTES);
  while (str_next(&rest, ',', &choice)) {
    if (str_eq(choice, text)) {
      buf_dispose(&list);
      return;
    }
    buf_addf(&list, "%s\"%.*s\"", list.len ? ", " : "", STR_ARG(choice));
  }
  value_fault(check, path, NULL, VALUE_CHOICE_ID, "Unsupported value: %.*s: supported values: %.*s",
              STR_ARG(crd_show(value, check->arena)), STR_ARG(buf_str(&list)));
  buf_dispose(&list);
}

static void test_number(struct value_check *check, const struct value_rule *rule,
                        const struct json *value, struct str path) {
  if (!json_is(value, JSON_INT) || (value->integer >= rule->low && value->integer <= rule->high))
    return;
  struct str why =
      arena_printf(check->arena, "must be greater than or equal to %lld", (long long)rule->low);
  if (rule->high != INT64_MAX)
    why = arena_printf(check->arena, "must be between %lld and %lld, inclusive",
                       (long long)rule->low, (long long)rule->high);
  value_invalid(check, path, NULL, value, why.ptr);
}

static void test_form(struct value_check *check, const struct value_form *form,
                      const struct json *value, struct str path) {
  if (json_string(value).len && !form->is_valid(json_string(value)))
    value_invalid(check, path, NULL, value, form->why);
}

static void test_items(struct value_check *check, const struct value_form *form,
                       const struct json *list, struct str path) {
  size_t index = 0;
  JSON_EACH(item, json_is(list, JSON_ARRAY) ? list : NULL) {
    if (!form->is_valid(json_string(item)))
      value_invalid(check, path, arena_printf(check->arena, "[%zu]", index).ptr, item, form->why);
    index++;
  }
}

static void test_keys(struct value_check *check, const struct value_form *form,
                      const struct json *map, struct str path) {
  JSON_EACH(item, json_is(map, JSON_OBJECT) ? map : NULL)
    if (!form->is_valid(item->key))
      value_fault(check, path, NULL, VALUE_INVALID_ID, "Invalid value: \"%.*s\": %s",
                  STR_ARG(str_slice(item->key, 0, 512)), form->why);
}

static void test_unique(struct value_check *check, const char *member, const struct json *list,
                        struct str path) {
  size_t index = 0;
  JSON_EACH(item, json_is(list, JSON_ARRAY) ? list : NULL) {
    struct str text = json_get_string(item, member);
    for (struct json *before = list->child; text.len && before != item; before = before->next)
      if (str_eq(json_get_string(before, member), text)) {
        value_fault(check, path, arena_printf(check->arena, "[%zu].%s", index, member).ptr,
                    VALUE_DUPLICATE_ID, "Duplicate value: \"%.*s\"", STR_ARG(text));
        break;
      }
    index++;
  }
}

static bool is_share(struct str text) {
  int64_t number;
  return str_ends(text, STR("%")) && text.ptr[0] >= '0' && text.ptr[0] <= '9' &&
         str_to_i64(str_slice(text, 0, text.len - 1), &number);
}

static void test_share(struct value_check *check, const struct json *value, struct str path) {
  if (json_is(value, JSON_INT) && value->integer < 0)
    value_invalid(check, path, NULL, value, "must be greater than or equal to 0");
  else if (json_is(value, JSON_STRING) && !is_share(value->string))
    value_invalid(check, path, NULL, value,
                  "a valid percent string must be a numeric string followed by an ending '%' "
                  "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')");
}

static void test_quantities(struct value_check *check, const struct json *map, struct str path) {
  JSON_EACH(item, json_is(map, JSON_OBJECT) ? map : NULL)
    if (!value_is_quantity(item))
      value_fault(check, path, item->key.ptr, VALUE_UNREADABLE_ID,
                  "quantities must match the regular expression "
                  "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

static bool both_equal(const struct json *a, const struct json *b) {
  if (value_is_empty(a) && value_is_empty(b))
    return true;
  return a && b && json_equal(a, b);
}

static void test_fixed(struct value_check *check, const struct value_rule *rule,
                       const struct json *value, const struct json *old, struct str path) {
  if (check->old && !both_equal(value, old))
    value_invalid(check, path, NULL, value, rule->words ? rule->words : "field is immutable");
}

static void test(struct value_check *check, const struct value_rule *rule, const struct json *value,
                 const struct json *old, struct str path) {
  if (json_is(value, JSON_NULL))
    value = NULL;
  switch (rule->test) {
  case VALUE_REQUIRED: test_required(check, rule, value, path); return;
  case VALUE_ONE_OF: test_choice(check, rule->words, value, path); return;
  case VALUE_NUMBER: test_number(check, rule, value, path); return;
  case VALUE_FORM: test_form(check, rule->form, value, path); return;
  case VALUE_ITEMS: test_items(check, rule->form, value, path); return;
  case VALUE_KEYS: test_keys(check, rule->form, value, path); return;
  case VALUE_UNIQUE: test_unique(check, rule->words, value, path); return;
  case VALUE_SHARE: test_share(check, value, path); return;
  case VALUE_QUANTITY: test_quantities(check, value, path); return;
  case VALUE_FIXED: test_fixed(check, rule, value, old, path); return;
  case VALUE_CHECK: rule->check(check, value, path); return;
  case VALUE_RULES: value_run(check, rule->rules, value, old, path); return;
  }
}

// --- Paths

struct step {
  struct str name;
  bool optional, items, values;
};

static struct step read_step(struct str text) {
  struct step step = {.name = text};
  if (str_ends(text, STR("?")))
    step = (struct step){str_slice(text, 0, text.len - 1), .optional = true};
  else if (str_ends(text, STR("[]")))
    step = (struct step){str_slice(text, 0, text.len - 2), .items = true};
  else if (str_ends(text, STR("{}")))
    step = (struct step){str_slice(text, 0, text.len - 2), .values = true};
  return step;
}

static void walk(struct value_check *check, const struct value_rule *rule, struct str rest,
                 const struct json *value, const struct json *old, struct str path);

static void walk_many(struct value_check *check, const struct value_rule *rule, struct str rest,
                      const struct json *many, struct str path, bool list) {
  size_t index = 0;
  JSON_EACH(item, json_is(many, list ? JSON_ARRAY : JSON_OBJECT) ? many : NULL) {
    struct str at =
        list ? arena_printf(check->arena, "%.*s[%zu]", STR_ARG(path), index)
             : arena_printf(check->arena, "%.*s[%.*s]", STR_ARG(path), STR_ARG(item->key));
    walk(check, rule, rest, item, NULL, at);
    index++;
  }
}

static void walk(struct value_check *check, const struct value_rule *rule, struct str rest,
                 const struct json *value, const struct json *old, struct str path) {
  struct str text;
  if (rest.len == 0 || !str_next(&rest, '.', &text)) {
    test(check, rule, value, old, path);
    return;
  }
  struct step step = read_step(text);
  const struct json *next = json_get_s(value, step.name);
  struct str at = arena_printf(check->arena, "%.*s%s%.*s", STR_ARG(path), path.len ? "." : "",
                               STR_ARG(step.name));
  if (step.optional && (!next || json_is(next, JSON_NULL)))
    return;
  if (step.items || step.values)
    walk_many(check, rule, rest, next, at, step.items);
  else
    walk(check, rule, rest, next, json_get_s(old, step.name), at);
}

void value_run(struct value_check *check, const struct value_rule *rules, const struct json *value,
               const struct json *old, struct str path) {
  for (; rules && rules->path; rules++)
    walk(check, rules, str_of(rules->path), value, old, path);
}

void value_check_object(const struct kind_desc *kind, const struct json *object,
                        const struct json *old, struct str version, struct arena *arena,
                        struct findings *findings) {
  struct value_check check = {arena, findings, object, old, version};
  static const struct value_kind *const tables[] = {
      value_workload_kinds, value_core_kinds,   value_record_kinds, value_network_kinds,
      value_policy_kinds,   value_access_kinds, value_status_kinds};
  value_run(&check, value_metadata_rules, object, old, STR(""));
  if (kind->builtin)
    value_run(&check, value_own_metadata_rules, object, old, STR(""));
  for (size_t i = 0; kind->builtin && i < ARRAY_LEN(tables); i++)
    for (const struct value_kind *row = tables[i]; row->kind; row++)
      if (row->kind == kind)
        value_run(&check, row->rules, object, old, STR(""));
}
