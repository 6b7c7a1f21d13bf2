// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/deploy.h"
#include "manifests/text/percent.h"
#include "manifests/text/time.h"

#include <math.h>

void deploy_add(struct deploy_actions *actions, struct deploy_action action) {
  void *items = actions->items;
  struct deploy_action *slot =
      arena_push(actions->arena, &items, &actions->count, &actions->capacity, sizeof *slot);
  actions->items = items;
  *slot = action;
}

void deploy_list_add(struct deploy_list *list, struct arena *arena, const struct json *object) {
  void *items = list->items;
  const struct json **slot = arena_push(arena, &items, &list->count, &list->capacity, sizeof *slot);
  list->items = items;
  *slot = object;
}

void deploy_event(struct deploy_actions *actions, const char *kind, const struct json *object,
                  bool warning, const char *reason, struct str message) {
  deploy_add(actions, (struct deploy_action){.verb = DEPLOY_EVENT,
                                             .kind = kind,
                                             .ns = json_path_string(object, "metadata.namespace"),
                                             .name = json_path_string(object, "metadata.name"),
                                             .warning = warning,
                                             .reason = reason,
                                             .message = message});
}

struct str deploy_uid(const struct json *object) {
  return json_path_string(object, "metadata.uid");
}

bool deploy_is_deleting(const struct json *object) {
  return !str_is_empty(json_path_string(object, "metadata.deletionTimestamp"));
}

struct str deploy_controller(const struct json *object) {
  JSON_EACH(owner, json_path(object, "metadata.ownerReferences"))
    if (json_is_true(json_get(owner, "controller")))
      return json_get_string(owner, "uid");
  return STR_NULL;
}

struct json *deploy_owner(struct arena *arena, const struct json *owner, const char *api_version,
                          const char *kind) {
  struct json *list = json_new_array(arena), *reference = json_new_object(arena);
  json_put_z(arena, reference, "apiVersion", api_version);
  json_put_z(arena, reference, "kind", kind);
  json_put_string(arena, reference, "name", json_path_string(owner, "metadata.name"));
  json_put_string(arena, reference, "uid", deploy_uid(owner));
  json_put_bool(arena, reference, "controller", true);
  json_put_bool(arena, reference, "blockOwnerDeletion", true);
  json_append(list, reference);
  return list;
}

bool deploy_pod_is_active(const struct json *pod) {
  struct str phase = json_path_string(pod, "status.phase");
  return !deploy_is_deleting(pod) && !str_eq(phase, STR("Failed")) &&
         !str_eq(phase, STR("Succeeded"));
}

const struct json *deploy_condition(const struct json *object, const char *type) {
  JSON_EACH(item, json_path(object, "status.conditions"))
    if (str_eq_z(json_get_string(item, "type"), type))
      return item;
  return NULL;
}

bool deploy_pod_is_ready(const struct json *pod) {
  return str_eq(json_get_string(deploy_condition(pod, "Ready"), "status"), STR("True"));
}

bool deploy_pod_is_available(const struct json *pod, int64_t min_ready_s, int64_t now_ms,
                             int64_t *ret_due_ms) {
  *ret_due_ms = -1;
  if (!deploy_pod_is_ready(pod))
    return false;
  int64_t since;
  if (min_ready_s <= 0 ||
      !time_parse(json_get_string(deploy_condition(pod, "Ready"), "lastTransitionTime"), &since))
    return min_ready_s <= 0;
  int64_t due = since + min_ready_s * 1000;
  if (due <= now_ms)
    return true;
  *ret_due_ms = due;
  return false;
}

int64_t deploy_share(const struct json *value, int64_t total, bool up, const char *fallback) {
  if (json_is(value, JSON_INT))
    return value->integer;
  struct str text = json_is(value, JSON_STRING) ? json_string(value) : str_of(fallback);
  int64_t number;
  double percent;
  if (!str_ends(text, STR("%")))
    return str_to_i64(text, &number) ? number : 0;
  if (!percent_parse(text, &percent))
    return 0;
  double share = percent * (double)total / 100;
  return (int64_t)(up ? ceil(share) : floor(share));
}

struct json *deploy_condition_new(struct arena *arena, const char *type, bool value,
                                  const char *reason, struct str message, struct str since,
                                  struct str updated) {
  struct json *condition = json_new_object(arena);
  json_put_z(arena, condition, "type", type);
  json_put_z(arena, condition, "status", value ? "True" : "False");
  json_put_string(arena, condition, "lastUpdateTime", updated);
  json_put_string(arena, condition, "lastTransitionTime", since);
  json_put_z(arena, condition, "reason", reason);
  json_put_string(arena, condition, "message", message);
  return condition;
}

static const char name_letters[] = "bcdfghjklmnpqrstvwxz2456789";
#define NAME_LETTERS (sizeof name_letters - 1)

// FNV-1a of the canonical text. Any stable hash does: only equality of templates counts, names need
// not be those Kubernetes would give.
struct str deploy_hash(const struct json *json, struct arena *arena) {
  struct buf text;
  buf_init(&text, 16u << 20);
  (void)json_write_canonical(&text, json);
  uint64_t hash = 1469598103934665603u;
  for (size_t i = 0; i < text.len; i++)
    hash = (hash ^ (unsigned char)text.ptr[i]) * 1099511628211u;
  buf_dispose(&text);
  char letters[10];
  for (size_t i = 0; i < sizeof letters; i++, hash /= NAME_LETTERS)
    letters[i] = name_letters[hash % NAME_LETTERS];
  return arena_str(arena, (struct str){letters, sizeof letters});
}

struct str deploy_suffix(struct rng *rng, struct arena *arena) {
  char letters[5];
  for (size_t i = 0; i < sizeof letters; i++)
    letters[i] = name_letters[rng_below(rng, NAME_LETTERS)];
  return arena_str(arena, (struct str){letters, sizeof letters});
}
