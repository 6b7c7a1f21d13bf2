// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/registry.h"

#include "manifests/kinds/config_map.h"
#include "manifests/kinds/custom_resource_definition.h"
#include "manifests/kinds/deployment.h"
#include "manifests/kinds/destination_rule.h"
#include "manifests/kinds/endpoint_slice.h"
#include "manifests/kinds/endpoints.h"
#include "manifests/kinds/event.h"
#include "manifests/kinds/gateway.h"
#include "manifests/kinds/gateway_class.h"
#include "manifests/kinds/grpc_route.h"
#include "manifests/kinds/http_route.h"
#include "manifests/kinds/idle.h"
#include "manifests/kinds/istio_gateway.h"
#include "manifests/kinds/lease.h"
#include "manifests/kinds/metric_set.h"
#include "manifests/kinds/namespace.h"
#include "manifests/kinds/reference_grant.h"
#include "manifests/kinds/replica_set.h"
#include "manifests/kinds/rollout.h"
#include "manifests/kinds/rollout_action.h"
#include "manifests/kinds/secret.h"
#include "manifests/kinds/service.h"
#include "manifests/kinds/service_entry.h"
#include "manifests/kinds/virtual_service.h"

// Of two kinds that share a name (Gateway), the one that a bare name means stands first.
static const struct kind_desc *const kinds[] = {
    &rollout_kind,
    &rollout_action_kind,
    &metric_set_kind,
    &virtual_service_kind,
    &destination_rule_kind,
    &gateway_kind,
    &istio_gateway_kind,
    &service_entry_kind,
    &workload_entry_kind,
    &gateway_class_kind,
    &http_route_kind,
    &grpc_route_kind,
    &reference_grant_kind,
    &deployment_kind,
    &replica_set_kind,
    &pod_kind,
    &service_kind,
    &endpoint_slice_kind,
    &endpoints_kind,
    &namespace_kind,
    &event_kind,
    &event_alias_kind,
    &config_map_kind,
    &secret_kind,
    &lease_kind,
    &custom_resource_definition_kind,
    &stateful_set_kind,
    &daemon_set_kind,
    &job_kind,
    &cron_job_kind,
    &horizontal_pod_autoscaler_kind,
    &horizontal_pod_autoscaler_v1_kind,
    &pod_disruption_budget_kind,
    &resource_quota_kind,
    &persistent_volume_claim_kind,
    &priority_class_kind,
    &ingress_kind,
    &network_policy_kind,
    &service_account_kind,
    &role_kind,
    &role_binding_kind,
    &cluster_role_kind,
    &cluster_role_binding_kind,
};

size_t kind_count(void) {
  return sizeof(kinds) / sizeof(kinds[0]);
}

const struct kind_desc *kind_at(size_t index) {
  return index < kind_count() ? kinds[index] : NULL;
}

const struct kind_desc *kind_find(struct str api_version, struct str kind) {
  struct str group, version;
  kind_split_api_version(api_version, &group, &version);
  for (size_t i = 0; i < kind_count(); i++)
    if (str_eq_z(kind, kinds[i]->kind) && str_eq_z(group, kinds[i]->group) &&
        kind_has_version(kinds[i], version))
      return kinds[i];
  return NULL;
}

const struct kind_desc *kind_find_plural(struct str group, struct str version, struct str plural) {
  for (size_t i = 0; i < kind_count(); i++)
    if (str_eq_z(plural, kinds[i]->plural) && str_eq_z(group, kinds[i]->group) &&
        kind_has_version(kinds[i], version))
      return kinds[i];
  return NULL;
}

static bool is_called(const struct kind_desc *kind, struct str name) {
  if (str_eq_nocase(name, str_of(kind->plural)) || str_eq_nocase(name, str_of(kind->singular)) ||
      str_eq_nocase(name, str_of(kind->kind)))
    return true;
  for (size_t i = 0; kind->short_names && kind->short_names[i]; i++)
    if (str_eq_nocase(name, str_of(kind->short_names[i])))
      return true;
  return false;
}

const struct kind_desc *kind_find_name(struct str name) {
  ptrdiff_t dot = str_find_char(name, '.');
  struct str group = STR_NULL;
  if (dot >= 0) {
    group = str_slice(name, (size_t)dot + 1, name.len);
    name = str_slice(name, 0, (size_t)dot);
  }
  for (size_t i = 0; i < kind_count(); i++)
    if (is_called(kinds[i], name) && (dot < 0 || str_eq_nocase(group, str_of(kinds[i]->group))))
      return kinds[i];
  return NULL;
}

const struct kind_desc *kind_nearest(struct str kind) {
  const struct kind_desc *best = NULL;
  size_t distance = kind.len < 6 ? 3 : 4; // two or three letters wrong
  for (size_t i = 0; i < kind_count(); i++) {
    struct str name = str_of(kinds[i]->kind);
    size_t d = str_eq_nocase(kind, name) ? 0 : str_distance(kind, name, distance);
    if (d < distance) {
      distance = d;
      best = kinds[i];
    }
  }
  return best;
}
