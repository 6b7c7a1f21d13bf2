// SPDX-License-Identifier: Apache-2.0
// The part of a snapshot that is about ConfigMaps and Secrets.
#include "operator/reconcile/content.h"
#include "operator/reconcile/snapshot.h"

const struct snapshot_content *snapshot_content_find(const struct snapshot *snapshot,
                                                     struct str kind, struct str name) {
  for (size_t i = 0; i < snapshot->content_count; i++)
    if (str_eq(snapshot->content[i].kind, kind) && str_eq(snapshot->content[i].name, name))
      return &snapshot->content[i];
  return NULL;
}

static bool is_tracked(const struct snapshot *snapshot, struct str kind) {
  enum rollout_config_tracking which = snapshot->rollout->spec.config_tracking;
  return which == ROLLOUT_TRACK_ALL ||
         (which == ROLLOUT_TRACK_CONFIG_MAPS && str_eq_z(kind, "ConfigMap"));
}

static bool is_copy(const struct rollout_content *items, size_t count,
                    const struct content_ref *ref) {
  for (size_t i = 0; i < count; i++)
    if (str_eq(items[i].kind, ref->kind) && str_eq(items[i].copy, ref->name))
      return true;
  return false;
}

// After `undo` the declared template names copies of an earlier version: they never change.
static bool is_any_copy(const struct snapshot *snapshot, const struct content_ref *ref,
                        struct arena *arena) {
  const struct rollout_status *status = &snapshot->rollout->status;
  const struct rollout_identity *both[] = {status->stable, status->canary};
  for (size_t i = 0; i < 2; i++)
    if (both[i] && is_copy(both[i]->content, both[i]->content_count, ref))
      return true;
  for (size_t i = 0; i < snapshot->workloads_count; i++) {
    struct str ignored;
    size_t count;
    const struct rollout_content *items =
        content_recorded(snapshot->workloads[i].object, arena, &count, &ignored);
    if (is_copy(items, count, ref))
      return true;
  }
  return false;
}

struct content_ref *snapshot_content_refs(const struct snapshot *snapshot, struct arena *arena,
                                          size_t *ret_count) {
  const struct workload *original = snapshot_original(snapshot);
  const struct json *pod_template = snapshot->form == ROLLOUT_FORM_TEMPLATE
                                        ? snapshot->rollout->spec.pod_template
                                    : original ? json_path(original->object, "spec.template")
                                               : NULL;
  struct content_ref *refs = content_refs(pod_template, arena, ret_count);
  size_t count = 0;
  for (size_t i = 0; i < *ret_count; i++)
    if (is_tracked(snapshot, refs[i].kind) && !is_any_copy(snapshot, &refs[i], arena))
      refs[count++] = refs[i];
  *ret_count = count;
  return refs;
}

struct content_ref *snapshot_content_needed(const struct snapshot *snapshot, struct arena *arena,
                                            size_t *ret_count) {
  const struct rollout_status *status = &snapshot->rollout->status;
  const struct rollout_identity *both[] = {status->stable, status->canary};
  size_t count, more = 0;
  const struct content_ref *refs = snapshot_content_refs(snapshot, arena, &count);
  for (size_t i = 0; i < 2; i++)
    more += both[i] ? both[i]->content_count : 0;
  struct content_ref *all = ARENA_ARRAY(arena, struct content_ref, count + more + 1);
  for (size_t i = 0; i < count; i++)
    all[i] = refs[i];
  for (size_t v = 0; v < 2; v++)
    for (size_t i = 0; both[v] && i < both[v]->content_count; i++) {
      const struct rollout_content *item = &both[v]->content[i];
      if (item->copy.len && str_eq_z(item->kind, "ConfigMap")) // Secrets may be read by name alone
        all[count++] = (struct content_ref){.kind = item->kind, .name = item->copy};
    }
  *ret_count = count;
  return all;
}

struct str snapshot_declared_hash(const struct json *pod_template, struct arena *arena) {
  struct json *copy = content_with_mark(pod_template, STR_NULL, arena);
  struct json *labels = json_path(copy, "metadata.labels");
  if (labels)
    json_remove(labels, STR(SNAPSHOT_POD_HASH));
  return snapshot_template_hash(copy, arena);
}
