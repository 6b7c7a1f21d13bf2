// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/idle.h"
#include "manifests/kinds/object_meta.h"

static const char *const v1[] = {"v1", NULL};

// --- Ingress

struct ingress {
  struct object_meta metadata;
  struct ingress_spec {
    struct str class_name;
    const struct json *default_backend, *tls, *rules;
  } spec;
  const struct json *status;
};
static const struct field ingress_spec_fields[] = {
    F_STRING(struct ingress_spec, class_name, "ingressClassName", .doc = "Who serves it."),
    F_JSON(struct ingress_spec, default_backend, "defaultBackend",
           .doc = "Where requests go that no rule takes."),
    F_JSON(struct ingress_spec, tls, "tls", .doc = "Certificates of hosts."),
    F_JSON(struct ingress_spec, rules, "rules", .doc = "Hosts and paths, and where they go."),
};
static const struct schema ingress_spec_schema =
    SCHEMA("IngressSpec", struct ingress_spec, ingress_spec_fields);
static const struct field ingress_fields[] = {
    F_OBJECT(struct ingress, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct ingress, spec, "spec", &ingress_spec_schema, .doc = "What is let in."),
    F_JSON(struct ingress, status, "status", .read_only = true,
           .doc = "What a controller would report."),
};
static const struct schema ingress_schema = SCHEMA("Ingress", struct ingress, ingress_fields);

const struct kind_desc ingress_kind = {
    .group = "networking.k8s.io",
    .versions = v1,
    .kind = "Ingress",
    .plural = "ingresses",
    .singular = "ingress",
    .short_names = (const char *const[]){"ing", NULL},
    .namespaced = true,
    .builtin = true,
    .idle = true,
    .has_status = true,
    .has_generation = true,
    .schema = &ingress_schema,
    .doc = "Requests from outside to Services. Use an HTTPRoute or a VirtualService here.",
};

// --- NetworkPolicy

struct network_policy {
  struct object_meta metadata;
  struct network_policy_spec {
    struct label_selector pod_selector;
    const struct json *ingress, *egress;
    struct str *types;
    size_t types_count;
  } spec;
};
static const struct field policy_spec_fields[] = {
    F_OBJECT(struct network_policy_spec, pod_selector, "podSelector", &label_selector_schema,
             .required = true, .doc = "The Pods it is about."),
    F_JSON(struct network_policy_spec, ingress, "ingress", .doc = "Who may come."),
    F_JSON(struct network_policy_spec, egress, "egress", .doc = "Where they may go."),
    F_STRINGS(struct network_policy_spec, types, "policyTypes", .doc = "Ingress, Egress."),
};
static const struct schema policy_spec_schema =
    SCHEMA("NetworkPolicySpec", struct network_policy_spec, policy_spec_fields);
static const struct field policy_fields[] = {
    F_OBJECT(struct network_policy, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct network_policy, spec, "spec", &policy_spec_schema,
             .doc = "Who may talk to whom."),
};
static const struct schema policy_schema =
    SCHEMA("NetworkPolicy", struct network_policy, policy_fields);

const struct kind_desc network_policy_kind = {
    .group = "networking.k8s.io",
    .versions = v1,
    .kind = "NetworkPolicy",
    .plural = "networkpolicies",
    .singular = "networkpolicy",
    .short_names = (const char *const[]){"netpol", NULL},
    .namespaced = true,
    .builtin = true,
    .idle = true,
    .has_generation = true,
    .schema = &policy_schema,
    .doc = "Who may talk to whom.",
};
