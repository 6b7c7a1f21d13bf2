// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_object.h"
#include "manifests/base/bug.h"
#include "manifests/kinds/registry.h"
#include "operator/standalone/crd_value.h"

#include <string.h>
#include <sys/random.h>

struct json *api_meta(const struct json *object) {
  struct json *meta = json_get(object, "metadata");
  return json_is(meta, JSON_OBJECT) ? meta : NULL;
}

struct str api_meta_string(const struct json *object, const char *key) {
  return json_get_string(api_meta(object), key);
}

bool api_is_deleting(const struct json *object) {
  return json_is(json_get(api_meta(object), "deletionTimestamp"), JSON_STRING);
}

bool api_has_finalizer(const struct json *object, const char *finalizer) {
  JSON_EACH(item, json_get(api_meta(object), "finalizers"))
    if (str_eq_z(json_string(item), finalizer))
      return true;
  return false;
}

void api_set_revision(struct arena *arena, struct json *object, int64_t revision) {
  struct json *meta = json_need_object(arena, object, "metadata");
  json_put_string(arena, meta, "resourceVersion", arena_printf(arena, "%lld", (long long)revision));
}

void api_set_version(struct arena *arena, struct json *object, const struct kind_desc *kind,
                     struct str version) {
  struct str have = json_get_string(object, "apiVersion"),
             want = kind_api_version(kind, version, arena);
  if (!str_eq(have, want)) {
    const struct kind_desc *from = kind_find(have, str_of(kind->kind)),
                           *to = kind_find(want, str_of(kind->kind));
    if (from && from->alias_of)
      from->from_alias(object, arena);
    if (to && to->alias_of)
      to->to_alias(object, arena);
  }
  json_put_string(arena, object, "apiVersion", want);
}

struct json *api_ordered(struct arena *arena, struct json *object, const struct kind_desc *kind) {
  struct json *ordered = json_new_object(arena);
  json_put_string(arena, ordered, "apiVersion", kind_api_version(kind, STR(""), arena));
  json_put_z(arena, ordered, "kind", kind->kind);
  struct json *meta = json_get(object, "metadata");
  if (meta)
    json_put(arena, ordered, "metadata", json_dup(arena, meta));
  JSON_EACH(item, object) {
    if (!str_eq_z(item->key, "apiVersion") && !str_eq_z(item->key, "kind") &&
        !str_eq_z(item->key, "metadata"))
      json_set(arena, ordered, item->key, json_dup(arena, item));
  }
  return ordered;
}

// Of another version in more than its name; and a default that came into a definition after the
// object was stored is seen all the same.
static int write_changed(struct buf *out, struct str body, const struct kind_desc *kind,
                         struct str version) {
  struct arena arena;
  struct json *object;
  arena_init(&arena);
  int rc = json_parse(body, &arena, &object, NULL);
  if (!rc) {
    if (kind->has_defaults)
      crd_default(kind->structural, object, &arena);
    api_set_version(&arena, object, kind, version);
    rc = json_write(out, object);
  }
  arena_dispose(&arena);
  return rc;
}

int api_write_body(struct buf *out, struct str body, const struct kind_desc *kind,
                   struct str version) {
  if (kind->has_defaults || str_find_char(version, '/') >= 0)
    return write_changed(out, body, kind, version);
  const char *stored = kind->stored ? kind->stored : kind->versions[0];
  // Objects of a definition may have been stored as another version than it stores now.
  if (!kind->structural && (version.len == 0 || str_eq_z(version, stored)))
    return buf_add_str(out, body);
  const char *comma = memchr(body.ptr, ',', body.len);
  BUG_ON(!comma || body.ptr[0] != '{');
  if (version.len == 0)
    version = str_of(stored);
  buf_addf(out, "{\"apiVersion\":\"%s%s%.*s\"", kind->group, kind->group[0] ? "/" : "",
           STR_ARG(version));
  return buf_add_str(out, str_slice(body, (size_t)(comma - body.ptr), body.len));
}

struct store_key api_key(struct arena *arena, const struct kind_desc *kind, struct str ns,
                         struct str name) {
  struct str resource = kind->group[0] ? arena_printf(arena, "%s.%s", kind->plural, kind->group)
                                       : str_of(kind->plural);
  return (struct store_key){resource, kind->namespaced ? ns : STR(""), name};
}

bool api_filter_is_empty(const struct api_filter *filter) {
  return selector_is_empty(&filter->labels) && selector_is_empty(&filter->fields);
}

bool api_filter_match(const struct api_filter *filter, const struct json *object) {
  if (filter->ns.len && !str_eq(filter->ns, api_meta_string(object, "namespace")))
    return false;
  return selector_match_labels(&filter->labels, json_get(api_meta(object), "labels")) &&
         selector_match_fields(&filter->fields, object);
}

// Source: the fields that Kubernetes' registries declare for its own kinds.
static const struct {
  const char *kind, *field;
} selectable_fields[] = {
    {"Pod", "spec.nodeName"},
    {"Pod", "spec.restartPolicy"},
    {"Pod", "spec.schedulerName"},
    {"Pod", "spec.serviceAccountName"},
    {"Pod", "status.phase"},
    {"Pod", "status.podIP"},
    {"Event", "involvedObject.kind"},
    {"Event", "involvedObject.namespace"},
    {"Event", "involvedObject.name"},
    {"Event", "involvedObject.uid"},
    {"Event", "involvedObject.apiVersion"},
    {"Event", "involvedObject.resourceVersion"},
    {"Event", "involvedObject.fieldPath"},
    {"Event", "reason"},
    {"Event", "reportingComponent"},
    {"Event", "source"},
    {"Event", "type"},
    {"Namespace", "status.phase"},
    {"Secret", "type"},
    {"ReplicaSet", "status.replicas"},
    {"Service", "spec.clusterIP"},
    {"Service", "spec.type"},
    {"RolloutAction", "spec.rollout"},
};

bool api_field_is_selectable(const struct kind_desc *kind, struct str field) {
  if (str_eq_z(field, "metadata.name") ||
      (kind->namespaced && str_eq_z(field, "metadata.namespace")))
    return true;
  for (size_t i = 0; i < ARRAY_LEN(selectable_fields); i++)
    if (strcmp(selectable_fields[i].kind, kind->kind) == 0 &&
        str_eq_z(field, selectable_fields[i].field))
      return true;
  for (size_t i = 0; kind->selectable && kind->selectable[i]; i++)
    if (str_eq_z(field, kind->selectable[i] + 1))
      return true;
  return false;
}

bool api_has_selectable_fields(const struct kind_desc *kind) {
  for (size_t i = 0; i < ARRAY_LEN(selectable_fields); i++)
    if (strcmp(selectable_fields[i].kind, kind->kind) == 0)
      return true;
  return false;
}

static bool both_equal(const struct json *a, const struct json *b) {
  return !a || !b ? a == b : json_equal(a, b);
}

bool api_selectable_differs(const struct kind_desc *kind, const struct json *a,
                            const struct json *b) {
  if (!both_equal(json_get(api_meta(a), "labels"), json_get(api_meta(b), "labels")))
    return true;
  for (size_t i = 0; i < ARRAY_LEN(selectable_fields); i++) {
    const char *field = selectable_fields[i].field;
    if (strcmp(selectable_fields[i].kind, kind->kind) == 0 &&
        !both_equal(json_path(a, field), json_path(b, field)))
      return true;
  }
  for (size_t i = 0; kind->selectable && kind->selectable[i]; i++)
    if (!both_equal(json_path(a, kind->selectable[i] + 1), json_path(b, kind->selectable[i] + 1)))
      return true;
  return false;
}

static void random_bytes(void *to, size_t len) {
  ssize_t got = getrandom(to, len, 0);
  BUG_ON(got != (ssize_t)len); // up to 256 bytes come whole
}

struct str api_new_uid(struct arena *arena) {
  unsigned char b[16];
  random_bytes(b, sizeof(b));
  b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); // version 4, RFC 4122
  b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
  return arena_printf(arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                      b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
                      b[12], b[13], b[14], b[15]);
}

struct str api_name_suffix(struct arena *arena) {
  // Kubernetes' alphabet: no vowels (no words), nothing that looks like another character.
  static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
  unsigned char bytes[5];
  char text[5];
  random_bytes(bytes, sizeof(bytes));
  for (size_t i = 0; i < sizeof(bytes); i++)
    text[i] = alphabet[bytes[i] % (sizeof(alphabet) - 1)];
  return arena_str(arena, (struct str){text, sizeof(text)});
}

static bool is_lower_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// Names of roles may have what a path can have.
static bool is_path_segment(struct str name) {
  return name.len && !str_eq_z(name, ".") && !str_eq_z(name, "..") &&
         str_find_char(name, '/') < 0 && str_find_char(name, '%') < 0;
}

bool api_name_is_valid(const struct kind_desc *kind, struct str name) {
  if (strcmp(kind->group, "rbac.authorization.k8s.io") == 0)
    return is_path_segment(name);
  bool is_namespace = strcmp(kind->kind, "Namespace") == 0;
  bool label = is_namespace || strcmp(kind->kind, "Service") == 0;
  if (name.len == 0 || name.len > (label ? 63u : 253u))
    return false;
  for (size_t i = 0; i < name.len; i++) {
    char c = name.ptr[i];
    bool edge = i == 0 || i + 1 == name.len || name.ptr[i - 1] == '.' || name.ptr[i + 1] == '.';
    if (is_lower_alnum(c) || (c == '-' && !edge))
      continue;
    if (c == '.' && !label && i > 0 && i + 1 < name.len && name.ptr[i - 1] != '.')
      continue;
    return false;
  }
  return true;
}
