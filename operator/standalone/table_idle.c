// SPDX-License-Identifier: Apache-2.0
// Tables of the kinds that are only stored, with the columns of Kubernetes' printers.
#include "manifests/base/bug.h"
#include "operator/standalone/table_cells.h"

static struct json *text_or(cell c, const char *path, const char *none) {
  struct str have = json_path_string(c->object, path);
  return cell_text(c, have.len ? have : str_of(none));
}

// --- Policies

static struct json *scaler_reference(cell c) {
  struct str kind = json_path_string(c->object, "spec.scaleTargetRef.kind");
  struct str name = json_path_string(c->object, "spec.scaleTargetRef.name");
  return cell_text(c, arena_printf(c->arena, "%.*s/%.*s", STR_ARG(kind), STR_ARG(name)));
}
// The part of a metric or of its status that its type names: Resource -> resource.
static const struct json *metric_part(const struct json *metric) {
  static const struct {
    const char *type, *member;
  } parts[] = {{"Resource", "resource"},
               {"ContainerResource", "containerResource"},
               {"Pods", "pods"},
               {"Object", "object"},
               {"External", "external"}};
  for (size_t i = 0; i < ARRAY_LEN(parts); i++)
    if (str_eq_z(json_get_string(metric, "type"), parts[i].type))
      return json_get(metric, parts[i].member);
  return NULL;
}
static struct str metric_value(cell c, const struct json *holder) {
  const struct json *share = json_get(holder, "averageUtilization");
  struct str average = json_get_string(holder, "averageValue");
  if (share)
    return arena_printf(c->arena, "%lld%%", (long long)json_int(share, 0));
  return average.len ? average : json_get_string(holder, "value");
}
static struct json *scaler_targets(cell c) {
  struct str out = STR("");
  size_t count = 0;
  const struct json *now = json_path(c->object, "status.currentMetrics");
  const struct json *current = now ? now->child : NULL;
  JSON_EACH(metric, json_path(c->object, "spec.metrics")) {
    const struct json *part = metric_part(metric), *target = json_get(part, "target");
    struct str name = json_get_string(part, "name");
    struct str have = metric_value(c, json_get(metric_part(current), "current"));
    bool resource = str_contains(json_get_string(metric, "type"), STR("Resource"));
    struct str label = resource ? arena_printf(c->arena, "%.*s: ", STR_ARG(name)) : STR("");
    bool average = !resource && json_get(target, "averageValue") &&
                   !str_eq_z(json_get_string(metric, "type"), "Pods");
    if (count++ < 2)
      out = arena_printf(c->arena, "%.*s%s%.*s%.*s/%.*s%s", STR_ARG(out), out.len ? ", " : "",
                         STR_ARG(label), STR_ARG(have.len ? have : STR("<unknown>")),
                         STR_ARG(metric_value(c, target)), average ? " (avg)" : "");
    current = current ? current->next : NULL;
  }
  if (count > 2)
    out = arena_printf(c->arena, "%.*s + %zu more...", STR_ARG(out), count - 2);
  return cell_text(c, out.len ? out : STR("<none>"));
}
static struct json *scaler_min(cell c) {
  const struct json *min = json_path(c->object, "spec.minReplicas");
  return cell_text(c, min ? arena_printf(c->arena, "%lld", (long long)json_int(min, 0))
                          : STR("<unset>"));
}
static struct json *scaler_max(cell c) {
  return json_new_int(c->arena, cell_number_at(c, "spec.maxReplicas"));
}
static struct json *scaler_replicas(cell c) {
  return json_new_int(c->arena, cell_number_at(c, "status.currentReplicas"));
}
static const struct table_column scaler_columns[] = {
    TABLE_NAME,
    {"Reference", "string", 0, scaler_reference, NULL, "What is scaled"},
    {"Targets", "string", 0, scaler_targets, NULL, "Measured and aimed at"},
    {"MinPods", "string", 0, scaler_min, NULL, "The fewest pods"},
    {"MaxPods", "string", 0, scaler_max, NULL, "The most pods"},
    {"Replicas", "string", 0, scaler_replicas, NULL, "Pods there are"},
    TABLE_AGE,
};

static struct json *int_or_string(cell c, const char *path) {
  const struct json *value = json_path(c->object, path);
  if (!value)
    return cell_text(c, STR("N/A"));
  return cell_text(c, json_is(value, JSON_STRING)
                          ? json_string(value)
                          : arena_printf(c->arena, "%lld", (long long)json_int(value, 0)));
}
static struct json *budget_min(cell c) {
  return int_or_string(c, "spec.minAvailable");
}
static struct json *budget_max(cell c) {
  return int_or_string(c, "spec.maxUnavailable");
}
static struct json *budget_allowed(cell c) {
  return json_new_int(c->arena, cell_number_at(c, "status.disruptionsAllowed"));
}
static const struct table_column budget_columns[] = {
    TABLE_NAME,
    {"Min Available", "string", 0, budget_min, NULL, "Pods that must stay"},
    {"Max Unavailable", "string", 0, budget_max, NULL, "Pods that may be missing"},
    {"Allowed Disruptions", "integer", 0, budget_allowed, NULL, "Pods that may go now"},
    TABLE_AGE,
};

static struct json *quota_part(cell c, bool limits) {
  struct str out = STR("");
  JSON_EACH(hard, json_path(c->object, "status.hard")) {
    struct str used = json_string(json_get_s(json_path(c->object, "status.used"), hard->key));
    if (str_starts(hard->key, STR("limits.")) == limits)
      out = arena_printf(c->arena, "%.*s%s%.*s: %.*s/%.*s", STR_ARG(out), out.len ? ", " : "",
                         STR_ARG(hard->key), STR_ARG(used.len ? used : STR("0")),
                         STR_ARG(json_string(hard)));
  }
  return cell_text(c, out);
}
static struct json *quota_requests(cell c) {
  return quota_part(c, false);
}
static struct json *quota_limits(cell c) {
  return quota_part(c, true);
}
static const struct table_column quota_columns[] = {
    TABLE_NAME,
    {"Request", "string", 0, quota_requests, NULL, "Asked for, of the most"},
    {"Limit", "string", 0, quota_limits, NULL, "Limits, of the most"},
    TABLE_AGE,
};

static struct json *claim_phase(cell c) {
  bool going = json_path(c->object, "metadata.deletionTimestamp") != NULL;
  return cell_text(c, going ? STR("Terminating") : json_path_string(c->object, "status.phase"));
}
static struct json *claim_capacity(cell c) {
  bool bound = json_path_string(c->object, "spec.volumeName").len > 0;
  return cell_text(c, bound ? json_path_string(c->object, "status.capacity.storage") : STR(""));
}
static struct json *claim_modes(cell c) {
  static const char *const shorts[][2] = {{"ReadWriteOnce", "RWO"},
                                          {"ReadOnlyMany", "ROX"},
                                          {"ReadWriteMany", "RWX"},
                                          {"ReadWriteOncePod", "RWOP"}};
  struct str out = STR("");
  bool bound = json_path_string(c->object, "spec.volumeName").len > 0;
  JSON_EACH(mode, bound ? json_path(c->object, "status.accessModes") : NULL)
    for (size_t i = 0; i < ARRAY_LEN(shorts); i++)
      if (str_eq_z(json_string(mode), shorts[i][0]))
        out = arena_printf(c->arena, "%.*s%s%s", STR_ARG(out), out.len ? "," : "", shorts[i][1]);
  return cell_text(c, out);
}
static struct json *claim_class(cell c) {
  return text_or(c, "spec.storageClassName", "");
}
static struct json *claim_volume(cell c) {
  return text_or(c, "spec.volumeName", "");
}
static struct json *claim_attributes(cell c) {
  return text_or(c, "spec.volumeAttributesClassName", "<unset>");
}
static struct json *claim_mode(cell c) {
  return text_or(c, "spec.volumeMode", "<unset>");
}
static const struct table_column claim_columns[] = {
    TABLE_NAME,
    {"Status", "string", 0, claim_phase, NULL, "Pending or Bound"},
    {"Volume", "string", 0, claim_volume, NULL, "The volume it is bound to"},
    {"Capacity", "string", 0, claim_capacity, NULL, "How much it has"},
    {"Access Modes", "string", 0, claim_modes, NULL, "How it is mounted"},
    {"StorageClass", "string", 0, claim_class, NULL, "Its class"},
    {"VolumeAttributesClass", "string", 0, claim_attributes, NULL, "Its class of attributes"},
    TABLE_AGE,
    {"VolumeMode", "string", 1, claim_mode, NULL, ""},
};

static struct json *priority_value(cell c) {
  return json_new_int(c->arena, cell_number_at(c, "value"));
}
static struct json *priority_default(cell c) {
  return json_new_bool(c->arena, json_is_true(json_path(c->object, "globalDefault")));
}
static const struct table_column priority_columns[] = {
    TABLE_NAME,
    {"Value", "integer", 0, priority_value, NULL, "Higher goes first"},
    {"Global-Default", "boolean", 0, priority_default, NULL, "Of pods that name none"},
    TABLE_AGE,
    {"PreemptionPolicy", "string", 0, NULL, "preemptionPolicy", ""},
};

// --- Network

static struct json *ingress_class(cell c) {
  return text_or(c, "spec.ingressClassName", "<none>");
}
static struct json *ingress_hosts(cell c) {
  struct str out = STR("");
  size_t listed = 0, left = 0;
  JSON_EACH(rule, json_path(c->object, "spec.rules")) {
    struct str host = json_get_string(rule, "host");
    left += listed == 3;
    if (listed < 3 && host.len) {
      out = arena_printf(c->arena, "%.*s%s%.*s", STR_ARG(out), out.len ? "," : "", STR_ARG(host));
      listed++;
    }
  }
  if (left)
    out = arena_printf(c->arena, "%.*s + %zu more...", STR_ARG(out), left);
  return cell_text(c, out.len ? out : STR("*"));
}
static struct json *ingress_address(cell c) {
  struct str out = STR("");
  JSON_EACH(point, json_path(c->object, "status.loadBalancer.ingress")) {
    struct str ip = json_get_string(point, "ip");
    out = arena_printf(c->arena, "%.*s%s%.*s", STR_ARG(out), out.len ? "," : "",
                       STR_ARG(ip.len ? ip : json_get_string(point, "hostname")));
  }
  return cell_text(c, out);
}
static struct json *ingress_ports(cell c) {
  const struct json *tls = json_path(c->object, "spec.tls");
  return cell_text(c, tls && tls->count ? STR("80, 443") : STR("80"));
}
static const struct table_column ingress_columns[] = {
    TABLE_NAME,
    {"Class", "string", 0, ingress_class, NULL, "Who serves it"},
    {"Hosts", "string", 0, ingress_hosts, NULL, "Hosts"},
    {"Address", "string", 0, ingress_address, NULL, "Where it is served"},
    {"Ports", "string", 0, ingress_ports, NULL, "Ports"},
    TABLE_AGE,
};

static struct json *policy_pods(cell c) {
  return cell_label_selector(c, json_path(c->object, "spec.podSelector"));
}
static const struct table_column policy_columns[] = {
    TABLE_NAME,
    {"Pod-Selector", "string", 0, policy_pods, NULL, "The pods it is about"},
    TABLE_AGE,
};

// --- Rights

static struct json *account_secrets(cell c) {
  const struct json *secrets = json_get(c->object, "secrets");
  return json_new_int(c->arena, secrets ? (int64_t)secrets->count : 0);
}
static const struct table_column account_columns[] = {
    TABLE_NAME,
    {"Secrets", "string", 0, account_secrets, NULL, "Secrets its pods may use"},
    TABLE_AGE,
};
static const struct table_column role_columns[] = {
    TABLE_NAME,
    {"Created At", "date", 0, NULL, "metadata.creationTimestamp", "When it was made"},
};

static struct json *binding_role(cell c) {
  struct str kind = json_path_string(c->object, "roleRef.kind");
  struct str name = json_path_string(c->object, "roleRef.name");
  return cell_text(c, arena_printf(c->arena, "%.*s/%.*s", STR_ARG(kind), STR_ARG(name)));
}
static struct json *subjects(cell c, const char *kind) {
  struct str out = STR("");
  JSON_EACH(subject, json_get(c->object, "subjects")) {
    struct str ns = json_get_string(subject, "namespace");
    if (str_eq_z(json_get_string(subject, "kind"), kind))
      out = arena_printf(c->arena, "%.*s%s%.*s%s%.*s", STR_ARG(out), out.len ? ", " : "",
                         STR_ARG(ns), ns.len ? "/" : "", STR_ARG(json_get_string(subject, "name")));
  }
  return cell_text(c, out);
}
static struct json *binding_users(cell c) {
  return subjects(c, "User");
}
static struct json *binding_groups(cell c) {
  return subjects(c, "Group");
}
static struct json *binding_accounts(cell c) {
  return subjects(c, "ServiceAccount");
}
static const struct table_column binding_columns[] = {
    TABLE_NAME,
    {"Role", "string", 0, binding_role, NULL, "The rights"},
    TABLE_AGE,
    {"Users", "string", 1, binding_users, NULL, ""},
    {"Groups", "string", 1, binding_groups, NULL, ""},
    {"ServiceAccounts", "string", 1, binding_accounts, NULL, ""},
};

const struct table_kind table_idle[] = {
    {"HorizontalPodAutoscaler", scaler_columns, ARRAY_LEN(scaler_columns)},
    {"PodDisruptionBudget", budget_columns, ARRAY_LEN(budget_columns)},
    {"ResourceQuota", quota_columns, ARRAY_LEN(quota_columns)},
    {"PersistentVolumeClaim", claim_columns, ARRAY_LEN(claim_columns)},
    {"PriorityClass", priority_columns, ARRAY_LEN(priority_columns)},
    {"Ingress", ingress_columns, ARRAY_LEN(ingress_columns)},
    {"NetworkPolicy", policy_columns, ARRAY_LEN(policy_columns)},
    {"ServiceAccount", account_columns, ARRAY_LEN(account_columns)},
    {"Role", role_columns, ARRAY_LEN(role_columns)},
    {"ClusterRole", role_columns, ARRAY_LEN(role_columns)},
    {"RoleBinding", binding_columns, ARRAY_LEN(binding_columns)},
    {"ClusterRoleBinding", binding_columns, ARRAY_LEN(binding_columns)},
};
const size_t table_idle_count = ARRAY_LEN(table_idle);
