// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/crd_kind.h"
#include "manifests/base/bug.h"
#include "manifests/kinds/object_meta.h"
#include "manifests/schema/openapi.h"
#include "manifests/text/time.h"
#include "operator/standalone/crd_rules.h"
#include "operator/standalone/crd_value.h"

#include <ctype.h>
#include <stdlib.h>

// --- Conditions

static struct json *find_condition(const struct json *definition, const char *type) {
  JSON_EACH(condition, json_path(definition, "status.conditions"))
    if (str_eq_z(json_get_string(condition, "type"), type))
      return condition;
  return NULL;
}

bool crd_has_condition(const struct json *definition, const char *type) {
  return str_eq_z(json_get_string(find_condition(definition, type), "status"), "True");
}

void crd_set_condition(struct json *definition, const char *type, const char *status,
                       const char *reason, struct str message, int64_t now_ms,
                       struct arena *arena) {
  struct json *condition = find_condition(definition, type);
  if (!condition) {
    struct json *list =
        json_need_array(arena, json_need_object(arena, definition, "status"), "conditions");
    condition = json_new_object(arena);
    json_append(list, condition);
  }
  if (!str_eq_z(json_get_string(condition, "status"), status))
    json_put_string(arena, condition, "lastTransitionTime", time_format(arena, now_ms));
  json_put_string(arena, condition, "message", message);
  json_put_z(arena, condition, "reason", reason);
  json_put_z(arena, condition, "status", status);
  json_put_z(arena, condition, "type", type);
}

// --- Order of versions

struct version_rank {
  int stage; // 3: v1, 2: v1beta1, 1: v1alpha1, 0: any other name
  uint64_t major, minor;
};

static size_t digits(struct str text, size_t at, uint64_t *ret_value) {
  size_t end = at;
  while (end < text.len && isdigit((unsigned char)text.ptr[end]))
    end++;
  return end > at && str_to_u64(str_slice(text, at, end), ret_value) ? end : 0;
}

static struct version_rank rank_of(struct str version) {
  struct version_rank rank = {0};
  size_t end = version.len && version.ptr[0] == 'v' ? digits(version, 1, &rank.major) : 0;
  if (!end)
    return rank;
  if (end == version.len) {
    rank.stage = 3;
    return rank;
  }
  struct str rest = str_slice(version, end, version.len);
  bool beta = str_starts(rest, STR("beta"));
  if ((beta || str_starts(rest, STR("alpha"))) &&
      digits(rest, beta ? 4 : 5, &rank.minor) == rest.len)
    rank.stage = beta ? 2 : 1;
  return rank;
}

int crd_version_order(struct str a, struct str b) {
  struct version_rank x = rank_of(a), y = rank_of(b);
  if (x.stage != y.stage)
    return y.stage - x.stage;
  if (x.stage == 0)
    return str_cmp(a, b);
  if (x.major != y.major)
    return x.major < y.major ? 1 : -1;
  return x.minor == y.minor ? 0 : x.minor < y.minor ? 1 : -1;
}

// --- Descriptions

static const char *text(struct str s, struct arena *arena) {
  return s.len ? arena_str(arena, s).ptr : NULL;
}

static const char *const *text_list(const struct json *list, const char *skip,
                                    struct arena *arena) {
  if (!list || !list->count)
    return NULL;
  const char **items = ARENA_ARRAY(arena, const char *, list->count + 1);
  size_t count = 0;
  JSON_EACH(item, list) {
    struct str name = skip ? json_get_string(item, skip) : json_string(item);
    if (name.len)
      items[count++] = arena_str(arena, name).ptr;
  }
  items[count] = NULL;
  return items;
}

static void set_columns(struct kind_desc *kind, const struct json *list, struct arena *arena) {
  static const struct printer_column age = {
      .name = "Age", .type = "date", .path = ".metadata.creationTimestamp"};
  kind->columns = &age;
  kind->column_count = 1;
  if (!list || !list->count)
    return;
  struct printer_column *columns = ARENA_ARRAY(arena, struct printer_column, list->count);
  size_t count = 0;
  JSON_EACH(item, list) {
    columns[count++] =
        (struct printer_column){.name = text(json_get_string(item, "name"), arena),
                                .type = text(json_get_string(item, "type"), arena),
                                .path = text(json_get_string(item, "jsonPath"), arena),
                                .priority = (int)json_int(json_get(item, "priority"), 0),
                                .format = text(json_get_string(item, "format"), arena),
                                .doc = text(json_get_string(item, "description"), arena)};
  }
  kind->columns = columns;
  kind->column_count = count;
}

// Server-side apply and the published schema know metadata, which a definition leaves out.
static void put_header(struct json *schema, struct arena *arena) {
  struct json *properties = json_need_object(arena, schema, "properties");
  static const char *const names[] = {"apiVersion", "kind"};
  for (size_t i = 0; i < ARRAY_LEN(names); i++) {
    struct json *text = json_need_object(arena, properties, names[i]);
    json_put_z(arena, text, "type", "string");
  }
  json_put(arena, properties, "metadata", openapi_schema(&object_meta_schema, arena));
}

static void put_embedded_headers(struct json *schema, struct arena *arena) {
  if (!json_is(schema, JSON_OBJECT))
    return;
  if (crd_flag(schema, "x-kubernetes-embedded-resource"))
    put_header(schema, arena);
  JSON_EACH(property, json_get(schema, "properties"))
    put_embedded_headers(property, arena);
  put_embedded_headers(json_get(schema, "items"), arena);
  put_embedded_headers(json_get(schema, "additionalProperties"), arena);
}

static const char *deprecation(const struct json *definition, const struct json *version,
                               struct arena *arena) {
  if (!json_is_true(json_get(version, "deprecated")))
    return NULL;
  struct str given = json_get_string(version, "deprecationWarning");
  struct str group = json_path_string(definition, "spec.group");
  struct str kind = json_path_string(definition, "spec.names.kind");
  if (given.len)
    return arena_str(arena, given).ptr;
  return arena_printf(arena, "%.*s/%.*s %.*s is deprecated", STR_ARG(group),
                      STR_ARG(json_get_string(version, "name")), STR_ARG(kind))
      .ptr;
}

static struct kind_desc *describe(const struct json *definition, const struct json *version,
                                  const char *stored, struct arena *arena) {
  struct kind_desc *kind = ARENA_NEW(arena, struct kind_desc);
  const struct json *spec = json_get(definition, "spec"), *names = json_get(spec, "names");
  const struct json *scale = json_path(version, "subresources.scale");
  const struct json *schema = json_path(version, "schema.openAPIV3Schema");
  const char **versions = ARENA_ARRAY(arena, const char *, 2);
  versions[0] = text(json_get_string(version, "name"), arena);
  versions[1] = NULL;
  *kind = (struct kind_desc){
      .group = text(json_get_string(spec, "group"), arena),
      .versions = versions,
      .stored = stored,
      .kind = text(json_get_string(names, "kind"), arena),
      .list_kind = text(json_get_string(names, "listKind"), arena),
      .plural = text(json_get_string(names, "plural"), arena),
      .singular = text(json_get_string(names, "singular"), arena),
      .short_names = text_list(json_get(names, "shortNames"), NULL, arena),
      .categories = text_list(json_get(names, "categories"), NULL, arena),
      .selectable = text_list(json_get(version, "selectableFields"), "jsonPath", arena),
      .namespaced = str_eq_z(json_get_string(spec, "scope"), "Namespaced"),
      .has_status = json_is(json_path(version, "subresources.status"), JSON_OBJECT),
      .has_generation = true,
      .has_defaults = crd_has_default(schema),
      .deprecated = deprecation(definition, version, arena),
      .scale_spec = text(json_get_string(scale, "specReplicasPath"), arena),
      .scale_status = text(json_get_string(scale, "statusReplicasPath"), arena),
      .scale_selector = text(json_get_string(scale, "labelSelectorPath"), arena),
      .structural = schema,
      .rules = crd_rules_compile(schema, true, arena),
      .doc = text(json_get_string(schema, "description"), arena)};
  struct json *complete = json_dup(arena, schema);
  put_header(complete, arena);
  put_embedded_headers(complete, arena);
  kind->openapi = complete;
  set_columns(kind, json_get(version, "additionalPrinterColumns"), arena);
  return kind;
}

static int by_version(const void *a, const void *b) {
  const struct kind_desc *const *x = a, *const *y = b;
  return crd_version_order(str_of((*x)->versions[0]), str_of((*y)->versions[0]));
}

size_t crd_kinds(const struct json *definition, struct arena *arena,
                 const struct kind_desc ***ret_kinds) {
  const struct json *versions = json_path(definition, "spec.versions");
  const char *stored = NULL;
  size_t count = 0;
  JSON_EACH(version, versions)
    if (json_is_true(json_get(version, "storage")))
      stored = text(json_get_string(version, "name"), arena);
  *ret_kinds = ARENA_ARRAY(arena, const struct kind_desc *, versions ? versions->count + 1 : 1);
  JSON_EACH(version, stored ? versions : NULL)
    if (json_is_true(json_get(version, "served")))
      (*ret_kinds)[count++] = describe(definition, version, stored, arena);
  if (count > 1)
    qsort(*ret_kinds, count, sizeof((*ret_kinds)[0]), by_version);
  return count;
}
