// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/crd.h"

#include "manifests/schema/openapi.h"

static void put_strings(struct arena *arena, struct json *object, const char *key,
                        const char *const *items) {
  if (!items || !items[0])
    return;
  struct json *list = json_put(arena, object, key, json_new_array(arena));
  for (size_t i = 0; items[i]; i++)
    json_append(list, json_new_z(arena, items[i]));
}

static void put_names(struct arena *arena, const struct kind_desc *kind, struct json *spec) {
  struct json *names = json_put(arena, spec, "names", json_new_object(arena));
  json_put_z(arena, names, "kind", kind->kind);
  json_put_string(arena, names, "listKind", arena_printf(arena, "%sList", kind->kind));
  json_put_z(arena, names, "plural", kind->plural);
  json_put_z(arena, names, "singular", kind->singular);
  put_strings(arena, names, "shortNames", kind->short_names);
  put_strings(arena, names, "categories", kind->categories);
}

static void put_columns(struct arena *arena, const struct kind_desc *kind, struct json *version) {
  if (!kind->column_count)
    return;
  struct json *columns =
      json_put(arena, version, "additionalPrinterColumns", json_new_array(arena));
  for (size_t i = 0; i < kind->column_count; i++) {
    const struct printer_column *column = &kind->columns[i];
    struct json *json = json_new_object(arena);
    json_put_z(arena, json, "name", column->name);
    json_put_z(arena, json, "type", column->type);
    if (column->format)
      json_put_z(arena, json, "format", column->format);
    if (column->doc)
      json_put_z(arena, json, "description", column->doc);
    if (column->priority)
      json_put_int(arena, json, "priority", column->priority);
    json_put_z(arena, json, "jsonPath", column->path);
    json_append(columns, json);
  }
}

static void put_subresources(struct arena *arena, const struct kind_desc *kind,
                             struct json *version) {
  if (!kind->has_status && !kind->scale_spec)
    return;
  struct json *sub = json_put(arena, version, "subresources", json_new_object(arena));
  if (kind->has_status)
    json_put(arena, sub, "status", json_new_object(arena));
  if (!kind->scale_spec)
    return;
  struct json *scale = json_put(arena, sub, "scale", json_new_object(arena));
  json_put_z(arena, scale, "specReplicasPath", kind->scale_spec);
  json_put_z(arena, scale, "statusReplicasPath", kind->scale_status);
  if (kind->scale_selector)
    json_put_z(arena, scale, "labelSelectorPath", kind->scale_selector);
}

struct json *crd_build(const struct kind_desc *kind, struct arena *arena) {
  struct json *crd = json_new_object(arena);
  json_put_z(arena, crd, "apiVersion", "apiextensions.k8s.io/v1");
  json_put_z(arena, crd, "kind", "CustomResourceDefinition");
  struct json *metadata = json_put(arena, crd, "metadata", json_new_object(arena));
  json_put_string(arena, metadata, "name", arena_printf(arena, "%s.%s", kind->plural, kind->group));
  struct json *spec = json_put(arena, crd, "spec", json_new_object(arena));
  json_put_z(arena, spec, "group", kind->group);
  json_put_z(arena, spec, "scope", kind->namespaced ? "Namespaced" : "Cluster");
  put_names(arena, kind, spec);
  struct json *versions = json_put(arena, spec, "versions", json_new_array(arena));
  for (size_t i = 0; kind->versions[i]; i++) {
    struct json *version = json_new_object(arena);
    json_put_z(arena, version, "name", kind->versions[i]);
    json_put_bool(arena, version, "served", true);
    json_put_bool(arena, version, "storage", i == 0);
    put_subresources(arena, kind, version);
    put_columns(arena, kind, version);
    struct json *schema = json_put(arena, version, "schema", json_new_object(arena));
    json_put(arena, schema, "openAPIV3Schema",
             openapi_kind(kind, str_of(kind->versions[i]), true, arena));
    json_append(versions, version);
  }
  return crd;
}
