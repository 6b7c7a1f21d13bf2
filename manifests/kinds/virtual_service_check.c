// SPDX-License-Identifier: Apache-2.0
// Rules of one HTTP route and of the whole object. Those of the policies on the way:
// virtual_service_rules.c.
#include "manifests/kinds/virtual_service_check.h"

#include "manifests/base/map.h"

void vs_check_match(const void *object, struct check *check) {
  const struct vs_match *match = object;
  for (size_t i = 0; i < match->headers_count; i++) {
    const struct named_string_match *header = &match->headers[i];
    if (str_starts(header->key, STR("@request.auth.")))
      check_error(check, "unsupported", "headers", "matching of JWT claims is not supported");
  }
  for (size_t i = 0; i < match->query_params_count; i++)
    if (!match->query_params[i].key.len)
      check_error(check, "bad-value", "queryParams", "a parameter must have a name");
}

static size_t actions(const struct vs_http *http) {
  return (size_t)(http->route_count > 0) + (http->redirect != NULL) +
         (http->direct_response != NULL);
}

static void check_action(const struct vs_http *http, struct check *check) {
  size_t count = actions(http);
  if (http->delegate && count)
    check_error(check, "one-of", "delegate",
                "a route that delegates has no route, redirect or directResponse");
  else if (!http->delegate && count == 0)
    check_error(check, "required", "", "one of route, redirect or directResponse is required");
  else if (count > 1)
    check_error(check, "one-of", "", "only one of route, redirect and directResponse may be given");
  if (http->redirect && http->fault)
    check_error(check, "one-of", "fault", "a redirect cannot have a fault");
  if (http->redirect && http->rewrite)
    check_error(check, "one-of", "rewrite", "a redirect cannot have a rewrite");
  if (http->direct_response && http->fault)
    check_error(check, "one-of", "fault", "a directResponse cannot have a fault");
  if (http->direct_response && http->rewrite)
    check_error(check, "one-of", "rewrite", "a directResponse cannot have a rewrite");
  if (http->rewrite && !http->redirect && !http->direct_response && !http->route_count &&
      !http->delegate)
    check_error(check, "required", "rewrite", "a rewrite needs a route");
}

static void check_weights(const struct vs_route_destination *route, size_t count,
                          struct check *check) {
  int64_t sum = 0;
  for (size_t i = 0; i < count; i++)
    sum += route[i].weight;
  if (count > 1 && sum == 0)
    check_error(check, "zero-weights", "route",
                "the weights of all destinations are 0; at least one must be above");
}

static void check_mirror(const struct vs_http *http, struct check *check) {
  if (http->mirror && http->mirrors_count)
    check_error(check, "one-of", "mirrors", "only one of mirror and mirrors may be given");
  if (!http->mirror && (http->mirror_percentage || http->has_mirror_percent))
    check_warn(check, "no-effect", http->mirror_percentage ? "mirrorPercentage" : "mirrorPercent",
               "has no effect without mirror");
}

// prefixRewrite replaces the matched prefix, so every block must match by prefix.
static void check_prefix_redirect(const struct vs_http *http, struct check *check) {
  if (!http->redirect || !http->redirect->prefix_rewrite.len)
    return;
  for (size_t i = 0; i < http->match_count; i++)
    if (http->match[i].uri && !http->match[i].uri->prefix.ptr)
      check_error(check, "bad-value", "redirect.prefixRewrite",
                  "needs a uri match by prefix, but match[%zu] has another one", i);
}

static size_t host_headers(const struct string_map *map) {
  size_t count = 0;
  for (size_t i = 0; i < map->count; i++)
    count +=
        str_eq_nocase(map->items[i].key, STR("host")) || str_eq_z(map->items[i].key, ":authority");
  return count;
}

// The host is rewritten in one place only.
static void check_host_rewrite(const struct vs_http *http, struct check *check) {
  size_t count = http->rewrite && http->rewrite->authority.len;
  if (http->headers)
    count += host_headers(&http->headers->request.set) + host_headers(&http->headers->request.add);
  if (count > 1)
    check_error(check, "one-of", "headers.request",
                "only one of rewrite.authority, set and add may change the host");
}

void vs_check_http(const void *object, struct check *check) {
  const struct vs_http *http = object;
  check_action(http, check);
  check_weights(http->route, http->route_count, check);
  check_mirror(http, check);
  check_host_rewrite(http, check);
  check_prefix_redirect(http, check);
}

void vs_check_l4(const void *object, struct check *check) {
  const struct vs_l4_route *l4 = object;
  if (!l4->route_count)
    check_error(check, "required", "route", "is required");
  check_weights(l4->route, l4->route_count, check);
  for (size_t i = 0; i < l4->route_count; i++)
    if (l4->route[i].headers)
      check_error(check, "bad-value", check_index(check, "route", i, ".headers"),
                  "only HTTP routes can change headers");
}

// "mesh", "name" or "namespace/name".
static bool is_gateway_name(struct str s) {
  struct str part;
  size_t parts = 0;
  while (str_next(&s, '/', &part)) {
    if (++parts > 2 || !part.len)
      return false;
    for (size_t i = 0; i < part.len; i++) {
      char c = part.ptr[i];
      if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'))
        return false;
    }
  }
  return parts > 0;
}

static bool is_mesh_only(const struct virtual_service_spec *spec) {
  for (size_t i = 0; i < spec->gateways_count; i++)
    if (!str_eq_z(spec->gateways[i], "mesh"))
      return false;
  return true;
}

// The wildcard of the same object that covers this host, or NULL. `wildcards`: without their star.
static const struct str *covering(const struct map *wildcards, struct str host) {
  for (size_t i = str_starts(host, STR("*")) ? 2 : 1; i < host.len; i++) {
    const struct str *found =
        host.ptr[i] == '.' ? map_get(wildcards, str_slice(host, i, host.len)) : NULL;
    if (found)
      return found;
  }
  return str_eq_z(host, "*") ? NULL : map_get(wildcards, STR(""));
}

// "*.suffix" and "*" cover other names. There may be very many hosts.
static void check_overlap(const struct virtual_service_spec *spec, struct check *check) {
  struct map wildcards;
  map_init(&wildcards);
  for (size_t i = 0; i < spec->hosts_count; i++)
    if (str_starts(spec->hosts[i], STR("*")))
      (void)map_put(&wildcards, str_slice(spec->hosts[i], 1, spec->hosts[i].len), &spec->hosts[i]);
  for (size_t i = 0; i < spec->hosts_count; i++) {
    const struct str *other = covering(&wildcards, spec->hosts[i]);
    if (other)
      check_error(check, "duplicate", check_index(check, "hosts", i, ""),
                  "is covered by \"%.*s\" of the same object", STR_ARG(str_slice(*other, 0, 253)));
  }
  map_dispose(&wildcards);
}

static void check_hosts(const struct virtual_service_spec *spec, struct check *check) {
  bool delegate = !spec->gateways_count && spec->http_count && !spec->tls_count && !spec->tcp_count;
  if (!spec->hosts_count && !delegate)
    check_error(check, "required", "hosts",
                "is required (only a delegate, with http alone and without gateways, has none)");
  for (size_t i = 0; i < spec->hosts_count; i++) {
    if (str_eq_z(spec->hosts[i], "*") && is_mesh_only(spec))
      check_error(check, "bad-value", check_index(check, "hosts", i, ""),
                  "the host * needs a gateway; the mesh alone cannot have it");
    if (!spec->hosts[i].len)
      check_error(check, "required", check_index(check, "hosts", i, ""), "must not be empty");
  }
  check_overlap(spec, check);
  check_unique(check, "hosts", "", spec->hosts, spec->hosts_count, sizeof(struct str), 0);
}

static bool is_catch_all(const struct vs_match *match) {
  bool everything =
      !match->uri || str_eq_z(match->uri->prefix, "/") || str_eq_z(match->uri->regex, ".*");
  return everything && !match->headers_count && !match->without_headers_count &&
         !match->query_params_count && !match->method && !match->scheme && !match->authority &&
         !match->port && !match->gateways_count && !match->source_labels.count &&
         !match->source_namespace.len;
}

static void check_reach(const struct virtual_service_spec *spec, struct check *check) {
  for (size_t i = 0; i < spec->http_count; i++) {
    bool all = spec->http[i].match_count == 0;
    for (size_t j = 0; j < spec->http[i].match_count && !all; j++)
      all = is_catch_all(&spec->http[i].match[j]);
    if (!all)
      continue;
    for (size_t j = i + 1; j < spec->http_count; j++)
      check_warn(check, "unreachable-route", check_index(check, "http", j, ""),
                 "never matches: http[%zu] takes every request", i);
    return;
  }
}

void vs_check_spec(const void *object, struct check *check) {
  const struct virtual_service_spec *spec = object;
  if (!spec->http_count && !spec->tls_count && !spec->tcp_count)
    check_error(check, "required", "", "one of http, tls and tcp is required");
  check_hosts(spec, check);
  for (size_t i = 0; i < spec->gateways_count; i++)
    if (!is_gateway_name(spec->gateways[i]))
      check_error(check, "bad-value", check_index(check, "gateways", i, ""),
                  "expected mesh, name or namespace/name, found \"%.*s\"",
                  STR_ARG(str_slice(spec->gateways[i], 0, 80)));
  check_reach(spec, check);
}
