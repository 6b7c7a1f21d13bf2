// SPDX-License-Identifier: Apache-2.0
// The copies of ConfigMaps and Secrets that versions keep: made before the version's Deployment,
// removed with it.
#include "manifests/kinds/config_map.h"
#include "manifests/kinds/secret.h"
#include "operator/reconcile/content.h"
#include "operator/reconcile/pass.h"

static const struct kind_desc *kind_of(struct str kind) {
  return str_eq_z(kind, "Secret") ? &secret_kind : &config_map_kind;
}

static void act_on(struct pass *pass, enum plan_action_kind action,
                   const struct rollout_content *item, const struct json *body, struct str why) {
  pass_act(pass, action, item->copy, body, why);
  pass->plan->actions[pass->plan->count - 1].of = kind_of(item->kind);
}

// Without the content: that is read and compared with the hash when it is done, and is in no plan.
static const struct json *copy_of(struct pass *pass, const struct rollout_content *item) {
  struct arena *arena = pass->arena;
  struct json *object = json_new_object(arena), *metadata = json_new_object(arena),
              *labels = json_new_object(arena), *annotations = json_new_object(arena);
  json_put_z(arena, object, "apiVersion", "v1");
  json_put_string(arena, object, "kind", item->kind);
  json_put_string(arena, metadata, "name", item->copy);
  json_put_string(arena, metadata, "namespace", pass->snap->rollout->metadata.namespace_);
  json_put_string(arena, labels, ROLLOUT_OWNER_LABEL, pass->snap->rollout->metadata.name);
  json_put(arena, metadata, "labels", labels);
  json_put_string(arena, annotations, ROLLOUT_COPY_OF, item->name);
  json_put_string(arena, annotations, ROLLOUT_CONTENT_MARK, item->hash);
  json_put(arena, metadata, "annotations", annotations);
  json_put(arena, metadata, "ownerReferences", pass_owner(pass));
  json_put(arena, object, "metadata", metadata);
  json_put_bool(arena, object, "immutable", true);
  return object;
}

// False: there is no such content any more.
static bool copy(struct pass *pass, const struct rollout_content *item) {
  const struct snapshot_content *is = snapshot_content_find(pass->snap, item->kind, item->name),
                                *there = snapshot_content_find(pass->snap, item->kind, item->copy);
  if (there && there->state == CONTENT_THERE)
    return true;
  if (!is || is->state != CONTENT_THERE || !str_eq(is->hash, item->hash))
    return false;
  act_on(pass, PLAN_COPY_CONTENT, item, copy_of(pass, item),
         pass_text(pass, "what a version reads of %.*s %.*s", STR_ARG(item->kind),
                   STR_ARG(item->name)));
  return true;
}

static bool has_copy(const struct rollout_content *item) {
  return item->copy.len && !str_eq_z(item->hash, CONTENT_ABSENT_HASH);
}

bool content_copy(struct pass *pass, const struct rollout_identity *identity) {
  bool done = true;
  for (size_t i = 0; i < identity->content_count; i++)
    if (has_copy(&identity->content[i]))
      done &= copy(pass, &identity->content[i]);
  return done;
}

static bool has(const struct rollout_content *items, size_t count,
                const struct rollout_content *wanted) {
  for (size_t i = 0; i < count; i++)
    if (str_eq(items[i].kind, wanted->kind) && str_eq(items[i].copy, wanted->copy))
      return true;
  return false;
}

static bool is_used(struct pass *pass, const struct workload *but,
                    const struct rollout_content *item) {
  const struct rollout_status *status = pass->status;
  const struct rollout_identity *both[] = {status->stable, status->canary};
  struct str ignored;
  size_t count;
  for (size_t i = 0; i < 2; i++)
    if (both[i] && !str_eq(both[i]->deployment, but->name) &&
        has(both[i]->content, both[i]->content_count, item))
      return true;
  for (size_t i = 0; i < pass->snap->workloads_count; i++) {
    const struct workload *w = &pass->snap->workloads[i];
    const struct rollout_content *items =
        content_recorded(w->object, pass->arena, &count, &ignored);
    if (w != but && has(items, count, item))
      return true;
  }
  const struct content_ref *refs = // after undo the declared template names them
      content_refs(pass->spec->pod_template, pass->arena, &count);
  for (size_t i = 0; i < count; i++)
    if (str_eq(refs[i].kind, item->kind) && str_eq(refs[i].name, item->copy))
      return true;
  return false;
}

void content_drop(struct pass *pass, const struct workload *w) {
  struct str ignored, uid = pass->snap->rollout->metadata.uid;
  size_t count;
  const struct rollout_content *items = content_recorded(w->object, pass->arena, &count, &ignored);
  for (size_t i = 0; i < count; i++)
    // Only what we would have named so: the text could be anybody's.
    if (has_copy(&items[i]) && !is_used(pass, w, &items[i]) &&
        str_eq(items[i].copy, content_copy_name(uid, &items[i], pass->arena)))
      act_on(pass, PLAN_DELETE_CONTENT, &items[i], NULL,
             pass_text(pass, "%.*s goes", STR_ARG(w->name)));
}

// A copy that somebody deleted: made again while the object still has that content.
struct str content_lost(struct pass *pass) {
  const struct rollout_identity *both[] = {pass->status->stable, pass->status->canary};
  for (size_t v = 0; v < 2; v++)
    for (size_t i = 0; both[v] && i < both[v]->content_count; i++) {
      const struct rollout_content *item = &both[v]->content[i];
      const struct snapshot_content *is =
          has_copy(item) ? snapshot_content_find(pass->snap, item->kind, item->copy) : NULL;
      if (is && is->state == CONTENT_ABSENT && pass_workload(pass, both[v]->deployment) &&
          !copy(pass, item))
        return pass_text(pass,
                         "%.*s %.*s, which pods of %.*s read, was deleted: those that restart do "
                         "not start",
                         STR_ARG(item->kind), STR_ARG(item->copy), STR_ARG(both[v]->deployment));
    }
  return STR_NULL;
}
