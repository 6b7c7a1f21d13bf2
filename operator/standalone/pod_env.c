// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/pod_env.h"

#include <string.h>

void pod_env_set(struct pod_env_list *list, struct arena *arena, struct str name,
                 struct str value) {
  for (size_t i = 0; i < list->count; i++)
    if (str_eq(list->items[i].key, name)) {
      list->items[i].value = value;
      return;
    }
  void *items = list->items;
  struct string_pair *pair = arena_push(arena, &items, &list->count, &list->capacity, sizeof *pair);
  list->items = items;
  *pair = (struct string_pair){.key = name, .value = value};
}

struct str pod_env_get(const struct pod_env_list *list, struct str name) {
  for (size_t i = 0; i < list->count; i++)
    if (str_eq(list->items[i].key, name))
      return list->items[i].value;
  return STR_NULL;
}

struct str pod_expand(struct str text, const struct pod_env_list *list, struct arena *arena) {
  if (str_find_char(text, '$') < 0)
    return arena_str(arena, text);
  struct buf out;
  buf_init(&out, 1u << 20);
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] != '$' || i + 1 >= text.len) {
      buf_add_char(&out, text.ptr[i]);
      continue;
    }
    if (text.ptr[i + 1] == '$') {
      buf_add_char(&out, '$');
      i++;
      continue;
    }
    struct str rest = str_slice(text, i + 2, text.len);
    ptrdiff_t end = text.ptr[i + 1] == '(' ? str_find_char(rest, ')') : -1;
    if (end < 0) {
      buf_add_char(&out, '$');
      continue;
    }
    struct str value = pod_env_get(list, str_slice(rest, 0, (size_t)end));
    if (!value.ptr) // unknown: as it was written, to the first ')'
      value = str_slice(text, i, i + (size_t)end + 3);
    buf_add_str(&out, value);
    i += (size_t)end + 2;
  }
  struct str copy = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return copy;
}

static bool is_variable_name(struct str name) {
  if (str_is_empty(name) || (name.ptr[0] >= '0' && name.ptr[0] <= '9'))
    return false;
  for (size_t i = 0; i < name.len; i++)
    if (name.ptr[i] == '=' || name.ptr[i] <= ' ' || name.ptr[i] > '~')
      return false;
  return true;
}

static int add_all(const char *kind, const struct pod_source_ref *ref, struct str prefix,
                   const struct pod_facts *facts, const struct pod_lookup *lookup,
                   struct arena *arena, struct pod_env_list *list, size_t *skipped,
                   struct err *err) {
  const struct json *source =
      lookup->find(lookup->data, kind, facts->pod->metadata.namespace_, ref->name);
  if (!source)
    return ref->optional
               ? RC_OK
               : err_set(err, RC_NOT_FOUND, "%s \"%.*s\" not found",
                         strcmp(kind, "Secret") == 0 ? "secret" : "configmap", STR_ARG(ref->name));
  size_t count;
  struct str *keys = pod_source_keys(source, arena, &count);
  for (size_t i = 0; i < count; i++) {
    struct str value;
    struct str name = arena_printf(arena, "%.*s%.*s", STR_ARG(prefix), STR_ARG(keys[i]));
    if (!is_variable_name(name))
      ++*skipped;
    else if (pod_source_value(source, keys[i], arena, &value))
      pod_env_set(list, arena, name, value);
  }
  return RC_OK;
}

// *ret_found false: an optional reference is absent, so the variable is not set at all.
static int key_value(const char *kind, const struct pod_key_ref *ref, const struct pod_facts *facts,
                     const struct pod_lookup *lookup, struct arena *arena, struct str *ret_value,
                     bool *ret_found, struct err *err) {
  const char *word = strcmp(kind, "Secret") == 0 ? "secret" : "configmap";
  const struct json *source =
      lookup->find(lookup->data, kind, facts->pod->metadata.namespace_, ref->name);
  *ret_found = source && pod_source_value(source, ref->key, arena, ret_value);
  if (*ret_found || ref->optional)
    return RC_OK;
  if (!source)
    return err_set(err, RC_NOT_FOUND, "%s \"%.*s\" not found", word, STR_ARG(ref->name));
  return err_set(err, RC_NOT_FOUND, "couldn't find key %.*s in %s %.*s", STR_ARG(ref->key), word,
                 STR_ARG(ref->name));
}

static int value_from(const struct pod_env_source *from, const struct pod_facts *facts,
                      const struct pod_container *container, const struct pod_lookup *lookup,
                      struct arena *arena, struct str *ret_value, bool *ret_found,
                      struct err *err) {
  *ret_found = true;
  if (from->field_ref)
    return pod_field(facts, from->field_ref->field_path, arena, ret_value, err);
  if (from->resource_field_ref)
    return pod_resource_field(facts->pod, container, from->resource_field_ref, arena, ret_value,
                              err);
  if (from->config_map_key_ref)
    return key_value("ConfigMap", from->config_map_key_ref, facts, lookup, arena, ret_value,
                     ret_found, err);
  if (from->secret_key_ref)
    return key_value("Secret", from->secret_key_ref, facts, lookup, arena, ret_value, ret_found,
                     err);
  return err_set(err, RC_UNSUPPORTED,
                 "valueFrom: only fieldRef, resourceFieldRef, configMapKeyRef and secretKeyRef are "
                 "known here");
}

int pod_env_build(const struct pod_facts *facts, const struct pod_container *container,
                  const struct pod_lookup *lookup, struct arena *arena, struct pod_env_list *list,
                  size_t *ret_skipped, struct err *err) {
  int rc = RC_OK;
  *ret_skipped = 0;
  for (size_t i = 0; rc == RC_OK && i < container->env_from_count; i++) {
    const struct pod_env_from *from = &container->env_from[i];
    if (from->config_map_ref)
      rc = add_all("ConfigMap", from->config_map_ref, from->prefix, facts, lookup, arena, list,
                   ret_skipped, err);
    if (rc == RC_OK && from->secret_ref)
      rc = add_all("Secret", from->secret_ref, from->prefix, facts, lookup, arena, list,
                   ret_skipped, err);
  }
  for (size_t i = 0; rc == RC_OK && i < container->env_count; i++) {
    const struct pod_env *env = &container->env[i];
    struct str value = STR("");
    bool found = true;
    if (env->value_from) {
      rc = value_from(env->value_from, facts, container, lookup, arena, &value, &found, err);
      if (rc != RC_OK)
        return err_wrap(err, rc, "env %.*s", STR_ARG(env->name));
    } else {
      value = pod_expand(env->value, list, arena);
    }
    if (found)
      pod_env_set(list, arena, arena_str(arena, env->name), value);
  }
  return rc;
}

int pod_argv(const struct pod_container *container, const struct pod_env_list *env,
             const struct pod_images *images, struct arena *arena, struct str **ret_argv,
             size_t *ret_count, struct err *err) {
  const struct str *head = container->command;
  size_t head_count = container->command_count;
  if (head_count == 0) {
    const struct pod_image *image = pod_images_find(images, container->image);
    if (!image)
      return err_set(err, RC_NOT_FOUND,
                     "image \"%.*s\": images are not pulled here; give the container a command, or "
                     "start serin up with --image %.*s=COMMAND",
                     STR_ARG(container->image), STR_ARG(container->image));
    head = image->argv;
    head_count = image->argv_count;
  }
  struct str *argv = ARENA_ARRAY(arena, struct str, head_count + container->args_count + 1);
  size_t count = 0;
  for (size_t i = 0; i < head_count; i++)
    argv[count++] = pod_expand(head[i], env, arena);
  for (size_t i = 0; i < container->args_count; i++)
    argv[count++] = pod_expand(container->args[i], env, arena);
  *ret_argv = argv;
  *ret_count = count;
  return RC_OK;
}
