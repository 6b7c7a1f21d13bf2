// SPDX-License-Identifier: Apache-2.0
// value_rules.h for Ingresses and NetworkPolicies.
#include "operator/standalone/value_rules.h"
#include "manifests/kinds/idle.h"

#include <arpa/inet.h>
#include <string.h>

// --- Ingress

static void check_backend(struct value_check *check, const struct json *backend, struct str path) {
  const struct json *service = json_get(backend, "service"), *port = json_get(service, "port");
  bool name = json_get_string(port, "name").len, number = json_int(json_get(port, "number"), 0);
  static const struct value_rule rules[] = {
      REQUIRED("service?.name"),
      FORM("service?.name", &value_dns1035),
      REQUIRED("resource?.kind"),
      REQUIRED("resource?.name"),
      FORM("service?.port.name", &value_port_name),
      NUMBER("service?.port.number", 0, 65535),
      RULES_END,
  };
  if (service && json_get(backend, "resource")) {
    value_invalid(check, path, NULL, backend, "cannot set both resource and service backends");
    return;
  }
  if (!service && !json_get(backend, "resource"))
    value_invalid(check, path, NULL, backend, "resource or service backend is required");
  value_run(check, rules, backend, NULL, path);
  if (service && name && number)
    value_invalid(check, path, NULL, backend, "cannot set both port name & port number");
  else if (service && !name && !number)
    value_fault(check, path, NULL, VALUE_REQUIRED_ID,
                "Required value: port name or number is required");
}

static bool has_bad_part(struct str path) {
  static const char *const parts[] = {"//", "/./", "/../", "%2f", "%2F"};
  static const char *const ends[] = {"/..", "/."};
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
    if (str_contains(path, str_of(parts[i])))
      return true;
  for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
    if (str_ends(path, str_of(ends[i])))
      return true;
  return false;
}

static void check_path(struct value_check *check, const struct json *item, struct str path) {
  struct str type = json_get_string(item, "pathType"), text = json_get_string(item, "path");
  static const struct value_rule rules[] = {
      REQUIRED("pathType", .words = "pathType must be specified"),
      ONE_OF("pathType", "Exact,ImplementationSpecific,Prefix"),
      CHECKED("backend", check_backend),
      RULES_END,
  };
  bool exact = str_eq_z(type, "Exact") || str_eq_z(type, "Prefix");
  value_run(check, rules, item, NULL, path);
  if ((exact || (str_eq_z(type, "ImplementationSpecific") && text.len)) &&
      !str_starts(text, STR("/")))
    value_invalid(check, path, "path", json_get(item, "path"), "must be an absolute path");
  else if (exact && has_bad_part(text))
    value_invalid(check, path, "path", json_get(item, "path"),
                  "must not contain '//', '/./', '/../', '%2f', nor end with '/..' or '/.'");
}

static void check_host(struct value_check *check, const struct json *host, struct str path) {
  struct str text = json_string(host);
  if (text.len && value_ip.is_valid(text))
    value_invalid(check, path, NULL, host, "must be a DNS name, not an IP address");
  else if (text.len && !value_wildcard_host.is_valid(text))
    value_invalid(check, path, NULL, host, value_wildcard_host.why);
}

static void check_tls_hosts(struct value_check *check, const struct json *hosts, struct str path) {
  size_t index = 0;
  JSON_EACH(host, hosts) {
    check_host(check, host, arena_printf(check->arena, "%.*s[%zu]", STR_ARG(path), index));
    index++;
  }
}

static void check_ingress(struct value_check *check, const struct json *spec, struct str path) {
  if (value_is_empty(json_get(spec, "rules")) && !json_get(spec, "defaultBackend"))
    value_invalid(check, path, NULL, spec, "either `defaultBackend` or `rules` must be specified");
}

static const struct value_rule ingress_rules[] = {
    CHECKED("spec", check_ingress),
    FORM("spec.ingressClassName", &value_subdomain),
    CHECKED("spec.defaultBackend?", check_backend),
    CHECKED("spec.rules[].host", check_host),
    REQUIRED("spec.rules[].http?.paths"),
    CHECKED("spec.rules[].http?.paths[]", check_path),
    CHECKED("spec.tls[].hosts", check_tls_hosts),
    RULES_END,
};

// --- NetworkPolicy

// The first `bits` of an address; false where the text is no network.
static bool read_network(struct str text, unsigned char ret_bytes[16], int64_t *ret_bits,
                         int *ret_family) {
  char address[INET6_ADDRSTRLEN];
  ptrdiff_t slash = str_find_char(text, '/');
  if (!value_cidr.is_valid(text) || (size_t)slash >= sizeof(address))
    return false;
  memcpy(address, text.ptr, (size_t)slash);
  address[slash] = '\0';
  *ret_family = str_find_char(text, ':') >= 0 ? AF_INET6 : AF_INET;
  return inet_pton(*ret_family, address, ret_bytes) == 1 &&
         str_to_i64(str_slice(text, (size_t)slash + 1, text.len), ret_bits);
}

static bool is_inside(struct str inner, struct str outer) {
  unsigned char a[16] = {0}, b[16] = {0};
  int64_t a_bits = 0, b_bits = 0;
  int a_family = 0, b_family = 0;
  if (!read_network(inner, a, &a_bits, &a_family) || !read_network(outer, b, &b_bits, &b_family))
    return true; // said elsewhere
  if (a_family != b_family || a_bits <= b_bits)
    return false;
  for (int64_t bit = 0; bit < b_bits; bit++)
    if (((a[bit / 8] ^ b[bit / 8]) >> (7 - bit % 8)) & 1)
      return false;
  return true;
}

static void check_block(struct value_check *check, const struct json *block, struct str path) {
  static const struct value_rule rules[] = {REQUIRED("cidr"), FORM("cidr", &value_cidr),
                                            ITEMS("except", &value_cidr), RULES_END};
  size_t index = 0;
  value_run(check, rules, block, NULL, path);
  JSON_EACH(item, json_get(block, "except")) {
    if (!is_inside(json_string(item), json_get_string(block, "cidr")))
      value_invalid(check, path, arena_printf(check->arena, "except[%zu]", index).ptr, item,
                    "must be a strict subset of `cidr`");
    index++;
  }
}

static void check_peer(struct value_check *check, const struct json *peer, struct str path) {
  bool block = json_get(peer, "ipBlock"),
       selects = json_get(peer, "podSelector") || json_get(peer, "namespaceSelector");
  static const struct value_rule rules[] = {
      CHECKED("podSelector?", value_check_selector),
      CHECKED("namespaceSelector?", value_check_selector),
      CHECKED("ipBlock?", check_block),
      RULES_END,
  };
  value_run(check, rules, peer, NULL, path);
  if (!block && !selects)
    value_fault(check, path, NULL, VALUE_REQUIRED_ID, "Required value: must specify a peer");
  else if (block && selects)
    value_fault(check, path, NULL, VALUE_FORBIDDEN_ID,
                "Forbidden: may not specify both ipBlock and another peer");
}

static void check_port(struct value_check *check, const struct json *port, struct str path) {
  const struct json *first = json_get(port, "port"), *last = json_get(port, "endPort");
  static const struct value_rule rules[] = {ONE_OF("protocol", "TCP,UDP,SCTP"), RULES_END};
  value_run(check, rules, port, NULL, path);
  if (first)
    value_check_port(check, first, arena_printf(check->arena, "%.*s.port", STR_ARG(path)));
  if (last && !first)
    value_fault(check, path, "port", VALUE_REQUIRED_ID,
                "Required value: must be specified when endPort is");
  else if (last && json_is(first, JSON_INT) && json_int(last, 0) < first->integer)
    value_invalid(check, path, "endPort", last, "must be greater than or equal to `port`");
}

static void check_types(struct value_check *check, const struct json *types, struct str path) {
  size_t index = 0;
  if (types && types->count > 2)
    value_invalid(check, path, NULL, types, "may not specify more than two policyTypes");
  JSON_EACH(type, types && types->count <= 2 ? types : NULL) {
    struct str at = arena_printf(check->arena, "%.*s[%zu]", STR_ARG(path), index);
    const struct value_rule rules[] = {ONE_OF("", "Ingress,Egress"), RULES_END};
    value_run(check, rules, type, NULL, at);
    index++;
  }
}

static const struct value_rule network_policy_rules[] = {
    CHECKED("spec.podSelector", value_check_selector),
    CHECKED("spec.ingress[].ports[]", check_port),
    CHECKED("spec.ingress[].from[]", check_peer),
    CHECKED("spec.egress[].ports[]", check_port),
    CHECKED("spec.egress[].to[]", check_peer),
    CHECKED("spec.policyTypes", check_types),
    RULES_END,
};

const struct value_kind value_network_kinds[] = {
    {&ingress_kind, ingress_rules}, {&network_policy_kind, network_policy_rules}, {NULL, NULL}};
