// SPDX-License-Identifier: Apache-2.0
// Where a pod's values come from: ConfigMaps, Secrets and what is known of the pod itself (the
// downward API). Pure. Source: kubernetes.io "Downward API", pkg/fieldpath.
#pragma once

#include "manifests/base/err.h"
#include "manifests/kinds/pod.h"
#include "manifests/text/json.h"

struct pod_facts {
  const struct pod *pod;
  struct str pod_ip, host_ip, node_name;
};

// Finds a ConfigMap or Secret of the pod's namespace; NULL when there is none.
struct pod_lookup {
  const struct json *(*find)(void *data, const char *kind, struct str ns, struct str name);
  void *data;
};

// metadata.name, .namespace, .uid, .labels, .labels['x'], .annotations, .annotations['x'],
// spec.nodeName, spec.serviceAccountName, status.podIP, status.podIPs, status.hostIP,
// status.hostIPs. RC_INVALID names what is known.
int pod_field(const struct pod_facts *facts, struct str path, struct arena *arena,
              struct str *ret_value, struct err *err);
// limits.cpu and the like of a container, as written and divided by the divisor, rounded up.
int pod_resource_field(const struct pod *pod, const struct pod_container *container,
                       const struct pod_resource_field_ref *ref, struct arena *arena,
                       struct str *ret_value, struct err *err);

// One key of a ConfigMap (data, binaryData) or Secret (data); false when absent or not base64.
bool pod_source_value(const struct json *source, struct str key, struct arena *arena,
                      struct str *ret_value);
// All keys, sorted, each once.
struct str *pod_source_keys(const struct json *source, struct arena *arena, size_t *ret_count);
