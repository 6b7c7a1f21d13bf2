// SPDX-License-Identifier: Apache-2.0
// The model of a Rollout that takes another form.
#include "support_world_parts.h"

static void add_original(struct world *world, const char *name) {
  if (world_deployment(world, str_of(name)))
    return;
  struct json *d = world_parse(
      world->arena,
      arena_printf(world->arena,
                   "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"team1\",\"uid\":\"uid-%s\","
                   "\"generation\":1},\"spec\":{\"replicas\":4,\"selector\":{\"matchLabels\":"
                   "{\"app\":\"agent\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":"
                   "\"agent\"}},\"spec\":{\"containers\":[{\"name\":\"agent\",\"image\":"
                   "\"agent:1\"}]}}}}",
                   name, name)
          .ptr);
  world_touch(world, d);
  world->deployments[world->deployments_count++] = d;
}

static void add_one(struct world *world, const char *name, const char *version) {
  if (!world_deployment(world, str_of(name)))
    world_add_deployment(world, name, version, 4);
}

static void add_service(struct world *world, const char *name) {
  for (size_t i = 0; i < world->services_count; i++)
    if (str_eq_z(json_path_string(world->services[i], "metadata.name"), name))
      return;
  struct json *service = world_parse(
      world->arena, arena_printf(world->arena,
                                 "{\"metadata\":{\"name\":\"%s\",\"namespace\":"
                                 "\"team1\"},\"spec\":{\"selector\":{\"app\":\"agent\"},"
                                 "\"ports\":[{\"port\":80}]}}",
                                 name)
                        .ptr);
  world_touch(world, service);
  world->services[world->services_count++] = service;
}

void world_add_forms(struct world *world) {
  add_original(world, WORLD_ORIGINAL);
  add_original(world, "other");
  add_one(world, "agent-v1", "v1");
  add_one(world, "agent-v2", "v2");
  for (int i = 0; i < 3 && world->gateway; i++)
    add_service(world, (const char *[]){"agent", "v1", "v2"}[i]);
  world_ready(world);
}

static const char *parts_of(struct world *world, enum world_form form, const char *name) {
  static const char template[] =
      "{\"replicas\":3,\"selector\":{\"matchLabels\":{\"app\":\"agent\"}},\"template\":{"
      "\"metadata\":{\"labels\":{\"app\":\"agent\"}},\"spec\":{\"containers\":[{\"name\":\"agent\","
      "\"image\":\"agent:7\"}]}}}";
  if (form == WORLD_PAIR)
    return arena_printf(world->arena,
                        "{\"stable\":{\"deployment\":\"agent-v1\"%s},\"canary\":{\"deployment\":"
                        "\"agent-v2\"%s}}",
                        world->gateway ? "" : ",\"subset\":\"v1\"",
                        world->gateway ? "" : ",\"subset\":\"v2\"")
        .ptr;
  return form == WORLD_TEMPLATE
             ? template
             : arena_printf(world->arena, "{\"workloadRef\":{\"name\":\"%s\"}}", name).ptr;
}

void world_switch(struct world *world, enum world_form form, const char *name) {
  static const char *const all[] = {"stable",   "canary",   "replicas",
                                    "selector", "template", "workloadRef"};
  struct json *spec = json_get(world->rollout, "spec");
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
    (void)json_remove(spec, str_of(all[i]));
  JSON_EACH(part, world_parse(world->arena, parts_of(world, form, name)))
    json_set(world->arena, spec, part->key, json_dup(world->arena, part));
  if (world->gateway)
    json_put(world->arena, spec, "traffic",
             world_parse(world->arena,
                         form == WORLD_PAIR
                             ? "{\"httpRoute\":{\"name\":\"vs\",\"stableService\":\"v1\","
                               "\"canaryService\":\"v2\"}}"
                             : "{\"httpRoute\":{\"name\":\"vs\",\"stableService\":\"agent\"}}"));
  for (int i = 0; i < 2 && form == WORLD_PAIR; i++) // as their manifests have them
    json_put_int(world->arena,
                 json_get(world_deployment(world, str_of(i ? "agent-v2" : "agent-v1")), "spec"),
                 "replicas", 4);
  world->is_workload = form == WORLD_WORKLOAD;
  world_spec_changed(world);
  world_ready(world);
}

// --- who answers ---

static bool has_ready(const struct json *object) {
  return json_int(json_path(object, "status.readyReplicas"), 0) > 0;
}

static bool answers(struct world *world, struct str name) {
  struct str of = str_eq_z(name, "v1")   ? STR("agent-v1")
                  : str_eq_z(name, "v2") ? STR("agent-v2")
                                         : name;
  for (size_t i = 0; i < world->sets_count; i++)
    if (str_eq(json_path_string(world->sets[i], "metadata.name"), of))
      return has_ready(world->sets[i]);
  return has_ready(world_deployment(world, of));
}

void world_check_served(struct world *world) {
  JSON_EACH(item, world_destinations(world)) {
    struct str name = json_path_string(item, world->gateway ? "name" : "destination.subset");
    bool is_alone = world_destinations(world)->count == 1;
    bool bare = str_is_empty(name) || (world->gateway && str_eq_z(name, "agent"));
    if (!bare && json_int(json_get(item, "weight"), is_alone) > 0 && !answers(world, name))
      world_broken(world, "promise 4: nobody answers for %s, which gets requests", name.ptr);
  }
}
