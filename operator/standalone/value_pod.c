// SPDX-License-Identifier: Apache-2.0
// value_rules.h for Pods and the templates of those that make them.
#include "operator/standalone/value_rules.h"
#include "manifests/base/bug.h"

// --- Volumes

#define SOURCES                                                                                    \
  "emptyDir,hostPath,gitRepo,gcePersistentDisk,awsElasticBlockStore,secret,nfs,iscsi,glusterfs,"   \
  "persistentVolumeClaim,rbd,cinder,cephfs,flocker,downwardAPI,fc,configMap,azureFile,"            \
  "vsphereVolume,quobyte,azureDisk,photonPersistentDisk,portworxVolume,scaleIO,csi,projected,"     \
  "ephemeral,image"

static void check_volume(struct value_check *check, const struct json *volume, struct str path) {
  static const struct value_rule rules[] = {
      REQUIRED("name"),
      FORM("name", &value_dns_label),
      REQUIRED("configMap?.name"),
      NUMBER("configMap?.defaultMode", 0, 0777),
      REQUIRED("secret?.secretName"),
      NUMBER("secret?.defaultMode", 0, 0777),
      NUMBER("projected?.defaultMode", 0, 0777),
      REQUIRED("hostPath?.path"),
      REQUIRED("persistentVolumeClaim?.claimName"),
      RULES_END,
  };
  if (value_members(check, SOURCES, volume, path, "volume").len == 0)
    value_fault(check, path, NULL, VALUE_REQUIRED_ID, "Required value: must specify a volume type");
  value_run(check, rules, volume, NULL, path);
}

static bool has_named(const struct json *list, struct str name) {
  JSON_EACH(item, json_is(list, JSON_ARRAY) ? list : NULL)
    if (str_eq(json_get_string(item, "name"), name))
      return true;
  return false;
}

static void check_mounts(struct value_check *check, const struct json *spec, const char *list,
                         struct str path) {
  size_t i = 0;
  JSON_EACH(container, json_get(spec, list)) {
    size_t j = 0;
    JSON_EACH(mount, json_get(container, "volumeMounts")) {
      struct str name = json_get_string(mount, "name");
      if (name.len && !has_named(json_get(spec, "volumes"), name))
        value_fault(check, path,
                    arena_printf(check->arena, "%s[%zu].volumeMounts[%zu].name", list, i, j).ptr,
                    VALUE_NOT_FOUND_ID, "Not found: \"%.*s\"", STR_ARG(name));
      j++;
    }
    i++;
  }
}

// What concerns several containers at once.
static void check_together(struct value_check *check, const struct json *spec, struct str path) {
  struct json *seen = json_new_object(check->arena);
  size_t index = 0;
  check_mounts(check, spec, "containers", path);
  check_mounts(check, spec, "initContainers", path);
  JSON_EACH(container, json_get(spec, "initContainers")) {
    if (has_named(json_get(spec, "containers"), json_get_string(container, "name")))
      value_fault(check, path, arena_printf(check->arena, "initContainers[%zu].name", index).ptr,
                  VALUE_DUPLICATE_ID, "Duplicate value: \"%.*s\"",
                  STR_ARG(json_get_string(container, "name")));
    index++;
  }
  index = 0;
  JSON_EACH(container, json_get(spec, "containers")) {
    size_t number = 0;
    JSON_EACH(port, json_get(container, "ports")) {
      int64_t host = json_int(json_get(port, "hostPort"), 0);
      struct str key =
          arena_printf(check->arena, "%.*s/%.*s/%lld", STR_ARG(json_get_string(port, "protocol")),
                       STR_ARG(json_get_string(port, "hostIP")), (long long)host);
      if (host && json_get_s(seen, key))
        value_fault(
            check, path,
            arena_printf(check->arena, "containers[%zu].ports[%zu].hostPort", index, number).ptr,
            VALUE_DUPLICATE_ID, "Duplicate value: \"%.*s\"", STR_ARG(key));
      json_set(check->arena, seen, key, json_new_null(check->arena));
      number++;
    }
    index++;
  }
}

// --- Where it may run

static void check_toleration(struct value_check *check, const struct json *item, struct str path) {
  const struct json *operator_ = json_get(item, "operator");
  bool none = value_is_empty(json_get(item, "key"));
  static const struct value_rule rules[] = {
      FORM("key", &value_label_key),
      ONE_OF("operator", "Equal,Exists"),
      ONE_OF("effect", "NoSchedule,PreferNoSchedule,NoExecute"),
      RULES_END,
  };
  value_run(check, rules, item, NULL, path);
  if (none && !str_eq_z(json_string(operator_), "Exists"))
    value_invalid(check, path, "operator", operator_,
                  "operator must be Exists when `key` is empty, which means \"match all values and "
                  "all keys\"");
}

static void check_spread(struct value_check *check, const struct json *item, struct str path) {
  static const struct value_rule rules[] = {
      REQUIRED("topologyKey"),
      FORM("topologyKey", &value_label_key),
      ONE_OF("whenUnsatisfiable", "DoNotSchedule,ScheduleAnyway"),
      CHECKED("labelSelector?", value_check_selector),
      RULES_END,
  };
  value_run(check, rules, item, NULL, path);
  if (json_int(json_get(item, "maxSkew"), 0) < 1)
    value_invalid(check, path, "maxSkew", json_get(item, "maxSkew"), "must be greater than zero");
  if (value_is_empty(json_get(item, "whenUnsatisfiable")))
    value_fault(check, path, "whenUnsatisfiable", VALUE_CHOICE_ID,
                "Unsupported value: \"\": supported values: \"DoNotSchedule\", "
                "\"ScheduleAnyway\"");
}

#define NODES "affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?"

static const struct value_rule spec_rules[] = {
    CHECKED("volumes[]", check_volume),
    UNIQUE("volumes", "name"),
    REQUIRED("containers"),
    WITH("containers[]", value_container_rules),
    UNIQUE("containers", "name"),
    CHECKED("initContainers[]", value_check_init_container),
    UNIQUE("initContainers", "name"),
    CHECKED("", check_together),
    ONE_OF("restartPolicy", "Always,OnFailure,Never"),
    ONE_OF("dnsPolicy", "ClusterFirstWithHostNet,ClusterFirst,Default,None"),
    NUMBER("activeDeadlineSeconds", 1, INT32_MAX),
    CHECKED("nodeSelector", value_check_labels),
    FORM("nodeName", &value_subdomain),
    FORM("hostname", &value_dns_label),
    FORM("subdomain", &value_dns_label),
    FORM("serviceAccountName", &value_subdomain),
    FORM("hostAliases[].ip", &value_ip),
    CHECKED("tolerations[]", check_toleration),
    CHECKED("topologySpreadConstraints[]", check_spread),
    REQUIRED(NODES ".nodeSelectorTerms"),
    AT_LEAST("securityContext?.runAsUser", 0),
    AT_LEAST("securityContext?.runAsGroup", 0),
    AT_LEAST("securityContext?.fsGroup", 0),
    RULES_END,
};

const struct value_rule value_template_rules[] = {
    CHECKED("metadata.annotations", value_check_annotations),
    WITH("spec", spec_rules),
    RULES_END,
};

// --- Changes

static bool check_deadline(struct value_check *check, const struct json *spec, struct str path) {
  const struct json *now = json_get(spec, "activeDeadlineSeconds"),
                    *old = json_path(check->old, "spec.activeDeadlineSeconds");
  if (!old || (now && json_int(now, 0) <= json_int(old, 0)))
    return true;
  value_invalid(check, path, "activeDeadlineSeconds", now,
                now ? "must be less than or equal to previous value"
                    : "must not update from a positive integer to nil value");
  return false;
}

// A Pod keeps what it was made of, but for images, its deadline and further tolerations.
static void check_change(struct value_check *check, const struct json *spec, struct str path) {
  static const char *const lists[] = {"containers", "initContainers"};
  if (!check->old || !check_deadline(check, spec, path))
    return;
  struct json *now = json_dup(check->arena, spec),
              *old = json_dup(check->arena, json_get(check->old, "spec"));
  for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
    struct json *was = json_get(old, lists[i]), *list = json_get(now, lists[i]);
    struct json *before = was ? was->child : NULL;
    if ((was ? was->count : 0) != (list ? list->count : 0)) {
      value_fault(check, path, lists[i], VALUE_FORBIDDEN_ID,
                  "Forbidden: pod updates may not add or remove containers");
      return;
    }
    JSON_EACH(container, list) {
      const struct json *image = json_get(before, "image");
      if (image)
        json_put(check->arena, container, "image", json_dup(check->arena, image));
      before = before ? before->next : NULL;
    }
  }
  static const char *const free[] = {"activeDeadlineSeconds", "tolerations", "nodeName"};
  for (size_t i = 0; i < ARRAY_LEN(free); i++) {
    json_remove(now, str_of(free[i]));
    json_remove(old, str_of(free[i]));
  }
  if (!json_equal(now, old))
    value_fault(check, path, NULL, VALUE_FORBIDDEN_ID,
                "Forbidden: pod updates may not change fields other than "
                "`spec.containers[*].image`,`spec.initContainers[*].image`,"
                "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
                "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it "
                "was previously negative)");
}

const struct value_rule value_pod_rules[] = {
    WITH("spec", spec_rules),
    CHECKED("spec", check_change),
    RULES_END,
};
