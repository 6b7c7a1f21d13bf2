// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/crd_validate_state.h"
#include "manifests/base/map.h"
#include "manifests/kinds/regex.h"
#include "manifests/text/utf8.h"
#include "operator/standalone/crd_format.h"
#include "operator/standalone/crd_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#define SHOWN_MAX 1000u // bytes of a value in a message

struct str crd_show(const struct json *value, struct arena *arena) {
  struct str text = value ? json_text(arena, value) : STR("\"\"");
  if (text.len <= SHOWN_MAX)
    return text;
  return arena_printf(arena, "%.*s...", STR_ARG(str_slice(text, 0, SHOWN_MAX)));
}

static bool is_reported(const struct findings *findings, struct str path, struct str message) {
  for (size_t i = findings->count; i-- > 0;)
    if (str_eq(findings->items[i].path, path) && str_eq(findings->items[i].message, message))
      return true;
  return false;
}

// `path` begins with a point where the field is one of the root.
void crd_fault(struct validator *v, struct verdict *verdict, struct str path, const char *id,
               const char *format, ...) {
  va_list args;
  struct buf text;
  buf_init(&text, 64u << 10);
  va_start(args, format);
  (void)buf_addv(&text, format, args);
  va_end(args);
  if (path.len && path.ptr[0] == '.')
    path = str_slice(path, 1, path.len);
  verdict->errors++;
  if (v->findings->count < FINDINGS_MAX && !is_reported(v->findings, path, buf_str(&text)))
    findings_add(v->findings, FINDING_ERROR, STR(""), 0, path, id, "%.*s", STR_ARG(buf_str(&text)));
  buf_dispose(&text);
}

struct str crd_in_body(const struct validator *v, struct str path) {
  if (!v->part.len || !str_starts(path, v->part))
    return path;
  struct str rest = str_slice(path, v->part.len, path.len);
  if (rest.len && rest.ptr[0] != '.')
    return path; // another field, of a longer name
  return rest.len ? str_slice(rest, 1, rest.len) : rest;
}

// --- Types

static const char *type_of(const struct json *value) {
  static const char *const names[] = {"null",   "boolean", "integer", "number",
                                      "string", "array",   "object"};
  return names[value->type];
}

static bool is_whole(const struct json *value) {
  return json_is(value, JSON_INT) ||
         (json_is(value, JSON_DOUBLE) && value->number == floor(value->number));
}

static bool is_of_type(struct str type, const struct json *value) {
  if (str_eq_z(type, "integer"))
    return is_whole(value);
  if (str_eq_z(type, "number"))
    return json_is(value, JSON_INT) || json_is(value, JSON_DOUBLE);
  return str_eq_z(type, type_of(value));
}

static void check_type(struct validator *v, struct verdict *verdict, const struct json *schema,
                       const struct json *value, struct str path) {
  struct str type = json_get_string(schema, "type");
  bool either = crd_flag(schema, "x-kubernetes-int-or-string");
  bool ok = either ? is_whole(value) || json_is(value, JSON_STRING) : is_of_type(type, value);
  if (json_is(value, JSON_NULL))
    ok = crd_flag(schema, "nullable");
  if ((type.len == 0 && !either) || ok)
    return;
  if (either)
    type = STR("integer,string");
  crd_fault(v, verdict, path, "type",
            "Invalid value: \"%s\": %.*s in body must be of type %.*s: \"%s\"", type_of(value),
            STR_ARG(crd_in_body(v, path)), STR_ARG(type), type_of(value));
}

// --- Lists and maps

static void check_value(struct validator *v, struct verdict *verdict, const struct json *schema,
                        const struct json *value, struct str path);

static void too_many(struct validator *v, struct verdict *verdict, struct str path, size_t count,
                     int64_t most) {
  crd_fault(v, verdict, path, "too-many", "Too many: %zu: must have at most %" PRId64 " item%s",
            count, most, most == 1 ? "" : "s");
}

static void check_list(struct validator *v, struct verdict *verdict, const struct json *schema,
                       const struct json *value, struct str path) {
  const struct json *items = json_get(schema, "items");
  const struct json *high = json_get(schema, "maxItems"), *low = json_get(schema, "minItems");
  size_t index = 0;
  JSON_EACH(item, items ? value : NULL)
    check_value(v, verdict, items, item,
                arena_printf(v->arena, "%.*s[%zu]", STR_ARG(path), index++));
  if (low && (int64_t)value->count < json_int(low, 0))
    crd_fault(v, verdict, path, "invalid",
              "Invalid value: %zu: %.*s in body should have at least %" PRId64 " items",
              value->count, STR_ARG(crd_in_body(v, path)), json_int(low, 0));
  if (high && (int64_t)value->count > json_int(high, 0))
    too_many(v, verdict, path, value->count, json_int(high, 0));
}

static void check_object(struct validator *v, struct verdict *verdict, const struct json *schema,
                         const struct json *value, struct str path) {
  const struct json *high = json_get(schema, "maxProperties");
  const struct json *low = json_get(schema, "minProperties");
  if (low && (int64_t)value->count < json_int(low, 0))
    crd_fault(v, verdict, path, "invalid",
              "Invalid value: %zu: %.*s in body should have at least %" PRId64 " properties",
              value->count, STR_ARG(crd_in_body(v, path)), json_int(low, 0));
  if (high && (int64_t)value->count > json_int(high, 0))
    too_many(v, verdict, path, value->count, json_int(high, 0));
  const struct json *properties = json_get(schema, "properties");
  JSON_EACH(item, value) {
    const struct json *own = crd_member(schema, item->key);
    bool known = json_get_s(properties, item->key) != NULL;
    if (own)
      check_value(v, verdict, own, item,
                  arena_printf(v->arena, "%.*s%s%.*s", STR_ARG(path), path.len || !known ? "." : "",
                               STR_ARG(item->key)));
  }
  JSON_EACH(name, json_get(schema, "required"))
    if (!json_get_s(value, json_string(name)))
      crd_fault(v, verdict,
                arena_printf(v->arena, "%.*s.%.*s", STR_ARG(path), STR_ARG(json_string(name))),
                "required", "Required value");
}

// --- Alternatives

// One alternative on its own: what it finds is put into `found`.
static struct verdict try_schema(struct validator *v, const struct json *schema,
                                 const struct json *value, struct str path,
                                 struct findings *found) {
  struct findings *outer = v->findings;
  struct verdict verdict = {0};
  findings_init(found, v->arena);
  v->findings = found;
  check_value(v, &verdict, schema, value, path);
  v->findings = outer;
  return verdict;
}

static void take_over(struct validator *v, struct verdict *verdict, const struct findings *found) {
  for (size_t i = 0; i < found->count; i++)
    crd_fault(v, verdict, found->items[i].path, found->items[i].id.ptr, "%.*s",
              STR_ARG(found->items[i].message));
}

// How many of the alternatives hold; stops at `enough`. best: what the nearest of the others found.
static size_t count_holding(struct validator *v, struct verdict *verdict, const struct json *list,
                            const struct json *value, struct str path, size_t enough,
                            struct findings *best) {
  size_t holding = 0, most = 0;
  bool any = false;
  findings_init(best, v->arena);
  JSON_EACH(schema, list) {
    struct findings found;
    struct verdict one = try_schema(v, schema, value, path, &found);
    verdict->looked_at += one.looked_at;
    if (one.errors == 0 && ++holding == enough)
      break;
    if (one.errors && (!any || one.looked_at > most)) {
      *best = found;
      most = one.looked_at;
      any = true;
    }
  }
  return holding;
}

static void check_alternatives(struct validator *v, struct verdict *verdict,
                               const struct json *schema, const struct json *value,
                               struct str path) {
  const struct json *any = json_get(schema, "anyOf"), *one = json_get(schema, "oneOf");
  const struct json *all = json_get(schema, "allOf"), *not = json_get(schema, "not");
  struct findings best;
  if (any && any->count && !count_holding(v, verdict, any, value, path, 1, &best)) {
    crd_fault(v, verdict, NO_FIELD, "invalid",
              "Invalid value: \"\": \"%.*s\" must validate at least one schema (anyOf)",
              STR_ARG(path));
    take_over(v, verdict, &best);
  }
  if (one && one->count) {
    size_t holding = count_holding(v, verdict, one, value, path, SIZE_MAX, &best);
    const char *how = "Found none valid";
    if (holding > 1)
      how = arena_printf(v->arena, "Found %zu valid alternatives", holding).ptr;
    if (holding != 1)
      crd_fault(v, verdict, NO_FIELD, "invalid",
                "Invalid value: \"\": \"%.*s\" must validate one and only one schema (oneOf). %s",
                STR_ARG(path), how);
    if (holding == 0)
      take_over(v, verdict, &best);
  }
  size_t holding = 0;
  JSON_EACH(part, all) {
    size_t before = verdict->errors;
    check_value(v, verdict, part, value, path);
    holding += verdict->errors == before;
  }
  if (all && holding != all->count)
    crd_fault(v, verdict, NO_FIELD, "invalid",
              "Invalid value: \"\": \"%.*s\" must validate all the schemas (allOf)%s",
              STR_ARG(path), holding ? "" : ". None validated");
  if (not &&try_schema(v, not, value, path, &best).errors == 0)
    crd_fault(v, verdict, NO_FIELD, "invalid",
              "Invalid value: \"\": \"%.*s\" must not validate the schema (not)", STR_ARG(path));
}

static void check_enum(struct validator *v, struct verdict *verdict, const struct json *schema,
                       const struct json *value, struct str path) {
  const struct json *values = json_get(schema, "enum");
  struct buf names;
  if (!json_is(values, JSON_ARRAY) || values->count == 0)
    return;
  JSON_EACH(allowed, values)
    if (json_equal(allowed, value))
      return;
  buf_init(&names, 64u << 10);
  JSON_EACH(allowed, values) {
    if (names.len)
      buf_add_z(&names, ", ");
    if (json_is(allowed, JSON_STRING))
      json_write(&names, allowed);
    else
      json_write_string(&names, json_text(v->arena, allowed));
  }
  crd_fault(v, verdict, path, "enum", "Unsupported value: %.*s: supported values: %.*s",
            STR_ARG(crd_show(value, v->arena)), STR_ARG(buf_str(&names)));
  buf_dispose(&names);
}

static void check_value(struct validator *v, struct verdict *verdict, const struct json *schema,
                        const struct json *value, struct str path) {
  struct verdict own = {0};
  check_type(v, &own, schema, value, path);
  own.looked_at++;
  if (!json_is(value, JSON_NULL)) {
    check_alternatives(v, &own, schema, value, path);
    if (json_is(value, JSON_STRING)) {
      crd_check_string(v, &own, schema, value, path);
      crd_check_format(v, &own, schema, value, path);
    } else if (json_is(value, JSON_INT) || json_is(value, JSON_DOUBLE)) {
      crd_check_number(v, &own, schema, value, path);
    } else if (json_is(value, JSON_ARRAY)) {
      check_list(v, &own, schema, value, path);
    } else if (json_is(value, JSON_OBJECT)) {
      check_object(v, &own, schema, value, path);
    }
  }
  check_enum(v, &own, schema, value, path);
  verdict->errors += own.errors;
  verdict->looked_at += own.looked_at;
}

void crd_validate(const struct json *schema, const struct json *value, struct str part,
                  struct arena *arena, struct findings *findings) {
  struct validator v = {.arena = arena, .findings = findings, .part = part};
  struct verdict verdict = {0};
  map_init(&v.patterns);
  regex_worker_init(&v.worker);
  check_value(&v, &verdict, schema, value, STR(""));
  regex_worker_dispose(&v.worker);
  regex_free_list(v.compiled);
  map_dispose(&v.patterns);
}
