// SPDX-License-Identifier: Apache-2.0
// A Pod as somebody may write it, through all that the runtime makes of it: environment, command
// line, volumes, mounts, state machine, status.
#include "manifests/schema/decode.h"
#include "operator/standalone/pod_status.h"
#include "operator/standalone/pod_volume.h"

static struct json *source;

static const struct json *find(void *data, const char *kind, struct str ns, struct str name) {
  (void)data, (void)kind, (void)ns;
  return name.len % 2 ? source : NULL;
}

static void containers(struct pod *pod, struct arena *arena) {
  struct pod_facts facts = {.pod = pod, .pod_ip = STR("127.1.0.1"), .host_ip = STR("127.0.0.1")};
  struct pod_lookup lookup = {.find = find};
  struct pod_images images = {0};
  (void)pod_images_add(&images, STR("a=b $(C)"), STR("/"), arena, NULL);
  size_t plan_count = 0, skipped, count;
  struct pod_volume_plan *plans =
      ARENA_ARRAY(arena, struct pod_volume_plan, pod->spec.volumes_count + 1);
  for (size_t i = 0; i < pod->spec.volumes_count; i++)
    if (pod_volume_plan(&facts, &pod->spec.volumes[i], &lookup, arena, &plans[plan_count], NULL) ==
        RC_OK)
      plan_count++;
  for (size_t i = 0; i < plan_count; i++)
    for (size_t k = 0; k < plans[i].file_count; k++)
      if (!pod_path_is_safe(plans[i].files[k].path))
        __builtin_trap();
  for (size_t i = 0; i < pod->spec.containers_count; i++) {
    const struct pod_container *spec = &pod->spec.containers[i];
    struct pod_env_list env = {0};
    struct str *argv;
    struct shim_mount *mounts;
    (void)pod_env_build(&facts, spec, &lookup, arena, &env, &skipped, NULL);
    (void)pod_argv(spec, &env, &images, arena, &argv, &count, NULL);
    (void)pod_volume_mounts(spec, plans, plan_count, STR("/v"), &env, arena, &mounts, &count, NULL);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  arena_init(&arena);
  struct json *json = NULL;
  void *typed = NULL;
  struct decode_options options = {.unknown = UNKNOWN_IGNORE, .skip_checks = true};
  source = json_new_object(&arena);
  json_put_z(&arena, json_need_object(&arena, source, "data"), "k", "v$(X)");
  if (json_parse((struct str){(const char *)data, size}, &arena, &json, NULL) == RC_OK &&
      json_is(json, JSON_OBJECT))
    (void)kind_decode(&pod_kind, json, &options, &arena, NULL, &typed);
  struct pod *pod = typed;
  if (pod && pod->spec.containers_count < 50 && pod->spec.init_containers_count < 50) {
    containers(pod, &arena);
    struct pod_machine machine;
    struct pod_facts facts = {.pod = pod};
    pod_machine_init(&machine, pod, &arena);
    for (int64_t turn = 0; turn < 20; turn++) {
      struct pod_actions actions = {.arena = &arena};
      pod_machine_step(&machine, turn * 1000, &actions);
      for (size_t i = 0; i < actions.count; i++)
        if (actions.items[i].type == POD_DO_START)
          pod_machine_started(&machine, actions.items[i].container, turn * 1000, turn);
      (void)pod_status_write(&machine, &facts, json_get(json, "status"), turn, &arena);
    }
  }
  arena_dispose(&arena);
  return 0;
}
