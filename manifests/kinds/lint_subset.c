// SPDX-License-Identifier: Apache-2.0
// Subsets between VirtualServices, DestinationRules and workloads.
#include "manifests/kinds/deployment.h"
#include "manifests/kinds/destination_rule.h"
#include "manifests/kinds/lint_rules.h"
#include "manifests/kinds/rollout.h"
#include "manifests/kinds/virtual_service.h"

struct use {
  struct lint *lint;
  const struct lint_object *object;
  struct check *check;
};

static bool rule_covers(const struct lint_object *rule, struct str host) {
  struct str of = rule->host;
  if (str_starts(of, STR("*")))
    return str_ends(host, str_slice(of, 1, of.len));
  return str_eq_nocase(of, host);
}

static bool defines(const struct destination_rule *rule, struct str subset) {
  for (size_t i = 0; i < rule->spec.subsets_count; i++)
    if (str_eq(rule->spec.subsets[i].name, subset))
      return true;
  return false;
}

static void check_destination(const struct use *use, const struct vs_destination *destination,
                              const char *field) {
  if (!destination->subset.len)
    return;
  struct str host = lint_full_host(use->lint, use->object, destination->host);
  const struct lint_object *rule, *seen = NULL;
  for (size_t i = 0; (rule = lint_next(use->lint, &destination_rule_kind, &i));) {
    if (!rule_covers(rule, host))
      continue;
    if (defines(rule->object, destination->subset))
      return;
    seen = rule;
  }
  if (seen)
    check_warn(use->check, "unknown-subset", field,
               "subset \"%.*s\" of %.*s is not defined: %.*s has no such one, so requests get 503 "
               "(and mirrors nothing)",
               STR_ARG(destination->subset), STR_ARG(host), STR_ARG(lint_title(use->lint, seen)));
  else
    check_warn(use->check, "subset-without-rule", field,
               "no DestinationRule among these files defines subset \"%.*s\" of %.*s",
               STR_ARG(destination->subset), STR_ARG(host));
}

static void check_virtual_service(struct lint *lint, const struct lint_object *object) {
  const struct virtual_service_spec *spec = &((const struct virtual_service *)object->object)->spec;
  struct check check = lint_check(lint, object);
  struct use use = {.lint = lint, .object = object, .check = &check};
  for (size_t i = 0; i < spec->http_count; i++) {
    const struct vs_http *http = &spec->http[i];
    for (size_t j = 0; j < http->route_count; j++) {
      struct str field =
          arena_printf(lint->arena, "spec.http[%zu].route[%zu].destination.subset", i, j);
      check_destination(&use, &http->route[j].destination, field.ptr);
    }
    if (http->mirror)
      check_destination(&use, http->mirror, check_index(&check, "spec.http", i, ".mirror.subset"));
    for (size_t j = 0; j < http->mirrors_count; j++) {
      struct str field =
          arena_printf(lint->arena, "spec.http[%zu].mirrors[%zu].destination.subset", i, j);
      check_destination(&use, &http->mirrors[j].destination, field.ptr);
    }
  }
}

// Whether any Pod that these files would make carries the labels. Rollouts in template form make
// Pods, too.
static bool has_pods(struct lint *lint, struct str ns, const struct string_map *labels,
                     bool *ret_any_workload) {
  const struct lint_object *object;
  for (size_t i = 0; (object = lint_next(lint, &deployment_kind, &i));)
    *ret_any_workload |= str_eq(object->ns, ns);
  if (lint_replicas(lint, ns, labels) >= 0)
    return true;
  for (size_t i = 0; (object = lint_next(lint, &pod_kind, &i));) {
    if (!str_eq(object->ns, ns))
      continue;
    *ret_any_workload = true;
    if (string_map_includes(&lint_meta(object)->labels, labels))
      return true;
  }
  // Its subsets and their labels are added by the operator.
  for (size_t i = 0; (object = lint_next(lint, &rollout_kind, &i));)
    if (((const struct rollout *)object->object)->spec.pod_template)
      return true;
  return false;
}

static void check_rule(struct lint *lint, const struct lint_object *object) {
  const struct destination_rule_spec *spec =
      &((const struct destination_rule *)object->object)->spec;
  struct check check = lint_check(lint, object);
  struct str rest = object->host, name, ns;
  if (!str_next(&rest, '.', &name) || !str_next(&rest, '.', &ns))
    return;
  for (size_t i = 0; i < spec->subsets_count; i++) {
    bool any = false;
    if (!has_pods(lint, ns, &spec->subsets[i].labels, &any) && any)
      check_warn(&check, "subset-without-endpoints", check_index(&check, "spec.subsets", i, ""),
                 "no Pod of the Deployments among these files carries the labels of \"%.*s\"; its "
                 "requests get 503",
                 STR_ARG(spec->subsets[i].name));
  }
}

void lint_subsets(struct lint *lint) {
  const struct lint_object *object;
  for (size_t i = 0; (object = lint_next(lint, &virtual_service_kind, &i));)
    check_virtual_service(lint, object);
  for (size_t i = 0; (object = lint_next(lint, &destination_rule_kind, &i));)
    check_rule(lint, object);
}
