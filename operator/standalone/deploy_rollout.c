// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/deploy_rollout.h"
#include "operator/standalone/deploy_rollout_state.h"

#include <stdlib.h>

static struct str annotation(const struct json *object, const char *key) {
  return json_get_string(json_path(object, "metadata.annotations"), key);
}

static int64_t annotation_number(const struct json *object, const char *key, int64_t fallback) {
  int64_t value;
  return str_to_i64(annotation(object, key), &value) ? value : fallback;
}

// null, {} and [] say nothing: kubectl's own types add and drop them on the way (`rollout undo`).
static void drop_empty(struct json *json) {
  for (struct json *item = json ? json->child : NULL, *next; item; item = next) {
    next = item->next;
    drop_empty(item);
    bool is_container = item->type == JSON_OBJECT || item->type == JSON_ARRAY;
    if (json->type == JSON_OBJECT &&
        (item->type == JSON_NULL || (is_container && item->count == 0)))
      (void)json_remove(json, item->key);
  }
}

// What makes a version: the template without our own label.
static struct json *template_of(const struct json *object, struct arena *arena) {
  struct json *copy = json_dup(arena, json_path(object, "spec.template"));
  if (!copy)
    return json_new_object(arena);
  struct json *labels = json_path(copy, "metadata.labels");
  if (labels)
    (void)json_remove(labels, STR(DEPLOY_HASH_LABEL));
  return copy;
}

static struct json *version_of(const struct json *object, struct arena *arena) {
  struct json *version = template_of(object, arena);
  drop_empty(version);
  return version;
}

static int by_age(const void *a, const void *b) {
  const struct rollout_set *x = a, *y = b;
  int age = str_cmp(json_path_string(x->json, "metadata.creationTimestamp"),
                    json_path_string(y->json, "metadata.creationTimestamp"));
  return age != 0 ? age : str_cmp(x->name, y->name);
}

static void read_sets(struct rollout *r, const struct deploy_list *sets,
                      const struct deploy_list *pods) {
  r->sets = ARENA_ARRAY(r->arena, struct rollout_set, sets->count + 1);
  for (size_t i = 0; i < sets->count; i++) {
    if (deploy_is_deleting(sets->items[i]))
      continue;
    struct rollout_set *set = &r->sets[r->count++];
    *set = (struct rollout_set){.json = sets->items[i],
                                .name = json_path_string(sets->items[i], "metadata.name"),
                                .replicas = rollout_number(sets->items[i], "spec.replicas", 1),
                                .revision = annotation_number(sets->items[i], DEPLOY_REVISION, 0)};
    set->wanted = set->replicas;
    struct str uid = deploy_uid(set->json);
    for (size_t k = 0; k < pods->count; k++) {
      const struct json *pod = pods->items[k];
      if (!deploy_pod_is_active(pod) || !str_eq(deploy_controller(pod), uid))
        continue;
      int64_t due;
      set->pods++;
      set->ready += deploy_pod_is_ready(pod);
      set->available += deploy_pod_is_available(pod, r->min_ready_s, r->now_ms, &due);
      rollout_sooner(&r->due_ms, due);
    }
  }
  qsort(r->sets, r->count, sizeof *r->sets, by_age);
}

static struct rollout rollout_read(const struct json *deployment, int64_t now_ms,
                                   struct deploy_actions *actions) {
  struct rollout r = {.deployment = deployment,
                      .actions = actions,
                      .arena = actions->arena,
                      .ns = json_path_string(deployment, "metadata.namespace"),
                      .now_ms = now_ms,
                      .due_ms = -1,
                      .replicas = rollout_number(deployment, "spec.replicas", 1),
                      .min_ready_s = rollout_number(deployment, "spec.minReadySeconds", 0),
                      .generation = rollout_number(deployment, "metadata.generation", 0),
                      .paused = json_is_true(json_path(deployment, "spec.paused"))};
  r.recreate = str_eq(json_path_string(deployment, "spec.strategy.type"), STR("Recreate"));
  const struct json *rolling = json_path(deployment, "spec.strategy.rollingUpdate");
  r.max_surge = deploy_share(json_get(rolling, "maxSurge"), r.replicas, true, "25%");
  r.max_unavailable = deploy_share(json_get(rolling, "maxUnavailable"), r.replicas, false, "25%");
  if (r.recreate) {
    r.max_surge = 0;
    r.max_unavailable = r.replicas;
  }
  if (r.max_surge <= 0 && r.max_unavailable <= 0)
    r.max_unavailable = 1; // else it could never move
  if (r.max_unavailable > r.replicas)
    r.max_unavailable = r.replicas;
  return r;
}

static void find_fresh(struct rollout *r) {
  r->template_ = template_of(r->deployment, r->arena);
  struct json *version = version_of(r->deployment, r->arena);
  int64_t newest = 0;
  for (size_t i = 0; i < r->count; i++) {
    if (!r->fresh && json_equal(version_of(r->sets[i].json, r->arena), version))
      r->fresh = &r->sets[i];
    if (r->sets[i].revision > newest)
      newest = r->sets[i].revision;
  }
  bool is_newest = r->fresh && r->fresh->revision == newest && newest > 0;
  r->fresh_revision = is_newest ? newest : newest + 1;
  r->fresh_name = r->fresh ? r->fresh->name
                           : arena_printf(r->arena, "%.*s-%.*s",
                                          STR_ARG(json_path_string(r->deployment, "metadata.name")),
                                          STR_ARG(deploy_hash(version, r->arena)));
}

static int64_t sum_wanted(const struct rollout *r) {
  int64_t sum = 0;
  for (size_t i = 0; i < r->count; i++)
    sum += r->sets[i].wanted;
  return sum;
}

static int64_t counted(const struct rollout_set *set, int64_t value) {
  return value < set->wanted ? value : set->wanted;
}

// --- how many of each ---

// Recreate waits until the last old process has really ended.
static bool old_pods_are_gone(const struct rollout *r, const struct deploy_list *pods) {
  struct str fresh = r->fresh ? deploy_uid(r->fresh->json) : STR_NULL;
  for (size_t i = 0; i < pods->count; i++) {
    struct str phase = json_path_string(pods->items[i], "status.phase");
    bool ended = str_eq(phase, STR("Failed")) || str_eq(phase, STR("Succeeded"));
    if (!ended && !(fresh.ptr && str_eq(deploy_controller(pods->items[i]), fresh)))
      return false;
  }
  return true;
}

// How many of the fresh version may run now; `have` is what it has.
static int64_t fresh_wanted(const struct rollout *r, int64_t have, const struct deploy_list *pods) {
  if (have > r->replicas)
    return r->replicas;
  if (r->recreate)
    return old_pods_are_gone(r, pods) ? r->replicas : have;
  int64_t room = r->replicas + r->max_surge - sum_wanted(r);
  int64_t missing = r->replicas - have;
  int64_t add = room < missing ? room : missing;
  return have + (add > 0 ? add : 0);
}

static void shrink_old(struct rollout *r) {
  int64_t minimum = r->replicas - r->max_unavailable;
  int64_t fresh_unavailable =
      r->fresh ? r->fresh->wanted - counted(r->fresh, r->fresh->available) : 0;
  int64_t budget = sum_wanted(r) - minimum - fresh_unavailable;
  // First those that do no good anyway.
  for (size_t i = 0; i < r->count && budget > 0; i++) {
    struct rollout_set *set = &r->sets[i];
    if (set == r->fresh)
      continue;
    int64_t idle = set->wanted - counted(set, set->available);
    int64_t less = idle < budget ? idle : budget;
    set->wanted -= less;
    budget -= less;
  }
  int64_t available = 0;
  for (size_t i = 0; i < r->count; i++)
    available += counted(&r->sets[i], r->sets[i].available);
  int64_t spare = available - minimum;
  for (size_t i = 0; i < r->count && spare > 0 && budget > 0; i++) {
    struct rollout_set *set = &r->sets[i];
    if (set == r->fresh)
      continue;
    int64_t less = set->wanted < spare ? set->wanted : spare;
    less = less < budget ? less : budget;
    set->wanted -= less;
    spare -= less;
    budget -= less;
  }
}

static bool size_was_changed(const struct rollout *r) {
  for (size_t i = 0; i < r->count; i++)
    if (r->sets[i].replicas > 0 &&
        annotation_number(r->sets[i].json, DEPLOY_DESIRED, r->replicas) != r->replicas)
      return true;
  return false;
}

// spec.replicas changed: every version keeps its share. Only one has pods in most cases.
static void spread(struct rollout *r) {
  int64_t total = sum_wanted(r);
  int64_t target = r->replicas + (r->recreate ? 0 : r->max_surge);
  struct rollout_set *only = NULL;
  size_t active = 0;
  for (size_t i = 0; i < r->count; i++)
    if (r->sets[i].wanted > 0) {
      active++;
      only = &r->sets[i];
    }
  if (active == 1) {
    only->wanted = r->replicas;
    return;
  }
  int64_t left = target;
  struct rollout_set *last = r->fresh ? r->fresh : only;
  for (size_t i = 0; i < r->count && total > 0; i++) {
    struct rollout_set *set = &r->sets[i];
    if (set == last || set->wanted == 0)
      continue;
    set->wanted = set->wanted * target / total;
    left -= set->wanted;
  }
  // The newest takes the rest, but never more than the whole: the old ones shrink as it becomes
  // available.
  if (last)
    last->wanted = left < 0 ? 0 : left < r->replicas ? left : r->replicas;
}

// --- writing ReplicaSets ---

static struct json *fresh_annotations(const struct rollout *r) {
  struct json *all = json_new_object(r->arena);
  JSON_EACH(item, json_path(r->deployment, "metadata.annotations"))
    if (!str_eq(item->key, STR("kubectl.kubernetes.io/last-applied-configuration")) &&
        !str_starts(item->key, STR("deployment.kubernetes.io/")))
      json_set(r->arena, all, item->key, json_dup(r->arena, item));
  json_put_string(r->arena, all, DEPLOY_REVISION,
                  arena_printf(r->arena, "%lld", (long long)r->fresh_revision));
  return all;
}

static void put_sizes(const struct rollout *r, struct json *annotations) {
  json_put_string(r->arena, annotations, DEPLOY_DESIRED,
                  arena_printf(r->arena, "%lld", (long long)r->replicas));
  json_put_string(r->arena, annotations, DEPLOY_MAX,
                  arena_printf(r->arena, "%lld", (long long)(r->replicas + r->max_surge)));
}

static void create_fresh(struct rollout *r, int64_t replicas) {
  struct arena *arena = r->arena;
  struct str hash = deploy_hash(version_of(r->deployment, arena), arena);
  struct json *set = json_new_object(arena);
  json_put_z(arena, set, "apiVersion", "apps/v1");
  json_put_z(arena, set, "kind", "ReplicaSet");
  struct json *meta = json_need_object(arena, set, "metadata");
  json_put_string(arena, meta, "name", r->fresh_name);
  json_put_string(arena, meta, "namespace", r->ns);
  struct json *template_ = json_dup(arena, r->template_);
  struct json *labels =
      json_need_object(arena, json_need_object(arena, template_, "metadata"), "labels");
  json_put_string(arena, labels, DEPLOY_HASH_LABEL, hash);
  json_put(arena, meta, "labels", json_dup(arena, labels));
  struct json *annotations = fresh_annotations(r);
  put_sizes(r, annotations);
  json_put(arena, meta, "annotations", annotations);
  json_put(arena, meta, "ownerReferences",
           deploy_owner(arena, r->deployment, "apps/v1", "Deployment"));
  struct json *spec = json_need_object(arena, set, "spec");
  json_put_int(arena, spec, "replicas", replicas);
  if (r->min_ready_s > 0)
    json_put_int(arena, spec, "minReadySeconds", r->min_ready_s);
  struct json *selector = json_dup(arena, json_path(r->deployment, "spec.selector"));
  json_put_string(arena, json_need_object(arena, selector, "matchLabels"), DEPLOY_HASH_LABEL, hash);
  json_put(arena, spec, "selector", selector);
  json_put(arena, spec, "template", template_);
  deploy_add(r->actions, (struct deploy_action){.verb = DEPLOY_CREATE,
                                                .kind = "ReplicaSet",
                                                .ns = r->ns,
                                                .name = r->fresh_name,
                                                .body = set});
  deploy_event(r->actions, "Deployment", r->deployment, false, "ScalingReplicaSet",
               arena_printf(arena, "Scaled up replica set %.*s to %lld", STR_ARG(r->fresh_name),
                            (long long)replicas));
}

static void write_set(struct rollout *r, const struct rollout_set *set) {
  struct arena *arena = r->arena;
  struct json *patch = json_new_object(arena);
  struct json *annotations = json_new_object(arena);
  if (set == r->fresh && set->revision != r->fresh_revision)
    annotations = fresh_annotations(r);
  if (set->wanted > 0 || set->replicas > 0)
    put_sizes(r, annotations);
  bool differs = set->wanted != set->replicas;
  JSON_EACH(item, annotations)
    differs |=
        !str_eq(json_string(item),
                json_string(json_get_s(json_path(set->json, "metadata.annotations"), item->key)));
  if (!differs)
    return;
  json_put(arena, json_need_object(arena, patch, "metadata"), "annotations", annotations);
  if (set->wanted != set->replicas)
    json_put_int(arena, json_need_object(arena, patch, "spec"), "replicas", set->wanted);
  deploy_add(r->actions, (struct deploy_action){.verb = DEPLOY_PATCH,
                                                .kind = "ReplicaSet",
                                                .ns = r->ns,
                                                .name = set->name,
                                                .body = patch});
  if (set->wanted != set->replicas)
    deploy_event(r->actions, "Deployment", r->deployment, false, "ScalingReplicaSet",
                 arena_printf(arena, "Scaled %s replica set %.*s to %lld from %lld",
                              set->wanted > set->replicas ? "up" : "down", STR_ARG(set->name),
                              (long long)set->wanted, (long long)set->replicas));
}

static void write_sets(struct rollout *r) {
  for (size_t i = 0; i < r->count; i++)
    write_set(r, &r->sets[i]);
  struct str revision = arena_printf(r->arena, "%lld", (long long)r->fresh_revision);
  if (r->paused || str_eq(annotation(r->deployment, DEPLOY_REVISION), revision))
    return;
  struct json *patch = json_new_object(r->arena);
  struct json *meta = json_need_object(r->arena, patch, "metadata");
  json_put_string(r->arena, json_need_object(r->arena, meta, "annotations"), DEPLOY_REVISION,
                  revision);
  deploy_add(r->actions,
             (struct deploy_action){.verb = DEPLOY_PATCH,
                                    .kind = "Deployment",
                                    .ns = r->ns,
                                    .name = json_path_string(r->deployment, "metadata.name"),
                                    .body = patch});
}

static void drop_history(struct rollout *r) {
  int64_t keep = rollout_number(r->deployment, "spec.revisionHistoryLimit", 10), old = 0;
  for (size_t i = 0; i < r->count; i++)
    old += &r->sets[i] != r->fresh;
  for (size_t i = 0; i < r->count && old > keep; i++) {
    const struct rollout_set *set = &r->sets[i];
    if (set == r->fresh || set->replicas > 0 || set->wanted > 0 || set->pods > 0)
      continue;
    old--;
    deploy_add(r->actions,
               (struct deploy_action){
                   .verb = DEPLOY_DELETE, .kind = "ReplicaSet", .ns = r->ns, .name = set->name});
  }
}

void deploy_rollout_plan(const struct json *deployment, const struct deploy_list *sets,
                         const struct deploy_list *pods, int64_t now_ms,
                         struct deploy_actions *actions, int64_t *ret_due_ms) {
  *ret_due_ms = -1;
  if (deploy_is_deleting(deployment))
    return;
  struct rollout r = rollout_read(deployment, now_ms, actions);
  read_sets(&r, sets, pods);
  find_fresh(&r);
  if (size_was_changed(&r) || r.paused) {
    // As in Kubernetes: a change of size comes before, and also during a pause of, a change of
    // version.
    if (size_was_changed(&r))
      spread(&r);
  } else {
    int64_t have = r.fresh ? r.fresh->wanted : 0;
    int64_t wanted = fresh_wanted(&r, have, pods);
    r.created = !r.fresh;
    if (r.fresh)
      r.fresh->wanted = wanted;
    else
      create_fresh(&r, wanted);
    if (r.recreate) {
      for (size_t i = 0; i < r.count; i++)
        if (&r.sets[i] != r.fresh)
          r.sets[i].wanted = 0;
    } else if (r.fresh) {
      shrink_old(&r);
    }
  }
  write_sets(&r);
  drop_history(&r);
  deploy_status_plan(&r);
  *ret_due_ms = r.due_ms;
}
