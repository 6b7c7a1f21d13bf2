// SPDX-License-Identifier: Apache-2.0
// Which HTTPRoute attaches to which listener, and why not (docs/dataplane.md 4.1, 4.8; section 7,
// row 30).
#include "proxy/host.h"
#include "proxy/table_gateways.h"

#include <string.h>

// What became of one parentRef while the listeners of its Gateway were tried.
struct attach {
  const struct part_object *object;
  const struct http_route *route;
  const struct route_parent_ref *ref;
  const struct http_made *made;
  bool named, open, allowed, attached; // some listener was, up to here
  struct str closed;                   // why the named ones are not open
};

static bool namespace_admitted(struct builder *builder, const struct gateway_namespaces *allowed,
                               struct str gateway, struct str route) {
  switch (allowed->from) {
  case GATEWAY_FROM_ALL: return true;
  case GATEWAY_FROM_NONE: return false;
  case GATEWAY_FROM_UNSET:
  case GATEWAY_FROM_SAME: return str_eq(gateway, route);
  case GATEWAY_FROM_SELECTOR: break;
  }
  const struct namespace_ *found = map_get(&builder->gateway->namespace_by_name, route);
  if (found)
    return label_selector_matches(allowed->selector, &found->metadata.labels);
  // Files rarely declare the Namespace; this label every Namespace has.
  struct string_pair name = {STR("kubernetes.io/metadata.name"), route};
  const struct string_map labels = {.items = &name, .count = 1};
  return label_selector_matches(allowed->selector, &labels);
}

// Whether any host name of the route is one of the listener's; attaches those that are.
static bool attach_hostnames(struct builder *builder, const struct attach *attach,
                             struct gateway_place *place) {
  const struct http_route_spec *spec = &attach->route->spec;
  struct str everything = place->hostname.len ? place->hostname : STR("*"), both;
  bool any = false;
  if (spec->hostnames_count == 0) {
    table_attach_routes(builder, place, attach->object, STR(""), attach->made);
    return true;
  }
  for (size_t i = 0; i < spec->hostnames_count; i++) {
    struct str hostname = table_lower(builder->arena, spec->hostnames[i]);
    if (!host_intersect(everything, hostname, &both))
      continue;
    table_attach_routes(builder, place, attach->object, hostname, attach->made);
    any = true;
  }
  return any;
}

static void attach_listener(struct builder *builder, struct attach *attach,
                            const struct part_gateway *gateway, struct gateway_place *place) {
  const struct route_parent_ref *ref = attach->ref;
  if (ref->section_name.len && !str_eq(ref->section_name, place->declared->name))
    return;
  if (ref->port && ref->port != place->declared->port)
    return;
  attach->named = true;
  if (!place->is_open) {
    attach->closed = arena_printf(builder->arena, "listener %.*s is not open: %.*s",
                                  STR_ARG(place->declared->name), STR_ARG(place->report->message));
    return;
  }
  attach->open = true;
  if (!place->report->takes_http_routes ||
      !namespace_admitted(builder, &place->declared->allowed_routes.namespaces,
                          gateway->object->meta->namespace_, attach->object->meta->namespace_))
    return;
  attach->allowed = true;
  if (!attach_hostnames(builder, attach, place))
    return;
  attach->attached = true;
  place->report->attached_routes++;
}

static void parent_answer(struct gateway_report_parent *report, const char *reason,
                          struct str message) {
  report->accepted = reason;
  report->accepted_message = message;
}

static void parent_outcome(struct builder *builder, const struct attach *attach,
                           struct gateway_report_parent *report) {
  const struct http_made *made = attach->made;
  struct str gateway = attach->ref->name;
  if (!attach->named)
    parent_answer(
        report, "NoMatchingParent",
        arena_printf(builder->arena, "Gateway %.*s has no such listener", STR_ARG(gateway)));
  else if (!attach->open)
    parent_answer(report, "NoMatchingParent", attach->closed);
  else if (!attach->allowed)
    parent_answer(report, "NotAllowedByListeners",
                  arena_printf(builder->arena,
                               "allowedRoutes of Gateway %.*s admit no HTTPRoute of namespace %.*s",
                               STR_ARG(gateway), STR_ARG(attach->object->meta->namespace_)));
  else if (!attach->attached)
    parent_answer(
        report, "NoMatchingListenerHostname",
        arena_printf(builder->arena, "no hostname is one of Gateway %.*s's", STR_ARG(gateway)));
  else if (made->rules_dropped == attach->route->spec.rules_count)
    parent_answer(report, "UnsupportedValue", made->dropped);
  else
    parent_answer(report, "Accepted", STR("Route was accepted"));
  if (made->rules_dropped && made->rules_dropped < attach->route->spec.rules_count)
    report->dropped = made->dropped;
  report->resolved = made->resolved;
  report->resolved_message = made->resolved_message;
  if (strcmp(report->accepted, "Accepted") != 0)
    table_finding(builder, FINDING_WARNING, attach->object, STR("spec.parentRefs"), "not-accepted",
                  "%s: %.*s", report->accepted, STR_ARG(report->accepted_message));
}

static void parent_echo(struct builder *builder, const struct route_parent_ref *ref,
                        struct gateway_report_parent *report) {
  struct arena *arena = builder->arena;
  *report = (struct gateway_report_parent){.group = arena_str(arena, ref->group),
                                           .kind = arena_str(arena, ref->kind),
                                           .namespace_ = arena_str(arena, ref->namespace_),
                                           .name = arena_str(arena, ref->name),
                                           .section_name = arena_str(arena, ref->section_name),
                                           .port = ref->port,
                                           .accepted = "Accepted",
                                           .resolved = "ResolvedRefs"};
}

// ---- what stands for a listener ----

// The command line's listeners: those of persona gateway that no declared Gateway has, else the
// mesh's when there is no gateway at all. NULL: nowhere.
static struct gateway_place *place_of_command_line(struct builder *builder) {
  struct table_gateways *all = builder->gateway;
  if (all->command_line)
    return all->command_line;
  bool has_gateway = false, has_free = false;
  for (size_t i = 0; i < builder->input->settings->listener_count; i++) {
    bool is_gateway = builder->listeners[i].listener.persona == TABLE_GATEWAY;
    has_gateway = has_gateway || is_gateway;
    has_free = has_free || (is_gateway && !builder->listeners[i].is_claimed);
  }
  if (has_gateway && !has_free)
    return NULL;
  struct gateway_place *place = table_place_new(builder, STR(""));
  table_place_add_scope(builder, place, has_gateway ? builder->edge : builder->mesh);
  place->is_open = true;
  all->command_line = place;
  return place;
}

static bool attach_assumed(struct builder *builder, struct attach *attach) {
  struct gateway_place *place = place_of_command_line(builder);
  if (!place) {
    table_finding(builder, FINDING_WARNING, attach->object, STR("spec.parentRefs"), "not-accepted",
                  "Gateway %.*s is not declared, and every listener of the command line belongs to "
                  "another Gateway",
                  STR_ARG(attach->ref->name));
    return false;
  }
  table_finding(
      builder, FINDING_INFO, attach->object, STR("spec.parentRefs"), "assumed-gateway",
      "Accepted: assumed. Gateway %.*s is not declared; the listeners of the command line "
      "stand for it",
      STR_ARG(attach->ref->name));
  return attach_hostnames(builder, attach, place);
}

// An HTTPRoute of a Service routes what the mesh sends to it.
static bool attach_service(struct builder *builder, struct attach *attach,
                           struct gateway_report_parent *report) {
  struct table_gateways *all = builder->gateway;
  struct str namespace_ =
      attach->ref->namespace_.len ? attach->ref->namespace_ : attach->object->meta->namespace_;
  struct str fqdn = host_expand(builder->arena, attach->ref->name, namespace_, builder->domain);
  const struct part_service *service = map_get(&builder->service_by_name, fqdn);
  if (!service) {
    parent_answer(report, "NoMatchingParent",
                  arena_printf(builder->arena, "no Service %.*s", STR_ARG(fqdn)));
    return false;
  }
  // Routes of other namespaces are for clients of those namespaces.
  if (!str_eq(namespace_, attach->object->meta->namespace_) &&
      !str_eq(attach->object->meta->namespace_, builder->input->settings->namespace_))
    return false;
  struct gateway_place *place = map_get(&all->service_places, fqdn);
  if (!place) {
    place = table_place_new(builder, fqdn);
    table_place_add_scope(builder, place, builder->mesh);
    place->is_open = true;
    (void)map_put(&all->service_places, fqdn, place);
  }
  table_attach_routes(builder, place, attach->object, STR(""), attach->made);
  return true;
}

// ---- one route ----

static bool attach_parent(struct builder *builder, struct attach *attach,
                          struct gateway_report_parent *report, bool *ret_ours) {
  const struct route_parent_ref *ref = attach->ref;
  *ret_ours = false;
  if (str_eq(ref->kind, STR("Service")) && ref->group.len == 0) {
    bool any = attach_service(builder, attach, report);
    report->resolved = attach->made->resolved;
    report->resolved_message = attach->made->resolved_message;
    *ret_ours = true;
    return any;
  }
  if (!str_eq(ref->group, GATEWAY_API_GROUP) || !str_eq(ref->kind, STR("Gateway"))) {
    table_finding(builder, FINDING_INFO, attach->object, STR("spec.parentRefs"),
                  "not-for-this-proxy", "parents of kind %.*s are not served here",
                  STR_ARG(ref->kind));
    return false;
  }
  struct str namespace_ = ref->namespace_.len ? ref->namespace_ : attach->object->meta->namespace_;
  const struct part_gateway *gateway =
      map_get(&builder->gateway->gateway_by_name,
              TABLE_CONCAT(&builder->scratch, namespace_, STR("/"), ref->name));
  if (!gateway)
    return attach_assumed(builder, attach);
  if (!gateway->is_ours)
    return false;
  *ret_ours = true;
  for (size_t i = 0; i < gateway->report->listener_count; i++)
    attach_listener(builder, attach, gateway, gateway->places[i]);
  parent_outcome(builder, attach, report);
  return attach->attached;
}

static void attach_route(struct builder *builder, const struct part_object *object,
                         struct gateway_report_route *report) {
  const struct http_route *route = object->from->object;
  const struct http_made *made = table_make_http_route(builder, object);
  bool any = false, is_ours;
  report->namespace_ = arena_str(builder->arena, object->meta->namespace_);
  report->name = arena_str(builder->arena, object->meta->name);
  report->generation = object->meta->generation;
  report->parents =
      ARENA_ARRAY(builder->arena, struct gateway_report_parent, route->spec.parent_refs_count);
  for (size_t i = 0; i < route->spec.parent_refs_count; i++) {
    struct attach attach = {
        .object = object, .route = route, .ref = &route->spec.parent_refs[i], .made = made};
    struct gateway_report_parent *parent = &report->parents[report->parent_count];
    parent_echo(builder, attach.ref, parent);
    any = attach_parent(builder, &attach, parent, &is_ours) || any;
    report->parent_count += is_ours;
  }
  if (route->spec.parent_refs_count == 0)
    table_finding(builder, FINDING_WARNING, object, STR("spec.parentRefs"), "not-in-force",
                  "attaches to nothing");
  if (any)
    table_add_source(builder, object);
}

void table_add_http_routes(struct builder *builder) {
  struct gateway_report *report = builder->gateway->report;
  size_t count = builder->http_routes.count;
  struct gateway_report_route *routes =
      ARENA_ARRAY(builder->arena, struct gateway_report_route, count);
  for (size_t i = 0; i < count; i++) {
    attach_route(builder, &builder->http_routes.items[i], &routes[report->route_count]);
    if (routes[report->route_count].parent_count)
      report->route_count++;
    else
      routes[report->route_count] = (struct gateway_report_route){0};
  }
  report->routes = routes;
  table_make_groups(builder);
}
