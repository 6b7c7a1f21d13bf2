// SPDX-License-Identifier: Apache-2.0
// ConfigMaps and Secrets of the model.
#include "support_world_parts.h"
#include "manifests/kinds/secret.h"

struct world_content *world_content(struct world *world, struct str kind, struct str name) {
  for (size_t i = 0; i < world->content_count; i++)
    if (str_eq(world->content[i].kind, kind) && str_eq(world->content[i].name, name))
      return &world->content[i];
  return NULL;
}

static struct world_content *need(struct world *world, struct str kind, struct str name) {
  struct world_content *content = world_content(world, kind, name);
  if (!content && world->content_count < WORLD_MAX) {
    content = &world->content[world->content_count++];
    *content = (struct world_content){.kind = arena_str(world->arena, kind),
                                      .name = arena_str(world->arena, name),
                                      .state = CONTENT_THERE,
                                      .key = STR("k1")};
  }
  return content;
}

void world_config(struct world *world, const char *kind, const char *name, const char *text) {
  need(world, str_of(kind), str_of(name))->text = text ? arena_strz(world->arena, text) : STR_NULL;
}

static struct str hash_of(struct world *world, const struct world_content *content) {
  if (str_eq_z(content->kind, "Secret"))
    return arena_printf(world->arena, "hmac:%s:%s", content->key.ptr, content->text.ptr);
  return arena_printf(world->arena, "sha256:%s", content->text.ptr);
}

void world_refer(struct world *world) {
  struct json *d = world->is_workload ? world_deployment(world, STR("agent")) : world->rollout;
  struct json *spec = json_path(d, "spec.template.spec"), *refs;
  const char *text = "{\"env\":[{\"name\":\"A\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":"
                     "\"settings\",\"key\":\"a\"}}}],\"volumes\":[{\"name\":\"v\",\"configMap\":"
                     "{\"name\":\"extra\",\"optional\":true}}]}";
  (void)json_parse(str_of(text), world->arena, &refs, NULL);
  json_put(world->arena, json_path(spec, "containers.0"), "env",
           json_dup(world->arena, json_get(refs, "env")));
  json_put(world->arena, spec, "volumes", json_dup(world->arena, json_get(refs, "volumes")));
  world_touch(world, d);
}

struct str world_reads(struct world *world, const char *deployment) {
  const struct json *d = world_deployment(world, str_of(deployment));
  struct str name =
      json_path_string(d, "spec.template.spec.containers.0.env.0.valueFrom.configMapKeyRef.name");
  const struct world_content *content = world_content(world, STR("ConfigMap"), name);
  return content ? content->text : STR_NULL;
}

void world_fill_content(struct world *world, struct snapshot *snapshot, struct arena *arena) {
  size_t count;
  const struct content_ref *refs = snapshot_content_needed(snapshot, arena, &count);
  struct snapshot_content *items = ARENA_ARRAY(arena, struct snapshot_content, count + 1);
  for (size_t i = 0; i < count; i++) {
    const struct world_content *is = world_content(world, refs[i].kind, refs[i].name);
    items[i] = (struct snapshot_content){
        .kind = refs[i].kind, .name = refs[i].name, .state = CONTENT_ABSENT};
    if (is && is->text.ptr) {
      items[i].state = is->state;
      items[i].left_out = is->left_out;
      items[i].hash = hash_of(world, is);
    }
    if (world->content_late && rng_below(&world->rng, 4) == 0)
      items[i].state = CONTENT_UNKNOWN;
  }
  snapshot->content = items;
  snapshot->content_count = count;
}

// What the effect does: reads the object, compares, writes the copy.
bool world_copy_content(struct world *world, const struct plan_action *action) {
  const struct json *annotations = json_path(action->body, "metadata.annotations");
  struct str kind = json_get_string(action->body, "kind"),
             of = json_get_string(annotations, ROLLOUT_COPY_OF);
  const struct world_content *source = world_content(world, kind, of);
  if (!source || !source->text.ptr ||
      !str_eq(hash_of(world, source), json_get_string(annotations, ROLLOUT_CONTENT_MARK)))
    return false;
  struct world_content *copy = need(world, kind, action->name);
  if (!copy->text.ptr)
    copy->text = source->text;
  copy->is_copy = true;
  return true;
}

// No Deployment with pods may name what goes, and nothing but copies goes.
bool world_delete_content(struct world *world, const struct plan_action *action) {
  struct str kind = action->of == &secret_kind ? STR("Secret") : STR("ConfigMap");
  struct world_content *content = world_content(world, kind, action->name);
  if (!content)
    return true;
  if (!content->is_copy)
    world_broken(world, "%s %s is not a copy and is deleted", kind.ptr, action->name.ptr);
  for (size_t i = 0; i < world->deployments_count; i++) {
    const struct json *d = world->deployments[i];
    size_t count;
    const struct content_ref *refs =
        content_refs(json_path(d, "spec.template"), world->arena, &count);
    for (size_t r = 0; r < count; r++)
      if (str_eq(refs[r].name, action->name) && json_int(json_path(d, "spec.replicas"), 1) > 0)
        world_broken(world, "copy %s goes while %s reads it", action->name.ptr,
                     json_path_string(d, "metadata.name").ptr);
  }
  content->text = STR_NULL;
  return true;
}
