// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/pod_source.h"
#include "manifests/text/base64.h"
#include "manifests/text/quantity.h"

#include <math.h>
#include <stdlib.h>

// metadata.labels['x'] -> x
static bool subscript(struct str path, const char *prefix, struct str *ret_key) {
  struct str start = str_of(prefix);
  if (!str_starts(path, start) || path.len < start.len + 4)
    return false;
  struct str rest = str_slice(path, start.len, path.len);
  if (!str_starts(rest, STR("['")) || !str_ends(rest, STR("']")))
    return false;
  *ret_key = str_slice(rest, 2, rest.len - 2);
  return true;
}

// key="value" a line, as the downward API writes whole maps.
static struct str all_pairs(const struct string_map *map, struct arena *arena) {
  struct buf text;
  buf_init(&text, 1u << 20);
  for (size_t i = 0; i < map->count; i++) {
    if (i > 0)
      buf_add_char(&text, '\n');
    buf_add_str(&text, map->items[i].key);
    buf_add_char(&text, '=');
    json_write_string(&text, map->items[i].value);
  }
  struct str copy = arena_str(arena, buf_str(&text));
  buf_dispose(&text);
  return copy;
}

int pod_field(const struct pod_facts *facts, struct str path, struct arena *arena,
              struct str *ret_value, struct err *err) {
  const struct object_meta *meta = &facts->pod->metadata;
  const struct {
    const char *path;
    struct str value;
  } plain[] = {
      {"metadata.name", meta->name},
      {"metadata.namespace", meta->namespace_},
      {"metadata.uid", meta->uid},
      {"spec.nodeName", facts->node_name},
      {"spec.serviceAccountName", facts->pod->spec.service_account_name},
      {"status.podIP", facts->pod_ip},
      {"status.podIPs", facts->pod_ip},
      {"status.hostIP", facts->host_ip},
      {"status.hostIPs", facts->host_ip},
  };
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
    if (str_eq_z(path, plain[i].path)) {
      *ret_value = arena_str(arena, plain[i].value);
      return RC_OK;
    }
  struct str key;
  if (subscript(path, "metadata.labels", &key))
    *ret_value = arena_str(arena, string_map_get(&meta->labels, key));
  else if (subscript(path, "metadata.annotations", &key))
    *ret_value = arena_str(arena, string_map_get(&meta->annotations, key));
  else if (str_eq(path, STR("metadata.labels")))
    *ret_value = all_pairs(&meta->labels, arena);
  else if (str_eq(path, STR("metadata.annotations")))
    *ret_value = all_pairs(&meta->annotations, arena);
  else
    return err_set(err, RC_INVALID,
                   "fieldPath \"%.*s\": expected metadata.name, namespace, uid, labels['x'] or "
                   "annotations['x'], spec.nodeName, spec.serviceAccountName, status.podIP or "
                   "status.hostIP",
                   STR_ARG(path));
  return RC_OK;
}

static const struct pod_container *container_named(const struct pod *pod, struct str name) {
  for (size_t i = 0; i < pod->spec.containers_count; i++)
    if (str_eq(pod->spec.containers[i].name, name))
      return &pod->spec.containers[i];
  return NULL;
}

int pod_resource_field(const struct pod *pod, const struct pod_container *container,
                       const struct pod_resource_field_ref *ref, struct arena *arena,
                       struct str *ret_value, struct err *err) {
  if (!str_is_empty(ref->container_name))
    container = container_named(pod, ref->container_name);
  ptrdiff_t dot = str_find_char(ref->resource, '.');
  struct str group = dot > 0 ? str_slice(ref->resource, 0, (size_t)dot) : STR_NULL;
  const struct string_map *map = NULL;
  if (container && str_eq(group, STR("limits")))
    map = &container->resources.limits;
  else if (container && str_eq(group, STR("requests")))
    map = &container->resources.requests;
  struct str written =
      map ? string_map_get(map, str_slice(ref->resource, (size_t)dot + 1, ref->resource.len))
          : STR_NULL;
  double value, divisor = 1;
  if (str_is_empty(written) || !quantity_parse(written, &value))
    return err_set(err, RC_INVALID, "resourceFieldRef \"%.*s\": the container names no such value",
                   STR_ARG(ref->resource));
  if (!str_is_empty(ref->divisor) && quantity_parse(ref->divisor, &divisor) && divisor > 0)
    value /= divisor;
  *ret_value = arena_printf(arena, "%.0f", ceil(value));
  return RC_OK;
}

bool pod_source_value(const struct json *source, struct str key, struct arena *arena,
                      struct str *ret_value) {
  bool secret = str_eq(json_get_string(source, "kind"), STR("Secret"));
  const struct json *plain = json_get_s(json_get(source, secret ? "stringData" : "data"), key);
  if (json_is(plain, JSON_STRING)) {
    *ret_value = arena_str(arena, json_string(plain));
    return true;
  }
  const struct json *coded = json_get_s(json_get(source, secret ? "data" : "binaryData"), key);
  return json_is(coded, JSON_STRING) && base64_decode(json_string(coded), arena, ret_value);
}

static int compare(const void *a, const void *b) {
  return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

struct str *pod_source_keys(const struct json *source, struct arena *arena, size_t *ret_count) {
  static const char *const parts[] = {"data", "binaryData", "stringData"};
  size_t room = 1, count = 0;
  for (size_t i = 0; i < 3; i++) {
    const struct json *part = json_get(source, parts[i]);
    room += part ? part->count : 0;
  }
  struct str *keys = ARENA_ARRAY(arena, struct str, room);
  for (size_t i = 0; i < 3; i++)
    JSON_EACH(item, json_get(source, parts[i]))
      keys[count++] = item->key;
  qsort(keys, count, sizeof *keys, compare);
  size_t kept = 0;
  for (size_t i = 0; i < count; i++)
    if (kept == 0 || !str_eq(keys[kept - 1], keys[i]))
      keys[kept++] = keys[i];
  *ret_count = kept;
  return keys;
}
