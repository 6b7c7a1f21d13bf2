// SPDX-License-Identifier: Apache-2.0
// value_rules.h for autoscalers, budgets, quotas, claims and priorities.
#include "operator/standalone/value_rules.h"
#include "manifests/kinds/idle.h"
#include "manifests/text/quantity.h"

// --- HorizontalPodAutoscaler

static void check_target_value(struct value_check *check, const struct json *target,
                               struct str path) {
  struct str type = json_get_string(target, "type");
  const struct json *share = json_get(target, "averageUtilization");
  bool known =
      str_eq_z(type, "Utilization") || str_eq_z(type, "Value") || str_eq_z(type, "AverageValue");
  if (!type.len)
    value_fault(check, path, "type", VALUE_REQUIRED_ID,
                "Required value: must specify a metric target type");
  if (!known)
    value_invalid(check, path, "type", json_get(target, "type"),
                  "must be either Utilization, Value, or AverageValue");
  if (share && json_int(share, 1) < 1)
    value_invalid(check, path, "averageUtilization", share, "must be greater than 0");
}

static void check_resource_metric(struct value_check *check, const struct json *source,
                                  struct str path) {
  const struct json *target = json_get(source, "target");
  static const struct value_rule rules[] = {REQUIRED("name"), RULES_END};
  struct str at = arena_printf(check->arena, "%.*s.target", STR_ARG(path));
  value_run(check, rules, source, NULL, path);
  check_target_value(check, target, at);
  if (!json_get(target, "averageUtilization") && !json_get(target, "averageValue"))
    value_fault(check, at, "averageUtilization", VALUE_REQUIRED_ID,
                "Required value: must set either a target raw value or a target utilization");
}

static void check_target(struct value_check *check, const struct json *target, struct str path) {
  check_target_value(check, target, path);
}

static void check_metric(struct value_check *check, const struct json *metric, struct str path) {
  static const struct {
    const char *type, *member;
  } known[] = {{"ContainerResource", "containerResource"},
               {"External", "external"},
               {"Object", "object"},
               {"Pods", "pods"},
               {"Resource", "resource"}};
  static const struct value_rule rules[] = {
      REQUIRED("type", .words = "must specify a metric source type"),
      CHECKED("resource?", check_resource_metric),
      CHECKED("containerResource?", check_resource_metric),
      REQUIRED("containerResource?.container"),
      REQUIRED("pods?.metric.name"),
      CHECKED("pods?.target", check_target),
      REQUIRED("object?.metric.name"),
      CHECKED("object?.target", check_target),
      REQUIRED("external?.metric.name"),
      CHECKED("external?.target", check_target),
      RULES_END,
  };
  struct str type = json_get_string(metric, "type");
  const char *member = NULL;
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    if (str_eq_z(type, known[i].type))
      member = known[i].member;
  value_run(check, rules, metric, NULL, path);
  if (!member)
    value_fault(check, path, "type", VALUE_CHOICE_ID,
                "Unsupported value: \"%.*s\": supported values: \"ContainerResource\", "
                "\"External\", \"Object\", \"Pods\", \"Resource\"",
                STR_ARG(type));
  else if (!json_get(metric, member))
    value_fault(check, path, member, VALUE_REQUIRED_ID,
                "Required value: must populate information for the given metric source");
}

static void check_scaler(struct value_check *check, const struct json *spec, struct str path) {
  const struct json *most = json_get(spec, "maxReplicas");
  int64_t least = json_int(json_get(spec, "minReplicas"), 1);
  bool object = false;
  JSON_EACH(metric, json_get(spec, "metrics"))
    object |= str_eq_z(json_get_string(metric, "type"), "Object") ||
              str_eq_z(json_get_string(metric, "type"), "External");
  if (least < 0 || (least == 0 && !object)) {
    if (least == 0)
      value_fault(check, path, "metrics", VALUE_FORBIDDEN_ID,
                  "Forbidden: must specify at least one Object or External metric to support "
                  "scaling to zero replicas");
    value_invalid(check, path, "minReplicas", json_get(spec, "minReplicas"),
                  "must be greater than or equal to 1");
  }
  if (json_int(most, 0) < 1)
    value_invalid(check, path, "maxReplicas", most, "must be greater than 0");
  if (json_int(most, 0) < least)
    value_invalid(check, path, "maxReplicas", most,
                  "must be greater than or equal to `minReplicas`");
}

static void check_scaled(struct value_check *check, const struct json *target, struct str path) {
  if (!json_get_string(target, "apiVersion").len)
    value_invalid(check, path, "apiVersion", json_get(target, "apiVersion"),
                  "must specify an API group and version that has the kind");
}

static const struct value_rule direction_rules[] = {
    NUMBER("stabilizationWindowSeconds", 0, 3600),
    REQUIRED("policies"),
    ONE_OF("selectPolicy", "Disabled,Max,Min"),
    ONE_OF("policies[].type", "Percent,Pods"),
    RULES_END,
};

static void check_direction(struct value_check *check, const struct json *rules, struct str path) {
  static const struct value_rule window[] = {NUMBER("stabilizationWindowSeconds", 0, 3600),
                                             ONE_OF("selectPolicy", "Disabled,Max,Min"), RULES_END};
  value_run(check, json_get(rules, "policies") ? direction_rules : window, rules, NULL, path);
}

static const struct value_rule scaler_rules[] = {
    REQUIRED("spec.scaleTargetRef.kind"),
    REQUIRED("spec.scaleTargetRef.name"),
    FORM("spec.scaleTargetRef.kind", &value_path_segment),
    FORM("spec.scaleTargetRef.name", &value_path_segment),
    CHECKED("spec.scaleTargetRef", check_scaled),
    CHECKED("spec", check_scaler),
    CHECKED("spec.metrics[]", check_metric),
    CHECKED("spec.behavior?.scaleUp?", check_direction),
    CHECKED("spec.behavior?.scaleDown?", check_direction),
    RULES_END,
};

// --- PodDisruptionBudget

static void check_percent(struct value_check *check, const struct json *share, struct str path) {
  struct str text = json_string(share);
  int64_t value = 0;
  if (str_ends(text, STR("%")) && str_to_i64(str_slice(text, 0, text.len - 1), &value) &&
      value > 100)
    value_invalid(check, path, NULL, share, "must not be greater than 100%");
}

static void check_both(struct value_check *check, const struct json *spec, struct str path) {
  if (json_get(spec, "minAvailable") && json_get(spec, "maxUnavailable"))
    value_invalid(check, path, NULL, spec, "minAvailable and maxUnavailable cannot be both set");
}

static const struct value_rule budget_rules[] = {
    CHECKED("spec", check_both),
    SHARE("spec.minAvailable"),
    CHECKED("spec.minAvailable", check_percent),
    SHARE("spec.maxUnavailable"),
    CHECKED("spec.maxUnavailable", check_percent),
    CHECKED("spec.selector", value_check_selector),
    ONE_OF("spec.unhealthyPodEvictionPolicy", "AlwaysAllow,IfHealthyBudget"),
    RULES_END,
};

// --- ResourceQuota, PersistentVolumeClaim, PriorityClass

static bool is_countable(struct str name) {
  static const char *const known[] = {"pods",
                                      "services",
                                      "replicationcontrollers",
                                      "resourcequotas",
                                      "secrets",
                                      "configmaps",
                                      "persistentvolumeclaims",
                                      "services.nodeports",
                                      "services.loadbalancers",
                                      "cpu",
                                      "memory",
                                      "storage",
                                      "ephemeral-storage"};
  if (str_starts(name, STR("requests.")) || str_starts(name, STR("limits.")))
    return value_label_key.is_valid(name);
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    if (str_eq_z(name, known[i]))
      return true;
  return str_find_char(name, '/') > 0 && value_label_key.is_valid(name);
}

static void check_hard(struct value_check *check, const struct json *hard, struct str path) {
  JSON_EACH(item, json_is(hard, JSON_OBJECT) ? hard : NULL) {
    const char *at = arena_printf(check->arena, "[%.*s]", STR_ARG(item->key)).ptr;
    double number = json_number(item, 0);
    if (json_is(item, JSON_STRING))
      (void)quantity_parse(item->string, &number);
    bool counts = str_eq_z(item->key, "pods");
    if (!is_countable(item->key))
      value_fault(check, path, at, VALUE_INVALID_ID,
                  "Invalid value: \"%.*s\": must be a standard resource for quota",
                  STR_ARG(item->key));
    else if (number < 0)
      value_invalid(check, path, at, item, "must be greater than or equal to 0");
    else if (counts && number != (double)(int64_t)number)
      value_invalid(check, path, at, item, "must be an integer");
  }
}

static void check_scopes(struct value_check *check, const struct json *scopes, struct str path) {
  static const char *const known[] = {"Terminating",   "NotTerminating",
                                      "BestEffort",    "NotBestEffort",
                                      "PriorityClass", "CrossNamespacePodAffinity"};
  JSON_EACH(scope, scopes) {
    bool found = false;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
      found |= str_eq_z(json_string(scope), known[i]);
    if (!found)
      value_invalid(check, path, NULL, scopes, "unsupported scope");
  }
}

static const struct value_rule quota_rules[] = {
    RULE("spec.hard", VALUE_QUANTITY),
    CHECKED("spec.hard", check_hard),
    CHECKED("spec.scopes", check_scopes),
    FIXED("spec.scopes"),
    RULES_END,
};

static void check_modes(struct value_check *check, const struct json *modes, struct str path) {
  static const struct value_rule rules[] = {
      ONE_OF("", "ReadOnlyMany,ReadWriteMany,ReadWriteOnce,ReadWriteOncePod"), RULES_END};
  JSON_EACH(mode, modes)
    value_run(check, rules, mode, NULL, path);
}

static void check_storage(struct value_check *check, const struct json *storage, struct str path) {
  double number = json_number(storage, 0);
  struct str at = arena_printf(check->arena, "%.*s[storage]",
                               STR_ARG(str_slice(path, 0, path.len - 17))); // .requests.storage
  if (json_is(storage, JSON_STRING))
    (void)quantity_parse(storage->string, &number);
  if (!storage)
    value_fault(check, at, NULL, VALUE_REQUIRED_ID, "Required value");
  else if (value_is_quantity(storage) && number <= 0)
    value_invalid(check, at, NULL, storage, "must be greater than zero");
}

const struct value_rule value_claim_rules[] = {
    REQUIRED("accessModes", .words = "at least 1 access mode is required"),
    CHECKED("accessModes", check_modes),
    RULE("resources.requests", VALUE_QUANTITY),
    CHECKED("resources.requests.storage", check_storage),
    ONE_OF("volumeMode", "Block,Filesystem"),
    CHECKED("selector?", value_check_selector),
    RULES_END,
};

static void check_claim_change(struct value_check *check, const struct json *spec,
                               struct str path) {
  bool bound = str_eq_z(json_path_string(check->old, "status.phase"), "Bound");
  bool has_class = json_path_string(check->old, "spec.storageClassName").len > 0;
  const struct {
    const char *member;
    bool free;
  } rows[] = {{"volumeAttributesClassName", true},
              {"volumeName", true},
              {"resources", bound},
              {"storageClassName", !has_class}};
  if (!check->old)
    return;
  struct json *now = json_dup(check->arena, spec),
              *old = json_dup(check->arena, json_get(check->old, "spec"));
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (!rows[i].free)
      continue;
    json_remove(now, str_of(rows[i].member));
    json_remove(old, str_of(rows[i].member));
  }
  if (!json_equal(now, old))
    value_fault(check, path, NULL, VALUE_FORBIDDEN_ID,
                "Forbidden: spec is immutable after creation except resources.requests and "
                "volumeAttributesClassName for bound claims");
}

static const struct value_rule claim_rules[] = {
    WITH("spec", value_claim_rules),
    CHECKED("spec", check_claim_change),
    RULES_END,
};

static void check_priority(struct value_check *check, const struct json *object, struct str path) {
  bool system = str_starts(json_path_string(object, "metadata.name"), STR("system-"));
  const struct json *value = json_get(object, "value");
  if (check->old) {
    if (json_int(value, 0) != json_int(json_get(check->old, "value"), 0))
      value_fault(check, path, "value", VALUE_FORBIDDEN_ID,
                  "Forbidden: may not be changed in an update.");
    return;
  }
  if (system)
    value_fault(check, path, "metadata.name", VALUE_FORBIDDEN_ID,
                "Forbidden: priority class names with 'system-' prefix are reserved for system use "
                "only");
  if (json_int(value, 0) > 1000000000)
    value_fault(check, path, "value", VALUE_FORBIDDEN_ID,
                "Forbidden: maximum allowed value of a user defined priority is 1000000000");
}

static const struct value_rule priority_rules[] = {
    CHECKED("", check_priority),
    ONE_OF("preemptionPolicy", "Never,PreemptLowerPriority"),
    FIXED("preemptionPolicy"),
    RULES_END,
};

const struct value_kind value_policy_kinds[] = {{&horizontal_pod_autoscaler_kind, scaler_rules},
                                                {&pod_disruption_budget_kind, budget_rules},
                                                {&resource_quota_kind, quota_rules},
                                                {&persistent_volume_claim_kind, claim_rules},
                                                {&priority_class_kind, priority_rules},
                                                {NULL, NULL}};
