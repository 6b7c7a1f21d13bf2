// SPDX-License-Identifier: Apache-2.0
// What happens in the world by itself: Deployments and their ReplicaSets follow, proxies
// acknowledge, somebody judges; and the plan that is made from it.
#include "support_world_parts.h"
#include "manifests/text/time.h"

static struct str uid_of(const struct json *d) {
  return json_path_string(d, "metadata.uid");
}

static bool is_its(const struct json *set, const struct json *d) {
  return str_eq(json_path_string(set, "metadata.ownerReferences.0.uid"), uid_of(d));
}

static struct json *set_of(struct world *world, const struct json *d, bool make) {
  struct str tail = snapshot_template_hash(json_path(d, "spec.template"), world->arena);
  struct str hash = arena_printf(world->arena, "rs%.*s", STR_ARG(str_slice(tail, 3, tail.len)));
  struct str name = arena_printf(world->arena, "%.*s-%.*s",
                                 STR_ARG(json_path_string(d, "metadata.name")), STR_ARG(hash));
  for (size_t i = 0; i < world->sets_count; i++)
    if (str_eq(json_path_string(world->sets[i], "metadata.name"), name))
      return world->sets[i];
  if (!make || world->sets_count == WORLD_MAX)
    return NULL;
  struct json *set = world_parse(
      world->arena,
      arena_printf(world->arena,
                   "{\"metadata\":{\"name\":\"%.*s\",\"namespace\":\"team1\",\"annotations\":"
                   "{\"deployment.kubernetes.io/revision\":\"%zu\"},\"ownerReferences\":[{\"uid\":"
                   "\"%s\",\"controller\":true}]},\"spec\":{\"replicas\":0}}",
                   STR_ARG(name), world->sets_count + 1, uid_of(d).ptr)
          .ptr);
  struct json *template = json_dup(world->arena, json_path(d, "spec.template"));
  json_put_string(world->arena, json_path(template, "metadata.labels"), SNAPSHOT_POD_HASH, hash);
  json_put(world->arena, json_get(set, "spec"), "template", template);
  world->sets[world->sets_count++] = set;
  return set;
}

static int64_t set_replicas(const struct json *set) {
  return json_int(json_path(set, "spec.replicas"), 0);
}

static void roll(struct world *world, struct json *d) {
  int64_t wanted = json_int(json_path(d, "spec.replicas"), 1), active = 0;
  bool paused = json_is_true(json_path(d, "spec.paused"));
  struct json *fresh = set_of(world, d, !paused), *only = NULL;
  for (size_t i = 0; i < world->sets_count; i++)
    if (is_its(world->sets[i], d) && set_replicas(world->sets[i]) > 0) {
      active++;
      only = world->sets[i];
    }
  if (paused) { // a change of size alone is followed
    if (active == 1)
      json_put_int(world->arena, json_get(only, "spec"), "replicas", wanted);
    return;
  }
  int64_t moved = world->rolls_slowly ? 1 : wanted, rest = 0;
  for (size_t i = 0; i < world->sets_count; i++) {
    struct json *set = world->sets[i];
    if (set == fresh || !is_its(set, d))
      continue;
    int64_t left = set_replicas(set) > moved ? set_replicas(set) - moved : 0;
    moved -= set_replicas(set) - left;
    json_put_int(world->arena, json_get(set, "spec"), "replicas", left);
    rest += left;
  }
  json_put_int(world->arena, json_get(fresh, "spec"), "replicas",
               wanted > rest ? wanted - rest : 0);
}

static void original_ready(struct world *world, struct json *d) {
  int64_t all = 0, ready = 0;
  roll(world, d);
  const struct json *fresh = set_of(world, d, false);
  for (size_t i = 0; i < world->sets_count; i++) {
    struct json *set = world->sets[i], *status = json_need_object(world->arena, set, "status");
    if (!is_its(set, d))
      continue;
    int64_t have = set_replicas(set);
    all += have;
    ready += have;
    json_put_int(world->arena, status, "replicas", have);
    json_put_int(world->arena, status, "readyReplicas", have);
    json_put_int(world->arena, status, "availableReplicas", have);
  }
  struct json *status = json_need_object(world->arena, d, "status");
  json_put_int(world->arena, status, "observedGeneration",
               json_int(json_path(d, "metadata.generation"), 0));
  json_put_int(world->arena, status, "replicas", all);
  json_put_int(world->arena, status, "readyReplicas", ready);
  json_put_int(world->arena, status, "availableReplicas", ready);
  json_put_int(world->arena, status, "updatedReplicas", fresh ? set_replicas(fresh) : 0);
  world_touch(world, d);
}

// --- what happens by itself ---

static bool is_stable(const struct world *world, struct str name) {
  struct str stable = world_status(world, "stable.deployment");
  return str_eq(name, stable) || (str_is_empty(stable) && str_eq_z(name, "agent-v1"));
}

void world_ready(struct world *world) {
  for (size_t i = 0; i < world->deployments_count; i++) {
    struct json *d = world->deployments[i], *status = json_need_object(world->arena, d, "status");
    if (str_starts(uid_of(d), STR("uid-"))) { // one that has ReplicaSets
      original_ready(world, d);
      continue;
    }
    int64_t replicas = json_int(json_path(d, "spec.replicas"), 1);
    bool stable = is_stable(world, json_path_string(d, "metadata.name"));
    int64_t ready = !stable && world->never_ready ? 0 : replicas;
    if (!stable && world->ready_limit > 0 && ready > world->ready_limit)
      ready = world->ready_limit;
    json_put_int(world->arena, status, "observedGeneration",
                 json_int(json_path(d, "metadata.generation"), 0));
    json_put_int(world->arena, status, "replicas", replicas);
    json_put_int(world->arena, status, "readyReplicas", ready);
    json_put_int(world->arena, status, "availableReplicas", ready);
    json_put_int(world->arena, status, "updatedReplicas", replicas);
    world_touch(world, d);
  }
  world_check_bare(world);
}

static struct proxy *proxies(struct world *world, struct arena *arena) {
  struct proxy *items = ARENA_ARRAY(arena, struct proxy, world->proxies + 1);
  for (size_t i = 0; i < world->proxies; i++) {
    struct json *serving = json_new_object(arena);
    int64_t behind = world->proxies_lag ? 1000 : 0, revision = 0;
    (void)str_to_i64(json_path_string(world->service, "metadata.resourceVersion"), &revision);
    int64_t generation = json_int(json_path(world->service, "metadata.generation"), 0);
    if (world->gateway)
      json_put_string(arena, serving, "HTTPRoute/team1/vs",
                      arena_printf(arena, "generation:%lld", (long long)(generation - behind)));
    else
      json_put_string(arena, serving, "VirtualService/team1/vs",
                      arena_printf(arena, "%lld", (long long)(revision - behind)));
    if (world->rule)
      json_put_string(arena, serving, "DestinationRule/team1/dr",
                      json_path_string(world->rule, "metadata.resourceVersion"));
    items[i] = (struct proxy){.name = STR("proxy"), .serving = serving};
  }
  return items;
}

static int64_t written_at(const struct world *world) {
  int64_t at = 0;
  (void)time_parse(world_status(world, "weight.writtenAt"), &at);
  return at;
}

static struct judgement judgement(struct world *world, struct arena *arena) {
  bool has_traffic = !str_is_empty(json_path_string(world->rollout, "status.release.trafficAt"));
  if (world->no_judge || !has_traffic)
    return (struct judgement){0};
  struct verdict *verdict = ARENA_NEW(arena, struct verdict);
  struct metric_verdict *metric = ARENA_NEW(arena, struct metric_verdict);
  *metric = (struct metric_verdict){.name = STR("error-rate"),
                                    .outcome = world->outcome,
                                    .cause = world->cause,
                                    .clean = world->outcome == OUTCOME_PASS,
                                    .reason = STR("12 of 60 requests were bad, 20% against 1%")};
  *verdict = verdict_fold(metric, 1, arena);
  return (struct judgement){.at_ms = world->now_ms - world->now_ms % 5000,
                            .verdict = verdict,
                            .state = STR("{}"),
                            .has_observed = world->has_observed,
                            .observed = world->observed,
                            .seen_since_ms = world->has_observed ? written_at(world) : 0,
                            .seen_canary = world->seen * world->observed / 100,
                            .seen_all = world->seen};
}

struct plan *world_plan(struct world *world, struct arena *arena) {
  struct snapshot snapshot;
  const struct json *services[] = {world->service, world->shadow}, *rules[] = {world->rule},
                    *rivals[] = {world->rival};
  struct snapshot_input input = {.now_ms = world->now_ms,
                                 .rollout = json_dup(arena, world->rollout),
                                 .deployments = (const struct json *const *)world->deployments,
                                 .deployments_count = world->deployments_count,
                                 .routes = arena_dup(arena, services, sizeof(services)),
                                 .routes_count = world->shadow ? 2 : 1,
                                 .rules = arena_dup(arena, rules, sizeof(rules)),
                                 .rules_count = world->rule ? 1 : 0,
                                 .services = (const struct json *const *)world->services,
                                 .services_count = world->services_count,
                                 .rivals = arena_dup(arena, rivals, sizeof(rivals)),
                                 .rivals_count = world->rival ? 1 : 0,
                                 .actions = (const struct json *const *)world->actions,
                                 .actions_count = world->actions_count,
                                 .proxies = proxies(world, arena),
                                 .proxies_count = world->proxies,
                                 .judgement = judgement(world, arena),
                                 .notify_default = world->notify_default,
                                 .notices = &world->notice,
                                 .notices_count = world->notice.number ? 1 : 0,
                                 .users_are_stamped = true,
                                 .first_look = world->first_look,
                                 .just_started = world->just_started,
                                 .replica_sets = (const struct json *const *)world->sets,
                                 .replica_sets_count = world->sets_count,
                                 .replica_sets_current =
                                     !world->sets_late || rng_below(&world->rng, 3) == 0};
  snapshot_build(&input, arena, &snapshot);
  world_fill_content(world, &snapshot, arena);
  return plan_rollout(&snapshot, arena);
}
