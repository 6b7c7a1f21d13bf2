// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/crd_rules_state.h"
#include "operator/standalone/crd_value.h"

static bool has_rules(const struct json *schema) {
  if (!json_is(schema, JSON_OBJECT))
    return false;
  const struct json *own = json_get(schema, "x-kubernetes-validations");
  if (json_is(own, JSON_ARRAY) && own->count)
    return true;
  JSON_EACH(property, json_get(schema, "properties"))
    if (has_rules(property))
      return true;
  return has_rules(json_get(schema, "items")) ||
         has_rules(json_get(schema, "additionalProperties"));
}

// --- fieldPath

// Takes "'text'" with its escapes off the front.
static bool take_quoted(struct str *rest, struct buf *out) {
  for (size_t i = 1; i < rest->len; i++) {
    char c = rest->ptr[i];
    if (c == '\'') {
      *rest = str_slice(*rest, i + 1, rest->len);
      return true;
    }
    if (c == '\\' && i + 1 < rest->len)
      c = rest->ptr[++i];
    buf_add_char(out, c);
  }
  return false;
}

static bool take_step(struct str *rest, struct buf *out, bool *ret_bracket) {
  *ret_bracket = str_starts(*rest, STR("['"));
  if (*ret_bracket) {
    *rest = str_slice(*rest, 1, rest->len);
    if (!take_quoted(rest, out) || !str_starts(*rest, STR("]")))
      return false;
    *rest = str_slice(*rest, 1, rest->len);
    return true;
  }
  if (!str_starts(*rest, STR(".")))
    return false;
  size_t end = 1;
  while (end < rest->len && rest->ptr[end] != '.' && rest->ptr[end] != '[' &&
         rest->ptr[end] != ']' && rest->ptr[end] != '\'')
    end++;
  buf_add_str(out, str_slice(*rest, 1, end));
  *rest = str_slice(*rest, end, rest->len);
  return end > 1;
}

bool crd_rule_field(const struct json *schema, struct str path, struct arena *arena,
                    struct str *ret_field) {
  struct buf shown, name;
  struct str rest = path;
  bool ok = path.len > 0, bracket;
  buf_init(&shown, 4096);
  buf_init(&name, 4096);
  while (ok && rest.len) {
    buf_reset(&name);
    ok = take_step(&rest, &name, &bracket) && !name.failed;
    const struct json *properties = json_get(schema, "properties");
    if (!ok)
      break;
    if (json_is(properties, JSON_OBJECT)) {
      schema = json_get_s(properties, buf_str(&name));
      buf_addf(&shown, "%s%.*s", shown.len ? "." : "", STR_ARG(buf_str(&name)));
    } else {
      schema = json_get(schema, "additionalProperties");
      buf_addf(&shown, "[%.*s]", STR_ARG(buf_str(&name)));
    }
    ok = json_is(schema, JSON_OBJECT);
  }
  *ret_field = arena_str(arena, buf_str(&shown));
  ok = ok && !shown.failed;
  buf_dispose(&name);
  buf_dispose(&shown);
  return ok;
}

// --- Compiling

static void compile_message(struct crd_rule *rule, const struct cel_variable *variables,
                            struct arena *arena) {
  struct str source = json_get_string(rule->json, "messageExpression"), issues;
  if (!source.len)
    return;
  if (cel_compile(source, variables, CRD_RULES_VARIABLES, arena, &rule->message, &issues))
    rule->message_fault =
        arena_printf(arena, "messageExpression compilation failed: %.*s", STR_ARG(issues));
  else if (rule->message.type->kind != CEL_STRING)
    rule->message_fault = STR("messageExpression must evaluate to a string");
  else
    rule->has_message = true;
}

static void compile_rule(struct crd_rule *rule, const struct json *schema,
                         const struct cel_type *type, struct arena *arena) {
  struct str source = json_get_string(rule->json, "rule"), issues;
  rule->optional_old = json_is_true(json_get(rule->json, "optionalOldSelf"));
  const struct cel_variable variables[CRD_RULES_VARIABLES] = {
      {"self", type}, {"oldSelf", rule->optional_old ? cel_type_optional(arena, type) : type}};
  if (cel_compile(source, variables, CRD_RULES_VARIABLES, arena, &rule->program, &issues)) {
    rule->fault = arena_printf(arena, "compilation failed: %.*s", STR_ARG(issues));
    return;
  }
  if (rule->program.type->kind != CEL_BOOL) {
    rule->fault = STR("cel expression must evaluate to a bool");
    return;
  }
  rule->uses_old = (rule->program.variables & 2) != 0;
  compile_message(rule, variables, arena);
  struct str field = json_get_string(rule->json, "fieldPath");
  if (field.len && !crd_rule_field(schema, field, arena, &rule->field))
    rule->field = STR("");
}

static const struct crd_rules *compile_below(const struct json *schema, struct arena *arena) {
  return crd_rules_compile(schema, crd_flag(schema, "x-kubernetes-embedded-resource"), arena);
}

static void compile_members(struct crd_rules *rules, struct arena *arena) {
  const struct json *properties = json_get(rules->schema, "properties");
  if (!json_is(properties, JSON_OBJECT))
    return;
  rules->members = ARENA_ARRAY(arena, struct crd_rules_member, properties->count + 1);
  JSON_EACH(property, properties) {
    const struct crd_rules *own = compile_below(property, arena);
    if (own)
      rules->members[rules->member_count++] = (struct crd_rules_member){property->key, own};
  }
}

static void compile_own(struct crd_rules *rules, const struct json *own, bool is_resource,
                        struct arena *arena) {
  rules->type = crd_rules_type(rules->schema, is_resource, STR("self"), arena);
  if (!rules->type)
    return;
  rules->rules = ARENA_ARRAY(arena, struct crd_rule, own->count + 1);
  JSON_EACH(rule, own) {
    if (!str_trim(json_get_string(rule, "rule")).len)
      continue;
    rules->rules[rules->count].json = rule;
    compile_rule(&rules->rules[rules->count++], rules->schema, rules->type, arena);
  }
}

const struct crd_rules *crd_rules_compile(const struct json *schema, bool is_resource,
                                          struct arena *arena) {
  if (!has_rules(schema))
    return NULL;
  struct crd_rules *rules = ARENA_NEW(arena, struct crd_rules);
  const struct json *own = json_get(schema, "x-kubernetes-validations");
  *rules = (struct crd_rules){.schema = schema};
  if (json_is(own, JSON_ARRAY))
    compile_own(rules, own, is_resource, arena);
  rules->items = compile_below(json_get(schema, "items"), arena);
  rules->values = compile_below(json_get(schema, "additionalProperties"), arena);
  compile_members(rules, arena);
  return rules;
}
