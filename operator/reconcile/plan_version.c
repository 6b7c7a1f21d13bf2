// SPDX-License-Identifier: Apache-2.0
// What routes call a version: a subset of the DestinationRule (Istio), or a Service of its own
// (Gateway API). A pair's are the user's; in the other forms they come and go with the versions.
#include "operator/reconcile/pass.h"
#include "operator/traffic/destination_rule.h"
#include "operator/traffic/version_service.h"

static bool is_by_service(const struct pass *pass) {
  return router_names_services(&pass->spec->traffic);
}

static void service_add(struct pass *pass, struct str name, const struct json *labels) {
  struct str user = router_gateway_ref(&pass->spec->traffic)->stable_service,
             owner = pass->snap->rollout->metadata.name;
  const struct json *base = snapshot_service(pass->snap, user),
                    *service = snapshot_service(pass->snap, name);
  const struct version_service wanted = {.ns = pass->snap->rollout->metadata.namespace_,
                                         .name = name,
                                         .base = base,
                                         .labels = labels,
                                         .owners = pass_owner(pass),
                                         .owner_label = ROLLOUT_OWNER_LABEL,
                                         .owner = owner};
  if (!base)
    return; // traffic_problem says so
  if (!service) {
    pass_act(pass, PLAN_CREATE_SERVICE, name, version_service_new(&wanted, pass->arena),
             pass_text(pass, "as %.*s, for one version", STR_ARG(user)));
  } else if (version_service_is_ours(service, ROLLOUT_OWNER_LABEL, owner)) {
    const struct json *patch = version_service_patch(&wanted, service, pass->arena);
    if (patch)
      pass_act(pass, PLAN_PATCH_SERVICE, name, patch,
               pass_text(pass, "as %.*s is now", STR_ARG(user)));
  }
}

void traffic_version_add(struct pass *pass, struct str name, const struct json *labels) {
  if (pass->snap->form == ROLLOUT_FORM_PAIR || pass->hands_off)
    return;
  if (is_by_service(pass)) {
    service_add(pass, name, labels);
    return;
  }
  const struct json *patch =
      pass->snap->rule ? dr_patch_add(pass->snap->rule, name, labels, pass->arena) : NULL;
  if (patch)
    pass_act(pass, PLAN_PATCH_RULE, pass->spec->traffic.destination_rule, patch,
             pass_text(pass, "add subset %.*s", STR_ARG(name)));
}

bool traffic_version_exists(const struct pass *pass, struct str name) {
  return is_by_service(pass) ? snapshot_service(pass->snap, name) != NULL
                             : dr_has_subset(pass->snap->rule, name);
}

bool traffic_version_remove(struct pass *pass, struct str name) {
  return pass->snap->form != ROLLOUT_FORM_PAIR && traffic_version_drop(pass, name);
}

bool traffic_version_drop(struct pass *pass, struct str name) {
  if (pass->hands_off)
    return false;
  if (is_by_service(pass)) {
    const struct json *service = snapshot_service(pass->snap, name);
    if (!service ||
        !version_service_is_ours(service, ROLLOUT_OWNER_LABEL, pass->snap->rollout->metadata.name))
      return false;
    if (str_is_empty(json_path_string(service, "metadata.deletionTimestamp")))
      pass_act(pass, PLAN_DELETE_SERVICE, name, NULL, STR("a version without traffic"));
    return true;
  }
  const struct json *patch =
      pass->snap->rule ? dr_patch_remove(pass->snap->rule, name, pass->arena) : NULL;
  if (patch)
    pass_act(pass, PLAN_CLEAN_RULE, pass->spec->traffic.destination_rule, patch,
             pass_text(pass, "remove subset %.*s", STR_ARG(name)));
  return patch != NULL;
}

// A route to what is not there answers 503.
const char *traffic_version_problem(struct pass *pass, const struct rollout_identity *identity,
                                    struct str *ret_message) {
  if (!identity || str_is_empty(identity->subset) || traffic_version_exists(pass, identity->subset))
    return NULL;
  if (is_by_service(pass)) {
    *ret_message = pass_text(pass, "Service %.*s does not exist", STR_ARG(identity->subset));
    return "ServiceNotFound";
  }
  *ret_message =
      pass_text(pass, "DestinationRule %.*s has no subset %.*s",
                STR_ARG(pass->spec->traffic.destination_rule), STR_ARG(identity->subset));
  return "SubsetNotFound";
}
