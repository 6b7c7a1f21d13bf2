// SPDX-License-Identifier: Apache-2.0
#include "proxy/gateway_status.h"

#include "manifests/text/time.h"

#include <string.h>

#define STATUS_GROUP "gateway.networking.k8s.io"

// Conditions of one object or of a part of it.
struct conditions {
  struct arena *arena;
  const struct gateway_status_view *view;
  struct json *list;
  const struct json *old; // the list as it stands, or NULL
  int64_t generation;
};

static const struct json *condition_old(const struct json *list, const char *type) {
  JSON_EACH(item, list) {
    if (str_eq_z(json_get_string(item, "type"), type))
      return item;
  }
  return NULL;
}

static void condition_add(const struct conditions *to, const char *type, bool holds,
                          const char *reason, struct str message) {
  struct arena *arena = to->arena;
  const char *status = holds ? "True" : "False";
  const struct json *old = to->old ? condition_old(to->old, type) : NULL;
  struct json *item = json_new_object(arena);
  json_put_z(arena, item, "type", type);
  json_put_z(arena, item, "status", status);
  json_put_z(arena, item, "reason", reason);
  json_put_string(arena, item, "message", message);
  json_put_int(arena, item, "observedGeneration", to->generation);
  struct str since = old && str_eq_z(json_get_string(old, "status"), status)
                         ? json_get_string(old, "lastTransitionTime")
                         : STR("");
  json_put_string(arena, item, "lastTransitionTime",
                  since.len ? arena_str(arena, since) : time_format(arena, to->view->now_ms));
  json_append(to->list, item);
}

static struct conditions conditions_of(const struct gateway_status_view *view, struct arena *arena,
                                       struct json *object, const struct json *old,
                                       int64_t generation) {
  return (struct conditions){.arena = arena,
                             .view = view,
                             .list = json_need_array(arena, object, "conditions"),
                             .old = old ? json_get(old, "conditions") : NULL,
                             .generation = generation};
}

struct json *gateway_status_class(const struct gateway_status_view *view,
                                  const struct gateway_report_class *item, const struct json *old,
                                  struct arena *arena) {
  struct json *status = json_new_object(arena);
  struct conditions to = conditions_of(view, arena, status, old, item->generation);
  condition_add(&to, "Accepted", true, "Accepted", STR("Handled by serin proxy"));
  return status;
}

// ---- Gateway ----

// Why the listener is not open at all its addresses; "" when it is.
static struct str listener_error(const struct gateway_status_view *view,
                                 const struct gateway_report_listener *item, struct arena *arena) {
  for (size_t i = 0; view->listening && i < item->listener_count; i++) {
    const struct table_listener *listener = &view->table->listeners[item->listeners[i]];
    const char *error = view->listening->error(view->listening->ctx, listener);
    if (error[0])
      return arena_strz(arena, error);
  }
  return STR("");
}

static bool listener_is_valid(const struct gateway_report_listener *item) {
  return strcmp(item->accepted, "Accepted") == 0 && strcmp(item->conflicted, "NoConflicts") == 0;
}

// Returns whether it is open.
static bool listener_status(const struct gateway_status_view *view,
                            const struct gateway_report_listener *item, const struct json *old,
                            int64_t generation, struct json *list, struct arena *arena) {
  struct json *out = json_new_object(arena);
  struct str error = listener_error(view, item, arena);
  bool valid = listener_is_valid(item), accepted = strcmp(item->accepted, "Accepted") == 0;
  bool resolved = strcmp(item->resolved, "ResolvedRefs") == 0;
  bool conflicted = strcmp(item->conflicted, "NoConflicts") != 0;
  bool open = valid && item->listener_count > 0 && error.len == 0;
  json_put_string(arena, out, "name", item->name);
  json_put_int(arena, out, "attachedRoutes", item->attached_routes);
  struct json *kinds = json_need_array(arena, out, "supportedKinds");
  if (item->takes_http_routes) {
    struct json *kind = json_new_object(arena);
    json_put_z(arena, kind, "group", STATUS_GROUP);
    json_put_z(arena, kind, "kind", "HTTPRoute");
    json_append(kinds, kind);
  }
  struct conditions to = conditions_of(view, arena, out, old, generation);
  condition_add(&to, "Accepted", accepted && error.len == 0,
                error.len ? "PortUnavailable" : item->accepted,
                error.len  ? error
                : accepted ? STR("The listener is valid")
                           : item->message);
  condition_add(&to, "Conflicted", conflicted, item->conflicted,
                conflicted ? item->message : STR("No conflicts"));
  condition_add(&to, "ResolvedRefs", resolved, item->resolved,
                resolved ? STR("All references are resolved") : item->message);
  condition_add(&to, "Programmed", open, open ? "Programmed" : "Invalid",
                open                ? STR("The listener is open")
                : error.len         ? error
                : item->message.len ? item->message
                                    : STR("The listener is not open"));
  json_append(list, out);
  return open;
}

static const struct json *listener_old(const struct json *old, struct str name) {
  JSON_EACH(item, old ? json_get(old, "listeners") : NULL) {
    if (str_eq(json_get_string(item, "name"), name))
      return item;
  }
  return NULL;
}

static bool address_is_listed(const struct json *list, struct str value) {
  JSON_EACH(item, list) {
    if (str_eq(json_get_string(item, "value"), value))
      return true;
  }
  return false;
}

static void gateway_addresses(const struct gateway_status_view *view,
                              const struct gateway_report_gateway *item, struct json *status,
                              struct arena *arena) {
  struct json *list = json_need_array(arena, status, "addresses");
  for (size_t i = 0; i < item->listener_count; i++) {
    for (size_t j = 0; j < item->listeners[i].listener_count; j++) {
      const struct table_listener *listener =
          &view->table->listeners[item->listeners[i].listeners[j]];
      bool closed = view->listening && view->listening->error(view->listening->ctx, listener)[0];
      if (closed || address_is_listed(list, listener->address))
        continue;
      struct json *address = json_new_object(arena);
      json_put_z(arena, address, "type", "IPAddress");
      json_put_string(arena, address, "value", listener->address);
      json_append(list, address);
    }
  }
}

struct json *gateway_status_gateway(const struct gateway_status_view *view,
                                    const struct gateway_report_gateway *item,
                                    const struct json *old, struct arena *arena) {
  struct json *status = json_new_object(arena);
  size_t open = 0, valid = 0;
  struct str error = STR("");
  gateway_addresses(view, item, status, arena);
  struct conditions to = conditions_of(view, arena, status, old, item->generation);
  struct json *listeners = json_need_array(arena, status, "listeners");
  for (size_t i = 0; i < item->listener_count; i++) {
    const struct gateway_report_listener *listener = &item->listeners[i];
    open += listener_status(view, listener, listener_old(old, listener->name), item->generation,
                            listeners, arena);
    valid += listener_is_valid(listener);
    if (error.len == 0)
      error = listener_error(view, listener, arena);
  }
  bool all = open == item->listener_count;
  condition_add(&to, "Accepted", item->is_accepted,
                strcmp(item->accepted, "Accepted") == 0 && error.len ? "ListenersNotValid"
                                                                     : item->accepted,
                item->message.len ? item->message
                : error.len       ? error
                : all             ? STR("The Gateway is valid")
                                  : STR("Some listeners are not valid"));
  condition_add(
      &to, "Programmed", open > 0,
      open > 0    ? "Programmed"
      : error.len ? "AddressNotUsable"
                  : "Invalid",
      open > 0    ? arena_printf(arena, "%zu of %zu listeners are open", open, item->listener_count)
      : error.len ? error
      : valid     ? STR("No address could be bound")
                  : STR("No listener is valid"));
  return status;
}

// ---- HTTPRoute ----

static void parent_put(struct arena *arena, struct json *out, const char *name, struct str value) {
  if (value.len)
    json_put_string(arena, out, name, value);
}

static struct json *parent_ref(const struct gateway_report_parent *item, struct arena *arena) {
  struct json *out = json_new_object(arena);
  // The group of a Service is the empty one; it must be said, for the default is another.
  json_put_string(arena, out, "group", item->group);
  parent_put(arena, out, "kind", item->kind);
  parent_put(arena, out, "namespace", item->namespace_);
  parent_put(arena, out, "name", item->name);
  parent_put(arena, out, "sectionName", item->section_name);
  if (item->port)
    json_put_int(arena, out, "port", item->port);
  return out;
}

// Our entry for this parentRef as it stands, or NULL.
static const struct json *parent_old(const struct json *old, struct str controller,
                                     const struct json *ref) {
  JSON_EACH(item, old ? json_get(old, "parents") : NULL) {
    const struct json *has = json_get(item, "parentRef");
    if (!str_eq(json_get_string(item, "controllerName"), controller) || !has)
      continue;
    bool same = json_int(json_get(has, "port"), 0) == json_int(json_get(ref, "port"), 0);
    static const char *const names[] = {"kind", "namespace", "name", "sectionName"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
      same = same && str_eq(json_get_string(has, names[i]), json_get_string(ref, names[i]));
    if (same)
      return item;
  }
  return NULL;
}

static void parent_status(const struct gateway_status_view *view,
                          const struct gateway_report_parent *item, const struct json *old,
                          int64_t generation, struct json *list, struct arena *arena) {
  struct json *out = json_new_object(arena), *ref = parent_ref(item, arena);
  struct str controller = view->table->gateways->controller;
  json_put(arena, out, "parentRef", ref);
  json_put_string(arena, out, "controllerName", controller);
  struct conditions to =
      conditions_of(view, arena, out, parent_old(old, controller, ref), generation);
  condition_add(&to, "Accepted", strcmp(item->accepted, "Accepted") == 0, item->accepted,
                item->accepted_message.len ? item->accepted_message : STR("Route was accepted"));
  condition_add(&to, "ResolvedRefs", strcmp(item->resolved, "ResolvedRefs") == 0, item->resolved,
                item->resolved_message.len ? item->resolved_message
                                           : STR("All references are resolved"));
  if (item->dropped.len)
    condition_add(&to, "PartiallyInvalid", true, "UnsupportedValue", item->dropped);
  json_append(list, out);
}

struct json *gateway_status_route(const struct gateway_status_view *view,
                                  const struct gateway_report_route *item, const struct json *old,
                                  struct arena *arena) {
  struct json *status = json_new_object(arena);
  struct json *parents = json_need_array(arena, status, "parents");
  JSON_EACH(other, old ? json_get(old, "parents") : NULL) {
    if (!str_eq(json_get_string(other, "controllerName"), view->table->gateways->controller))
      json_append(parents, json_dup(arena, other));
  }
  for (size_t i = 0; i < item->parent_count; i++)
    parent_status(view, &item->parents[i], old, item->generation, parents, arena);
  return status;
}

// ---- for people ----

static void all_add(struct arena *arena, struct json *list, struct str namespace_, struct str name,
                    struct json *status) {
  struct json *out = json_new_object(arena);
  if (namespace_.len)
    json_put_string(arena, out, "namespace", namespace_);
  json_put_string(arena, out, "name", name);
  json_put(arena, out, "status", status);
  json_append(list, out);
}

struct json *gateway_status_all(const struct gateway_status_view *view, struct arena *arena) {
  const struct gateway_report *report = view->table->gateways;
  struct json *out = json_new_object(arena);
  struct json *classes = json_need_array(arena, out, "gatewayClasses");
  struct json *gateways = json_need_array(arena, out, "gateways");
  struct json *routes = json_need_array(arena, out, "httpRoutes");
  for (size_t i = 0; report && i < report->class_count; i++)
    all_add(arena, classes, STR(""), report->classes[i].name,
            gateway_status_class(view, &report->classes[i], NULL, arena));
  for (size_t i = 0; report && i < report->gateway_count; i++)
    all_add(arena, gateways, report->gateways[i].namespace_, report->gateways[i].name,
            gateway_status_gateway(view, &report->gateways[i], NULL, arena));
  for (size_t i = 0; report && i < report->route_count; i++)
    all_add(arena, routes, report->routes[i].namespace_, report->routes[i].name,
            gateway_status_route(view, &report->routes[i], NULL, arena));
  return out;
}
