// SPDX-License-Identifier: Apache-2.0
#include "support_world.h"
#include "manifests/text/json_patch.h"
#include "manifests/text/percent.h"
#include "manifests/text/time.h"
#include "operator/traffic/weights.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HOST "agent.team1.svc.cluster.local"
#define MINUTE 60000

static struct json *parse(struct arena *arena, const char *text) {
  struct json *json = NULL;
  struct err err = {0};
  if (json_parse(str_of(text), arena, &json, &err) != RC_OK) {
    fprintf(stderr, "world: %s in %s\n", err.msg, text);
    return json_new_object(arena);
  }
  return json;
}

__attribute__((format(printf, 2, 3))) static void broken(struct world *world, const char *format,
                                                         ...) {
  va_list args;
  if (world->broken[0])
    return;
  va_start(args, format);
  (void)vsnprintf(world->broken, sizeof(world->broken), format, args);
  va_end(args);
}

void world_touch(struct world *world, struct json *object) {
  struct json *metadata = json_need_object(world->arena, object, "metadata");
  json_put_string(world->arena, metadata, "resourceVersion",
                  arena_printf(world->arena, "%lld", (long long)++world->revision));
}

void world_spec_changed(struct world *world) {
  struct json *metadata = json_get(world->rollout, "metadata");
  json_put_int(world->arena, metadata, "generation",
               json_int(json_get(metadata, "generation"), 0) + 1);
  world_touch(world, world->rollout);
}

// --- making one ---

#define ROUTE_STABLE "{\"destination\":{\"host\":\"" HOST "\",\"subset\":\"v1\"},\"weight\":100}"
#define ROUTE_BARE "{\"destination\":{\"host\":\"agent\"}}"
#define ROUTE_ELSE                                                                                 \
  "{\"match\":[{\"uri\":{\"prefix\":\"/"                                                           \
  "else\"}}],\"route\":[{\"destination\":{\"host\":\"else\"}}],"                                   \
  "\"timeout\":\"3s\"}"

static void init(struct world *world, struct arena *arena, uint64_t seed, const char *route,
                 const char *spec) {
  *world = (struct world){
      .arena = arena, .now_ms = 1767225600000, .proxies = 2, .outcome = OUTCOME_PASS};
  rng_init(&world->rng, seed);
  world->rollout =
      parse(arena,
            arena_printf(arena,
                         "{\"apiVersion\":\"serin.dev/v1alpha1\",\"kind\":\"Rollout\",\"metadata\":"
                         "{\"name\":\"agent\",\"namespace\":\"team1\",\"uid\":\"0123456789\","
                         "\"generation\":1},\"spec\":%s}",
                         spec)
                .ptr);
  world->service = parse(
      arena,
      arena_printf(arena,
                   "{\"metadata\":{\"name\":\"vs\",\"namespace\":\"team1\",\"creationTimestamp\":"
                   "\"2026-01-01T00:00:00Z\"},\"spec\":{\"hosts\":[\"" HOST "\"],\"http\":"
                   "[" ROUTE_ELSE ",{\"route\":[%s],\"retries\":{\"attempts\":2}}]}}",
                   route)
          .ptr);
  world->rule = parse(
      arena, "{\"metadata\":{\"name\":\"dr\",\"namespace\":\"team1\"},\"spec\":{\"host\":\"" HOST
             "\",\"trafficPolicy\":{\"loadBalancer\":{\"simple\":\"RANDOM\"}},\"subsets\":["
             "{\"name\":\"v1\",\"labels\":{\"version\":\"v1\"}},{\"name\":\"v2\",\"labels\":"
             "{\"version\":\"v2\"}},{\"name\":\"mine\",\"labels\":{\"a\":\"b\"}}]}}");
  world_touch(world, world->rollout);
  world_touch(world, world->service);
  world_touch(world, world->rule);
}

struct json *world_add_deployment(struct world *world, const char *name, const char *version,
                                  int64_t replicas) {
  struct json *d =
      parse(world->arena,
            arena_printf(
                world->arena,
                "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"team1\",\"generation\":1},\"spec\":"
                "{\"replicas\":%lld,\"template\":{\"metadata\":{\"labels\":{\"version\":\"%s\"}},"
                "\"spec\":{\"containers\":[{\"name\":\"agent\",\"image\":\"agent:%s\"}]}}}}",
                name, (long long)replicas, version, version)
                .ptr);
  world_touch(world, d);
  world->deployments[world->deployments_count++] = d;
  return d;
}

void world_init_pair(struct world *world, struct arena *arena, uint64_t seed, const char *steps) {
  init(world, arena, seed, ROUTE_STABLE,
       arena_printf(
           arena,
           "{\"stable\":{\"deployment\":\"agent-v1\",\"subset\":\"v1\"},\"canary\":{\"deployment\":"
           "\"agent-v2\",\"subset\":\"v2\"},\"traffic\":{\"virtualService\":{\"name\":\"vs\"},"
           "\"destinationRule\":\"dr\"}%s%s}",
           steps ? ",\"steps\":" : "", steps ? steps : "")
           .ptr);
  world_add_deployment(world, "agent-v1", "v1", 4);
  world_ready(world);
  world_add_deployment(world, "agent-v2", "v2", 1);
}

void world_init_template(struct world *world, struct arena *arena, uint64_t seed,
                         const char *steps) {
  init(world, arena, seed, ROUTE_BARE,
       arena_printf(arena,
                    "{\"replicas\":3,\"selector\":{\"matchLabels\":{\"app\":\"agent\"}},"
                    "\"template\":{\"metadata\":"
                    "{\"labels\":{\"app\":\"agent\"}},\"spec\":{\"containers\":[{\"name\":"
                    "\"agent\",\"image\":"
                    "\"agent:1\"}]}},\"traffic\":{\"virtualService\":{\"name\":\"vs\"},"
                    "\"destinationRule\":\"dr\"}%s%s}",
                    steps ? ",\"steps\":" : "", steps ? steps : "")
           .ptr);
}

static void add_service(struct world *world, const char *name, const char *version) {
  struct json *service =
      parse(world->arena,
            arena_printf(world->arena,
                         "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"team1\"},\"spec\":{"
                         "\"selector\":{\"app\":\"agent\"%s},\"ports\":[{\"port\":80,"
                         "\"nodePort\":30080}]}}",
                         name, version)
                .ptr);
  world_touch(world, service);
  world->services[world->services_count++] = service;
}

#define RULE_ELSE                                                                                  \
  "{\"matches\":[{\"path\":{\"value\":\"/else\"}}],\"backendRefs\":[{\"name\":\"else\"}]}"

void world_through_gateway(struct world *world) {
  bool pair = json_path(world->rollout, "spec.stable") != NULL;
  struct arena *arena = world->arena;
  world->gateway = true;
  world->rule = NULL;
  add_service(world, "agent", "");
  if (pair) {
    add_service(world, "v1", ",\"version\":\"v1\"");
    add_service(world, "v2", ",\"version\":\"v2\"");
  }
  json_put(arena, json_get(world->rollout, "spec"), "traffic",
           parse(arena, pair ? "{\"httpRoute\":{\"name\":\"vs\",\"stableService\":\"v1\","
                               "\"canaryService\":\"v2\"}}"
                             : "{\"httpRoute\":{\"name\":\"vs\",\"stableService\":\"agent\"}}"));
  JSON_EACH(version, json_get(world->rollout, "spec")) {
    (void)json_remove(version, STR("subset"));
  }
  world->service = parse(
      arena,
      arena_printf(arena,
                   "{\"metadata\":{\"name\":\"vs\",\"namespace\":\"team1\",\"creationTimestamp\":"
                   "\"2026-01-01T00:00:00Z\"},\"spec\":{\"rules\":[" RULE_ELSE
                   ",{\"timeouts\":{\"request\":\"1s\"},\"backendRefs\":[{\"name\":\"%s\","
                   "\"port\":80}]}]}}",
                   pair ? "v1" : "agent")
          .ptr);
  world_touch(world, world->service);
  world_spec_changed(world);
}

// --- workload form: a Deployment's controller in small ---

#define ORIGINAL "agent"

static void generation(struct world *world, struct json *object) {
  struct json *metadata = json_get(object, "metadata");
  json_put_int(world->arena, metadata, "generation",
               json_int(json_get(metadata, "generation"), 0) + 1);
  world_touch(world, object);
}

void world_init_workload(struct world *world, struct arena *arena, uint64_t seed,
                         const char *steps) {
  init(world, arena, seed, ROUTE_BARE,
       arena_printf(arena,
                    "{\"workloadRef\":{\"kind\":\"Deployment\",\"name\":\"" ORIGINAL
                    "\"},\"traffic\":{\"virtualService\":{\"name\":\"vs\"},"
                    "\"destinationRule\":\"dr\"}%s%s}",
                    steps ? ",\"steps\":" : "", steps ? steps : "")
           .ptr);
  world->is_workload = true;
  struct json *d = parse(
      arena,
      "{\"metadata\":{\"name\":\"" ORIGINAL "\",\"namespace\":\"team1\",\"uid\":\"uid-agent\","
      "\"generation\":1},\"spec\":{\"replicas\":4,\"minReadySeconds\":3,\"selector\":"
      "{\"matchLabels\":{\"app\":\"agent\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":"
      "\"agent\"}},\"spec\":{\"containers\":[{\"name\":\"agent\",\"image\":\"agent:1\"}]}}}}");
  world_touch(world, d);
  world->deployments[world->deployments_count++] = d;
  world_ready(world);
}

void world_image(struct world *world, const char *image) {
  struct json *d = world_deployment(world, STR(ORIGINAL));
  json_put_z(world->arena, json_path(d, "spec.template.spec.containers.0"), "image", image);
  generation(world, d);
}

void world_unpause(struct world *world) {
  struct json *d = world_deployment(world, STR(ORIGINAL));
  json_remove(json_get(d, "spec"), STR("paused"));
  generation(world, d);
}

static struct json *set_of(struct world *world, const struct json *d, bool make) {
  struct str tail = snapshot_template_hash(json_path(d, "spec.template"), world->arena);
  struct str hash = arena_printf(world->arena, "rs%.*s", STR_ARG(str_slice(tail, 3, tail.len)));
  struct str name = arena_printf(world->arena, ORIGINAL "-%.*s", STR_ARG(hash));
  for (size_t i = 0; i < world->sets_count; i++)
    if (str_eq(json_path_string(world->sets[i], "metadata.name"), name))
      return world->sets[i];
  if (!make || world->sets_count == WORLD_MAX)
    return NULL;
  struct json *set = parse(
      world->arena,
      arena_printf(world->arena,
                   "{\"metadata\":{\"name\":\"%.*s\",\"namespace\":\"team1\",\"annotations\":"
                   "{\"deployment.kubernetes.io/revision\":\"%zu\"},\"ownerReferences\":[{\"uid\":"
                   "\"uid-agent\",\"controller\":true}]},\"spec\":{\"replicas\":0}}",
                   STR_ARG(name), world->sets_count + 1)
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
    if (set_replicas(world->sets[i]) > 0) {
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
    if (set == fresh)
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

void world_template(struct world *world, const char *image) {
  if (world->is_workload) {
    world_image(world, image);
    return;
  }
  json_put_z(world->arena, json_path(world->rollout, "spec.template.spec.containers.0"), "image",
             image);
  world_spec_changed(world);
}

struct str world_act(struct world *world, const char *verb) {
  struct str name =
      arena_printf(world->arena, "act-%zu-%lld", world->actions_count, (long long)world->revision);
  struct json *action =
      parse(world->arena,
            arena_printf(
                world->arena,
                "{\"apiVersion\":\"serin.dev/v1alpha1\",\"kind\":\"RolloutAction\",\"metadata\":"
                "{\"name\":\"%s\",\"namespace\":\"team1\",\"uid\":\"uid-%s\",\"annotations\":"
                "{\"serin.dev/user\":\"ann\"},\"creationTimestamp\":\"%s\"},\"spec\":{\"rollout\":"
                "\"agent\",\"verb\":\"%s\",\"reason\":\"a test\"}}",
                name.ptr, name.ptr, time_format(world->arena, world->now_ms).ptr, verb)
                .ptr);
  world_touch(world, action);
  if (world->actions_count < WORLD_MAX)
    world->actions[world->actions_count++] = action;
  return name;
}

// --- reading ---

struct json *world_deployment(struct world *world, struct str name) {
  for (size_t i = 0; i < world->deployments_count; i++)
    if (str_eq(json_path_string(world->deployments[i], "metadata.name"), name))
      return world->deployments[i];
  return NULL;
}

int64_t world_replicas(struct world *world, const char *name) {
  const struct json *d = world_deployment(world, str_of(name));
  return d ? json_int(json_path(d, "spec.replicas"), 1) : -1;
}

struct str world_status(const struct world *world, const char *path) {
  return json_path_string(world->rollout, arena_printf(world->arena, "status.%s", path).ptr);
}

struct str world_phase(const struct world *world) {
  return world_status(world, "phase");
}

static struct json *our_route(const struct world *world) {
  return json_path(world->service,
                   world->gateway ? "spec.rules.1.backendRefs" : "spec.http.1.route");
}

int64_t world_share(const struct world *world, const char *subset) {
  int64_t ours = 0, sum = 0;
  const struct json *route = our_route(world);
  JSON_EACH(item, route) {
    int64_t without = world->gateway ? 1 : route->count == 1 ? 100 : 0;
    int64_t weight = json_int(json_get(item, "weight"), without);
    sum += weight;
    if (str_eq_z(json_path_string(item, world->gateway ? "name" : "destination.subset"), subset))
      ours += weight;
  }
  return weights_parts(sum - ours, ours);
}

void world_set_route(struct world *world, int64_t stable, int64_t canary) {
  if (world->is_workload) { // Git knows the bare host only
    world->foreign_bare = true;
    json_put(world->arena, json_path(world->service, "spec.http.1"), "route",
             parse(world->arena, "[" ROUTE_BARE "]"));
    world_touch(world, world->service);
    return;
  }
  struct json *list = parse(world->arena, arena_printf(world->arena,
                                                       "[{\"destination\":{\"host\":\"" HOST
                                                       "\",\"subset\":\"v1\"},\"weight\":%lld},"
                                                       "{\"destination\":{\"host\":\"" HOST
                                                       "\",\"subset\":\"v2\"},\"weight\":%lld}]",
                                                       (long long)stable, (long long)canary)
                                              .ptr);
  if (world->gateway)
    list = parse(world->arena,
                 arena_printf(world->arena,
                              "[{\"name\":\"v1\",\"port\":80,\"weight\":%lld},{\"name\":\"v2\","
                              "\"port\":80,\"weight\":%lld}]",
                              (long long)stable, (long long)canary)
                     .ptr);
  json_put(world->arena, json_path(world->service, world->gateway ? "spec.rules.1" : "spec.http.1"),
           world->gateway ? "backendRefs" : "route", list);
  world_touch(world, world->service);
}

// --- what happens by itself ---

static bool is_stable(const struct world *world, struct str name) {
  struct str stable = world_status(world, "stable.deployment");
  return str_eq(name, stable) || (str_is_empty(stable) && str_eq_z(name, "agent-v1"));
}

static bool is_bare(const struct world *world) {
  JSON_EACH(item, our_route(world))
  if (str_is_empty(json_path_string(item, "destination.subset")) &&
      !str_eq_z(json_path_string(item, "destination.host"), "else"))
    return true;
  return false;
}

// The bare host reaches a canary's Pods, whatever weight is asked.
static void check_bare(struct world *world) {
  for (size_t i = 0; i < world->deployments_count && world->is_workload; i++) {
    const struct json *d = world->deployments[i];
    if (!str_eq_z(json_path_string(d, "metadata.name"), ORIGINAL) && is_bare(world) &&
        !world->foreign_bare && json_int(json_path(d, "status.readyReplicas"), 0) > 0)
      broken(world, "promise 2: the route names the bare host while %s has ready pods",
             json_path_string(d, "metadata.name").ptr);
  }
}

void world_ready(struct world *world) {
  for (size_t i = 0; i < world->deployments_count; i++) {
    struct json *d = world->deployments[i], *status = json_need_object(world->arena, d, "status");
    if (world->is_workload && str_eq_z(json_path_string(d, "metadata.name"), ORIGINAL)) {
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
  check_bare(world);
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
  return plan_rollout(&snapshot, arena);
}

// --- what must never be ---

static int64_t step_weight(const struct world *world) {
  const struct json *steps = json_path(world->rollout, "spec.steps");
  int64_t index = json_int(json_path(world->rollout, "status.step.index"), 0), parts = 0;
  size_t i = 0;
  JSON_EACH(step, steps) {
    if (i++ <= (size_t)index && json_get(step, "setWeight"))
      parts = (int64_t)(json_number(json_get(step, "setWeight"), 0) * 100 + 0.5);
  }
  return parts;
}

static struct str untouched(const struct world *world) {
  struct json *service = json_dup(world->arena, world->service),
              *rule = world->rule ? json_dup(world->arena, world->rule) : NULL;
  if (world->gateway)
    json_remove(json_path(service, "spec.rules.1"), STR("backendRefs"));
  else
    json_remove(json_path(service, "spec.http.1"), STR("route"));
  json_remove(json_get(service, "metadata"), STR("resourceVersion"));
  if (world->gateway)
    return json_text(world->arena, service);
  json_remove(json_get(rule, "metadata"), STR("resourceVersion"));
  struct json *subsets = json_path(rule, "spec.subsets");
  for (size_t i = subsets->count; i-- > 0;)
    if (str_starts(json_get_string(json_at(subsets, i), "name"), STR("agent-")))
      json_remove_at(subsets, i);
  return arena_printf(world->arena, "%s %s", json_text(world->arena, service).ptr,
                      json_text(world->arena, rule).ptr);
}

static void check_weight(struct world *world) {
  struct str subset = world_status(world, "canary.subset");
  if (json_is_true(json_path(world->rollout, "status.release.first")))
    return; // there is nothing beside it
  int64_t asked = 0;
  (void)percent_parse_parts(world_status(world, "weight.canary"), &asked);
  int64_t share = str_is_empty(subset) ? 0 : world_share(world, subset.ptr);
  if (share > asked)
    broken(world, "promise 2: the canary has %lld parts, status asks %lld", (long long)share,
           (long long)asked);
  if (json_path(world->rollout, "spec.steps") && share > step_weight(world))
    broken(world, "promise 2: the canary has %lld parts, its step %lld", (long long)share,
           (long long)step_weight(world));
}

static void check_down(struct world *world, struct str name) {
  bool own = world->is_workload || json_path(world->rollout, "spec.template");
  struct str subset = own                          ? name
                      : str_eq_z(name, "agent-v1") ? STR("v1")
                      : str_eq_z(name, "agent-v2") ? STR("v2")
                                                   : STR("v3");
  if (world_share(world, subset.ptr) > 0)
    broken(world, "promise 4: %s goes down with %lld parts of the traffic", name.ptr,
           (long long)world_share(world, subset.ptr));
}

static void check_status(struct world *world) {
  static const char *const ends[] = {"Healthy", "RolledBack", "Aborted", "Degraded"};
  bool final = false;
  for (size_t i = 0; i < 4; i++)
    final |= str_eq_z(world_phase(world), ends[i]);
  if (str_is_empty(world_status(world, "step.waitingFor")))
    broken(world, "promise 7: phase %s does not say what it waits for", world_phase(world).ptr);
  if (!final && str_is_empty(world_status(world, "step.deadline")))
    broken(world, "promise 7: phase %s has no deadline", world_phase(world).ptr);
}

// --- applying ---

static bool merge(struct world *world, struct json *object, const struct json *patch) {
  struct str revision = json_path_string(patch, "metadata.resourceVersion");
  if (!str_is_empty(revision) &&
      !str_eq(revision, json_path_string(object, "metadata.resourceVersion")))
    return false;
  struct json *merged = json_merge_patch(world->arena, object, patch);
  object->child = merged->child;
  object->last = merged->last;
  object->count = merged->count;
  world_touch(world, object);
  return true;
}

static bool patch(struct world *world, struct json *object, const struct json *ops) {
  struct json *copy = json_dup(world->arena, object);
  if (json_patch_apply(world->arena, &copy, ops, NULL) != RC_OK)
    return false;
  object->child = copy->child;
  object->last = copy->last;
  object->count = copy->count;
  world_touch(world, object);
  return true;
}

static bool patch_route(struct world *world, const struct json *ops) {
  struct str before = untouched(world);
  if (!patch(world, world->service, ops))
    return false;
  if (!str_eq(before, untouched(world)))
    broken(world, "promise 1: something else changed in the VirtualService");
  world->foreign_bare = false;
  check_weight(world);
  check_bare(world);
  return true;
}

static bool patch_rule(struct world *world, const struct json *ops) {
  struct str before = untouched(world);
  if (!patch(world, world->rule, ops))
    return false;
  if (!str_eq(before, untouched(world)))
    broken(world, "promise 1: something else changed in the DestinationRule");
  return true;
}

static struct json *service_find(struct world *world, struct str name, bool take) {
  for (size_t i = 0; i < world->services_count; i++)
    if (str_eq(json_path_string(world->services[i], "metadata.name"), name)) {
      struct json *found = world->services[i];
      if (take)
        world->services[i] = world->services[--world->services_count];
      return found;
    }
  return NULL;
}

static bool create_service(struct world *world, const struct plan_action *action) {
  if (service_find(world, action->name, false) || world->services_count == WORLD_MAX)
    return false;
  if (!str_starts(action->name, STR("agent-")))
    broken(world, "promise 1: Service %s is made", action->name.ptr);
  struct json *service = json_dup(world->arena, action->body);
  world_touch(world, service);
  world->services[world->services_count++] = service;
  return true;
}

static bool delete_service(struct world *world, struct str name) {
  if (!str_starts(name, STR("agent-")))
    broken(world, "promise 1: Service %s is deleted", name.ptr);
  if (world_share(world, name.ptr) > 0)
    broken(world, "promise 4: Service %s goes with traffic", name.ptr);
  return service_find(world, name, true) != NULL;
}

// What the original rolls to is what status says is released, and no request reaches its Pods.
static bool unpause(struct world *world, const struct plan_action *action) {
  struct json *d = world_deployment(world, action->name);
  struct str revision = json_path_string(action->body, "metadata.resourceVersion");
  if (!d || !str_eq(revision, json_path_string(d, "metadata.resourceVersion")))
    return false;
  struct str hash = snapshot_template_hash(json_path(d, "spec.template"), world->arena);
  bool serves = str_eq(hash, world_status(world, "stable.hash"));
  bool released = str_eq(hash, world_status(world, "canary.hash")) &&
                  str_eq_z(world_status(world, "step.name"), "decommission");
  bool leaves = json_path(world->rollout, "metadata.deletionTimestamp") != NULL;
  if (!serves && !released && !leaves)
    broken(world, "the Deployment is let roll to a version that was not released");
  if (!serves &&
      (is_bare(world) || world_share(world, world_status(world, "stable.subset").ptr) > 0))
    broken(world, "promise 4: the Deployment rolls with traffic on its pods");
  generation(world, d);
  struct json *body = json_dup(world->arena, action->body);
  json_remove(json_get(body, "metadata"), STR("resourceVersion"));
  return merge(world, d, body);
}

static bool scale(struct world *world, const struct plan_action *action, bool down) {
  struct json *d = world_deployment(world, action->name);
  if (!d)
    return false;
  if (down)
    check_down(world, action->name);
  struct json *metadata = json_get(d, "metadata");
  json_put_int(world->arena, metadata, "generation",
               json_int(json_get(metadata, "generation"), 0) + 1);
  return merge(world, d, action->body);
}

static bool create(struct world *world, const struct plan_action *action) {
  if (world_deployment(world, action->name) || world->deployments_count == WORLD_MAX)
    return false;
  struct json *d = json_dup(world->arena, action->body);
  json_put_int(world->arena, json_get(d, "metadata"), "generation", 1);
  world_touch(world, d);
  world->deployments[world->deployments_count++] = d;
  return true;
}

static bool delete (struct world *world, struct str name) {
  check_down(world, name);
  for (size_t i = 0; i < world->deployments_count; i++)
    if (str_eq(json_path_string(world->deployments[i], "metadata.name"), name)) {
      world->deployments[i] = world->deployments[--world->deployments_count];
      return true;
    }
  return true;
}

static struct json *action_find(struct world *world, struct str name, bool take) {
  for (size_t i = 0; i < world->actions_count; i++)
    if (str_eq(json_path_string(world->actions[i], "metadata.name"), name)) {
      struct json *found = world->actions[i];
      if (take)
        world->actions[i] = world->actions[--world->actions_count];
      return found;
    }
  return NULL;
}

static bool event(struct world *world, const struct plan_action *action) {
  for (size_t i = 0; i < world->events; i++)
    if (str_eq(world->event_names[i], action->name))
      return true; // there already: fine
  if (world->events < 512)
    world->event_names[world->events++] = arena_str(world->arena, action->name);
  world->last_event = arena_str(world->arena, json_get_string(action->body, "reason"));
  return true;
}

static bool status(struct world *world, const struct json *body) {
  if (!merge(world, world->rollout, body))
    return false;
  world->writes++;
  check_status(world);
  return true;
}

static bool finalizer(struct world *world, const struct json *body) {
  if (!merge(world, world->rollout, body))
    return false;
  bool deleting = json_path(world->rollout, "metadata.deletionTimestamp") != NULL;
  world->gone = deleting && json_path(world->rollout, "metadata.finalizers")->count == 0;
  return true;
}

static bool answer(struct world *world, const struct plan_action *action) {
  struct json *found = action_find(world, action->name, false);
  if (found && json_get(found, "status"))
    broken(world, "an action was answered twice");
  return found && merge(world, found, action->body);
}

static bool apply(struct world *world, const struct plan_action *action) {
  switch (action->kind) {
  case PLAN_LOWER_ROUTE:
  case PLAN_PATCH_ROUTE: return patch_route(world, action->body);
  case PLAN_PATCH_RULE:
  case PLAN_CLEAN_RULE: return patch_rule(world, action->body);
  case PLAN_FINALIZER:
  case PLAN_RELEASE_FINALIZER: return finalizer(world, action->body);
  case PLAN_CREATE_DEPLOYMENT: return create(world, action);
  case PLAN_PAUSE: return scale(world, action, false);
  case PLAN_UNPAUSE: return unpause(world, action);
  case PLAN_PATCH_WORKLOAD: {
    struct json *d = world_deployment(world, action->name);
    bool done = d && patch(world, d, action->body);
    if (done)
      generation(world, d);
    return done;
  }
  case PLAN_SCALE_UP: return scale(world, action, false);
  case PLAN_SCALE_DOWN: return scale(world, action, true);
  case PLAN_DELETE_DEPLOYMENT: return delete (world, action->name);
  case PLAN_PATCH_SPEC: {
    bool done = patch(world, world->rollout, action->body);
    world_spec_changed(world);
    return done;
  }
  case PLAN_STATUS: return status(world, action->body);
  case PLAN_EVENT: return event(world, action);
  case PLAN_ANSWER: return answer(world, action);
  case PLAN_CREATE_SERVICE: return create_service(world, action);
  case PLAN_PATCH_SERVICE: {
    struct json *found = service_find(world, action->name, false);
    return found && merge(world, found, action->body);
  }
  case PLAN_DELETE_SERVICE: return delete_service(world, action->name);
  case PLAN_ACTION_COUNT: break;
  case PLAN_DELETE_ACTION: return action_find(world, action->name, true) != NULL;
  }
  return false;
}

size_t world_apply(struct world *world, const struct plan *plan, size_t count) {
  size_t done = 0;
  while (done < plan->count && done < count && apply(world, &plan->actions[done]))
    done++;
  return done;
}

void world_settle(struct world *world) {
  char last[256] = "";
  for (int i = 0; i < 60 && !world->gone; i++) {
    struct arena arena;
    arena_init(&arena);
    struct plan *plan = world_plan(world, &arena);
    size_t count = plan->count;
    size_t done = world_apply(world, plan, count);
    world->first_look &= done < count;
    if (count > 0)
      (void)snprintf(last, sizeof(last), "%s (%s), did %zu of %zu",
                     plan_action_text(plan->actions[0].kind),
                     plan->actions[0].why.ptr ? plan->actions[0].why.ptr : "", done, count);
    arena_dispose(&arena);
    if (count == 0)
      return;
  }
  if (!world->gone)
    broken(world, "60 plans in a row had something to do, at phase %s: %s", world_phase(world).ptr,
           last);
}

void world_run(struct world *world, const char *phase, int64_t limit_ms, bool crash) {
  int64_t end = world->now_ms + limit_ms;
  for (int i = 0;
       i < 4000 && world->now_ms < end && !world->gone && !str_eq_z(world_phase(world), phase);
       i++) {
    struct arena arena;
    arena_init(&arena);
    struct plan *plan = world_plan(world, &arena);
    size_t some =
        crash && rng_below(&world->rng, 2) ? rng_below(&world->rng, plan->count + 1) : plan->count;
    bool did_all = world_apply(world, plan, some) == plan->count;
    world->first_look = crash && !did_all; // a new process looks at it for the first time
    int64_t wait = plan->requeue_after_ms == PLAN_NEVER ? 5 * MINUTE : plan->requeue_after_ms;
    if (did_all && plan->count == 0)
      world->now_ms += wait > 5000 ? 5000 : wait > 0 ? wait : 1;
    else
      world->now_ms += 1;
    arena_dispose(&arena);
    world_ready(world);
    if (world->broken[0])
      return;
  }
}
