// SPDX-License-Identifier: Apache-2.0
// value_rules.h for containers: their resources, probes, environment and ports. One without an
// image is taken: this machine runs it by its command.
#include "operator/standalone/value_rules.h"
#include "manifests/base/bug.h"
#include "manifests/text/quantity.h"

#define HANDLERS "exec,httpGet,tcpSocket,grpc"

struct str value_members(struct value_check *check, const char *names, const struct json *object,
                         struct str path, const char *kind) {
  struct str rest = str_of(names), name, first = STR("");
  while (str_next(&rest, ',', &name)) {
    if (value_is_empty(json_get_s(object, name)) && !json_is(json_get_s(object, name), JSON_OBJECT))
      continue;
    if (first.len)
      value_fault(check, path, arena_str(check->arena, name).ptr, VALUE_FORBIDDEN_ID,
                  "Forbidden: may not specify more than 1 %s type", kind);
    else
      first = name;
  }
  return first;
}

void value_check_port(struct value_check *check, const struct json *port, struct str path) {
  if (json_is(port, JSON_STRING)) {
    if (!value_port_name.is_valid(port->string))
      value_invalid(check, path, NULL, port, value_port_name.why);
  } else if (json_int(port, 0) < 1 || json_int(port, 0) > 65535) {
    value_invalid(check, path, NULL, port, "must be between 1 and 65535, inclusive");
  }
}

// --- Resources

static const char *const standard_resources[] = {"cpu", "memory", "ephemeral-storage", NULL};

static bool is_resource_name(struct str name) {
  for (size_t i = 0; standard_resources[i]; i++)
    if (str_eq_z(name, standard_resources[i]))
      return true;
  return str_starts(name, STR("hugepages-")) ||
         (str_find_char(name, '/') > 0 && value_label_key.is_valid(name));
}

static double amount(const struct json *value) {
  double number = json_number(value, 0);
  if (json_is(value, JSON_STRING))
    (void)quantity_parse(value->string, &number);
  return number;
}

static void check_amounts(struct value_check *check, const struct json *map, struct str path) {
  JSON_EACH(item, json_is(map, JSON_OBJECT) ? map : NULL) {
    struct str at = arena_printf(check->arena, "[%.*s]", STR_ARG(item->key));
    if (!value_is_quantity(item))
      value_fault(check, path, at.ptr, VALUE_UNREADABLE_ID,
                  "quantities must match the regular expression "
                  "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
    else if (amount(item) < 0)
      value_invalid(check, path, at.ptr, item, "must be greater than or equal to 0");
    if (!is_resource_name(item->key))
      value_fault(check, path, at.ptr, VALUE_INVALID_ID,
                  "Invalid value: \"%.*s\": must be a standard resource type or fully qualified",
                  STR_ARG(item->key));
  }
}

void value_check_resources(struct value_check *check, const struct json *resources,
                           struct str path) {
  const struct json *limits = json_get(resources, "limits"),
                    *requests = json_get(resources, "requests");
  struct str at = arena_printf(check->arena, "%.*s.limits", STR_ARG(path));
  check_amounts(check, limits, at);
  at = arena_printf(check->arena, "%.*s.requests", STR_ARG(path));
  // What is not requested is requested as far as it is limited.
  struct json *all = json_new_object(check->arena);
  JSON_EACH(item, json_is(limits, JSON_OBJECT) ? limits : NULL)
    json_set(check->arena, all, item->key, json_dup(check->arena, item));
  JSON_EACH(item, json_is(requests, JSON_OBJECT) ? requests : NULL) {
    const struct json *limit = json_get_s(limits, item->key);
    json_set(check->arena, all, item->key, json_dup(check->arena, item));
    if (limit && value_is_quantity(limit) && value_is_quantity(item) &&
        amount(item) > amount(limit))
      value_invalid(
          check, at, NULL, item,
          arena_printf(check->arena, "must be less than or equal to %.*s limit", STR_ARG(item->key))
              .ptr);
  }
  check_amounts(check, all, at);
}

// --- Containers

static void check_handler(struct value_check *check, const struct json *handler, struct str path) {
  static const struct value_rule rules[] = {
      REQUIRED("exec?.command"),
      CHECKED("httpGet?.port", value_check_port),
      ONE_OF("httpGet?.scheme", "HTTP,HTTPS"),
      CHECKED("tcpSocket?.port", value_check_port),
      NUMBER("grpc?.port", 1, 65535),
      RULES_END,
  };
  if (value_members(check, HANDLERS ",sleep", handler, path, "handler").len == 0)
    value_fault(check, path, NULL, VALUE_REQUIRED_ID,
                "Required value: must specify a handler type");
  value_run(check, rules, handler, NULL, path);
}

#define PROBE_TIMES                                                                                \
  CHECKED("", check_handler), AT_LEAST("initialDelaySeconds", 0), AT_LEAST("timeoutSeconds", 0),   \
      AT_LEAST("periodSeconds", 0), AT_LEAST("failureThreshold", 0),                               \
      AT_LEAST("successThreshold", 0)

static void check_one_success(struct value_check *check, const struct json *value,
                              struct str path) {
  if (json_int(value, 1) > 1)
    value_invalid(check, path, NULL, value, "must be 1");
}
static const struct value_rule readiness_rules[] = {PROBE_TIMES, RULES_END};
static const struct value_rule liveness_rules[] = {
    PROBE_TIMES, CHECKED("successThreshold", check_one_success), RULES_END};

static bool is_own_field(struct str path) {
  static const char *const known[] = {
      "metadata.name", "metadata.namespace",      "metadata.uid",        "spec.nodeName",
      "status.hostIP", "spec.serviceAccountName", "status.hostIPs",      "status.podIP",
      "status.podIPs", "metadata.labels",         "metadata.annotations"};
  ptrdiff_t bracket = str_find_char(path, '[');
  struct str head = bracket < 0 ? path : str_slice(path, 0, (size_t)bracket);
  for (size_t i = 0; i < ARRAY_LEN(known); i++)
    if (str_eq_z(head, known[i]))
      return true;
  return false;
}

static void check_env_source(struct value_check *check, const struct json *from, struct str path) {
  static const struct value_rule rules[] = {
      REQUIRED("fieldRef?.fieldPath"),
      REQUIRED("configMapKeyRef?.name"),
      REQUIRED("configMapKeyRef?.key"),
      REQUIRED("secretKeyRef?.name"),
      REQUIRED("secretKeyRef?.key"),
      REQUIRED("resourceFieldRef?.resource"),
      RULES_END,
  };
  size_t count = 0;
  JSON_EACH(item, from)
    count += json_is(item, JSON_OBJECT);
  if (count != 1)
    value_invalid(check, path, NULL, from,
                  count ? "may not have more than one field specified at a time"
                        : "must specify one of: `fieldRef`, `resourceFieldRef`, "
                          "`configMapKeyRef` or `secretKeyRef`");
  value_run(check, rules, from, NULL, path);
  const struct json *field = json_path(from, "fieldRef.fieldPath");
  if (json_string(field).len && !is_own_field(json_string(field)))
    value_invalid(check, path, "fieldRef.fieldPath", field,
                  "error converting fieldPath: field label not supported");
}

static void check_env(struct value_check *check, const struct json *env, struct str path) {
  static const struct value_rule rules[] = {
      REQUIRED("name"),
      FORM("name", &value_env_name),
      RULES_END,
  };
  const struct json *from = json_get(env, "valueFrom");
  value_run(check, rules, env, NULL, path);
  if (!json_is(from, JSON_OBJECT))
    return;
  if (json_get_string(env, "value").len)
    value_invalid(check, path, "valueFrom", from, "may not be specified when `value` is not empty");
  check_env_source(check, from, arena_printf(check->arena, "%.*s.valueFrom", STR_ARG(path)));
}

static void check_env_from(struct value_check *check, const struct json *list, struct str path) {
  static const struct value_rule rules[] = {
      REQUIRED("configMapRef?.name"),
      REQUIRED("secretRef?.name"),
      RULES_END,
  };
  size_t index = 0;
  JSON_EACH(item, json_is(list, JSON_ARRAY) ? list : NULL) {
    if (!json_get(item, "configMapRef") && !json_get(item, "secretRef"))
      value_invalid(check, path, NULL, NULL, "must specify one of: `configMapRef` or `secretRef`");
    value_run(check, rules, item, NULL,
              arena_printf(check->arena, "%.*s[%zu]", STR_ARG(path), index));
    index++;
  }
}

static const struct value_rule port_rules[] = {
    REQUIRED("containerPort"),          NUMBER("containerPort", 0, 65535),
    NUMBER("hostPort", 0, 65535),       FORM("name", &value_port_name),
    ONE_OF("protocol", "TCP,UDP,SCTP"), RULES_END,
};

static const struct value_rule container_rules[] = {
    REQUIRED("name"),
    FORM("name", &value_dns_label),
    ONE_OF("imagePullPolicy", "Always,IfNotPresent,Never"),
    ONE_OF("terminationMessagePolicy", "File,FallbackToLogsOnError"),
    WITH("ports[]", port_rules),
    UNIQUE("ports", "name"),
    CHECKED("env[]", check_env),
    CHECKED("envFrom", check_env_from),
    REQUIRED("volumeMounts[].name"),
    REQUIRED("volumeMounts[].mountPath"),
    CHECKED("resources?", value_check_resources),
    CHECKED("lifecycle?.preStop?", check_handler),
    CHECKED("lifecycle?.postStart?", check_handler),
    AT_LEAST("securityContext?.runAsUser", 0),
    AT_LEAST("securityContext?.runAsGroup", 0),
    RULES_END,
};
const struct value_rule value_container_rules[] = {
    WITH("", container_rules),
    WITH("livenessProbe?", liveness_rules),
    WITH("startupProbe?", liveness_rules),
    WITH("readinessProbe?", readiness_rules),
    RULES_END,
};

void value_check_init_container(struct value_check *check, const struct json *container,
                                struct str path) {
  static const char *const later[] = {"lifecycle", "livenessProbe", "readinessProbe",
                                      "startupProbe"};
  bool stays = str_eq_z(json_get_string(container, "restartPolicy"), "Always");
  value_run(check, stays ? value_container_rules : container_rules, container, NULL, path);
  for (size_t i = 0; !stays && i < ARRAY_LEN(later); i++)
    if (json_is(json_get(container, later[i]), JSON_OBJECT))
      value_fault(check, path, later[i], VALUE_FORBIDDEN_ID,
                  "Forbidden: may not be set for init containers without restartPolicy=Always");
}
