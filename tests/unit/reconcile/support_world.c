// SPDX-License-Identifier: Apache-2.0
// The world as it is made, what people do to it, and reading it.
#include "support_world_parts.h"
#include "manifests/text/time.h"
#include "operator/traffic/weights.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct json *world_parse(struct arena *arena, const char *text) {
  struct json *json = NULL;
  struct err err = {0};
  if (json_parse(str_of(text), arena, &json, &err) != RC_OK) {
    fprintf(stderr, "world: %s in %s\n", err.msg, text);
    return json_new_object(arena);
  }
  return json;
}

void world_broken(struct world *world, const char *format, ...) {
  va_list args;
  if (world->broken[0])
    return;
  va_start(args, format);
  (void)vsnprintf(world->broken, sizeof(world->broken), format, args);
  va_end(args);
}

uint64_t world_rounds(uint64_t count) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  return (count + 4) / 5;
#endif
#endif
  const char *is_long = getenv("SERIN_LONG");
  return is_long && *is_long ? 10 * count : count;
}

void world_touch(struct world *world, struct json *object) {
  struct json *metadata = json_need_object(world->arena, object, "metadata");
  json_put_string(world->arena, metadata, "resourceVersion",
                  arena_printf(world->arena, "%lld", (long long)++world->revision));
}

void world_generation(struct world *world, struct json *object) {
  struct json *metadata = json_get(object, "metadata");
  json_put_int(world->arena, metadata, "generation",
               json_int(json_get(metadata, "generation"), 0) + 1);
  world_touch(world, object);
}

void world_spec_changed(struct world *world) {
  world_generation(world, world->rollout);
}
// --- making one ---

#define ROUTE_STABLE                                                                               \
  "{\"destination\":{\"host\":\"" WORLD_HOST "\",\"subset\":\"v1\"},\"weight\":100}"
#define ROUTE_BARE "{\"destination\":{\"host\":\"agent\"}}"
#define BACKEND_BARE "{\"name\":\"agent\",\"port\":80}"
#define ROUTE_ELSE                                                                                 \
  "{\"match\":[{\"uri\":{\"prefix\":\"/"                                                           \
  "else\"}}],\"route\":[{\"destination\":{\"host\":\"else\"}}],"                                   \
  "\"timeout\":\"3s\"}"

static void init(struct world *world, struct arena *arena, uint64_t seed, const char *route,
                 const char *spec) {
  *world = (struct world){
      .arena = arena, .now_ms = 1767225600000, .proxies = 2, .outcome = OUTCOME_PASS};
  rng_init(&world->rng, seed);
  world->rollout = world_parse(
      arena,
      arena_printf(arena,
                   "{\"apiVersion\":\"serin.dev/v1alpha1\",\"kind\":\"Rollout\",\"metadata\":"
                   "{\"name\":\"agent\",\"namespace\":\"team1\",\"uid\":\"0123456789\","
                   "\"generation\":1},\"spec\":%s}",
                   spec)
          .ptr);
  world->service = world_parse(
      arena,
      arena_printf(arena,
                   "{\"metadata\":{\"name\":\"vs\",\"namespace\":\"team1\",\"creationTimestamp\":"
                   "\"2026-01-01T00:00:00Z\"},\"spec\":{\"hosts\":[\"" WORLD_HOST "\"],\"http\":"
                   "[" ROUTE_ELSE ",{\"route\":[%s],\"retries\":{\"attempts\":2}}]}}",
                   route)
          .ptr);
  world->rule = world_parse(
      arena,
      "{\"metadata\":{\"name\":\"dr\",\"namespace\":\"team1\"},\"spec\":{\"host\":\"" WORLD_HOST
      "\",\"trafficPolicy\":{\"loadBalancer\":{\"simple\":\"RANDOM\"}},\"subsets\":["
      "{\"name\":\"v1\",\"labels\":{\"version\":\"v1\"}},{\"name\":\"v2\",\"labels\":"
      "{\"version\":\"v2\"}},{\"name\":\"mine\",\"labels\":{\"a\":\"b\"}}]}}");
  world_touch(world, world->rollout);
  world_touch(world, world->service);
  world_touch(world, world->rule);
}

struct json *world_add_deployment(struct world *world, const char *name, const char *version,
                                  int64_t replicas) {
  struct json *d = world_parse(
      world->arena,
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
      world_parse(world->arena,
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
  json_put(
      arena, json_get(world->rollout, "spec"), "traffic",
      world_parse(arena, pair ? "{\"httpRoute\":{\"name\":\"vs\",\"stableService\":\"v1\","
                                "\"canaryService\":\"v2\"}}"
                              : "{\"httpRoute\":{\"name\":\"vs\",\"stableService\":\"agent\"}}"));
  JSON_EACH(version, json_get(world->rollout, "spec")) {
    (void)json_remove(version, STR("subset"));
  }
  world->service = world_parse(
      arena,
      arena_printf(arena,
                   "{\"metadata\":{\"name\":\"vs\",\"namespace\":\"team1\",\"creationTimestamp\":"
                   "\"2026-01-01T00:00:00Z\"},\"spec\":{\"rules\":[" RULE_ELSE
                   ",{\"timeouts\":{\"request\":\"1s\"},\"backendRefs\":[{\"name\":\"%s\","
                   "\"port\":80}]}]}}",
                   pair ? "v1" : "agent")
          .ptr);
  world_generation(world, world->service);
  world_spec_changed(world);
}

void world_init_workload(struct world *world, struct arena *arena, uint64_t seed,
                         const char *steps) {
  init(world, arena, seed, ROUTE_BARE,
       arena_printf(arena,
                    "{\"workloadRef\":{\"kind\":\"Deployment\",\"name\":\"" WORLD_ORIGINAL
                    "\"},\"traffic\":{\"virtualService\":{\"name\":\"vs\"},"
                    "\"destinationRule\":\"dr\"}%s%s}",
                    steps ? ",\"steps\":" : "", steps ? steps : "")
           .ptr);
  world->is_workload = true;
  struct json *d = world_parse(
      arena,
      "{\"metadata\":{\"name\":\"" WORLD_ORIGINAL
      "\",\"namespace\":\"team1\",\"uid\":\"uid-agent\","
      "\"generation\":1},\"spec\":{\"replicas\":4,\"minReadySeconds\":3,\"selector\":"
      "{\"matchLabels\":{\"app\":\"agent\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":"
      "\"agent\"}},\"spec\":{\"containers\":[{\"name\":\"agent\",\"image\":\"agent:1\"}]}}}}");
  world_touch(world, d);
  world->deployments[world->deployments_count++] = d;
  world_ready(world);
}

void world_init(struct world *world, struct arena *arena, uint64_t seed, const char *steps,
                enum world_form form) {
  static void (*const inits[])(struct world *, struct arena *, uint64_t, const char *) = {
      [WORLD_PAIR] = world_init_pair,         [WORLD_PAIR_GATEWAY] = world_init_pair,
      [WORLD_TEMPLATE] = world_init_template, [WORLD_TEMPLATE_GATEWAY] = world_init_template,
      [WORLD_WORKLOAD] = world_init_workload, [WORLD_WORKLOAD_GATEWAY] = world_init_workload,
  };
  inits[form](world, arena, seed, steps);
  if (form == WORLD_PAIR_GATEWAY || form == WORLD_TEMPLATE_GATEWAY ||
      form == WORLD_WORKLOAD_GATEWAY)
    world_through_gateway(world);
}

bool world_names_versions(const struct world *world) {
  return world->is_workload || json_path(world->rollout, "spec.template");
}

void world_image(struct world *world, const char *image) {
  struct json *d = world_deployment(world, STR(WORLD_ORIGINAL));
  json_put_z(world->arena, json_path(d, "spec.template.spec.containers.0"), "image", image);
  world_generation(world, d);
}

void world_unpause(struct world *world) {
  struct json *d = world_deployment(world, STR(WORLD_ORIGINAL));
  json_remove(json_get(d, "spec"), STR("paused"));
  world_generation(world, d);
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
  struct json *action = world_parse(
      world->arena,
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

struct str world_canary(const struct world *world) {
  return world_names_versions(world) ? world_status(world, "canary.subset") : STR("v2");
}

struct world_split world_split(const struct world *world) {
  struct str stable =
      world_names_versions(world) ? world_status(world, "stable.subset") : STR("v1");
  struct str canary = world_canary(world);
  return (struct world_split){.stable = stable.len ? world_share(world, stable.ptr) : 0,
                              .canary = canary.len ? world_share(world, canary.ptr) : 0,
                              .is_bare = world_is_bare(world)};
}

struct json *world_destinations(const struct world *world) {
  return json_path(world->service,
                   world->gateway ? "spec.rules.1.backendRefs" : "spec.http.1.route");
}

int64_t world_share(const struct world *world, const char *subset) {
  int64_t ours = 0, sum = 0;
  const struct json *route = world_destinations(world);
  JSON_EACH(item, route) {
    int64_t without = world->gateway ? 1 : route->count == 1 ? 100 : 0;
    int64_t weight = json_int(json_get(item, "weight"), without);
    sum += weight;
    if (str_eq_z(json_path_string(item, world->gateway ? "name" : "destination.subset"), subset))
      ours += weight;
  }
  return weights_parts(sum - ours, ours);
}

static struct json *destination(struct world *world, struct str name, int64_t weight) {
  struct json *item =
      world_parse(world->arena, world->gateway ? "{\"name\":\"\",\"port\":80}"
                                               : "{\"destination\":{\"host\":\"" WORLD_HOST "\"}}");
  json_put_string(world->arena, world->gateway ? item : json_get(item, "destination"),
                  world->gateway ? "name" : "subset", name);
  json_put_int(world->arena, item, "weight", weight);
  return item;
}

static void put_destinations(struct world *world, struct json *list) {
  json_put(world->arena, json_path(world->service, world->gateway ? "spec.rules.1" : "spec.http.1"),
           world->gateway ? "backendRefs" : "route", list);
  world_generation(world, world->service);
}

void world_set_route(struct world *world, int64_t stable, int64_t canary) {
  struct json *list = json_new_array(world->arena);
  json_append(list, destination(world, STR("v1"), stable));
  json_append(list, destination(world, STR("v2"), canary));
  put_destinations(world, list);
}

void world_foreign_write(struct world *world) {
  struct str stable = world_status(world, "stable.subset"),
             canary = world_status(world, "canary.subset");
  int64_t weight = (int64_t)rng_below(&world->rng, 101);
  if (!world_names_versions(world)) {
    world_set_route(world, 100 - weight, weight);
    return;
  }
  world->foreign_bare = str_is_empty(canary) || world_is_bare(world) || weight % 2 == 0;
  if (world->foreign_bare) { // Git knows what answers for all versions only
    put_destinations(world, world_parse(world->arena, world->gateway ? "[" BACKEND_BARE "]"
                                                                     : "[" ROUTE_BARE "]"));
    return;
  }
  struct json *list = json_new_array(world->arena);
  json_append(list, destination(world, stable, 100 - weight));
  json_append(list, destination(world, canary, weight));
  put_destinations(world, list);
}
