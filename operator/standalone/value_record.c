// SPDX-License-Identifier: Apache-2.0
// value_rules.h for what programs write: Leases, Events, endpoints.
#include "operator/standalone/value_rules.h"
#include "manifests/kinds/endpoint_slice.h"
#include "manifests/kinds/endpoints.h"
#include "manifests/kinds/event.h"
#include "manifests/kinds/lease.h"

// --- Lease, Events

static void check_positive(struct value_check *check, const struct json *number, struct str path) {
  if (number && json_int(number, 1) <= 0)
    value_invalid(check, path, NULL, number, "must be greater than 0");
}

static const struct value_rule lease_rules[] = {
    CHECKED("spec.leaseDurationSeconds", check_positive),
    AT_LEAST("spec.leaseTransitions", 0),
    RULES_END,
};

static void check_length(struct value_check *check, const struct json *event, const char *member,
                         size_t most) {
  if (json_get_string(event, member).len > most)
    value_invalid(check, STR(""), member, NULL,
                  arena_printf(check->arena, "can have at most %zu characters", most).ptr);
}

// What events.k8s.io asks beyond v1.
static void check_new_event(struct value_check *check, const struct json *event, struct str path) {
  static const struct value_rule rules[] = {REQUIRED("eventTime"),
                                            REQUIRED("reportingController"),
                                            REQUIRED("reportingInstance"),
                                            REQUIRED("action"),
                                            REQUIRED("reason"),
                                            RULES_END};
  struct json *named = json_dup(check->arena, event);
  const struct json *reporter = json_get(event, "reportingComponent");
  struct str type = json_get_string(event, "type");
  if (reporter)
    json_put(check->arena, named, "reportingController", json_dup(check->arena, reporter));
  value_run(check, rules, named, NULL, path);
  if (!value_label_key.is_valid(json_string(reporter)))
    value_invalid(check, path, "reportingController", reporter, value_label_key.why);
  check_length(check, named, "reportingInstance", 128);
  check_length(check, named, "action", 128);
  check_length(check, named, "reason", 128);
  check_length(check, named, "message", 1024);
  if (!str_eq_z(type, "Normal") && !str_eq_z(type, "Warning"))
    value_invalid(check, path, "type", json_get(event, "type"), "has invalid value");
}

static void check_event(struct value_check *check, const struct json *event, struct str path) {
  struct str about = json_path_string(event, "involvedObject.namespace");
  struct str ns = json_path_string(event, "metadata.namespace");
  bool stays = str_eq_z(ns, "default") || str_eq_z(ns, "kube-system");
  if (about.len ? !str_eq(about, ns) : !stays)
    value_invalid(check, path, "involvedObject.namespace",
                  json_path(event, "involvedObject.namespace"),
                  about.len ? "does not match event.namespace"
                            : "not allowed in this namespace for an object without one");
  if (!check->old && str_starts(check->version, STR("events.k8s.io/")))
    check_new_event(check, event, path);
}

static const struct value_rule event_rules[] = {CHECKED("", check_event), RULES_END};

// --- Endpoints

// Loopback addresses are taken: on one machine they are where Pods are.
static void check_address(struct value_check *check, const struct json *ip, struct str path) {
  if (!value_ip.is_valid(json_string(ip)))
    value_invalid(check, path, NULL, ip, value_ip.why);
  else if (str_starts(json_string(ip), STR("169.254.")))
    value_invalid(check, path, NULL, ip, "may not be in the link-local range (169.254.0.0/16)");
}

static void check_slice_address(struct value_check *check, const struct json *list,
                                struct str path) {
  struct str type = json_get_string(check->object, "addressType");
  size_t index = 0;
  JSON_EACH(ip, str_eq_z(type, "IPv4") || str_eq_z(type, "IPv6") ? list : NULL) {
    check_address(check, ip, arena_printf(check->arena, "%.*s[%zu]", STR_ARG(path), index));
    index++;
  }
}

// At most one port has no name.
static void check_slice_names(struct value_check *check, const struct json *ports,
                              struct str path) {
  size_t index = 0;
  JSON_EACH(port, ports) {
    struct str name = json_get_string(port, "name");
    for (struct json *before = ports->child; before != port; before = before->next)
      if (str_eq(json_get_string(before, "name"), name)) {
        value_fault(check, path, arena_printf(check->arena, "[%zu].name", index).ptr,
                    VALUE_DUPLICATE_ID, "Duplicate value: \"%.*s\"", STR_ARG(name));
        break;
      }
    index++;
  }
}

static const struct value_rule slice_rules[] = {
    REQUIRED("addressType"),
    ONE_OF("addressType", "FQDN,IPv4,IPv6"),
    FIXED("addressType"),
    REQUIRED("endpoints[].addresses", .words = "must contain at least 1 address"),
    CHECKED("endpoints[].addresses", check_slice_address),
    CHECKED("ports", check_slice_names),
    FORM("ports[].name", &value_dns_label),
    ONE_OF("ports[].protocol", "TCP,UDP,SCTP"),
    NUMBER("ports[].port", 0, 65535),
    RULES_END,
};

static void check_subset(struct value_check *check, const struct json *subset, struct str path) {
  static const struct value_rule rules[] = {
      CHECKED("addresses[].ip", check_address),   CHECKED("notReadyAddresses[].ip", check_address),
      FORM("ports[].name", &value_dns_label),     CHECKED("ports[].port", value_check_port),
      ONE_OF("ports[].protocol", "TCP,UDP,SCTP"), RULES_END,
  };
  const struct json *ports = json_get(subset, "ports");
  size_t index = 0;
  if (value_is_empty(json_get(subset, "addresses")) &&
      value_is_empty(json_get(subset, "notReadyAddresses")))
    value_fault(check, path, NULL, VALUE_REQUIRED_ID,
                "Required value: must specify `addresses` or `notReadyAddresses`");
  value_run(check, rules, subset, NULL, path);
  JSON_EACH(port, ports) {
    if (ports->count > 1 && !json_get_string(port, "name").len)
      value_fault(check, path, arena_printf(check->arena, "ports[%zu].name", index).ptr,
                  VALUE_REQUIRED_ID, "Required value");
    index++;
  }
}

static const struct value_rule endpoints_rules[] = {CHECKED("subsets[]", check_subset), RULES_END};

const struct value_kind value_record_kinds[] = {{&lease_kind, lease_rules},
                                                {&event_kind, event_rules},
                                                {&endpoint_slice_kind, slice_rules},
                                                {&endpoints_kind, endpoints_rules},
                                                {NULL, NULL}};
