// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/idle.h"
#include "manifests/kinds/object_meta.h"

static const char *const v1[] = {"v1", NULL};

// --- NetworkPolicy

struct policy_port {
  struct str protocol;
  struct int_or_string port;
  int64_t end_port;
};
static const struct field port_fields[] = {
    F_STRING(struct policy_port, protocol, "protocol", .fallback = "TCP",
             .doc = "TCP, UDP or SCTP."),
    F_INT_OR_STRING(struct policy_port, port, "port", .doc = "Its number or name; none: all."),
    F_INT(struct policy_port, end_port, "endPort", .doc = "The last of a range."),
};
static const struct schema port_schema =
    SCHEMA("NetworkPolicyPort", struct policy_port, port_fields);

struct policy_peer {
  struct label_selector *pods, *namespaces;
  struct ip_block {
    struct str cidr, *except;
    size_t except_count;
  } * block;
};
static const struct field block_fields[] = {
    F_STRING(struct ip_block, cidr, "cidr", .doc = "A network."),
    F_STRINGS(struct ip_block, except, "except", .doc = "Parts of it that are not meant."),
};
static const struct schema block_schema = SCHEMA("IPBlock", struct ip_block, block_fields);
static const struct field peer_fields[] = {
    F_OPTIONAL(struct policy_peer, pods, "podSelector", &label_selector_schema, .doc = "Pods."),
    F_OPTIONAL(struct policy_peer, namespaces, "namespaceSelector", &label_selector_schema,
               .doc = "Namespaces."),
    F_OPTIONAL(struct policy_peer, block, "ipBlock", &block_schema, .doc = "Addresses."),
};
static const struct schema peer_schema =
    SCHEMA("NetworkPolicyPeer", struct policy_peer, peer_fields);

struct policy_rule {
  struct policy_port *ports;
  struct policy_peer *peers;
  size_t ports_count, peers_count;
};
static const struct field in_fields[] = {
    F_LIST(struct policy_rule, ports, "ports", &port_schema, .doc = "To which ports; none: all."),
    F_LIST(struct policy_rule, peers, "from", &peer_schema, .doc = "From whom; none: all."),
};
static const struct schema in_schema =
    SCHEMA("NetworkPolicyIngressRule", struct policy_rule, in_fields);
static const struct field out_fields[] = {
    F_LIST(struct policy_rule, ports, "ports", &port_schema, .doc = "To which ports; none: all."),
    F_LIST(struct policy_rule, peers, "to", &peer_schema, .doc = "To whom; none: all."),
};
static const struct schema out_schema =
    SCHEMA("NetworkPolicyEgressRule", struct policy_rule, out_fields);

struct network_policy {
  struct object_meta metadata;
  struct network_policy_spec {
    struct label_selector pod_selector;
    struct policy_rule *ingress, *egress;
    struct str *types;
    size_t ingress_count, egress_count, types_count;
  } spec;
};
static const struct field policy_spec_fields[] = {
    F_OBJECT(struct network_policy_spec, pod_selector, "podSelector", &label_selector_schema,
             .doc = "The Pods it is about."),
    F_LIST(struct network_policy_spec, ingress, "ingress", &in_schema, .doc = "Who may come."),
    F_LIST(struct network_policy_spec, egress, "egress", &out_schema, .doc = "Where they may go."),
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
