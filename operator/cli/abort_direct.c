// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/abort_direct.h"
#include "manifests/kinds/destination_rule.h"
#include "manifests/kinds/rollout.h"
#include "manifests/schema/decode.h"
#include "manifests/source/kube_resource.h"
#include "operator/cli/resource_arg.h"
#include "operator/reconcile/taken.h"
#include "operator/traffic/router.h"

#define TRIES 5

struct aborting {
  struct session *session;
  struct arena *arena;
  const struct rollout *rollout;
  struct kube_resource rules;
};

static struct str name_of(const struct rollout_identity *status, struct str spec) {
  return status && status->subset.len ? status->subset : spec;
}

static int read_rollout(struct aborting *work, struct str name, struct err *err) {
  struct json *object;
  void *decoded = NULL;
  struct decode_options options = {.unknown = UNKNOWN_IGNORE, .skip_checks = true};
  struct route_ref refs[ROUTER_REFS_MAX];
  int rc = resource_get_rollout(work->session, name, work->arena, &object, err);
  if (rc)
    return rc;
  const struct json *acted_on;
  (void)taken_apply(object, work->arena, &acted_on);
  (void)kind_decode(&rollout_kind, acted_on, &options, work->arena, NULL, &decoded);
  work->rollout = decoded;
  if (router_refs(&work->rollout->spec.traffic, refs) == 0)
    return err_set(err, RC_INVALID, "rollout \"%.*s\" names no route", STR_ARG(name));
  return RC_OK;
}

static int read_host(struct aborting *work, struct str *ret_host, struct err *err) {
  const struct rollout_traffic *traffic = &work->rollout->spec.traffic;
  struct json *rule;
  if (router_names_services(traffic)) {
    *ret_host = router_gateway_ref(traffic)->stable_service;
    return RC_OK;
  }
  int rc = session_get(work->session, &work->rules, work->session->ns, traffic->destination_rule,
                       work->arena, &rule, err);
  if (rc == RC_OK)
    *ret_host = json_path_string(rule, "spec.host");
  return rc;
}

// Reads the route and patches it once. RC_CONFLICT or RC_INVALID: somebody wrote meanwhile (a test
// failed).
static int patch_once(struct aborting *work, const struct route_ref *ref, struct str *ret_message,
                      struct err *err) {
  const struct rollout_spec *spec = &work->rollout->spec;
  const char *kind = router_kind(ref->router)->kind;
  struct kube_resource resource = kube_resource_of(router_kind(ref->router), NULL);
  struct route_target target = {
      .ref = *ref,
      .ns = work->session->ns,
      .stable = name_of(work->rollout->status.stable, router_stable_name(spec)),
      .canary = name_of(work->rollout->status.canary, router_canary_name(spec)),
      .takes_bare = rollout_form(spec) != ROLLOUT_FORM_PAIR,
  };
  struct json *object;
  int rc = session_get(work->session, &resource, work->session->ns, ref->name, work->arena, &object,
                       err);
  if (rc == RC_OK)
    rc = read_host(work, &target.host, err);
  if (rc)
    return rc;
  target.object = object;
  if (!target.stable.len || !target.canary.len)
    return err_set(err, RC_INVALID, "no release is known: there is nothing to take traffic from");
  struct route_split split;
  router_read(&target, work->arena, &split);
  if (split.problem != ROUTE_FINE)
    return err_set(err, RC_INVALID, "%s %.*s: %.*s", kind, STR_ARG(ref->name),
                   STR_ARG(split.message));
  struct json *patch = router_patch(&target, 0, ROUTE_DROP_NONE, work->arena);
  *ret_message =
      arena_printf(work->arena, "all traffic of %.*s is on %s %.*s%s", STR_ARG(ref->name),
                   router_names_services(&spec->traffic) ? "Service" : "subset",
                   STR_ARG(target.stable), patch ? "" : " already");
  if (!patch)
    return RC_OK;
  struct kube_request request = {.verb = KUBE_PATCH,
                                 .resource = &resource,
                                 .ns = work->session->ns,
                                 .name = ref->name,
                                 .patch = KUBE_PATCH_JSON,
                                 .body = patch};
  return session_call(work->session, &request, work->arena, NULL, err);
}

// Each of the routes; a fault of one does not keep the traffic on another.
static int patch_all(struct aborting *work, struct str *ret_message, struct err *err) {
  struct route_ref refs[ROUTER_REFS_MAX];
  size_t count = router_refs(&work->rollout->spec.traffic, refs);
  int first = RC_OK;
  *ret_message = STR("");
  for (size_t i = 0; i < count; i++) {
    struct str message = STR("");
    struct err one = {0};
    int rc = RC_CONFLICT;
    for (int try = 0; try < TRIES && rc == RC_CONFLICT; try++)
      rc = patch_once(work, &refs[i], &message, &one);
    if (rc != RC_OK && first == RC_OK) {
      first = rc;
      *err = one;
    }
    *ret_message = arena_printf(work->arena, "%.*s%s%.*s", STR_ARG(*ret_message),
                                ret_message->len && message.len ? "; " : "", STR_ARG(message));
  }
  return first;
}

int abort_direct(struct session *session, struct str name, struct arena *arena,
                 struct str *ret_message, struct err *err) {
  struct aborting work = {
      .session = session, .arena = arena, .rules = kube_resource_of(&destination_rule_kind, NULL)};
  int rc = read_rollout(&work, name, err);
  if (rc)
    return rc;
  rc = patch_all(&work, ret_message, err);
  if (rc == RC_OK)
    *ret_message = arena_printf(arena,
                                "%.*s; a running operator may move it again: tell it with `serin "
                                "abort %.*s`",
                                STR_ARG(*ret_message), STR_ARG(name));
  return rc;
}
