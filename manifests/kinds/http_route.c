// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/http_route.h"

#include "manifests/kinds/route_fields.h"
#include "manifests/kinds/route_filter_check.h"
#include "manifests/schema/format.h"

#define DEFAULT_PATH "{\"type\":\"PathPrefix\",\"value\":\"/\"}"
#define DEFAULT_MATCHES "[{\"path\":" DEFAULT_PATH "}]"

static void check_path(const void *object, struct check *check) {
  const struct http_route_path_match *path = object;
  static const char *const forbidden[] = {"//", "/./", "/../", "%2f", "%2F", "#"};
  if (path->type == HTTP_ROUTE_PATH_REGEX) {
    route_check_regex(path->value, "value", check);
    return;
  }
  if (!format_absolute_path.is_valid(path->value))
    check_error(check, "bad-value", "value", "must start with '/'");
  for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
    if (str_contains(path->value, str_of(forbidden[i])))
      check_error(check, "bad-value", "value", "must not contain \"%s\"", forbidden[i]);
  if (str_ends(path->value, STR("/..")) || str_ends(path->value, STR("/.")))
    check_error(check, "bad-value", "value", "must not end in '/.' or '/..'");
}

static const struct field path_fields[] = {
    F_ENUM(struct http_route_path_match, type, "type",
           ((const struct enum_value[]){
               {.name = ""},
               {.name = "Exact", .doc = "the whole path"},
               {.name = "PathPrefix", .doc = "by path element: /a matches /a and /a/b, not /ab"},
               {.name = "RegularExpression", .doc = "the whole path"},
               {.name = NULL}}),
           .fallback = "PathPrefix", F_ENFORCED, .doc = "How the path is compared."),
    F_STRING(struct http_route_path_match, value, "value", F_RANGE(0, 1024), .fallback = "/",
             F_ENFORCED, .doc = "What it is compared with."),
};
static const struct schema path_schema =
    SCHEMA("HTTPPathMatch", struct http_route_path_match, path_fields, .check = check_path);

static void check_match(const void *object, struct check *check) {
  const struct http_route_match *match = object;
  check_unique(check, "headers", ".name", match->headers, match->headers_count,
               sizeof(struct route_value_match), offsetof(struct route_value_match, name));
  check_unique(check, "queryParams", ".name", match->query_params, match->query_params_count,
               sizeof(struct route_value_match), offsetof(struct route_value_match, name));
  static const char *const methods[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                        "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  bool known = !match->method.len;
  for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]) && !known; i++)
    known = str_eq_z(match->method, methods[i]);
  if (!known)
    check_error(check, "bad-value", "method",
                "expected GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE or PATCH, found "
                "\"%.*s\"",
                STR_ARG(str_slice(match->method, 0, 40)));
}

static const struct field match_fields[] = {
    F_OBJECT(struct http_route_match, path, "path", &path_schema, .fallback = DEFAULT_PATH,
             .doc = "The path."),
    F_LIST(struct http_route_match, headers, "headers", &route_header_match_schema, F_RANGE(0, 16),
           .merge_key = "name", .doc = "Headers; all must match."),
    F_LIST(struct http_route_match, query_params, "queryParams", &route_query_match_schema,
           F_RANGE(0, 16), .merge_key = "name", .doc = "Query parameters; all must match."),
    F_STRING(struct http_route_match, method, "method", F_ENFORCED, .doc = "The method."),
};
static const struct schema match_schema =
    SCHEMA("HTTPRouteMatch", struct http_route_match, match_fields, .check = check_match,
           .doc = "All that is given must hold.");

static void check_timeouts(const void *object, struct check *check) {
  const struct http_route_timeouts *timeouts = object;
  if (timeouts->request_ms > 0 && timeouts->backend_request_ms > timeouts->request_ms)
    check_error(check, "out-of-range", "backendRequest", "must not be longer than request");
}

static const struct field timeouts_fields[] = {
    F_GEP_DURATION_OPT(struct http_route_timeouts, request_ms, "request", F_ENFORCED,
                       .doc = "Time for the whole exchange; 0s: none."),
    F_GEP_DURATION_OPT(struct http_route_timeouts, backend_request_ms, "backendRequest", F_ENFORCED,
                       .doc = "Time for one try."),
};
static const struct schema timeouts_schema = SCHEMA("HTTPRouteTimeouts", struct http_route_timeouts,
                                                    timeouts_fields, .check = check_timeouts);

static const struct field retry_fields[] = {
    F_INTS(struct http_route_retry, codes, "codes", F_RANGE(400, 599), F_ENFORCED,
           .doc = "Statuses after which the request is tried again."),
    F_INT_OPT(struct http_route_retry, attempts, "attempts", F_AT_LEAST(1), F_ENFORCED,
              .doc = "Retries after the first try."),
    F_GEP_DURATION(struct http_route_retry, backoff_ms, "backoff", F_ENFORCED,
                   .doc = "Least pause before a retry."),
};
static const struct schema retry_schema =
    SCHEMA("HTTPRouteRetry", struct http_route_retry, retry_fields);

static bool has_filter(const struct http_route_rule *rule, enum route_filter_type type) {
  for (size_t i = 0; i < rule->filters_count; i++)
    if (rule->filters[i].type == type)
      return true;
  return false;
}

static bool replaces_prefix(const struct route_filter *filter) {
  const struct route_path_modifier *path = NULL;
  if (filter->url_rewrite)
    path = filter->url_rewrite->path;
  else if (filter->request_redirect)
    path = filter->request_redirect->path;
  return path && path->type == ROUTE_PATH_REPLACE_PREFIX;
}

static void check_rule(const void *object, struct check *check) {
  const struct http_route_rule *rule = object;
  route_check_filters(rule->filters, rule->filters_count, "filters", check);
  if (has_filter(rule, ROUTE_FILTER_REDIRECT) && rule->backend_refs_count)
    check_error(check, "one-of", "backendRefs", "a rule with RequestRedirect has no backendRefs");
  for (size_t i = 0; i < rule->filters_count; i++)
    if (replaces_prefix(&rule->filters[i]) &&
        (rule->matches_count != 1 || rule->matches[0].path.type != HTTP_ROUTE_PATH_PREFIX))
      check_error(check, "bad-value", check_index(check, "filters", i, ""),
                  "ReplacePrefixMatch needs exactly one match, of type PathPrefix");
  int64_t sum = 0;
  for (size_t i = 0; i < rule->backend_refs_count; i++)
    sum += rule->backend_refs[i].weight;
  if (rule->backend_refs_count && sum == 0)
    check_warn(check, "zero-weights", "backendRefs",
               "all weights are 0: every request of this rule is answered with 500");
  if (!rule->backend_refs_count && !has_filter(rule, ROUTE_FILTER_REDIRECT))
    check_warn(check, "no-backend", "",
               "without backendRefs every request of this rule is answered with 500");
}

static const struct field rule_fields[] = {
    F_STRING(struct http_route_rule, name, "name", F_RANGE(1, 253), .format = &format_dns_subdomain,
             .doc = "Name of the rule, unique in the route."),
    F_LIST(struct http_route_rule, matches, "matches", &match_schema, F_RANGE(0, 64),
           .fallback = DEFAULT_MATCHES, .doc = "Any of these."),
    F_LIST(struct http_route_rule, filters, "filters", &route_filter_schema, F_RANGE(0, 16),
           .doc = "What happens to the request and its response."),
    F_LIST(struct http_route_rule, backend_refs, "backendRefs", &route_backend_ref_schema,
           F_RANGE(0, 16), .doc = "Where requests go, by weight."),
    F_OPTIONAL(struct http_route_rule, timeouts, "timeouts", &timeouts_schema,
               .doc = "Time limits; none when not given."),
    F_OPTIONAL(struct http_route_rule, retry, "retry", &retry_schema,
               .doc = "When a request is tried again."),
    F_OPTIONAL(struct http_route_rule, session_persistence, "sessionPersistence",
               &route_session_persistence_schema, F_NOT_ENFORCED,
               .doc = "Keeps a client on one endpoint."),
};
static const struct schema rule_schema =
    SCHEMA("HTTPRouteRule", struct http_route_rule, rule_fields, .check = check_rule);

static void check_spec(const void *object, struct check *check) {
  const struct http_route_spec *spec = object;
  route_check_parents(spec->parent_refs, spec->parent_refs_count, check);
  size_t matches = 0;
  for (size_t i = 0; i < spec->rules_count; i++) {
    matches += spec->rules[i].matches_count;
    for (size_t j = 0; j < i; j++)
      if (spec->rules[i].name.len && str_eq(spec->rules[i].name, spec->rules[j].name))
        check_error(check, "duplicate", check_index(check, "rules", i, ".name"),
                    "is the same as rules[%zu]", j);
  }
  if (matches > 128)
    check_error(check, "out-of-range", "rules", "at most 128 matches in all rules, found %zu",
                matches);
}

static const struct field spec_fields[] = {
    F_LIST(struct http_route_spec, parent_refs, "parentRefs", &route_parent_ref_schema,
           F_RANGE(0, 32), .doc = "The Gateways it attaches to."),
    F_STRINGS(struct http_route_spec, hostnames, "hostnames", F_RANGE(0, 16), F_ENFORCED,
              .format = &format_hostname,
              .doc = "Hosts it answers for; none: all of the listener."),
    F_LIST(struct http_route_spec, rules, "rules", &rule_schema, F_RANGE(1, 16),
           .fallback = "[{\"matches\":" DEFAULT_MATCHES "}]", .doc = "The rules."),
    F_STRING(struct http_route_spec, use_default_gateways, "useDefaultGateways", F_NOT_ENFORCED,
             .doc = "Experimental in the Gateway API."),
};
static const struct schema spec_schema =
    SCHEMA("HTTPRouteSpec", struct http_route_spec, spec_fields, .check = check_spec);

static const struct field http_route_fields[] = {
    F_OBJECT(struct http_route, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct http_route, spec, "spec", &spec_schema, .required = true, .doc = "The routes."),
    F_OPTIONAL(struct http_route, status, "status", &route_status_schema, .read_only = true,
               .doc = "Written by controllers."),
};
static const struct schema http_route_schema =
    SCHEMA("HTTPRoute", struct http_route, http_route_fields);

static const struct printer_column columns[] = {
    {.name = "Hostnames", .type = "string", .path = ".spec.hostnames"},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc http_route_kind = {
    .group = ROUTE_API_GROUP,
    .versions = (const char *const[]){"v1", "v1beta1", NULL},
    .kind = "HTTPRoute",
    .plural = "httproutes",
    .singular = "httproute",
    .categories = (const char *const[]){"gateway-api", NULL},
    .namespaced = true,
    .has_status = true,
    .has_generation = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &http_route_schema,
    .doc = "Routes attached to Gateways, as the Gateway API means them.",
};
