// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/route_fields.h"

#include "manifests/kinds/http_route.h"
#include "manifests/kinds/route_filter_check.h"
#include "manifests/schema/format.h"

static const struct field parent_ref_fields[] = {
    F_STRING(struct route_parent_ref, group, "group", F_RANGE(0, 253), .fallback = ROUTE_API_GROUP,
             .doc = "Group of the parent."),
    F_STRING(struct route_parent_ref, kind, "kind", F_RANGE(1, 63), .fallback = "Gateway",
             .format = &format_kind, .doc = "Kind of the parent."),
    F_STRING(struct route_parent_ref, namespace_, "namespace", F_RANGE(1, 63),
             .format = &format_dns_label, F_ENFORCED, .doc = "Its namespace; default the route's."),
    F_STRING(struct route_parent_ref, name, "name", .required = true, .not_empty = true,
             F_RANGE(1, 253), F_ENFORCED, .doc = "Its name."),
    F_STRING(struct route_parent_ref, section_name, "sectionName", F_RANGE(1, 253),
             .format = &format_dns_subdomain, F_ENFORCED,
             .doc = "One listener of it; default all that admit the route."),
    F_INT(struct route_parent_ref, port, "port", F_RANGE(1, 65535), F_ENFORCED,
          .doc = "Only its listeners on this port."),
};
const struct schema route_parent_ref_schema =
    SCHEMA("ParentReference", struct route_parent_ref, parent_ref_fields,
           .doc = "What the route attaches to.");

static const struct enum_value match_types[] = {
    {.name = ""}, {.name = "Exact"}, {.name = "RegularExpression"}, {.name = NULL}};

static void check_value_match(const void *object, struct check *check) {
  const struct route_value_match *match = object;
  if (!match->value.len)
    check_error(check, "required", "value", "must not be empty");
  if (match->type == ROUTE_MATCH_REGEX)
    route_check_regex(match->value, "value", check);
}

static const struct field header_match_fields[] = {
    F_ENUM(struct route_value_match, type, "type", match_types, .fallback = "Exact", F_ENFORCED,
           .doc = "How the value is compared."),
    F_STRING(struct route_value_match, name, "name", .required = true, .not_empty = true,
             F_RANGE(1, 256), .format = &format_token, F_ENFORCED,
             .doc = "Name of the header, in any case."),
    F_STRING(struct route_value_match, value, "value", .required = true, F_RANGE(1, 4096),
             F_ENFORCED, .doc = "Value to compare with."),
};
const struct schema route_header_match_schema = SCHEMA(
    "HTTPHeaderMatch", struct route_value_match, header_match_fields, .check = check_value_match);

static const struct field query_match_fields[] = {
    F_ENUM(struct route_value_match, type, "type", match_types, .fallback = "Exact", F_ENFORCED,
           .doc = "How the value is compared."),
    F_STRING(struct route_value_match, name, "name", .required = true, .not_empty = true,
             F_RANGE(1, 256), .format = &format_token, F_ENFORCED,
             .doc = "Name of the parameter, with its case."),
    F_STRING(struct route_value_match, value, "value", .required = true, F_RANGE(1, 1024),
             F_ENFORCED, .doc = "Value to compare with."),
};
const struct schema route_query_match_schema =
    SCHEMA("HTTPQueryParamMatch", struct route_value_match, query_match_fields,
           .check = check_value_match);

static const struct field header_fields[] = {
    F_STRING(struct route_header, name, "name", .required = true, .not_empty = true,
             F_RANGE(1, 256), .format = &format_token, .doc = "Name of the header."),
    F_STRING(struct route_header, value, "value", .required = true, .not_empty = true,
             F_RANGE(1, 4096), .format = &format_header_value,
             .doc = "Its value. ${UUID} alone stands for the request's id."),
};
static const struct schema header_schema = SCHEMA("HTTPHeader", struct route_header, header_fields);

static const struct field modifier_fields[] = {
    F_LIST(struct route_header_modifier, set, "set", &header_schema, F_RANGE(0, 16), F_ENFORCED,
           .merge_key = "name", .doc = "Headers to overwrite."),
    F_LIST(struct route_header_modifier, add, "add", &header_schema, F_RANGE(0, 16), F_ENFORCED,
           .merge_key = "name", .doc = "Headers to add; those that are there stay."),
    F_STRINGS(struct route_header_modifier, remove, "remove", F_RANGE(0, 16), F_ENFORCED,
              .format = &format_token, .is_set = true, .doc = "Headers to remove."),
};
const struct schema route_header_modifier_schema =
    SCHEMA("HTTPHeaderFilter", struct route_header_modifier, modifier_fields,
           .check = route_check_header_modifier);

static const struct field backend_object_fields[] = {
    F_STRING(struct route_backend_object, group, "group", F_RANGE(0, 253), .fallback = "",
             .doc = "Group of the backend; empty for a Service."),
    F_STRING(struct route_backend_object, kind, "kind", F_RANGE(1, 63), .fallback = "Service",
             .format = &format_kind, .doc = "Kind of the backend."),
    F_STRING(struct route_backend_object, name, "name", .required = true, .not_empty = true,
             F_RANGE(1, 253), F_ENFORCED, .doc = "Name of the backend."),
    F_STRING(struct route_backend_object, namespace_, "namespace", F_RANGE(1, 63),
             .format = &format_dns_label, F_ENFORCED,
             .doc = "Its namespace; another one than the route's needs a ReferenceGrant."),
    F_INT(struct route_backend_object, port, "port", F_RANGE(1, 65535), F_ENFORCED,
          .doc = "Its port; required for a Service."),
};
static const struct schema backend_object_schema =
    SCHEMA("BackendObjectReference", struct route_backend_object, backend_object_fields,
           .check = route_check_backend_object);

static const struct field fraction_fields[] = {
    F_INT(struct route_fraction, numerator, "numerator", .required = true, F_AT_LEAST(0)),
    F_INT(struct route_fraction, denominator, "denominator", F_AT_LEAST(1), .fallback = "100"),
};
static const struct schema fraction_schema =
    SCHEMA("Fraction", struct route_fraction, fraction_fields);

static const struct field mirror_fields[] = {
    F_OBJECT(struct route_mirror, backend_ref, "backendRef", &backend_object_schema,
             .required = true, .doc = "Where the copies go."),
    F_INT_OPT(struct route_mirror, percent, "percent", F_RANGE(0, 100),
              .doc = "Share of the requests; all when neither percent nor fraction is given."),
    F_OPTIONAL(struct route_mirror, fraction, "fraction", &fraction_schema,
               .doc = "Share as a fraction."),
};
static const struct schema mirror_schema = SCHEMA("HTTPRequestMirrorFilter", struct route_mirror,
                                                  mirror_fields, .check = route_check_mirror);

static const struct field path_modifier_fields[] = {
    F_ENUM(struct route_path_modifier, type, "type",
           ((const struct enum_value[]){{.name = ""},
                                        {.name = "ReplaceFullPath"},
                                        {.name = "ReplacePrefixMatch"},
                                        {.name = NULL}}),
           .required = true, F_ENFORCED, .doc = "Which of the two is given."),
    F_STRING(struct route_path_modifier, replace_full_path, "replaceFullPath", F_RANGE(0, 1024),
             F_ENFORCED, .doc = "The new path."),
    F_STRING(struct route_path_modifier, replace_prefix_match, "replacePrefixMatch",
             F_RANGE(0, 1024), F_ENFORCED, .doc = "Replaces the matched prefix, by path element."),
};
static const struct schema path_modifier_schema =
    SCHEMA("HTTPPathModifier", struct route_path_modifier, path_modifier_fields,
           .check = route_check_path_modifier);

static const struct field redirect_fields[] = {
    F_STRING(struct route_redirect, scheme, "scheme", F_ENFORCED, .doc = "http or https."),
    F_STRING(struct route_redirect, hostname, "hostname", F_RANGE(1, 253),
             .format = &format_precise_hostname, F_ENFORCED, .doc = "Host of the new location."),
    F_OPTIONAL(struct route_redirect, path, "path", &path_modifier_schema,
               .doc = "Path of the new location."),
    F_INT(struct route_redirect, port, "port", F_RANGE(1, 65535), F_ENFORCED,
          .doc = "Port of the new location; default that of the scheme, or of the listener."),
    F_INT(struct route_redirect, status_code, "statusCode", .fallback = "302", F_ENFORCED,
          .doc = "301, 302, 303, 307 or 308."),
};
static const struct schema redirect_schema =
    SCHEMA("HTTPRequestRedirectFilter", struct route_redirect, redirect_fields,
           .check = route_check_redirect);

static const struct field rewrite_fields[] = {
    F_STRING(struct route_url_rewrite, hostname, "hostname", F_RANGE(1, 253),
             .format = &format_precise_hostname, F_ENFORCED, .doc = "The new host."),
    F_OPTIONAL(struct route_url_rewrite, path, "path", &path_modifier_schema,
               .doc = "The new path; the query stays."),
};
static const struct schema rewrite_schema =
    SCHEMA("HTTPURLRewriteFilter", struct route_url_rewrite, rewrite_fields);

static const struct field cors_fields[] = {
    F_STRINGS(struct route_cors, allow_origins, "allowOrigins", F_RANGE(0, 64), .is_set = true,
              .doc = "scheme://host[:port], * for all."),
    F_BOOL_OPT(struct route_cors, allow_credentials, "allowCredentials"),
    F_STRINGS(struct route_cors, allow_methods, "allowMethods", F_RANGE(0, 9), .is_set = true),
    F_STRINGS(struct route_cors, allow_headers, "allowHeaders", F_RANGE(0, 64), .is_set = true,
              .format = &format_token),
    F_STRINGS(struct route_cors, expose_headers, "exposeHeaders", F_RANGE(0, 64), .is_set = true,
              .format = &format_token),
    F_INT(struct route_cors, max_age_s, "maxAge", F_RANGE(1, 2147483647), .fallback = "5",
          .doc = "Seconds a preflight holds."),
};
static const struct schema cors_schema =
    SCHEMA("HTTPCORSFilter", struct route_cors, cors_fields, .check = route_check_cors);

static const struct field extension_fields[] = {
    F_STRING(struct route_extension_ref, group, "group", .required = true, F_RANGE(0, 253)),
    F_STRING(struct route_extension_ref, kind, "kind", .required = true, .not_empty = true,
             .format = &format_kind),
    F_STRING(struct route_extension_ref, name, "name", .required = true, .not_empty = true,
             F_RANGE(1, 253)),
};
static const struct schema extension_schema =
    SCHEMA("LocalObjectReference", struct route_extension_ref, extension_fields);

static const struct enum_value filter_types[] = {{.name = ""},
                                                 {.name = "RequestHeaderModifier"},
                                                 {.name = "ResponseHeaderModifier"},
                                                 {.name = "RequestMirror"},
                                                 {.name = "RequestRedirect"},
                                                 {.name = "URLRewrite"},
                                                 {.name = "CORS"},
                                                 {.name = "ExtensionRef"},
                                                 {.name = NULL}};

static const struct field filter_fields[] = {
    F_ENUM(struct route_filter, type, "type", filter_types, .required = true, F_ENFORCED,
           .doc = "Which filter; the member of the same name belongs to it."),
    F_OPTIONAL(struct route_filter, request_header_modifier, "requestHeaderModifier",
               &route_header_modifier_schema, .doc = "Changes headers of the request."),
    F_OPTIONAL(struct route_filter, response_header_modifier, "responseHeaderModifier",
               &route_header_modifier_schema, .doc = "Changes headers of the response."),
    F_OPTIONAL(struct route_filter, request_mirror, "requestMirror", &mirror_schema, F_ENFORCED,
               .doc = "Sends copies elsewhere; their answers are dropped."),
    F_OPTIONAL(struct route_filter, request_redirect, "requestRedirect", &redirect_schema,
               .doc = "Answers with another location."),
    F_OPTIONAL(struct route_filter, url_rewrite, "urlRewrite", &rewrite_schema,
               .doc = "Changes host or path before forwarding."),
    F_OPTIONAL(struct route_filter, cors, "cors", &cors_schema, F_ENFORCED,
               .doc = "Cross-origin requests of browsers."),
    F_OPTIONAL(struct route_filter, extension_ref, "extensionRef", &extension_schema,
               F_NOT_ENFORCED, .doc = "A filter of another group; none is known here."),
};
const struct schema route_filter_schema =
    SCHEMA("HTTPRouteFilter", struct route_filter, filter_fields, .check = route_check_filter);

// The backend's own fields stand beside weight and filters, so the rows of both structs are in one
// table.
static const struct field backend_ref_fields[] = {
    F_STRING(struct route_backend_ref, ref.group, "group", F_RANGE(0, 253), .fallback = "",
             .doc = "Group of the backend; empty for a Service."),
    F_STRING(struct route_backend_ref, ref.kind, "kind", F_RANGE(1, 63), .fallback = "Service",
             .format = &format_kind, .doc = "Kind of the backend."),
    F_STRING(struct route_backend_ref, ref.name, "name", .required = true, .not_empty = true,
             F_RANGE(1, 253), F_ENFORCED, .doc = "Name of the backend."),
    F_STRING(struct route_backend_ref, ref.namespace_, "namespace", F_RANGE(1, 63),
             .format = &format_dns_label, F_ENFORCED,
             .doc = "Its namespace; another one than the route's needs a ReferenceGrant."),
    F_INT(struct route_backend_ref, ref.port, "port", F_RANGE(1, 65535), F_ENFORCED,
          .doc = "Its port; required for a Service."),
    F_INT(struct route_backend_ref, weight, "weight", F_RANGE(0, 1000000), .fallback = "1",
          F_ENFORCED, .doc = "Share among the backends of the rule: weight / sum of weights."),
    F_LIST(struct route_backend_ref, filters, "filters", &route_filter_schema, F_RANGE(0, 16),
           .doc = "Filters for this backend only."),
};
const struct schema route_backend_ref_schema =
    SCHEMA("HTTPBackendRef", struct route_backend_ref, backend_ref_fields,
           .check = route_check_backend_ref);

static const struct field cookie_fields[] = {
    F_ENUM(struct route_cookie_config, lifetime_type, "lifetimeType",
           ((const struct enum_value[]){
               {.name = ""}, {.name = "Permanent"}, {.name = "Session"}, {.name = NULL}}),
           .fallback = "Session"),
};
static const struct schema cookie_schema =
    SCHEMA("CookieConfig", struct route_cookie_config, cookie_fields);

static const struct field persistence_fields[] = {
    F_STRING(struct route_session_persistence, session_name, "sessionName", F_RANGE(0, 128)),
    F_GEP_DURATION(struct route_session_persistence, absolute_timeout_ms, "absoluteTimeout"),
    F_GEP_DURATION(struct route_session_persistence, idle_timeout_ms, "idleTimeout"),
    F_ENUM(struct route_session_persistence, type, "type",
           ((const struct enum_value[]){
               {.name = ""}, {.name = "Cookie"}, {.name = "Header"}, {.name = NULL}}),
           .fallback = "Cookie"),
    F_OPTIONAL(struct route_session_persistence, cookie_config, "cookieConfig", &cookie_schema),
};
const struct schema route_session_persistence_schema =
    SCHEMA("SessionPersistence", struct route_session_persistence, persistence_fields,
           .check = route_check_persistence);

static const struct field parent_status_fields[] = {
    F_OBJECT(struct route_parent_status, parent_ref, "parentRef", &route_parent_ref_schema,
             .required = true),
    F_STRING(struct route_parent_status, controller_name, "controllerName", .required = true),
    F_LIST(struct route_parent_status, conditions, "conditions", &condition_schema,
           .merge_key = "type", .required = true),
};
static const struct schema parent_status_schema =
    SCHEMA("RouteParentStatus", struct route_parent_status, parent_status_fields);

static const struct field status_fields[] = {
    F_LIST(struct route_status, parents, "parents", &parent_status_schema, .required = true,
           .doc = "What each parent made of the route."),
};
const struct schema route_status_schema = SCHEMA("RouteStatus", struct route_status, status_fields);
