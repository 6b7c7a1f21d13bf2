// SPDX-License-Identifier: Apache-2.0
#include "operator/traffic/version_service.h"

// The ports as the user's Service has them; a node's port belongs to that one alone.
static struct json *ports_of(const struct json *base, struct arena *arena) {
  const struct json *ports = json_path(base, "spec.ports");
  struct json *list = ports ? json_dup(arena, ports) : json_new_array(arena);
  JSON_EACH(port, list) {
    (void)json_remove(port, STR("nodePort"));
  }
  return list;
}

static struct json *selector_of(const struct version_service *wanted, struct arena *arena) {
  const struct json *selector = json_path(wanted->base, "spec.selector");
  struct json *both =
      json_is(selector, JSON_OBJECT) ? json_dup(arena, selector) : json_new_object(arena);
  JSON_EACH(label, wanted->labels) {
    json_set(arena, both, label->key, json_dup(arena, label));
  }
  return both;
}

struct json *version_service_new(const struct version_service *wanted, struct arena *arena) {
  struct json *object = json_new_object(arena), *metadata = json_new_object(arena),
              *spec = json_new_object(arena), *labels = json_new_object(arena);
  json_put_z(arena, object, "apiVersion", "v1");
  json_put_z(arena, object, "kind", "Service");
  json_put_string(arena, labels, wanted->owner_label, wanted->owner);
  json_put_string(arena, metadata, "name", wanted->name);
  json_put_string(arena, metadata, "namespace", wanted->ns);
  json_put(arena, metadata, "labels", labels);
  json_put(arena, metadata, "ownerReferences", json_dup(arena, wanted->owners));
  json_put(arena, spec, "selector", selector_of(wanted, arena));
  json_put(arena, spec, "ports", ports_of(wanted->base, arena));
  json_put(arena, object, "metadata", metadata);
  json_put(arena, object, "spec", spec);
  return object;
}

// Labels that are not wanted any more are removed by null.
static struct json *selector_patch(const struct json *has, const struct json *wanted,
                                   struct arena *arena) {
  struct json *patch = json_dup(arena, wanted);
  JSON_EACH(label, has) {
    if (!json_get_s(wanted, label->key))
      json_set(arena, patch, label->key, json_new_null(arena));
  }
  return patch;
}

struct json *version_service_patch(const struct version_service *wanted, const struct json *service,
                                   struct arena *arena) {
  struct json *selector = selector_of(wanted, arena), *ports = ports_of(wanted->base, arena);
  const struct json *has = json_path(service, "spec.selector");
  bool same_ports = json_equal(ports, ports_of(service, arena));
  if (same_ports && json_equal(selector, has))
    return NULL;
  struct json *patch = json_new_object(arena), *spec = json_new_object(arena);
  json_put(arena, spec, "selector", selector_patch(has, selector, arena));
  if (!same_ports)
    json_put(arena, spec, "ports", ports);
  json_put(arena, patch, "spec", spec);
  return patch;
}

bool version_service_is_ours(const struct json *service, const char *owner_label,
                             struct str owner) {
  return str_eq(json_get_string(json_path(service, "metadata.labels"), owner_label), owner);
}
