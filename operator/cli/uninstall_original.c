// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/uninstall_original.h"
#include "manifests/kinds/deployment.h"
#include "manifests/kinds/replica_set.h"
#include "manifests/schema/decode.h"
#include "manifests/source/kube_resource.h"
#include "operator/reconcile/leaving.h"
#include "operator/reconcile/taken.h"

#define TRIES 5

// Routes name the pods it runs now: to let it roll would take their traffic.
static struct str stays(const struct rollout *rollout, struct arena *arena) {
  const struct rollout_status *status = &rollout->status;
  struct str name = rollout->spec.workload_ref->name;
  if (!status->release)
    return arena_printf(arena,
                        "Deployment %.*s stays paused: its routes still name the pods of a "
                        "release. Resume it when they name none",
                        STR_ARG(name));
  return arena_printf(
      arena,
      "Deployment %.*s stays paused and runs %.*s, Deployment %.*s beside it runs %.*s: the routes "
      "name the pods of both, so resume it only when they do not. The one beside it goes with the "
      "Rollout when that is deleted: take its traffic away before. (`serin abort %.*s`, while the "
      "operator runs, puts all that back.)",
      STR_ARG(name), STR_ARG(status->stable->version), STR_ARG(status->canary->deployment),
      STR_ARG(status->canary->version), STR_ARG(rollout->metadata.name));
}

static bool is_split(const struct rollout *rollout) {
  const struct rollout_status *status = &rollout->status;
  return (status->release && status->stable && status->canary) ||
         (status->workload && status->workload->pinned);
}

// One look and one write; RC_CONFLICT: somebody wrote it in between.
static int let_go(struct session *session, const struct rollout *rollout, bool dry_run,
                  struct arena *arena, struct str *ret_text, struct err *err) {
  struct kube_resource deployments = kube_resource_of(&deployment_kind, NULL),
                       sets = kube_resource_of(&replica_set_kind, NULL);
  const struct rollout_identity *stable = rollout->status.stable;
  struct str ns = rollout->metadata.namespace_, name = rollout->spec.workload_ref->name;
  struct json *deployment, *set = NULL;
  int rc = session_get(session, &deployments, ns, name, arena, &deployment, err);
  if (rc == RC_NOT_FOUND) {
    *ret_text = arena_printf(arena, "Deployment %.*s is not there", STR_ARG(name));
    return RC_OK;
  }
  if (rc == RC_OK && stable && stable->subset.len)
    rc = session_get(session, &sets, ns, stable->subset, arena, &set, err);
  if (rc != RC_OK && rc != RC_NOT_FOUND)
    return rc;
  struct leaving_plan plan = leaving_of(rollout, deployment, set, arena);
  *ret_text = plan.text;
  if (!plan.patch)
    return RC_OK;
  struct kube_request request = {.verb = KUBE_PATCH,
                                 .resource = &deployments,
                                 .ns = ns,
                                 .name = name,
                                 .patch = KUBE_PATCH_JSON,
                                 .body = plan.patch,
                                 .dry_run = dry_run};
  return session_call(session, &request, arena, NULL, err);
}

int uninstall_original(struct session *session, const struct json *json, bool dry_run,
                       struct arena *arena, struct str *ret_text, struct err *err) {
  struct decode_options options = {.unknown = UNKNOWN_IGNORE, .skip_checks = true};
  void *decoded = NULL;
  const struct json *acted_on;
  int rc = RC_OK;
  *ret_text = STR_NULL;
  (void)taken_apply(json, arena, &acted_on);
  (void)kind_decode(&rollout_kind, acted_on, &options, arena, NULL, &decoded);
  const struct rollout *rollout = decoded;
  if (!rollout || !rollout->spec.workload_ref)
    return RC_OK;
  if (is_split(rollout)) {
    *ret_text = stays(rollout, arena);
    return RC_OK;
  }
  for (int i = 0; i < TRIES; i++) {
    rc = let_go(session, rollout, dry_run, arena, ret_text, err);
    if (rc != RC_CONFLICT && rc != RC_INVALID) // a `test` that does not hold is one of the two
      break;
  }
  return rc;
}
