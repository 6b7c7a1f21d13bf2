// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/pod_volume.h"

#include <string.h>

#define DEFAULT_MODE 0644

bool pod_path_is_safe(struct str path) {
  if (str_is_empty(path) || path.len > 4096)
    return false;
  struct str rest = path, part;
  while (str_next(&rest, '/', &part))
    if (str_is_empty(part) || str_eq(part, STR("..")) || str_eq(part, STR(".")))
      return false;
  return true;
}

struct file_list {
  struct pod_file *items;
  size_t count, capacity;
};

static int add_file(struct file_list *list, struct arena *arena, struct str path,
                    struct str content, int64_t mode, struct err *err) {
  // "..": the names of the volume's own machinery (..data).
  if (!pod_path_is_safe(path) || str_starts(path, STR("..")))
    return err_set(err, RC_INVALID, "path \"%.*s\": expected a relative path without \"..\"",
                   STR_ARG(path));
  if (mode < 0 || mode > 0777)
    return err_set(err, RC_INVALID, "mode of \"%.*s\": expected 0 to 0777 (octal), found %llo",
                   STR_ARG(path), (unsigned long long)mode);
  void *items = list->items;
  struct pod_file *file = arena_push(arena, &items, &list->count, &list->capacity, sizeof *file);
  list->items = items;
  *file =
      (struct pod_file){.path = arena_str(arena, path), .content = content, .mode = (unsigned)mode};
  return RC_OK;
}

static int add_source(struct file_list *list, const struct pod_config_volume *volume,
                      const char *kind, const struct pod_facts *facts,
                      const struct pod_lookup *lookup, struct arena *arena, struct err *err) {
  const char *word = strcmp(kind, "Secret") == 0 ? "secret" : "configmap";
  int64_t mode = volume->has_default_mode ? volume->default_mode : DEFAULT_MODE;
  const struct json *source =
      lookup->find(lookup->data, kind, facts->pod->metadata.namespace_, volume->name);
  if (!source)
    return volume->optional
               ? RC_OK
               : err_set(err, RC_NOT_FOUND, "%s \"%.*s\" not found", word, STR_ARG(volume->name));
  struct str content;
  int rc = RC_OK;
  for (size_t i = 0; rc == RC_OK && i < volume->items_count; i++) {
    const struct pod_key_to_path *item = &volume->items[i];
    if (pod_source_value(source, item->key, arena, &content))
      rc = add_file(list, arena, item->path, content, item->has_mode ? item->mode : mode, err);
    else if (!volume->optional)
      rc = err_set(err, RC_NOT_FOUND, "%s \"%.*s\" has no key \"%.*s\"", word,
                   STR_ARG(volume->name), STR_ARG(item->key));
  }
  if (volume->items_count > 0)
    return rc;
  size_t count;
  struct str *keys = pod_source_keys(source, arena, &count);
  for (size_t i = 0; rc == RC_OK && i < count; i++)
    if (pod_source_value(source, keys[i], arena, &content))
      rc = add_file(list, arena, keys[i], content, mode, err);
  return rc;
}

static int add_downward(struct file_list *list, const struct pod_downward_volume *volume,
                        const struct pod_facts *facts, struct arena *arena, struct err *err) {
  int64_t mode = volume->has_default_mode ? volume->default_mode : DEFAULT_MODE;
  int rc = RC_OK;
  for (size_t i = 0; rc == RC_OK && i < volume->items_count; i++) {
    const struct pod_downward_item *item = &volume->items[i];
    struct str content;
    if (item->field_ref)
      rc = pod_field(facts, item->field_ref->field_path, arena, &content, err);
    else if (item->resource_field_ref)
      rc = pod_resource_field(facts->pod, NULL, item->resource_field_ref, arena, &content, err);
    else
      rc = err_set(err, RC_INVALID, "item \"%.*s\": expected fieldRef or resourceFieldRef",
                   STR_ARG(item->path));
    if (rc == RC_OK)
      rc = add_file(list, arena, item->path, content, item->has_mode ? item->mode : mode, err);
  }
  return rc;
}

int pod_volume_plan(const struct pod_facts *facts, const struct pod_volume *volume,
                    const struct pod_lookup *lookup, struct arena *arena,
                    struct pod_volume_plan *ret_plan, struct err *err) {
  struct pod_volume_plan plan = {.name = volume->name, .type = POD_VOLUME_FILES, .read_only = true};
  struct file_list files = {0};
  int rc = RC_OK;
  if (volume->config_map) {
    rc = add_source(&files, volume->config_map, "ConfigMap", facts, lookup, arena, err);
  } else if (volume->secret) {
    rc = add_source(&files, volume->secret, "Secret", facts, lookup, arena, err);
  } else if (volume->downward_api) {
    rc = add_downward(&files, volume->downward_api, facts, arena, err);
  } else if (volume->empty_dir) {
    plan.type = POD_VOLUME_EMPTY;
    plan.read_only = false;
  } else if (volume->host_path) {
    plan.type = POD_VOLUME_HOST;
    plan.read_only = false;
    plan.host_path = volume->host_path->path;
    plan.host_type = volume->host_path->type;
  } else {
    rc = err_set(err, RC_UNSUPPORTED,
                 "this kind of volume is not known here; use configMap, secret, downwardAPI, "
                 "emptyDir or hostPath");
  }
  if (rc != RC_OK)
    return err_wrap(err, rc, "volume %.*s", STR_ARG(volume->name));
  plan.files = files.items;
  plan.file_count = files.count;
  *ret_plan = plan;
  return RC_OK;
}

static const struct pod_volume_plan *plan_named(const struct pod_volume_plan *plans, size_t count,
                                                struct str name) {
  for (size_t i = 0; i < count; i++)
    if (str_eq(plans[i].name, name))
      return &plans[i];
  return NULL;
}

int pod_volume_mounts(const struct pod_container *container, const struct pod_volume_plan *plans,
                      size_t plan_count, struct str folder, const struct pod_env_list *env,
                      struct arena *arena, struct shim_mount **ret_mounts, size_t *ret_count,
                      struct err *err) {
  struct shim_mount *mounts =
      ARENA_ARRAY(arena, struct shim_mount, container->volume_mounts_count + 1);
  for (size_t i = 0; i < container->volume_mounts_count; i++) {
    const struct pod_volume_mount *mount = &container->volume_mounts[i];
    const struct pod_volume_plan *plan = plan_named(plans, plan_count, mount->name);
    if (!plan)
      return err_set(err, RC_INVALID, "volumeMount %.*s: the pod has no volume of that name",
                     STR_ARG(mount->name));
    struct str sub = str_is_empty(mount->sub_path_expr)
                         ? mount->sub_path
                         : pod_expand(mount->sub_path_expr, env, arena);
    if (!str_is_empty(sub) && !pod_path_is_safe(sub))
      return err_set(err, RC_INVALID,
                     "volumeMount %.*s: subPath \"%.*s\": expected a relative path without \"..\"",
                     STR_ARG(mount->name), STR_ARG(sub));
    struct str base = plan->type == POD_VOLUME_HOST
                          ? plan->host_path
                          : arena_printf(arena, "%.*s/%.*s", STR_ARG(folder), STR_ARG(plan->name));
    mounts[i] = (struct shim_mount){
        .source = str_is_empty(sub) ? arena_str(arena, base)
                                    : arena_printf(arena, "%.*s/%.*s", STR_ARG(base), STR_ARG(sub)),
        .target = arena_str(arena, mount->mount_path),
        .read_only = mount->read_only || plan->read_only};
  }
  *ret_mounts = mounts;
  *ret_count = container->volume_mounts_count;
  return RC_OK;
}

struct str pod_volume_variable(struct str name, struct arena *arena) {
  struct str text = arena_printf(arena, "SERIN_VOLUME_%.*s", STR_ARG(name));
  char *letters = arena_dup(arena, text.ptr, text.len + 1);
  for (size_t i = 0; i < text.len; i++) {
    char c = letters[i];
    if (c >= 'a' && c <= 'z')
      letters[i] = (char)(c - 'a' + 'A');
    else if (c == '-' || c == '.')
      letters[i] = '_';
  }
  return (struct str){letters, text.len};
}
