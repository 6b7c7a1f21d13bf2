// SPDX-License-Identifier: Apache-2.0
// value_rules.h for Services, ConfigMaps, Secrets and Namespaces.
#include "operator/standalone/value_rules.h"
#include "manifests/base/bug.h"
#include "manifests/kinds/config_map.h"
#include "manifests/kinds/namespace.h"
#include "manifests/kinds/secret.h"
#include "manifests/kinds/service.h"
#include "manifests/schema/format.h"

#define SETTINGS_BYTES (1u << 20)

// --- Service

static void check_target(struct value_check *check, const struct json *port, struct str path) {
  const struct json *target = json_get(port, "targetPort");
  struct str at = arena_printf(check->arena, "%.*s.targetPort", STR_ARG(path));
  value_check_port(check, target ? target : json_get(port, "port"), at);
}

static void check_ports(struct value_check *check, const struct json *ports, struct str path) {
  static const struct value_rule rules[] = {
      FORM("name", &value_dns_label),
      CHECKED("port", value_check_port),
      ONE_OF("protocol", "SCTP,TCP,UDP"),
      CHECKED("", check_target),
      RULES_END,
  };
  size_t index = 0;
  JSON_EACH(port, ports) {
    const char *at = arena_printf(check->arena, "[%zu]", index).ptr;
    value_run(check, rules, port, NULL, arena_printf(check->arena, "%.*s%s", STR_ARG(path), at));
    if (ports->count > 1 && !json_get_string(port, "name").len)
      value_fault(check, path, arena_printf(check->arena, "%s.name", at).ptr, VALUE_REQUIRED_ID,
                  "Required value");
    for (struct json *before = ports->child; before != port; before = before->next)
      if (json_int(json_get(before, "port"), 0) == json_int(json_get(port, "port"), 0) &&
          str_eq(json_get_string(before, "protocol"), json_get_string(port, "protocol"))) {
        value_fault(check, path, at, VALUE_DUPLICATE_ID, "Duplicate value: %.*s",
                    STR_ARG(json_text(check->arena, port)));
        break;
      }
    index++;
  }
}

static void check_headless(struct value_check *check, const struct json *spec, struct str path) {
  struct str ip = json_get_string(spec, "clusterIP"), type = json_get_string(spec, "type");
  bool external = str_eq_z(type, "ExternalName");
  bool outside = str_eq_z(type, "NodePort") || str_eq_z(type, "LoadBalancer");
  static const struct value_rule name[] = {REQUIRED("externalName"),
                                           FORM("externalName", &value_subdomain), RULES_END};
  if (ip.len && !str_eq_z(ip, "None") && !value_ip.is_valid(ip))
    value_invalid(check, path, "clusterIPs[0]", json_get(spec, "clusterIP"), value_ip.why);
  if (!external && value_is_empty(json_get(spec, "ports")) && !str_eq_z(ip, "None"))
    value_fault(check, path, "ports", VALUE_REQUIRED_ID, "Required value");
  if (external)
    value_run(check, name, spec, NULL, path);
  size_t index = 0;
  JSON_EACH(port, json_get(spec, "ports")) {
    if (!outside && json_int(json_get(port, "nodePort"), 0))
      value_fault(check, path, arena_printf(check->arena, "ports[%zu].nodePort", index).ptr,
                  VALUE_FORBIDDEN_ID, "Forbidden: may not be used when `type` is '%.*s'",
                  STR_ARG(type));
    index++;
  }
  if (!outside && json_get_string(spec, "externalTrafficPolicy").len)
    value_invalid(check, path, "externalTrafficPolicy", json_get(spec, "externalTrafficPolicy"),
                  "may only be set for externally-accessible services");
}

static const struct value_rule service_rules[] = {
    FORM("metadata.name", &value_dns1035),
    ONE_OF("spec.type", "ClusterIP,ExternalName,LoadBalancer,NodePort"),
    CHECKED("spec", check_headless),
    CHECKED("spec.ports", check_ports),
    UNIQUE("spec.ports", "name"),
    CHECKED("spec.selector", value_check_labels),
    ONE_OF("spec.sessionAffinity", "ClientIP,None"),
    ONE_OF("spec.internalTrafficPolicy", "Cluster,Local"),
    ITEMS("spec.externalIPs", &value_ip),
    RULES_END,
};

// --- ConfigMap, Secret, Namespace

static void check_keys(struct value_check *check, const struct json *map, struct str path) {
  JSON_EACH(item, json_is(map, JSON_OBJECT) ? map : NULL)
    if (!value_config_key.is_valid(item->key))
      value_fault(check, path, arena_printf(check->arena, "[%.*s]", STR_ARG(item->key)).ptr,
                  VALUE_INVALID_ID, "Invalid value: \"%.*s\": %s",
                  STR_ARG(str_slice(item->key, 0, 512)), value_config_key.why);
}

static void check_bytes(struct value_check *check, const struct json *map, struct str path) {
  check_keys(check, map, path);
  JSON_EACH(item, json_is(map, JSON_OBJECT) ? map : NULL)
    if (json_is(item, JSON_STRING) && !format_base64.is_valid(item->string))
      value_fault(check, path, item->key.ptr, VALUE_UNREADABLE_ID,
                  "illegal base64 data; plain text belongs into stringData or data of a ConfigMap");
}

static void check_whole(struct value_check *check, const struct json *object, struct str path) {
  static const char *const members[] = {"data", "binaryData"};
  size_t bytes = 0;
  for (size_t i = 0; i < ARRAY_LEN(members); i++)
    JSON_EACH(item, json_get(object, members[i]))
      bytes += json_string(item).len;
  if (bytes > SETTINGS_BYTES)
    value_fault(check, path, "[]", VALUE_TOO_LONG_ID, "Too long: may not be more than %u bytes",
                SETTINGS_BYTES);
  JSON_EACH(item, json_get(object, "binaryData"))
    if (json_get_s(json_get(object, "data"), item->key))
      value_fault(check, path, arena_printf(check->arena, "data[%.*s]", STR_ARG(item->key)).ptr,
                  VALUE_INVALID_ID,
                  "Invalid value: \"%.*s\": duplicate of key present in binaryData",
                  STR_ARG(item->key));
}

static void check_frozen(struct value_check *check, const struct json *object, struct str path) {
  static const char *const members[] = {"data", "binaryData"};
  if (!json_is_true(json_get(check->old, "immutable")))
    return;
  if (!json_is_true(json_get(object, "immutable")))
    value_fault(check, path, "immutable", VALUE_FORBIDDEN_ID,
                "Forbidden: field is immutable when `immutable` is set");
  for (size_t i = 0; i < ARRAY_LEN(members); i++) {
    const struct json *a = json_get(object, members[i]), *b = json_get(check->old, members[i]);
    if (value_is_empty(a) != value_is_empty(b) || (a && b && !json_equal(a, b)))
      value_fault(check, path, members[i], VALUE_FORBIDDEN_ID,
                  "Forbidden: field is immutable when `immutable` is set");
  }
}

static const struct value_rule config_map_rules[] = {
    CHECKED("", check_frozen),
    CHECKED("data", check_keys),
    CHECKED("binaryData", check_bytes),
    CHECKED("", check_whole),
    RULES_END,
};

static void check_secret_type(struct value_check *check, const struct json *secret,
                              struct str path) {
  static const struct {
    const char *type, *key;
    bool any; // one of several will do
  } needed[] = {{"kubernetes.io/tls", "tls.crt", false},
                {"kubernetes.io/tls", "tls.key", false},
                {"kubernetes.io/dockerconfigjson", ".dockerconfigjson", false},
                {"kubernetes.io/dockercfg", ".dockercfg", false},
                {"kubernetes.io/ssh-auth", "ssh-privatekey", false},
                {"kubernetes.io/basic-auth", "username", true},
                {"kubernetes.io/basic-auth", "password", true}};
  static const char account[] = "kubernetes.io/service-account.name";
  const struct json *data = json_get(secret, "data");
  struct str type = json_get_string(secret, "type");
  bool either = json_get(data, "username") || json_get(data, "password");
  for (size_t i = 0; i < ARRAY_LEN(needed); i++)
    if (str_eq_z(type, needed[i].type) && !json_get(data, needed[i].key) &&
        !(needed[i].any && either))
      value_fault(check, path, arena_printf(check->arena, "data[%s]", needed[i].key).ptr,
                  VALUE_REQUIRED_ID, "Required value");
  if (str_eq_z(type, "kubernetes.io/service-account-token") &&
      !json_get(json_path(secret, "metadata.annotations"), account))
    value_fault(check, path, arena_printf(check->arena, "metadata.annotations[%s]", account).ptr,
                VALUE_REQUIRED_ID, "Required value");
}

static const struct value_rule secret_rules[] = {
    CHECKED("data", check_bytes),   CHECKED("", check_whole),
    CHECKED("", check_secret_type), FIXED("type"),
    CHECKED("", check_frozen),      RULES_END,
};

static void check_finalizers(struct value_check *check, const struct json *list, struct str path) {
  JSON_EACH(item, list)
    if (str_find_char(json_string(item), '/') < 0 && !str_eq_z(json_string(item), "kubernetes"))
      value_invalid(check, path, NULL, item,
                    "name is neither a standard finalizer name nor is it fully qualified");
}

static const struct value_rule namespace_rules[] = {
    CHECKED("spec.finalizers", check_finalizers),
    RULES_END,
};

const struct value_kind value_core_kinds[] = {{&service_kind, service_rules},
                                              {&config_map_kind, config_map_rules},
                                              {&secret_kind, secret_rules},
                                              {&namespace_kind, namespace_rules},
                                              {NULL, NULL}};
