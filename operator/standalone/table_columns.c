// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/table_columns.h"
#include "manifests/base/bug.h"
#include "manifests/text/time.h"
#include "operator/standalone/table.h"
#include "operator/standalone/table_cells.h"

#include <string.h>

// --- Pod

static struct json *pod_ready(cell c) {
  const struct json *specs = json_path(c->object, "spec.containers");
  int64_t ready = 0;
  JSON_EACH(status, json_path(c->object, "status.containerStatuses"))
    ready += json_is_true(json_get(status, "ready"));
  return cell_fraction(c, ready, specs ? (int64_t)specs->count : 0);
}

// The reason a container is not running, as kubectl's printer picks it.
static struct str container_reason(cell c, const struct json *status) {
  struct str waiting = json_path_string(status, "state.waiting.reason");
  struct str ended = json_path_string(status, "state.terminated.reason");
  const struct json *terminated = json_path(status, "state.terminated");
  if (waiting.len)
    return waiting;
  if (ended.len || !terminated)
    return ended;
  int64_t sig = json_int(json_get(terminated, "signal"), 0);
  return sig ? arena_printf(c->arena, "Signal:%lld", (long long)sig)
             : arena_printf(c->arena, "ExitCode:%lld",
                            (long long)json_int(json_get(terminated, "exitCode"), 0));
}

static struct json *pod_status(cell c) {
  struct str reason = json_path_string(c->object, "status.reason");
  if (!reason.len)
    reason = json_path_string(c->object, "status.phase");
  size_t index = 0;
  const struct json *inits = json_path(c->object, "spec.initContainers");
  JSON_EACH(status, json_path(c->object, "status.initContainerStatuses")) {
    bool done = json_path(status, "state.terminated") &&
                json_int(json_path(status, "state.terminated.exitCode"), 1) == 0;
    struct str why = container_reason(c, status);
    if (!done && !json_is_true(json_get(status, "started"))) {
      bool plain = !why.len || str_eq_z(why, "PodInitializing");
      reason = plain ? arena_printf(c->arena, "Init:%zu/%zu", index, inits ? inits->count : 0)
                     : arena_printf(c->arena, "Init:%.*s", STR_ARG(why));
      break;
    }
    index++;
  }
  if (!str_starts(reason, STR("Init:"))) {
    JSON_EACH(status, json_path(c->object, "status.containerStatuses")) {
      struct str why = container_reason(c, status);
      if (why.len)
        reason = why;
    }
  }
  if (json_path(c->object, "metadata.deletionTimestamp"))
    reason = STR("Terminating");
  return cell_text(c, reason.len ? reason : STR("Unknown"));
}

static struct json *pod_restarts(cell c) {
  int64_t count = 0, last_ms = 0;
  JSON_EACH(status, json_path(c->object, "status.containerStatuses")) {
    int64_t ended_ms;
    count += json_int(json_get(status, "restartCount"), 0);
    if (time_parse(json_path_string(status, "lastState.terminated.finishedAt"), &ended_ms) &&
        ended_ms > last_ms)
      last_ms = ended_ms;
  }
  if (!count || !last_ms)
    return cell_text(c, arena_printf(c->arena, "%lld", (long long)count));
  struct str ago = table_age(c->arena, last_ms, c->now_ms);
  return cell_text(c, arena_printf(c->arena, "%lld (%.*s ago)", (long long)count, STR_ARG(ago)));
}

static const struct table_column pod_columns[] = {
    {"Name", "string", 0, NULL, "metadata.name", "Name of the pod"},
    {"Ready", "string", 0, pod_ready, NULL, "Ready containers of all"},
    {"Status", "string", 0, pod_status, NULL, "Phase, or why it is not running"},
    {"Restarts", "string", 0, pod_restarts, NULL, "Restarts of its containers"},
    {"Age", "string", 0, cell_age, NULL, "Time since creation"},
    {"IP", "string", 1, NULL, "status.podIP", "Address"},
    {"Node", "string", 1, NULL, "spec.nodeName", "Machine"},
    {"Nominated Node", "string", 1, NULL, "status.nominatedNodeName", ""},
    {"Readiness Gates", "string", 1, NULL, "spec.readinessGates.0.conditionType", ""},
};

// --- Deployment, ReplicaSet

static struct json *deployment_ready(cell c) {
  return cell_fraction(c, cell_number_at(c, "status.readyReplicas"),
                       json_int(json_path(c->object, "spec.replicas"), 1));
}
static struct json *updated(cell c) {
  return json_new_int(c->arena, cell_number_at(c, "status.updatedReplicas"));
}
static struct json *available(cell c) {
  return json_new_int(c->arena, cell_number_at(c, "status.availableReplicas"));
}
static struct json *desired(cell c) {
  return json_new_int(c->arena, json_int(json_path(c->object, "spec.replicas"), 1));
}
static struct json *current(cell c) {
  return json_new_int(c->arena, cell_number_at(c, "status.replicas"));
}
static struct json *ready(cell c) {
  return json_new_int(c->arena, cell_number_at(c, "status.readyReplicas"));
}

static const struct table_column deployment_columns[] = {
    {"Name", "string", 0, NULL, "metadata.name", "Name of the deployment"},
    {"Ready", "string", 0, deployment_ready, NULL, "Ready pods of those asked for"},
    {"Up-to-date", "string", 0, updated, NULL, "Pods of the newest template"},
    {"Available", "string", 0, available, NULL, "Pods ready long enough"},
    {"Age", "string", 0, cell_age, NULL, "Time since creation"},
    {"Containers", "string", 1, cell_names, NULL, ""},
    {"Images", "string", 1, cell_images, NULL, ""},
    {"Selector", "string", 1, cell_selector, NULL, ""},
};

static const struct table_column replica_set_columns[] = {
    {"Name", "string", 0, NULL, "metadata.name", "Name of the replica set"},
    {"Desired", "integer", 0, desired, NULL, "Pods asked for"},
    {"Current", "integer", 0, current, NULL, "Pods there are"},
    {"Ready", "integer", 0, ready, NULL, "Pods that are ready"},
    {"Age", "string", 0, cell_age, NULL, "Time since creation"},
    {"Containers", "string", 1, cell_names, NULL, ""},
    {"Images", "string", 1, cell_images, NULL, ""},
    {"Selector", "string", 1, cell_selector, NULL, ""},
};

// --- Service, Endpoints, EndpointSlice

static struct json *service_ip(cell c) {
  struct str ip = json_path_string(c->object, "spec.clusterIP");
  return cell_text(c, ip.len ? ip : STR("<none>"));
}
// What a load balancer gave, then what the spec names.
static struct json *service_balanced(cell c) {
  struct str out = STR("");
  JSON_EACH(point, json_path(c->object, "status.loadBalancer.ingress")) {
    struct str ip = json_get_string(point, "ip");
    out = arena_printf(c->arena, "%.*s%s%.*s", STR_ARG(out), out.len ? "," : "",
                       STR_ARG(ip.len ? ip : json_get_string(point, "hostname")));
  }
  JSON_EACH(ip, json_path(c->object, "spec.externalIPs"))
    out = arena_printf(c->arena, "%.*s%s%.*s", STR_ARG(out), out.len ? "," : "",
                       STR_ARG(json_string(ip)));
  return cell_text(c, out.len ? out : STR("<pending>"));
}
static struct json *service_external(cell c) {
  struct str name = json_path_string(c->object, "spec.externalName");
  struct str type = json_path_string(c->object, "spec.type");
  if (str_eq_z(type, "ExternalName"))
    return cell_text(c, name);
  if (str_eq_z(type, "LoadBalancer"))
    return service_balanced(c);
  return cell_joined(c, "spec.externalIPs", NULL, "<none>");
}
static struct json *service_ports(cell c) {
  struct str out = STR("");
  JSON_EACH(port, json_path(c->object, "spec.ports")) {
    struct str protocol = json_get_string(port, "protocol");
    int64_t node_port = json_int(json_get(port, "nodePort"), 0);
    struct str node = node_port ? arena_printf(c->arena, ":%lld", (long long)node_port) : STR("");
    out = arena_printf(c->arena, "%.*s%s%lld%.*s/%.*s", STR_ARG(out), out.len ? "," : "",
                       (long long)json_int(json_get(port, "port"), 0), STR_ARG(node),
                       STR_ARG(protocol.len ? protocol : STR("TCP")));
  }
  return cell_text(c, out.len ? out : STR("<none>"));
}
static struct json *service_selector(cell c) {
  return cell_label_map(c, "spec.selector");
}

static const struct table_column service_columns[] = {
    {"Name", "string", 0, NULL, "metadata.name", "Name of the service"},
    {"Type", "string", 0, NULL, "spec.type", "How it is exposed"},
    {"Cluster-IP", "string", 0, service_ip, NULL, "Address of the service"},
    {"External-IP", "string", 0, service_external, NULL, "Addresses from outside"},
    {"Port(s)", "string", 0, service_ports, NULL, "Ports"},
    {"Age", "string", 0, cell_age, NULL, "Time since creation"},
    {"Selector", "string", 1, service_selector, NULL, ""},
};

#define LISTED 3 // addresses and ports that are spelled out; the rest are counted

static struct json *slice_ports(cell c) {
  struct str out = STR("");
  size_t count = 0;
  JSON_EACH(port, json_path(c->object, "ports")) {
    const struct json *number = json_get(port, "port"), *name = json_get(port, "name");
    struct str one = number ? arena_printf(c->arena, "%lld", (long long)json_int(number, 0))
                     : name ? json_string(name)
                            : STR("*");
    if (count++ < LISTED)
      out = arena_printf(c->arena, "%.*s%s%.*s", STR_ARG(out), out.len ? "," : "", STR_ARG(one));
  }
  if (count > LISTED)
    out = arena_printf(c->arena, "%.*s + %zu more...", STR_ARG(out), count - LISTED);
  return cell_text(c, out.len ? out : STR("<unset>"));
}
static struct json *slice_endpoints(cell c) {
  struct str out = STR("");
  size_t count = 0;
  JSON_EACH(endpoint, json_path(c->object, "endpoints")) {
    JSON_EACH(address, json_get(endpoint, "addresses")) {
      if (count++ < LISTED)
        out = arena_printf(c->arena, "%.*s%s%.*s", STR_ARG(out), out.len ? "," : "",
                           STR_ARG(json_string(address)));
    }
  }
  if (count > LISTED)
    out = arena_printf(c->arena, "%.*s + %zu more...", STR_ARG(out), count - LISTED);
  return cell_text(c, out.len ? out : STR("<unset>"));
}
static const struct table_column slice_columns[] = {
    {"Name", "string", 0, NULL, "metadata.name", "Name of the slice"},
    {"AddressType", "string", 0, NULL, "addressType", "Kind of address"},
    {"Ports", "string", 0, slice_ports, NULL, "Ports"},
    {"Endpoints", "string", 0, slice_endpoints, NULL, "Addresses"},
    {"Age", "string", 0, cell_age, NULL, "Time since creation"},
};

static struct json *endpoints_list(cell c) {
  struct str out = STR("");
  size_t count = 0;
  JSON_EACH(subset, json_path(c->object, "subsets")) {
    JSON_EACH(port, json_get(subset, "ports")) {
      JSON_EACH(address, json_get(subset, "addresses")) {
        struct str ip = json_get_string(address, "ip");
        if (count++ < LISTED)
          out = arena_printf(c->arena, "%.*s%s%.*s:%lld", STR_ARG(out), out.len ? "," : "",
                             STR_ARG(ip), (long long)json_int(json_get(port, "port"), 0));
      }
    }
  }
  if (count > LISTED)
    out = arena_printf(c->arena, "%.*s + %zu more...", STR_ARG(out), count - LISTED);
  return cell_text(c, out.len ? out : STR("<none>"));
}
static const struct table_column endpoints_columns[] = {
    {"Name", "string", 0, NULL, "metadata.name", "Name of the endpoints"},
    {"Endpoints", "string", 0, endpoints_list, NULL, "Addresses"},
    {"Age", "string", 0, cell_age, NULL, "Time since creation"},
};

// --- Event, Lease, ConfigMap, Secret, Namespace, CustomResourceDefinition

static struct json *event_seen(cell c) {
  static const char *const paths[] = {"series.lastObservedTime", "lastTimestamp", "firstTimestamp",
                                      "eventTime"};
  for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
    if (json_is(json_path(c->object, paths[i]), JSON_STRING))
      return cell_text(c, table_cell_age(c, paths[i]));
  }
  return cell_text(c, STR("<unknown>"));
}
static struct json *event_first(cell c) {
  bool has_first = json_is(json_path(c->object, "firstTimestamp"), JSON_STRING);
  return cell_text(c, table_cell_age(c, has_first ? "firstTimestamp" : "eventTime"));
}
static struct json *event_object(cell c) {
  struct str kind = json_path_string(c->object, "involvedObject.kind");
  struct str name = json_path_string(c->object, "involvedObject.name");
  char *lower = arena_alloc(c->arena, kind.len + 1);
  for (size_t i = 0; i < kind.len; i++)
    lower[i] = (char)(kind.ptr[i] >= 'A' && kind.ptr[i] <= 'Z' ? kind.ptr[i] + 32 : kind.ptr[i]);
  return cell_text(c,
                   arena_printf(c->arena, "%s%s%.*s", lower, name.len ? "/" : "", STR_ARG(name)));
}
static struct json *event_part(cell c) {
  return cell_text(c, json_path_string(c->object, "involvedObject.fieldPath"));
}
static struct json *event_source(cell c) {
  struct str from = json_path_string(c->object, "source.component");
  struct str where = json_path_string(c->object, "source.host");
  if (!from.len) {
    from = json_path_string(c->object, "reportingComponent");
    where = json_path_string(c->object, "reportingInstance");
  }
  return cell_text(
      c, where.len ? arena_printf(c->arena, "%.*s, %.*s", STR_ARG(from), STR_ARG(where)) : from);
}
static struct json *event_count(cell c) {
  int64_t count = json_int(json_path(c->object, "count"), 0);
  return json_new_int(c->arena, json_int(json_path(c->object, "series.count"), count ? count : 1));
}
static const struct table_column event_columns[] = {
    {"Last Seen", "string", 0, event_seen, NULL, "Time since it happened last"},
    {"Type", "string", 0, NULL, "type", "Normal or Warning"},
    {"Reason", "string", 0, NULL, "reason", "What happened, in a word"},
    {"Object", "string", 0, event_object, NULL, "To whom"},
    {"Subobject", "string", 1, event_part, NULL, "Part of it"},
    {"Source", "string", 1, event_source, NULL, "Who says so"},
    {"Message", "string", 0, NULL, "message", "What happened, in words"},
    {"First Seen", "string", 1, event_first, NULL, "Time since it happened first"},
    {"Count", "string", 1, event_count, NULL, ""},
    {"Name", "string", 1, NULL, "metadata.name", ""},
};

static const struct table_column lease_columns[] = {
    {"Name", "string", 0, NULL, "metadata.name", "Name of the lease"},
    {"Holder", "string", 0, NULL, "spec.holderIdentity", "Who holds it"},
    {"Age", "string", 0, cell_age, NULL, "Time since creation"},
};

static struct json *config_map_data(cell c) {
  const struct json *data = json_get(c->object, "data"),
                    *binary = json_get(c->object, "binaryData");
  return json_new_int(c->arena, (int64_t)((data ? data->count : 0) + (binary ? binary->count : 0)));
}
static const struct table_column config_map_columns[] = {
    {"Name", "string", 0, NULL, "metadata.name", "Name of the config map"},
    {"Data", "string", 0, config_map_data, NULL, "Number of entries"},
    {"Age", "string", 0, cell_age, NULL, "Time since creation"},
};
static const struct table_column secret_columns[] = {
    {"Name", "string", 0, NULL, "metadata.name", "Name of the secret"},
    {"Type", "string", 0, NULL, "type", "What it is for"},
    {"Data", "string", 0, config_map_data, NULL, "Number of entries"},
    {"Age", "string", 0, cell_age, NULL, "Time since creation"},
};
static const struct table_column namespace_columns[] = {
    {"Name", "string", 0, NULL, "metadata.name", "Name of the namespace"},
    {"Status", "string", 0, NULL, "status.phase", "Active or Terminating"},
    {"Age", "string", 0, cell_age, NULL, "Time since creation"},
};
static const struct table_column definition_columns[] = {
    {"Name", "string", 0, NULL, "metadata.name", "Name of the definition"},
    {"Created At", "date", 0, NULL, "metadata.creationTimestamp", "When it was made"},
};

static const struct table_kind table_acted[] = {
    {"Pod", pod_columns, ARRAY_LEN(pod_columns)},
    {"Deployment", deployment_columns, ARRAY_LEN(deployment_columns)},
    {"ReplicaSet", replica_set_columns, ARRAY_LEN(replica_set_columns)},
    {"Service", service_columns, ARRAY_LEN(service_columns)},
    {"EndpointSlice", slice_columns, ARRAY_LEN(slice_columns)},
    {"Endpoints", endpoints_columns, ARRAY_LEN(endpoints_columns)},
    {"Event", event_columns, ARRAY_LEN(event_columns)},
    {"Lease", lease_columns, ARRAY_LEN(lease_columns)},
    {"ConfigMap", config_map_columns, ARRAY_LEN(config_map_columns)},
    {"Secret", secret_columns, ARRAY_LEN(secret_columns)},
    {"Namespace", namespace_columns, ARRAY_LEN(namespace_columns)},
    {"CustomResourceDefinition", definition_columns, ARRAY_LEN(definition_columns)},
};

const struct table_column *table_columns_of(const struct kind_desc *kind, size_t *ret_count) {
  const struct {
    const struct table_kind *rows;
    size_t count;
  } lists[] = {{table_acted, ARRAY_LEN(table_acted)},
               {table_idle, table_idle_count},
               {table_idle_workload, table_idle_workload_count}};
  for (size_t l = 0; kind->builtin && l < ARRAY_LEN(lists); l++) {
    for (size_t i = 0; i < lists[l].count; i++) {
      if (strcmp(lists[l].rows[i].kind, kind->kind) == 0) {
        *ret_count = lists[l].rows[i].count;
        return lists[l].rows[i].columns;
      }
    }
  }
  return NULL;
}
