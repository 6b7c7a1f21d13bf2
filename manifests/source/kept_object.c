// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/kept_object.h"

#include "manifests/text/time.h"

// Times have seconds: of two writes in one second the other's counts.
static struct str last_writer(const struct json *fields, const char *own) {
  struct str manager = STR_NULL;
  int64_t newest = INT64_MIN, ours = INT64_MIN, at;
  JSON_EACH(entry, fields) {
    struct str name = json_get_string(entry, "manager");
    if (!time_parse(json_get_string(entry, "time"), &at))
      continue;
    if (str_eq_z(name, own)) {
      ours = at > ours ? at : ours;
    } else if (at >= newest) {
      newest = at;
      manager = name;
    }
  }
  return newest >= ours ? manager : STR_NULL;
}

static struct str api_version(const struct kube_resource *resource, struct arena *arena) {
  if (!*resource->group)
    return str_of(resource->version);
  return arena_printf(arena, "%s/%s", resource->group, resource->version);
}

void kept_object_prepare(struct json *object, const struct kube_resource *resource,
                         const char *own_manager, struct arena *arena) {
  struct json *metadata = json_get(object, "metadata");
  if (metadata && own_manager)
    json_put_string(arena, metadata, "lastWriter",
                    last_writer(json_get(metadata, "managedFields"), own_manager));
  if (metadata)
    json_remove(metadata, STR("managedFields"));
  if (json_get(object, "kind"))
    return;
  json_put_string(arena, object, "apiVersion", api_version(resource, arena));
  json_put_z(arena, object, "kind", resource->kind);
}
