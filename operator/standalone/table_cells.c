// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/table_cells.h"
#include "manifests/text/time.h"
#include "operator/standalone/table.h"

struct json *cell_text(cell c, struct str s) {
  return json_new_string(c->arena, s);
}

int64_t cell_number_at(cell c, const char *path) {
  return json_int(json_path(c->object, path), 0);
}

struct json *cell_fraction(cell c, int64_t a, int64_t b) {
  return cell_text(c, arena_printf(c->arena, "%lld/%lld", (long long)a, (long long)b));
}

struct str table_cell_age(cell c, const char *path) {
  int64_t from_ms;
  if (!time_parse(json_path_string(c->object, path), &from_ms))
    return STR("<unknown>");
  return table_age(c->arena, from_ms, c->now_ms);
}

struct json *cell_age(cell c) {
  return cell_text(c, table_cell_age(c, "metadata.creationTimestamp"));
}

struct json *cell_joined(cell c, const char *list, const char *member, const char *none) {
  struct str out = STR("");
  JSON_EACH(item, json_path(c->object, list)) {
    struct str part = member ? json_get_string(item, member) : json_string(item);
    out = arena_printf(c->arena, "%.*s%s%.*s", STR_ARG(out), out.len ? "," : "", STR_ARG(part));
  }
  return cell_text(c, out.len ? out : str_of(none));
}

struct json *cell_label_map(cell c, const char *path) {
  struct str out = STR("");
  JSON_EACH(item, json_path(c->object, path))
    out = arena_printf(c->arena, "%.*s%s%.*s=%.*s", STR_ARG(out), out.len ? "," : "",
                       STR_ARG(item->key), STR_ARG(json_string(item)));
  return cell_text(c, out.len ? out : STR("<none>"));
}

struct json *cell_names(cell c) {
  return cell_joined(c, "spec.template.spec.containers", "name", "");
}

struct json *cell_images(cell c) {
  return cell_joined(c, "spec.template.spec.containers", "image", "");
}

static struct str requirement_text(struct arena *arena, const struct json *requirement) {
  struct str key = json_get_string(requirement, "key"), values = STR("");
  struct str op = json_get_string(requirement, "operator");
  JSON_EACH(value, json_get(requirement, "values"))
    values = arena_printf(arena, "%.*s%s%.*s", STR_ARG(values), values.len ? "," : "",
                          STR_ARG(json_string(value)));
  if (str_eq_z(op, "In") || str_eq_z(op, "NotIn"))
    return arena_printf(arena, "%.*s %s (%.*s)", STR_ARG(key), op.len == 2 ? "in" : "notin",
                        STR_ARG(values));
  return arena_printf(arena, "%s%.*s", str_eq_z(op, "DoesNotExist") ? "!" : "", STR_ARG(key));
}

struct json *cell_label_selector(cell c, const struct json *selector) {
  struct str out = STR("");
  JSON_EACH(item, json_get(selector, "matchLabels"))
    out = arena_printf(c->arena, "%.*s%s%.*s=%.*s", STR_ARG(out), out.len ? "," : "",
                       STR_ARG(item->key), STR_ARG(json_string(item)));
  JSON_EACH(item, json_get(selector, "matchExpressions"))
    out = arena_printf(c->arena, "%.*s%s%.*s", STR_ARG(out), out.len ? "," : "",
                       STR_ARG(requirement_text(c->arena, item)));
  return cell_text(c, out.len ? out : STR("<none>"));
}

struct json *cell_selector(cell c) {
  return cell_label_selector(c, json_path(c->object, "spec.selector"));
}
