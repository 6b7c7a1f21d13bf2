// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/virtual_service_http.h"

#include "manifests/kinds/virtual_service_check.h"
#include "manifests/schema/format.h"

static const struct field port_fields[] = {
    F_INT(struct vs_destination, port, "number", F_RANGE(1, 65535), F_ENFORCED,
          .doc = "Port of the service."),
};
// PortSelector writes into the destination it belongs to, so its offset there is 0.
static const struct schema port_schema = SCHEMA("PortSelector", struct vs_destination, port_fields);

static const struct field destination_fields[] = {
    F_STRING(struct vs_destination, host, "host", .required = true, .not_empty = true,
             .format = &format_host, F_ENFORCED,
             .doc = "Name of the service; a short name is looked up in this namespace."),
    F_STRING(struct vs_destination, subset, "subset", .format = &format_dns_label, F_ENFORCED,
             .doc = "A subset that a DestinationRule of the host defines."),
    {.name = "port",
     .type = FIELD_OBJECT,
     .offset = 0,
     .presence = FIELD_NO_PRESENCE,
     .schema = &port_schema,
     .doc = "Port of the service; needed when it has several."},
};
const struct schema vs_destination_schema = SCHEMA(
    "Destination", struct vs_destination, destination_fields, .doc = "A service or part of it.");

static const struct field header_ops_fields[] = {
    F_STRING_MAP(struct vs_header_ops, set, "set", F_ENFORCED,
                 .doc = "Headers to overwrite. A literal % is written %%."),
    F_STRING_MAP(struct vs_header_ops, add, "add", F_ENFORCED,
                 .doc = "Headers to add; those that are there stay."),
    F_STRINGS(struct vs_header_ops, remove, "remove", F_ENFORCED, .format = &format_token,
              .doc = "Headers to remove."),
};
static const struct schema header_ops_schema =
    SCHEMA("HeaderOperations", struct vs_header_ops, header_ops_fields,
           .check = vs_check_header_ops, .doc = "Removed first, then set, then added.");

static const struct field headers_fields[] = {
    F_OBJECT(struct vs_headers, request, "request", &header_ops_schema,
             .doc = "Before the request is forwarded."),
    F_OBJECT(struct vs_headers, response, "response", &header_ops_schema,
             .doc = "Before the response is returned."),
};
const struct schema vs_headers_schema =
    SCHEMA("Headers", struct vs_headers, headers_fields, .check = vs_check_headers);

static const struct field route_destination_fields[] = {
    F_OBJECT(struct vs_route_destination, destination, "destination", &vs_destination_schema,
             .required = true, .doc = "Where the request goes."),
    F_INT_OPT(struct vs_route_destination, weight, "weight", F_RANGE(0, 2147483647), F_ENFORCED,
              .doc = "Share among the destinations of this route: weight / sum of weights. A "
                     "single destination gets everything."),
    F_OPTIONAL(struct vs_route_destination, headers, "headers", &vs_headers_schema,
               .doc = "Header changes for this destination only."),
};
const struct schema vs_route_destination_schema =
    SCHEMA("HTTPRouteDestination", struct vs_route_destination, route_destination_fields);

static const struct field redirect_fields[] = {
    F_STRING(struct vs_redirect, uri, "uri", F_ENFORCED, .doc = "Replaces the whole path."),
    F_STRING(struct vs_redirect, prefix_rewrite, "prefixRewrite", F_ENFORCED,
             .doc = "Replaces the matched prefix."),
    F_STRING(struct vs_redirect, authority, "authority", F_ENFORCED,
             .doc = "Host of the new location."),
    F_STRING(struct vs_redirect, scheme, "scheme", F_ENFORCED,
             .doc = "Scheme of the new location."),
    F_INT(struct vs_redirect, port, "port", F_RANGE(1, 65535), F_ENFORCED,
          .doc = "Port of the new location."),
    F_ENUM(struct vs_redirect, derive_port, "derivePort",
           ((const struct enum_value[]){
               {.name = ""},
               {.name = "FROM_PROTOCOL_DEFAULT", .doc = "80 or 443, by scheme"},
               {.name = "FROM_REQUEST_PORT", .doc = "the port of the listener"},
               {.name = NULL}}),
           F_ENFORCED, .doc = "How the port follows when none is given."),
    F_INT(struct vs_redirect, redirect_code, "redirectCode", F_ENFORCED,
          .doc = "Status: 301 (default), 302, 303, 307 or 308."),
};
static const struct schema redirect_schema =
    SCHEMA("HTTPRedirect", struct vs_redirect, redirect_fields, .check = vs_check_redirect,
           .doc = "Answers with another location.");

static const struct field body_fields[] = {
    F_STRING(struct vs_body, string, "string", F_RANGE(0, 1048576), F_ENFORCED,
             .doc = "The body as text."),
    F_STRING(struct vs_body, bytes, "bytes", F_RANGE(0, 1398104), F_ENFORCED,
             .format = &format_base64, .doc = "The body in base64."),
};
static const struct schema body_schema = SCHEMA("HTTPBody", struct vs_body, body_fields);

static const struct field direct_response_fields[] = {
    F_INT(struct vs_direct_response, status, "status", .required = true, F_RANGE(200, 599),
          F_ENFORCED, .doc = "The status."),
    F_OPTIONAL(struct vs_direct_response, body, "body", &body_schema,
               .doc = "The body; empty when not given."),
};
static const struct schema direct_response_schema =
    SCHEMA("HTTPDirectResponse", struct vs_direct_response, direct_response_fields,
           .check = vs_check_direct_response, .doc = "Answers without any backend.");

static const struct field delegate_fields[] = {
    F_STRING(struct vs_delegate, name, "name", F_ENFORCED, .doc = "Name of the VirtualService."),
    F_STRING(struct vs_delegate, namespace_, "namespace", F_ENFORCED,
             .doc = "Its namespace, default this one."),
};
static const struct schema delegate_schema =
    SCHEMA("Delegate", struct vs_delegate, delegate_fields);

static const struct field regex_rewrite_fields[] = {
    F_STRING(struct vs_regex_rewrite, match, "match", F_ENFORCED, F_RANGE(0, 1024),
             .doc = "Regular expression (RE2) over the path."),
    F_STRING(struct vs_regex_rewrite, rewrite, "rewrite", F_ENFORCED,
             .doc = "What replaces each match; \\1 is the first group."),
};
static const struct schema regex_rewrite_schema =
    SCHEMA("RegexRewrite", struct vs_regex_rewrite, regex_rewrite_fields);

static const struct field rewrite_fields[] = {
    F_STRING(struct vs_rewrite, uri, "uri", F_ENFORCED,
             .doc = "Replaces the matched part of the path: prefix /foo with uri / makes //bar of "
                    "/foo/bar."),
    F_STRING(struct vs_rewrite, authority, "authority", F_ENFORCED, .doc = "The new host."),
    F_OPTIONAL(struct vs_rewrite, uri_regex_rewrite, "uriRegexRewrite", &regex_rewrite_schema,
               .doc = "Replaces by regular expression."),
};
static const struct schema rewrite_schema =
    SCHEMA("HTTPRewrite", struct vs_rewrite, rewrite_fields, .check = vs_check_rewrite,
           .doc = "Changes path or host before the request is forwarded.");

static const struct field mirror_fields[] = {
    F_OBJECT(struct vs_mirror, destination, "destination", &vs_destination_schema, .required = true,
             .doc = "Where the copies go."),
    F_OPTIONAL(struct vs_mirror, percentage, "percentage", &vs_percentage_schema,
               .doc = "Share of the requests; all when not given."),
};
static const struct schema mirror_schema =
    SCHEMA("HTTPMirrorPolicy", struct vs_mirror, mirror_fields);

static const struct field http_fields[] = {
    F_STRING(struct vs_http, name, "name",
             .doc = "Shown in logs, and how a Rollout names a route."),
    F_LIST(struct vs_http, match, "match", &vs_match_schema,
           .doc = "Conditions; any of the blocks, all fields of a block. None: everything."),
    F_LIST(struct vs_http, route, "route", &vs_route_destination_schema,
           .doc = "Where requests go, by weight."),
    F_OPTIONAL(struct vs_http, redirect, "redirect", &redirect_schema,
               .doc = "Answer with another location instead of forwarding."),
    F_OPTIONAL(struct vs_http, direct_response, "directResponse", &direct_response_schema,
               .doc = "Answer at once instead of forwarding."),
    F_OPTIONAL(struct vs_http, delegate, "delegate", &delegate_schema,
               .doc = "A VirtualService that holds the routes below this one."),
    F_OPTIONAL(struct vs_http, rewrite, "rewrite", &rewrite_schema,
               .doc = "Changes path or host before forwarding."),
    F_DURATION_OPT(struct vs_http, timeout_ms, "timeout", F_ENFORCED,
                   .doc =
                       "Time for the whole exchange, retries included. None when not given or 0s."),
    F_OPTIONAL(struct vs_http, retries, "retries", &vs_retries_schema,
               .doc =
                   "When a request is tried again. Not given: twice, when the connection fails."),
    F_OPTIONAL(struct vs_http, fault, "fault", &vs_fault_schema,
               .doc = "Delays or errors made on purpose."),
    F_OPTIONAL(struct vs_http, mirror, "mirror", &vs_destination_schema,
               .doc = "Gets copies of the requests; its answers are dropped."),
    F_LIST(struct vs_http, mirrors, "mirrors", &mirror_schema, .doc = "Several mirrors."),
    F_OPTIONAL(struct vs_http, mirror_percentage, "mirrorPercentage", &vs_percentage_schema,
               .doc = "Share of the requests that mirror gets; all when not given."),
    F_INT_OPT(struct vs_http, mirror_percent, "mirrorPercent", F_RANGE(0, 100), F_ENFORCED,
              .deprecated = "use mirrorPercentage"),
    F_INT_OPT(struct vs_http, mirror_percent, "mirror_percent", F_RANGE(0, 100), F_ENFORCED,
              .deprecated = "use mirrorPercentage"),
    F_OPTIONAL(struct vs_http, cors_policy, "corsPolicy", &vs_cors_schema,
               .doc = "Cross-origin requests of browsers."),
    F_OPTIONAL(struct vs_http, headers, "headers", &vs_headers_schema,
               .doc = "Header changes for all destinations of this route."),
};
const struct schema vs_http_schema =
    SCHEMA("HTTPRoute", struct vs_http, http_fields, .check = vs_check_http,
           .doc = "One route: conditions, destinations and policies.");
