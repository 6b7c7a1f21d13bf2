// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/crd_scale.h"

#define REASON "invalid"

static const char *go_type(const struct json *value) {
  switch (value->type) {
  case JSON_BOOL: return "bool";
  case JSON_INT: return "int64";
  case JSON_DOUBLE: return "float64";
  case JSON_STRING: return "string";
  case JSON_ARRAY: return "[]interface {}";
  case JSON_OBJECT: return "map[string]interface {}";
  case JSON_NULL: break;
  }
  return "<nil>";
}

// The value at a path; false, with the fault, when the way there is no way.
static bool find(const struct json *object, const char *path, const char *wanted,
                 enum json_type type, struct arena *arena, struct findings *findings,
                 const struct json **ret_value) {
  struct str rest = str_of(path + 1), step, way = STR("");
  const struct json *at = object;
  *ret_value = NULL;
  while (rest.ptr && str_next(&rest, '.', &step)) {
    const struct json *next = json_get_s(at, step);
    way = arena_printf(arena, "%.*s.%.*s", STR_ARG(way), STR_ARG(step));
    if (!next)
      return true;
    enum json_type want = rest.ptr && rest.len ? JSON_OBJECT : type;
    if (!json_is(next, want)) {
      findings_add(findings, FINDING_ERROR, STR(""), 0, str_of(path), REASON,
                   "Invalid value: %s: %.*s accessor error: %.*s is of the type %s, expected %s",
                   type == JSON_INT ? "0" : "\"\"", STR_ARG(way),
                   STR_ARG(json_is(next, JSON_STRING) ? json_string(next) : json_text(arena, next)),
                   go_type(next), want == JSON_OBJECT ? "map[string]interface{}" : wanted);
      return false;
    }
    at = next;
  }
  *ret_value = at;
  return true;
}

static void check_count(const struct json *object, const char *path, struct arena *arena,
                        struct findings *findings) {
  const struct json *value;
  if (!find(object, path, "int64", JSON_INT, arena, findings, &value) || !value)
    return;
  if (value->integer < 0)
    findings_add(findings, FINDING_ERROR, STR(""), 0, str_of(path), REASON,
                 "Invalid value: %lld: should be a non-negative integer",
                 (long long)value->integer);
  else if (value->integer > INT32_MAX)
    findings_add(findings, FINDING_ERROR, STR(""), 0, str_of(path), REASON,
                 "Invalid value: %lld: should be less than or equal to 2147483647",
                 (long long)value->integer);
}

void crd_scale_check(const struct kind_desc *kind, const struct json *object, bool with_spec,
                     struct arena *arena, struct findings *findings) {
  const struct json *selector;
  if (!kind->scale_spec)
    return;
  if (with_spec)
    check_count(object, kind->scale_spec, arena, findings);
  if (kind->scale_status)
    check_count(object, kind->scale_status, arena, findings);
  if (kind->scale_selector && kind->scale_selector[0] == '.')
    (void)find(object, kind->scale_selector, "string", JSON_STRING, arena, findings, &selector);
}
