// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/reference.h"
#include "manifests/kinds/rollout.h"
#include "operator/traffic/virtual_service.h"

#define NAME_MAX_LEN 253

static void add(struct term_set *set, struct arena *arena, uint64_t term) {
  uint64_t *to =
      arena_push(arena, (void **)&set->items, &set->count, &set->capacity, sizeof *set->items);
  *to = term;
}

static uint64_t mix(char what, struct str ns, struct str text) {
  uint64_t hash = str_hash(ns) * 0x9e3779b97f4a7c15u + (uint64_t)what;
  return (hash ^ (hash >> 29)) * 0xbf58476d1ce4e5b9u ^ str_hash(text);
}

uint64_t reference_name(struct str ns, struct str name) {
  return mix('n', ns, name);
}

uint64_t reference_owner(struct str ns, struct str rollout) {
  return mix('o', ns, rollout);
}

uint64_t reference_host(struct str full_host) {
  return mix('h', STR(""), full_host);
}

// --- Rollouts ---

static bool is_object_name(struct str text) {
  bool letter = false;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    bool alpha = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';
    if (!alpha && !digit && c != '-' && c != '.')
      return false;
    letter |= alpha;
  }
  return letter && text.len <= NAME_MAX_LEN;
}

static bool is_one_of(struct str key, const char *const names[]) {
  for (size_t i = 0; names[i]; i++)
    if (str_eq_z(key, names[i]))
      return true;
  return false;
}

// Names in a pod template are those of containers and ports, but for these.
static void walk_template(const struct json *json, struct str ns, struct arena *arena,
                          struct term_set *set) {
  static const char *const sources[] = {
      "configMapRef", "configMapKeyRef", "secretRef", "secretKeyRef", "configMap", "secret", NULL};
  JSON_EACH(item, json) {
    if (is_one_of(item->key, sources)) {
      struct str name = json_get_string(item, "name");
      name = name.len ? name : json_get_string(item, "secretName");
      if (name.len)
        add(set, arena, reference_name(ns, name));
    }
    walk_template(item, ns, arena, set);
  }
}

static void walk(const struct json *json, struct str ns, struct arena *arena,
                 struct term_set *set) {
  // Long, and without names of objects; or words and hashes that name none.
  static const char *const passed[] = {
      "steps",    "judge",     "history",       "conditions", "subset",
      "hash",     "id",        "specHash",      "version",    "interval",
      "onNoData", "onFailure", "onNewRevision", "onDeadline", "progressDeadline",
      NULL};
  JSON_EACH(item, json) {
    if (is_one_of(item->key, passed))
      continue;
    if (str_eq_z(item->key, "template"))
      walk_template(item, ns, arena, set);
    else if (item->type != JSON_STRING)
      walk(item, ns, arena, set);
    else if (is_object_name(item->string))
      add(set, arena, reference_name(ns, item->string));
  }
}

void reference_of_rollout(const struct json *rollout, struct arena *arena, struct term_set *set) {
  struct str ns = json_path_string(rollout, "metadata.namespace");
  add(set, arena, reference_owner(ns, json_path_string(rollout, "metadata.name")));
  walk(json_get(rollout, "spec"), ns, arena, set);
  walk(json_get(rollout, "status"), ns, arena, set);
}

// --- objects ---

// A route of that parent without hosts takes requests for any; `others`: one with hosts.
static uint64_t reference_parent(struct str ns, struct str name, bool others) {
  return mix(others ? 'P' : 'p', ns, name);
}

static bool has_hostnames(const struct json *route) {
  const struct json *names = json_path(route, "spec.hostnames");
  return names && names->count > 0;
}

static void add_hosts(const struct json *route, struct arena *arena, struct term_set *set) {
  static const char *const lists[] = {"spec.hosts", "spec.hostnames"};
  struct str ns = json_path_string(route, "metadata.namespace");
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
    JSON_EACH(host, json_path(route, lists[i]))
      add(set, arena, reference_host(vs_full_host(json_string(host), ns, arena)));
}

static void add_parents(const struct json *route, bool others, struct arena *arena,
                        struct term_set *set) {
  JSON_EACH(parent, json_path(route, "spec.parentRefs")) {
    struct str ns = json_get_string(parent, "namespace");
    ns = ns.len ? ns : json_path_string(route, "metadata.namespace");
    add(set, arena, reference_parent(ns, json_get_string(parent, "name"), others));
  }
}

void reference_of_route(const struct json *route, struct arena *arena, struct term_set *set) {
  add_hosts(route, arena, set);
  add_parents(route, has_hostnames(route), arena, set);
}

void reference_of_rivals(const struct json *route, struct arena *arena, struct term_set *set) {
  add_hosts(route, arena, set);
  add_parents(route, false, arena, set);
  if (!has_hostnames(route))
    add_parents(route, true, arena, set);
}

void reference_of_object(const struct json *object, struct arena *arena, struct term_set *set) {
  const struct json *metadata = json_get(object, "metadata");
  struct str ns = json_get_string(metadata, "namespace");
  struct str owner = json_get_string(json_get(metadata, "labels"), ROLLOUT_OWNER_LABEL);
  struct str subject = json_path_string(object, "spec.rollout"); // of a RolloutAction
  add(set, arena, reference_name(ns, json_get_string(metadata, "name")));
  if (owner.len)
    add(set, arena, reference_owner(ns, owner));
  if (subject.len)
    add(set, arena, reference_owner(ns, subject));
  JSON_EACH(item, json_get(metadata, "ownerReferences")) {
    if (str_eq_z(json_get_string(item, "kind"), "Rollout"))
      add(set, arena, reference_owner(ns, json_get_string(item, "name")));
  }
  reference_of_route(object, arena, set);
}
