// SPDX-License-Identifier: Apache-2.0
// Deployments: which version is wanted, making one (template form), scaling, and what becomes of
// old ones.
#include "operator/reconcile/content.h"
#include "operator/reconcile/pass.h"

#include <string.h>

struct rollout_identity *identity_dup(struct pass *pass, const struct rollout_identity *identity) {
  return arena_dup(pass->arena, identity, sizeof(*identity));
}

// Template form: the Deployment and the subset are named after the Rollout and the template.
void workload_names(struct pass *pass, struct str hash, struct rollout_identity *identity) {
  struct str name = str_slice(pass->snap->rollout->metadata.name, 0, 52); // 63 is what labels allow
  struct str tail = str_slice(hash, 3, hash.len);                         // without "v1-"
  identity->hash = hash;
  identity->deployment = identity->subset =
      arena_printf(pass->arena, "%.*s-%.*s", STR_ARG(name), STR_ARG(tail));
}

// The Rollout's template, or that of the Deployment it refers to, as declared.
static const struct json *template_of(const struct pass *pass) {
  const struct workload *original = original_of(pass);
  return original ? json_path(original->object, "spec.template") : pass->spec->pod_template;
}

static struct str template_version(struct pass *pass, struct str hash) {
  return snapshot_template_version(template_of(pass), hash, pass->arena);
}

bool workload_wanted(struct pass *pass, struct rollout_identity *ret_wanted) {
  const struct rollout_spec *spec = pass->spec;
  *ret_wanted = (struct rollout_identity){0};
  if (pass->snap->form == ROLLOUT_FORM_TEMPLATE) {
    if (!content_name(pass, ret_wanted))
      return false;
    workload_names(pass, ret_wanted->hash, ret_wanted);
    ret_wanted->version = template_version(pass, ret_wanted->hash);
    ret_wanted->replicas = workload_stable_replicas(pass);
    return true;
  }
  if (pass->snap->form == ROLLOUT_FORM_WORKLOAD) {
    const struct workload *original = original_of(pass);
    if (!original || !content_name(pass, ret_wanted))
      return false;
    workload_names(pass, ret_wanted->hash, ret_wanted);
    ret_wanted->version = template_version(pass, ret_wanted->hash);
    ret_wanted->replicas = original->replicas;
    return true;
  }
  const struct workload *canary = pass_workload(pass, spec->canary->deployment);
  if (!canary)
    return false;
  ret_wanted->deployment = spec->canary->deployment;
  ret_wanted->subset = router_canary_name(spec);
  ret_wanted->hash = canary->hash;
  ret_wanted->version = canary->version;
  ret_wanted->replicas = canary->replicas;
  // One that we scaled up before goes by what its manifest said then.
  for (size_t i = 0; i < pass->status->retired_count; i++)
    if (str_eq(pass->status->retired[i].deployment, canary->name))
      ret_wanted->replicas = pass->status->retired[i].replicas;
  return true;
}

int64_t workload_stable_replicas(const struct pass *pass) {
  if (pass->snap->form == ROLLOUT_FORM_TEMPLATE)
    return pass->spec->has_replicas ? pass->spec->replicas : 1;
  const struct rollout_identity *stable = pass->status->stable;
  const struct workload *w = stable ? pass_workload(pass, stable->deployment) : NULL;
  if (w && w->replicas > 0)
    return w->replicas;
  return stable && stable->replicas > 0 ? stable->replicas : 1;
}

// --- making one (template and workload form) ---

static struct json *labels_with_hash(struct pass *pass, const struct json *labels,
                                     struct str hash) {
  struct json *copy =
      json_is(labels, JSON_OBJECT) ? json_dup(pass->arena, labels) : json_new_object(pass->arena);
  json_put_string(pass->arena, copy, ROLLOUT_HASH_LABEL, hash);
  return copy;
}

// `own`: the version's template, with the names of its copies.
static struct json *metadata_of(struct pass *pass, const struct rollout_identity *identity,
                                const struct json *own) {
  struct arena *arena = pass->arena;
  struct json *metadata = json_new_object(arena), *annotations = json_new_object(arena);
  const struct json *template_labels = json_path(template_of(pass), "metadata.labels");
  struct json *labels = labels_with_hash(pass, template_labels, identity->hash);
  json_put_string(arena, labels, ROLLOUT_OWNER_LABEL, pass->snap->rollout->metadata.name);
  json_put_string(arena, metadata, "name", identity->deployment);
  json_put_string(arena, metadata, "namespace", pass->snap->rollout->metadata.namespace_);
  json_put(arena, metadata, "labels", labels);
  // The template as it was declared, for undo: a server may fill in defaults, and the hash would be
  // another.
  if (pass->snap->form == ROLLOUT_FORM_TEMPLATE)
    json_put_string(arena, annotations, "serin.dev/template", json_text(arena, own));
  if (identity->content_count)
    json_put_string(
        arena, annotations, ROLLOUT_CONTENT,
        content_record(identity->template_hash, identity->content, identity->content_count, arena));
  json_put_string(arena, annotations, "serin.dev/revision",
                  arena_printf(arena, "%lld", (long long)identity->revision));
  json_put(arena, metadata, "annotations", annotations);
  json_put(arena, metadata, "ownerReferences", pass_owner(pass));
  return metadata;
}

// Workload form: what the Deployment says of its rollouts holds for the canary, too.
static void copy_policy(struct pass *pass, struct json *spec) {
  static const char *const fields[] = {"minReadySeconds", "progressDeadlineSeconds", "strategy"};
  const struct workload *original = original_of(pass);
  for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && original; i++) {
    const struct json *value = json_get(json_get(original->object, "spec"), fields[i]);
    if (value)
      json_put(pass->arena, spec, fields[i], json_dup(pass->arena, value));
  }
}

static const struct json *selector_of(const struct pass *pass) {
  const struct workload *original = original_of(pass);
  return json_get(original ? json_path(original->object, "spec.selector") : pass->spec->selector,
                  "matchLabels");
}

void workload_create(struct pass *pass, const struct rollout_identity *identity, int64_t replicas) {
  struct arena *arena = pass->arena;
  const struct json *own = content_template(pass, identity);
  if (!own || !content_copy(pass, identity))
    return; // what it is made from is another by now: the next pass sees to it

  struct json *object = json_new_object(arena), *spec = json_new_object(arena),
              *selector = json_new_object(arena);
  struct json *pod_template = json_dup(arena, own);
  json_put(arena, selector, "matchLabels",
           labels_with_hash(pass, selector_of(pass), identity->hash));
  struct json *pod_metadata = json_need_object(arena, pod_template, "metadata");
  json_put(arena, pod_metadata, "labels",
           labels_with_hash(pass, json_get(pod_metadata, "labels"), identity->hash));
  json_put_int(arena, spec, "replicas", replicas);
  json_put(arena, spec, "selector", selector);
  json_put(arena, spec, "template", pod_template);
  copy_policy(pass, spec);
  json_put_z(arena, object, "apiVersion", "apps/v1");
  json_put_z(arena, object, "kind", "Deployment");
  json_put(arena, object, "metadata", metadata_of(pass, identity, own));
  json_put(arena, object, "spec", spec);
  pass_act(
      pass, PLAN_CREATE_DEPLOYMENT, identity->deployment, object,
      pass_text(pass, "%lld replicas of %.*s", (long long)replicas, STR_ARG(identity->version)));
}

void workload_scale(struct pass *pass, struct str name, int64_t replicas, const char *why) {
  const struct workload *w = pass_workload(pass, name);
  if (!w || w->replicas == replicas)
    return;
  struct json *patch = json_new_object(pass->arena), *spec = json_new_object(pass->arena);
  json_put_int(pass->arena, spec, "replicas", replicas);
  json_put(pass->arena, patch, "spec", spec);
  pass_act(pass, replicas > w->replicas ? PLAN_SCALE_UP : PLAN_SCALE_DOWN, name, patch,
           pass_text(pass, "%lld to %lld replicas, %s", (long long)w->replicas, (long long)replicas,
                     why));
}

void workload_keep(struct pass *pass) {
  const struct rollout_identity *stable = pass->status->stable;
  const struct workload *w = stable ? pass_workload(pass, stable->deployment) : NULL;
  if (w && w->replicas < workload_stable_replicas(pass) &&
      !str_eq_z(pass->status->step.name, "decommission"))
    workload_scale(pass, stable->deployment, workload_stable_replicas(pass),
                   "as spec.replicas says");
}

void workload_name_add(struct pass *pass, const struct rollout_identity *identity) {
  const struct json *labels = original_labels(pass, identity);
  if (labels)
    traffic_version_add(pass, identity->subset, labels);
}

// --- scale: an autoscaler that targets the Rollout sees the pods of all versions, as the load is
// that of all of them ---

void workload_count(struct pass *pass) {
  struct rollout_status *status = pass->status;
  if (pass->snap->form != ROLLOUT_FORM_TEMPLATE)
    return;
  struct str selector = STR_NULL;
  JSON_EACH(label, selector_of(pass))
    selector = pass_text(pass, "%.*s%s%.*s=%.*s", STR_ARG(selector), selector.len ? "," : "",
                         STR_ARG(label->key), STR_ARG(json_string(label)));
  status->selector = selector;
  status->has_replicas = true;
  status->replicas = 0;
  for (size_t i = 0; i < pass->snap->workloads_count; i++)
    status->replicas += json_int(json_path(pass->snap->workloads[i].object, "status.replicas"), 0);
}

// --- old ones ---

void workload_delete(struct pass *pass, const struct workload *w, const char *why) {
  content_drop(pass, w);
  pass_act(pass, PLAN_DELETE_DEPLOYMENT, w->name, NULL, pass_text(pass, "%s", why));
}

void workload_retire(struct pass *pass, const struct rollout_identity *identity, int64_t replicas,
                     int64_t at) {
  struct rollout_status *status = pass->status;
  struct rollout_retired *items =
      ARENA_ARRAY(pass->arena, struct rollout_retired, status->retired_count + 1);
  size_t count = 0;
  for (size_t i = 0; i < status->retired_count; i++)
    if (!str_eq(status->retired[i].deployment, identity->deployment))
      items[count++] = status->retired[i];
  items[count++] = (struct rollout_retired){.deployment = identity->deployment,
                                            .subset = identity->subset,
                                            .hash = identity->hash,
                                            .replicas = replicas,
                                            .at = at};
  status->retired = items;
  status->retired_count = count;
}

static bool is_used(const struct pass *pass, struct str deployment) {
  const struct rollout_status *status = pass->status;
  if (status->workload && status->workload->pinned && status->stable &&
      str_eq(status->stable->subset, deployment))
    return true; // the name of a ReplicaSet that routes name again
  return (status->stable && str_eq(status->stable->deployment, deployment)) ||
         (status->canary && str_eq(status->canary->deployment, deployment));
}

// Scales down what is due; true while there is something left to do.
static bool retire_one(struct pass *pass, const struct rollout_retired *retired) {
  const struct workload *w = pass_workload(pass, retired->deployment);
  if (is_used(pass, retired->deployment))
    return false;
  if (pass->now < retired->at) {
    pass_wake(pass, retired->at);
    return true;
  }
  bool keeps_none = pass->snap->form == ROLLOUT_FORM_WORKLOAD; // its ReplicaSets are the history
  if (w && w->replicas > retired->replicas)
    workload_scale(pass, retired->deployment, retired->replicas, "a version without traffic");
  else if (w && keeps_none && w->pods == 0 &&
           str_is_empty(json_path_string(w->object, "metadata.deletionTimestamp")))
    workload_delete(pass, w, "a version without traffic or pods");
  bool named = traffic_version_remove(pass, retired->subset);
  return named || (w && (keeps_none || w->replicas > retired->replicas));
}

static int64_t revision_of(const struct workload *w) {
  int64_t revision = 0;
  (void)str_to_i64(
      json_get_string(json_path(w->object, "metadata.annotations"), "serin.dev/revision"),
      &revision);
  return revision;
}

static bool is_history(const struct pass *pass, const struct workload *w) {
  for (size_t i = 0; i < pass->status->retired_count; i++)
    if (str_eq(pass->status->retired[i].deployment, w->name))
      return false;
  return w->replicas == 0 && w->pods == 0 && !is_used(pass, w->name) &&
         str_is_empty(json_path_string(w->object, "metadata.deletionTimestamp"));
}

// Template form: the oldest version without pods beyond what is kept for undo goes, one in a pass.
void workload_prune(struct pass *pass) {
  const struct workload *oldest = NULL;
  int64_t kept = 0;
  if (pass->snap->form != ROLLOUT_FORM_TEMPLATE)
    return;
  for (size_t i = 0; i < pass->snap->workloads_count; i++) {
    const struct workload *w = &pass->snap->workloads[i];
    if (!is_history(pass, w))
      continue;
    kept++;
    if (!oldest || revision_of(w) < revision_of(oldest))
      oldest = w;
  }
  if (oldest && kept > pass->spec->revision_history_limit)
    workload_delete(pass, oldest,
                    pass_text(pass, "revisionHistoryLimit keeps %lld versions",
                              (long long)pass->spec->revision_history_limit)
                        .ptr);
}

void workload_retired(struct pass *pass) {
  struct rollout_status *status = pass->status;
  struct rollout_retired *items =
      ARENA_ARRAY(pass->arena, struct rollout_retired, status->retired_count + 1);
  size_t count = 0;
  // A subset goes only when no route names it any more.
  bool may = !pass->has_split || traffic_is_written(pass);
  for (size_t i = 0; i < status->retired_count; i++)
    if (!may || retire_one(pass, &status->retired[i]))
      items[count++] = status->retired[i];
  status->retired = items;
  status->retired_count = count;
}
