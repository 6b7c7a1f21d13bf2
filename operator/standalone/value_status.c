// SPDX-License-Identifier: Apache-2.0
// Values of status, which controllers write.
#include "manifests/kinds/deployment.h"
#include "manifests/kinds/idle.h"
#include "manifests/kinds/namespace.h"
#include "manifests/kinds/replica_set.h"
#include "manifests/kinds/service.h"
#include "operator/standalone/value_rules.h"

static int64_t number(const struct json *object, const char *member) {
  return json_int(json_get(object, member), 0);
}

struct bound {
  const char *member, *most, *why;
};

#define OF_REPLICAS(name)                                                                          \
  { (name), "replicas", "cannot be greater than status.replicas" }

static void check_bounds(struct value_check *check, const struct json *status, struct str path,
                         const struct bound *bounds, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (number(status, bounds[i].member) > number(status, bounds[i].most))
      value_invalid(check, path, bounds[i].member,
                    json_new_int(check->arena, number(status, bounds[i].member)), bounds[i].why);
}

// A counter that only grows.
static void check_collisions(struct value_check *check, const struct json *status,
                             struct str path) {
  const struct json *now = json_get(status, "collisionCount");
  const struct json *old = json_path(check->old, "status.collisionCount");
  if (json_is(old, JSON_INT) && (!json_is(now, JSON_INT) || now->integer < old->integer))
    value_invalid(check, path, "collisionCount",
                  json_is(now, JSON_INT) ? now : json_new_int(check->arena, 0),
                  "cannot be decremented");
}

static void check_deployment(struct value_check *check, const struct json *status,
                             struct str path) {
  static const struct bound bounds[] = {
      OF_REPLICAS("updatedReplicas"),
      OF_REPLICAS("readyReplicas"),
      OF_REPLICAS("availableReplicas"),
      {"availableReplicas", "readyReplicas", "cannot be greater than readyReplicas"}};
  check_bounds(check, status, path, bounds, sizeof(bounds) / sizeof(bounds[0]));
  check_collisions(check, status, path);
}

static const struct value_rule deployment_rules[] = {
    AT_LEAST("status.observedGeneration", 0),
    AT_LEAST("status.replicas", 0),
    AT_LEAST("status.updatedReplicas", 0),
    AT_LEAST("status.readyReplicas", 0),
    AT_LEAST("status.availableReplicas", 0),
    AT_LEAST("status.unavailableReplicas", 0),
    AT_LEAST("status.collisionCount", 0),
    CHECKED("status", check_deployment),
    RULES_END,
};

static void check_replica_set(struct value_check *check, const struct json *status,
                              struct str path) {
  static const struct bound bounds[] = {
      OF_REPLICAS("fullyLabeledReplicas"),
      OF_REPLICAS("readyReplicas"),
      OF_REPLICAS("availableReplicas"),
      {"availableReplicas", "readyReplicas", "cannot be greater than readyReplicas"}};
  check_bounds(check, status, path, bounds, sizeof(bounds) / sizeof(bounds[0]));
}

static const struct value_rule replica_set_rules[] = {
    AT_LEAST("status.replicas", 0),
    AT_LEAST("status.fullyLabeledReplicas", 0),
    AT_LEAST("status.readyReplicas", 0),
    AT_LEAST("status.availableReplicas", 0),
    AT_LEAST("status.observedGeneration", 0),
    CHECKED("status", check_replica_set),
    RULES_END,
};

static void check_stateful(struct value_check *check, const struct json *status, struct str path) {
  static const struct bound bounds[] = {
      OF_REPLICAS("readyReplicas"),
      OF_REPLICAS("currentReplicas"),
      OF_REPLICAS("updatedReplicas"),
      OF_REPLICAS("availableReplicas"),
      {"availableReplicas", "readyReplicas", "cannot be greater than status.readyReplicas"}};
  check_bounds(check, status, path, bounds, sizeof(bounds) / sizeof(bounds[0]));
  check_collisions(check, status, path);
}

static const struct value_rule stateful_rules[] = {
    AT_LEAST("status.replicas", 0),
    AT_LEAST("status.readyReplicas", 0),
    AT_LEAST("status.currentReplicas", 0),
    AT_LEAST("status.updatedReplicas", 0),
    AT_LEAST("status.availableReplicas", 0),
    AT_LEAST("status.observedGeneration", 0),
    AT_LEAST("status.collisionCount", 0),
    CHECKED("status", check_stateful),
    RULES_END,
};

static const struct value_rule daemon_rules[] = {
    AT_LEAST("status.currentNumberScheduled", 0),
    AT_LEAST("status.numberMisscheduled", 0),
    AT_LEAST("status.desiredNumberScheduled", 0),
    AT_LEAST("status.numberReady", 0),
    AT_LEAST("status.observedGeneration", 0),
    AT_LEAST("status.updatedNumberScheduled", 0),
    AT_LEAST("status.numberAvailable", 0),
    AT_LEAST("status.numberUnavailable", 0),
    AT_LEAST("status.collisionCount", 0),
    CHECKED("status", check_collisions),
    RULES_END,
};

// "MinimumReplicasUnavailable"; of one letter, too.
static bool is_reason(struct str text) {
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    bool inner = letter || c == '_' || (c >= '0' && c <= '9') || c == ',' || c == ':';
    bool last = i + 1 == text.len;
    if (!(i == 0 ? letter : inner) || (last && (c == ',' || c == ':')))
      return false;
  }
  return text.len > 0;
}

static const struct value_form reason_form = {
    "a condition reason must start with alphabetic character, optionally followed by a string of "
    "alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. "
    "'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex "
    "used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')",
    is_reason};

// Of a condition that has nothing there these say more than that it is required.
static void check_condition(struct value_check *check, const struct json *condition,
                            struct str path) {
  const struct json *type = json_get(condition, "type"), *status = json_get(condition, "status");
  if (value_is_empty(type))
    value_invalid(check, path, "type", type, value_label_key.why);
  if (value_is_empty(status))
    value_fault(check, path, "status", VALUE_CHOICE_ID,
                "Unsupported value: \"\": supported values: \"False\", \"True\", \"Unknown\"");
}

// metav1.Conditions
static const struct value_rule budget_rules[] = {
    AT_LEAST("status.disruptionsAllowed", 0),
    AT_LEAST("status.currentHealthy", 0),
    AT_LEAST("status.desiredHealthy", 0),
    AT_LEAST("status.expectedPods", 0),
    CHECKED("status.conditions[]", check_condition),
    FORM("status.conditions[].type", &value_label_key),
    ONE_OF("status.conditions[].status", "False,True,Unknown"),
    AT_LEAST("status.conditions[].observedGeneration", 0),
    REQUIRED("status.conditions[].lastTransitionTime", .words = "must be set"),
    REQUIRED("status.conditions[].reason", .words = "must be set"),
    FORM("status.conditions[].reason", &reason_form),
    RULES_END,
};

static void check_balancer(struct value_check *check, const struct json *balancer,
                           struct str path) {
  struct str type = json_string(json_path(check->object, "spec.type"));
  if (!str_eq_z(type, "LoadBalancer") && !value_is_empty(json_get(balancer, "ingress")))
    value_fault(check, path, "ingress", VALUE_FORBIDDEN_ID,
                "Forbidden: may only be used when `spec.type` is \"LoadBalancer\"");
}

static const struct value_rule service_rules[] = {
    CHECKED("status.loadBalancer", check_balancer),
    RULES_END,
};

static void check_namespace(struct value_check *check, const struct json *status, struct str path) {
  const struct json *phase = json_get(status, "phase");
  bool leaving = json_path(check->object, "metadata.deletionTimestamp") != NULL;
  bool says = str_eq_z(json_string(phase), "Terminating");
  if (check->old && phase && leaving != says) // Go's name of the field
    value_invalid(check, path, "Phase", phase,
                  leaving ? "may only be 'Terminating' if `deletionTimestamp` is not empty"
                          : "may only be 'Active' if `deletionTimestamp` is empty");
}

static const struct value_rule namespace_rules[] = {
    CHECKED("status", check_namespace),
    RULES_END,
};

static const struct value_rule scaler_rules[] = {
    AT_LEAST("status.currentReplicas", 0),
    AT_LEAST("status.desiredReplicas", 0),
    RULES_END,
};

static const struct value_rule quota_rules[] = {
    RULE("status.hard", VALUE_QUANTITY),
    RULE("status.used", VALUE_QUANTITY),
    RULES_END,
};

const struct value_kind value_status_kinds[] = {{&deployment_kind, deployment_rules},
                                                {&replica_set_kind, replica_set_rules},
                                                {&stateful_set_kind, stateful_rules},
                                                {&daemon_set_kind, daemon_rules},
                                                {&pod_disruption_budget_kind, budget_rules},
                                                {&horizontal_pod_autoscaler_kind, scaler_rules},
                                                {&resource_quota_kind, quota_rules},
                                                {&namespace_kind, namespace_rules},
                                                {&service_kind, service_rules},
                                                {NULL, NULL}};
