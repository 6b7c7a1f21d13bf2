// SPDX-License-Identifier: Apache-2.0
// Workload form: the ReplicaSets of the Deployment that a Rollout refers to. They are listed when
// the Deployment changed, for its selector only, instead of watching all ReplicaSets of a cluster.
// A plan never waits for it: until the answer is there it is told that what it has may be older.
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/log.h"
#include "manifests/kinds/replica_set.h"
#include "manifests/source/kube_resource.h"
#include "operator/effect/controller_parts.h"

#define RETRY_MS 1000

struct release_sets {
  struct release *release;
  struct kube_op op;
  bool asking;
  struct arena arena;
  const struct json *list;    // NULL: not read yet
  struct str revision, asked; // revisions of the Deployment: of `list`, and as asked last
};

static void set_str(struct str *to, struct str from) {
  xfree((void *)(uintptr_t)to->ptr);
  *to = str_is_empty(from) ? STR_NULL : (struct str){xmemdup(from.ptr, from.len), from.len};
}

static const struct json *original(const struct release *release, const struct json *rollout) {
  struct str name = json_path_string(rollout, "spec.workloadRef.name");
  return str_is_empty(name)
             ? NULL
             : kube_watch_get(release->controller->watches[WATCH_DEPLOYMENTS], release->ns, name);
}

static void on_sets(struct kube_op *op, const struct kube_reply *reply) {
  struct release_sets *sets = container_of(op, struct release_sets, op);
  struct release *release = sets->release;
  sets->asking = false;
  if (reply->rc == RC_OK) {
    arena_dispose(&sets->arena);
    sets->list = kube_take(reply, &sets->arena);
    set_str(&sets->revision, sets->asked);
    release_due(release, 0);
  } else {
    LOG(LOG_WARN, "ReplicaSets cannot be listed", LOG_S("rollout", release->key),
        LOG_Z("error", reply->err ? reply->err->msg : ""));
    release_due(release, RETRY_MS);
  }
  release_settle(release);
}

static bool is_current(const struct release_sets *sets, const struct json *deployment) {
  return sets && str_eq(kube_revision(deployment), sets->revision);
}

static struct str selector_of(const struct json *deployment, struct arena *arena) {
  struct buf out;
  buf_init(&out, 64u << 10);
  JSON_EACH(label, json_path(deployment, "spec.selector.matchLabels"))
    (void)buf_addf(&out, "%s%.*s=%.*s", out.len ? "," : "", STR_ARG(label->key),
                   STR_ARG(json_string(label)));
  struct str text = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}

void replica_sets_consider(struct release *release, const struct json *rollout,
                           struct arena *arena) {
  static struct kube_resource resource;
  struct controller *controller = release->controller;
  const struct json *deployment = original(release, rollout);
  if (!deployment || replica_sets_are_asked(release) || release->gone || controller->closing ||
      is_current(release->sets, deployment))
    return;
  if (!release->sets) {
    release->sets = XNEW(struct release_sets);
    release->sets->release = release;
  }
  struct release_sets *sets = release->sets;
  if (!resource.kind)
    resource = kube_resource_of(&replica_set_kind, NULL);
  struct kube_request request = {.verb = KUBE_LIST,
                                 .resource = &resource,
                                 .ns = release->ns,
                                 .label_selector = selector_of(deployment, arena)};
  struct err err;
  set_str(&sets->asked, kube_revision(deployment));
  sets->asking = kube_start(controller->options.kube, &request, &sets->op, on_sets, &err) == RC_OK;
}

void replica_sets_add(const struct release *release, const struct json *rollout,
                      struct arena *arena, struct snapshot_input *input) {
  const struct json *deployment = original(release, rollout),
                    *items = release->sets ? json_get(release->sets->list, "items") : NULL;
  if (!deployment)
    return;
  const struct json **sets =
      ARENA_ARRAY(arena, const struct json *, (items ? items->count : 0) + 1);
  JSON_EACH(item, items)
    sets[input->replica_sets_count++] = item;
  input->replica_sets = sets;
  input->replica_sets_current =
      is_current(release->sets, deployment) && release->sets->list != NULL;
}

void replica_sets_forget(struct release *release) {
  struct release_sets *sets = release->sets;
  if (!sets)
    return;
  arena_dispose(&sets->arena);
  set_str(&sets->revision, STR_NULL);
  set_str(&sets->asked, STR_NULL);
  xfree(sets);
  release->sets = NULL;
}

bool replica_sets_are_asked(const struct release *release) {
  return release->sets && release->sets->asking;
}
