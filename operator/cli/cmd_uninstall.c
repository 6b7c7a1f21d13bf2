// SPDX-License-Identifier: Apache-2.0
// serin uninstall: lets go of all Rollouts, so that they, their namespaces and the CRDs can be
// deleted without an operator. Traffic and pods stay as they are.
#include "manifests/kinds/deployment.h"
#include "manifests/kinds/rollout.h"
#include "manifests/source/kube_resource.h"
#include "operator/cli/session.h"
#include "operator/cli/uninstall_original.h"

#include <stdio.h>

#define OPERATORS "app.kubernetes.io/name=serin,app.kubernetes.io/component=operator"
#define STOP_MS 60000 // for the operator's pods to end
#define LOOK_MS 200
#define TRIES 5

struct uninstall_options {
  struct common_options common;
  bool dry_run, keep_operator;
};

struct uninstalling {
  struct session *session;
  const struct uninstall_options *options;
  struct arena *arena;
  struct kube_resource rollouts, deployments;
  size_t released, rollouts_count;
};

static int list(struct uninstalling *work, const struct kube_resource *resource,
                const char *selector, struct json **ret_list, struct err *err) {
  struct kube_request request = {.verb = KUBE_LIST,
                                 .resource = resource,
                                 .ns = work->options->common.ns, // none: everywhere
                                 .label_selector = selector ? str_of(selector) : STR_NULL};
  return session_call(work->session, &request, work->arena, ret_list, err);
}

// --- the operator ---

static int scale_to_none(struct uninstalling *work, const struct json *deployment,
                         struct err *err) {
  struct json *body = json_new_object(work->arena);
  json_put_int(work->arena, json_put(work->arena, body, "spec", json_new_object(work->arena)),
               "replicas", 0);
  struct kube_request request = {.verb = KUBE_PATCH,
                                 .resource = &work->deployments,
                                 .ns = kube_namespace(deployment),
                                 .name = kube_name(deployment),
                                 .patch = KUBE_PATCH_MERGE,
                                 .body = body,
                                 .dry_run = work->options->dry_run};
  return session_call(work->session, &request, work->arena, NULL, err);
}

// Until its last pod is gone: one that still runs would take the Rollouts up again.
static int wait_stopped(struct uninstalling *work, struct str ns, struct str name,
                        struct err *err) {
  int64_t left_ms = work->session->timeout_ms ? work->session->timeout_ms : STOP_MS;
  const bool never = false;
  for (; left_ms > 0; left_ms -= LOOK_MS) {
    struct json *now;
    int rc = session_get(work->session, &work->deployments, ns, name, work->arena, &now, err);
    if (rc == RC_NOT_FOUND || (rc == RC_OK && !json_int(json_path(now, "status.replicas"), 0)))
      return RC_OK;
    if (rc != RC_OK)
      return rc;
    (void)session_run_until(work->session, &never, LOOK_MS);
  }
  return err_set(err, RC_TIMEOUT, "the pods of Deployment %.*s/%.*s have not ended", STR_ARG(ns),
                 STR_ARG(name));
}

static int stop_operators(struct uninstalling *work, struct err *err) {
  struct json *found;
  size_t count = 0;
  if (work->options->keep_operator)
    return RC_OK;
  int rc = list(work, &work->deployments, OPERATORS, &found, err);
  if (rc != RC_OK)
    return err_wrap(err, rc, "the operator's Deployment (--keep-operator leaves it alone)");
  JSON_EACH(deployment, json_get(found, "items")) {
    struct str ns = kube_namespace(deployment), name = kube_name(deployment);
    rc = scale_to_none(work, deployment, err);
    if (rc == RC_OK && !work->options->dry_run)
      rc = wait_stopped(work, ns, name, err);
    if (rc != RC_OK)
      return rc;
    printf("operator %.*s/%.*s: stopped, its Deployment has 0 replicas\n", STR_ARG(ns),
           STR_ARG(name));
    count++;
  }
  if (!count)
    printf("operator: no Deployment of it%s; one that runs elsewhere has to be stopped first\n",
           work->options->common.ns.len ? " in this namespace" : "");
  return RC_OK;
}

// --- Rollouts ---

static void say_where(const struct json *rollout, const char *what) {
  struct str canary = json_path_string(rollout, "status.weight.canary");
  struct str stable_version = json_path_string(rollout, "status.stable.version");
  struct str canary_version = json_path_string(rollout, "status.canary.version");
  printf("rollout %.*s/%.*s: %s; ", STR_ARG(kube_namespace(rollout)), STR_ARG(kube_name(rollout)),
         what);
  if (json_path(rollout, "status.release"))
    printf("the release stops where it is: %.*s keeps %.*s %% of the traffic, %.*s the rest\n",
           STR_ARG(canary_version.len ? canary_version : STR("the canary")),
           STR_ARG(canary.len ? canary : STR("0")),
           STR_ARG(stable_version.len ? stable_version : STR("stable")));
  else
    printf("no release runs, %.*s serves\n",
           STR_ARG(stable_version.len ? stable_version : STR("what is there")));
}

static bool holds(const struct json *rollout) {
  JSON_EACH(item, json_path(rollout, "metadata.finalizers")) {
    if (str_eq_z(json_string(item), ROLLOUT_FINALIZER))
      return true;
  }
  return false;
}

static struct json *without_ours(const struct json *rollout, struct arena *arena) {
  struct json *patch = json_new_object(arena);
  struct json *metadata = json_put(arena, patch, "metadata", json_new_object(arena));
  struct json *kept = json_put(arena, metadata, "finalizers", json_new_array(arena));
  JSON_EACH(item, json_path(rollout, "metadata.finalizers")) {
    if (!str_eq_z(json_string(item), ROLLOUT_FINALIZER))
      json_append(kept, json_dup(arena, item));
  }
  json_put_string(arena, metadata, "resourceVersion", kube_revision(rollout));
  return patch;
}

// Somebody may write the Rollout meanwhile: it is read again then.
static int let_go(struct uninstalling *work, struct json *rollout, struct err *err) {
  struct str ns = kube_namespace(rollout), name = kube_name(rollout);
  int rc = RC_OK;
  for (int i = 0; i < TRIES && holds(rollout); i++) {
    struct kube_request request = {.verb = KUBE_PATCH,
                                   .resource = &work->rollouts,
                                   .ns = ns,
                                   .name = name,
                                   .patch = KUBE_PATCH_MERGE,
                                   .body = without_ours(rollout, work->arena),
                                   .dry_run = work->options->dry_run};
    rc = session_call(work->session, &request, work->arena, NULL, err);
    if (rc != RC_CONFLICT)
      break;
    rc = session_get(work->session, &work->rollouts, ns, name, work->arena, &rollout, err);
    if (rc != RC_OK)
      break;
  }
  return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static int let_all_go(struct uninstalling *work, struct err *err) {
  struct json *found;
  int rc = list(work, &work->rollouts, NULL, &found, err);
  if (rc == RC_NOT_FOUND) {
    printf("rollouts: this cluster does not know them\n");
    return RC_OK;
  }
  JSON_EACH(rollout, rc ? NULL : json_get(found, "items")) {
    bool held = holds(rollout);
    struct str original; // first: while the finalizer is there it can be tried again
    rc = uninstall_original(work->session, rollout, work->options->dry_run, work->arena, &original,
                            err);
    if (rc == RC_OK)
      rc = let_go(work, rollout, err);
    if (rc != RC_OK)
      return err_wrap(err, rc, "rollout %.*s/%.*s", STR_ARG(kube_namespace(rollout)),
                      STR_ARG(kube_name(rollout)));
    say_where(rollout, held ? "finalizer removed" : "no finalizer of ours");
    if (original.len)
      printf("  %.*s\n", STR_ARG(original));
    work->released += held;
    work->rollouts_count++;
  }
  return rc;
}

static void say_next(const struct uninstalling *work) {
  printf("%zu of %zu Rollouts had a finalizer, which is removed%s. Routes and pods were not "
         "touched.\n",
         work->released, work->rollouts_count, work->options->dry_run ? " (server dry run)" : "");
  printf("Now remove what was installed: kubectl delete -k manifests/install, or helm uninstall "
         "serin -n serin-system\nand then kubectl delete crd rollouts.serin.dev "
         "rolloutactions.serin.dev metricsets.serin.dev, with which all Rollouts go.\n");
}

static int run(const void *data, const struct str *arguments, size_t count) {
  (void)arguments, (void)count;
  const struct uninstall_options *options = data;
  struct arena arena = {0};
  struct session session;
  struct err err = {0};
  int code = session_open(&options->common, "uninstall", &session);
  if (code != EXIT_DONE)
    return code;
  struct uninstalling work = {.session = &session,
                              .options = options,
                              .arena = &arena,
                              .rollouts = kube_resource_of(&rollout_kind, NULL),
                              .deployments = kube_resource_of(&deployment_kind, NULL)};
  session_say_cluster(&session);
  int rc = stop_operators(&work, &err);
  if (rc == RC_OK)
    rc = let_all_go(&work, &err);
  if (rc == RC_OK)
    say_next(&work);
  else
    code = session_fail("uninstall", &err);
  session_close(&session);
  arena_dispose(&arena);
  return code;
}

static const struct option_row rows[] = {
    {"keep-operator", 0, OPTION_FLAG, offsetof(struct uninstall_options, keep_operator), NULL, NULL,
     "Do not stop the operator: it must not run any more, or it takes the Rollouts up again.", 0,
     0},
    {"dry-run", 0, OPTION_FLAG, offsetof(struct uninstall_options, dry_run), NULL, NULL,
     "Say what would be done; the server checks it and changes nothing.", 0, 0},
};

const struct command cmd_uninstall = {
    .name = "uninstall",
    .arguments = "[-n NAMESPACE]",
    .summary = "Let go of all Rollouts, before Serin is removed from a cluster.",
    .details =
        "Stops the operator (its Deployment is scaled to 0), and removes the finalizer from every "
        "Rollout, of all\nnamespaces or of the one given by -n. The traffic stays where it is; "
        "each Rollout's weights are said. A Deployment of workloadRef is resumed where that rolls "
        "nothing,\nelse its Rollout's workloadRef.onDelete counts. After that Rollouts, namespaces "
        "and the CRDs can be "
        "deleted although no operator runs, also those whose\ndeletion hangs already.",
    .size = sizeof(struct uninstall_options),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .common = true,
    .run = run,
};
