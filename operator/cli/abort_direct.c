// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/abort_direct.h"
#include "manifests/kinds/destination_rule.h"
#include "manifests/kinds/rollout.h"
#include "manifests/kinds/virtual_service.h"
#include "manifests/schema/decode.h"
#include "manifests/source/kube_resource.h"
#include "operator/cli/resource_arg.h"
#include "operator/traffic/virtual_service.h"

#define TRIES 5

struct aborting {
  struct session *session;
  struct arena *arena;
  const struct rollout *rollout;
  struct kube_resource services, rules;
};

static struct str subset_of(const struct rollout_identity *status,
                            const struct rollout_version_ref *spec) {
  return status && status->subset.len ? status->subset : spec ? spec->subset : STR_NULL;
}

static int read_rollout(struct aborting *work, struct str name, struct err *err) {
  struct json *object;
  void *decoded = NULL;
  struct decode_options options = {.unknown = UNKNOWN_IGNORE, .skip_checks = true};
  int rc = resource_get_rollout(work->session, name, work->arena, &object, err);
  if (rc)
    return rc;
  (void)kind_decode(&rollout_kind, object, &options, work->arena, NULL, &decoded);
  work->rollout = decoded;
  if (!work->rollout->spec.traffic.virtual_service)
    return err_set(err, RC_INVALID, "rollout \"%.*s\" names no VirtualService", STR_ARG(name));
  return RC_OK;
}

// Reads the route and patches it once. RC_CONFLICT or RC_INVALID: somebody wrote meanwhile (a test
// failed).
static int patch_once(struct aborting *work, struct str *ret_message, struct err *err) {
  const struct rollout_spec *spec = &work->rollout->spec;
  const struct rollout_virtual_service_ref *ref = spec->traffic.virtual_service;
  struct json *service, *rule;
  int rc = session_get(work->session, &work->services, work->session->ns, ref->name, work->arena,
                       &service, err);
  if (rc == RC_OK)
    rc = session_get(work->session, &work->rules, work->session->ns, spec->traffic.destination_rule,
                     work->arena, &rule, err);
  if (rc)
    return rc;
  struct vs_target target = {
      .object = service,
      .ns = work->session->ns,
      .host = json_path_string(rule, "spec.host"),
      .stable = subset_of(work->rollout->status.stable, spec->stable),
      .canary = subset_of(work->rollout->status.canary, spec->canary),
      .takes_bare = rollout_form(spec) == ROLLOUT_FORM_TEMPLATE,
      .routes = ref->routes,
      .routes_count = ref->routes_count,
  };
  if (!target.stable.len || !target.canary.len)
    return err_set(err, RC_INVALID, "no release is known: there is nothing to take traffic from");
  struct vs_split split;
  vs_read(&target, work->arena, &split);
  if (split.problem != VS_FINE)
    return err_set(err, RC_INVALID, "VirtualService %.*s: %.*s", STR_ARG(ref->name),
                   STR_ARG(split.message));
  struct json *patch = vs_patch(&target, 0, VS_DROP_NONE, work->arena);
  *ret_message = arena_printf(work->arena, "all traffic of %.*s is on subset %.*s%s",
                              STR_ARG(ref->name), STR_ARG(target.stable), patch ? "" : " already");
  if (!patch)
    return RC_OK;
  struct kube_request request = {.verb = KUBE_PATCH,
                                 .resource = &work->services,
                                 .ns = work->session->ns,
                                 .name = ref->name,
                                 .patch = KUBE_PATCH_JSON,
                                 .body = patch};
  return session_call(work->session, &request, work->arena, NULL, err);
}

int abort_direct(struct session *session, struct str name, struct arena *arena,
                 struct str *ret_message, struct err *err) {
  struct aborting work = {.session = session,
                          .arena = arena,
                          .services = kube_resource_of(&virtual_service_kind, NULL),
                          .rules = kube_resource_of(&destination_rule_kind, NULL)};
  int rc = read_rollout(&work, name, err);
  if (rc)
    return rc;
  for (int i = 0; i < TRIES; i++) {
    rc = patch_once(&work, ret_message, err);
    if (rc != RC_CONFLICT)
      break;
  }
  if (rc == RC_OK)
    *ret_message = arena_printf(arena,
                                "%.*s; a running operator may move it again: tell it with `serin "
                                "abort %.*s`",
                                STR_ARG(*ret_message), STR_ARG(name));
  return rc;
}
