// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/deploy_slice.h"
#include "operator/standalone/deploy_endpoints.h"

#include <stdlib.h>

struct slice {
  struct json *ports;
  struct str key; // canonical text of the ports
  struct json *endpoints;
};

static bool selects(const struct json *selector, const struct json *pod) {
  const struct json *labels = json_path(pod, "metadata.labels");
  JSON_EACH(item, selector)
    if (!str_eq(json_string(json_get_s(labels, item->key)), json_string(item)) ||
        !json_get_s(labels, item->key))
      return false;
  return selector && selector->count > 0;
}

static int64_t named_port(const struct json *pod, struct str name, struct str protocol) {
  JSON_EACH(container, json_path(pod, "spec.containers"))
    JSON_EACH(port, json_get(container, "ports")) {
      struct str own = json_get_string(port, "protocol");
      if (str_eq(json_get_string(port, "name"), name) &&
          str_eq(str_is_empty(own) ? STR("TCP") : own, protocol))
        return json_int(json_get(port, "containerPort"), 0);
    }
  return 0;
}

static int64_t target_of(const struct json *port, const struct json *pod) {
  const struct json *target = json_get(port, "targetPort");
  struct str protocol = json_get_string(port, "protocol");
  if (json_is(target, JSON_STRING) && !str_is_empty(json_string(target))) {
    int64_t number;
    if (str_to_i64(json_string(target), &number))
      return number;
    return named_port(pod, json_string(target), str_is_empty(protocol) ? STR("TCP") : protocol);
  }
  int64_t number = json_int(target, 0);
  return number > 0 ? number : json_int(json_get(port, "port"), 0);
}

// The service's ports as this pod has them; those whose name it does not know are left out.
static struct json *ports_for(const struct json *service, const struct json *pod,
                              struct arena *arena) {
  struct json *list = json_new_array(arena);
  JSON_EACH(port, json_path(service, "spec.ports")) {
    int64_t number = target_of(port, pod);
    if (number <= 0)
      continue;
    struct str protocol = json_get_string(port, "protocol");
    struct json *out = json_new_object(arena);
    json_put_string(arena, out, "name",
                    json_get(port, "name") ? json_get_string(port, "name") : STR(""));
    json_put_string(arena, out, "protocol", str_is_empty(protocol) ? STR("TCP") : protocol);
    json_put_int(arena, out, "port", number);
    struct str app = json_get_string(port, "appProtocol");
    if (!str_is_empty(app))
      json_put_string(arena, out, "appProtocol", app);
    json_append(list, out);
  }
  return list;
}

static struct json *endpoint_of(const struct json *service, const struct json *pod,
                                struct arena *arena) {
  bool publish = json_is_true(json_path(service, "spec.publishNotReadyAddresses"));
  bool terminating = deploy_is_deleting(pod);
  bool serving = deploy_pod_is_ready(pod);
  struct json *endpoint = json_new_object(arena);
  json_append(json_need_array(arena, endpoint, "addresses"),
              json_new_string(arena, json_path_string(pod, "status.podIP")));
  struct json *conditions = json_need_object(arena, endpoint, "conditions");
  json_put_bool(arena, conditions, "ready", publish || (serving && !terminating));
  json_put_bool(arena, conditions, "serving", serving);
  json_put_bool(arena, conditions, "terminating", terminating);
  json_put_string(arena, endpoint, "nodeName", json_path_string(pod, "spec.nodeName"));
  struct json *target = json_need_object(arena, endpoint, "targetRef");
  json_put_z(arena, target, "kind", "Pod");
  json_put_string(arena, target, "name", json_path_string(pod, "metadata.name"));
  json_put_string(arena, target, "namespace", json_path_string(pod, "metadata.namespace"));
  json_put_string(arena, target, "uid", deploy_uid(pod));
  return endpoint;
}

static bool has_ended(const struct json *pod) {
  struct str phase = json_path_string(pod, "status.phase");
  return str_eq(phase, STR("Failed")) || str_eq(phase, STR("Succeeded"));
}

static int by_name(const void *a, const void *b) {
  return str_cmp(json_path_string(*(const struct json *const *)a, "metadata.name"),
                 json_path_string(*(const struct json *const *)b, "metadata.name"));
}

static struct slice *slice_for(struct slice **slices, size_t *count, size_t *capacity,
                               struct json *ports, struct arena *arena) {
  struct str key = json_text(arena, ports);
  for (size_t i = 0; i < *count; i++)
    if (str_eq((*slices)[i].key, key))
      return &(*slices)[i];
  void *items = *slices;
  struct slice *slice = arena_push(arena, &items, count, capacity, sizeof *slice);
  *slices = items;
  *slice = (struct slice){.ports = ports, .key = key, .endpoints = json_new_array(arena)};
  return slice;
}

static struct json *slice_new(const struct json *service, struct str name, struct arena *arena) {
  struct json *object = json_new_object(arena);
  json_put_z(arena, object, "apiVersion", "discovery.k8s.io/v1");
  json_put_z(arena, object, "kind", "EndpointSlice");
  struct json *meta = json_need_object(arena, object, "metadata");
  struct str service_name = json_path_string(service, "metadata.name");
  json_put_string(arena, meta, "name", name);
  json_put_string(arena, meta, "namespace", json_path_string(service, "metadata.namespace"));
  struct json *labels = json_need_object(arena, meta, "labels");
  json_put_string(arena, labels, "kubernetes.io/service-name", service_name);
  json_put_z(arena, labels, "endpointslice.kubernetes.io/managed-by", DEPLOY_SLICE_MANAGER);
  json_put(arena, meta, "ownerReferences", deploy_owner(arena, service, "v1", "Service"));
  json_put_z(arena, object, "addressType", "IPv4");
  return object;
}

static void plan_slice(const struct json *service, const struct slice *slice,
                       const struct deploy_list *old, bool *kept, struct deploy_actions *actions) {
  struct arena *arena = actions->arena;
  struct str hash = str_slice(deploy_hash(slice->ports, arena), 0, 5);
  struct str name = arena_printf(
      arena, "%.*s-%.*s", STR_ARG(json_path_string(service, "metadata.name")), STR_ARG(hash));
  struct deploy_action action = {
      .kind = "EndpointSlice", .ns = json_path_string(service, "metadata.namespace"), .name = name};
  for (size_t i = 0; i < old->count; i++) {
    if (!str_eq(json_path_string(old->items[i], "metadata.name"), name))
      continue;
    kept[i] = true;
    if (json_equal(json_get(old->items[i], "endpoints"), slice->endpoints) &&
        json_equal(json_get(old->items[i], "ports"), slice->ports))
      return;
    action.verb = DEPLOY_PATCH;
    action.body = json_new_object(arena);
  }
  if (!action.body) {
    action.verb = DEPLOY_CREATE;
    action.body = slice_new(service, name, arena);
  }
  json_put(arena, action.body, "endpoints", slice->endpoints);
  json_put(arena, action.body, "ports", slice->ports);
  deploy_add(actions, action);
}

void deploy_slice_plan(const struct json *service, const struct deploy_list *pods,
                       const struct deploy_list *slices, const struct json *endpoints,
                       struct deploy_actions *actions) {
  struct arena *arena = actions->arena;
  const struct json *selector = json_path(service, "spec.selector");
  bool ours = selector && selector->count > 0 && !deploy_is_deleting(service) &&
              !str_eq(json_path_string(service, "spec.type"), STR("ExternalName"));
  struct deploy_list chosen = {0};
  for (size_t i = 0; ours && i < pods->count; i++)
    if (selects(selector, pods->items[i]) && !has_ended(pods->items[i]) &&
        !str_is_empty(json_path_string(pods->items[i], "status.podIP")))
      deploy_list_add(&chosen, arena, pods->items[i]);
  if (chosen.count > 0)
    qsort(chosen.items, chosen.count, sizeof *chosen.items, by_name);
  struct slice *wanted = NULL;
  size_t count = 0, capacity = 0;
  for (size_t i = 0; i < chosen.count; i++) {
    struct json *ports = ports_for(service, chosen.items[i], arena);
    struct slice *slice = slice_for(&wanted, &count, &capacity, ports, arena);
    json_append(slice->endpoints, endpoint_of(service, chosen.items[i], arena));
  }
  bool *kept = ARENA_ARRAY(arena, bool, slices->count + 1);
  struct json *subsets = json_new_array(arena);
  for (size_t i = 0; i < count; i++) {
    plan_slice(service, &wanted[i], slices, kept, actions);
    deploy_endpoints_add(subsets, wanted[i].endpoints, wanted[i].ports, arena);
  }
  if (ours)
    deploy_endpoints_plan(service, subsets, endpoints, actions);
  for (size_t i = 0; i < slices->count; i++)
    if (!kept[i] && !deploy_is_deleting(slices->items[i]))
      deploy_add(actions, (struct deploy_action){
                              .verb = DEPLOY_DELETE,
                              .kind = "EndpointSlice",
                              .ns = json_path_string(slices->items[i], "metadata.namespace"),
                              .name = json_path_string(slices->items[i], "metadata.name")});
}
