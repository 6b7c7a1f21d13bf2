// SPDX-License-Identifier: Apache-2.0
// gateway.networking.k8s.io HTTPRoute: routes attached to Gateways. The Route types here are shared
// with grpc_route.h.
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/schema/kind.h"

struct route_parent_ref {
  struct str group, kind, namespace_, name, section_name; // group and kind have defaults
  int64_t port;                                           // 0: any
};
extern const struct schema route_parent_ref_schema;

enum route_match_type { ROUTE_MATCH_UNSET, ROUTE_MATCH_EXACT, ROUTE_MATCH_REGEX };
struct route_value_match {    // a header or a query parameter
  enum route_match_type type; // default Exact
  struct str name, value;
};
extern const struct schema route_header_match_schema, route_query_match_schema;

enum http_route_path_type {
  HTTP_ROUTE_PATH_UNSET,
  HTTP_ROUTE_PATH_EXACT,
  HTTP_ROUTE_PATH_PREFIX,
  HTTP_ROUTE_PATH_REGEX
};
struct http_route_path_match {
  enum http_route_path_type type; // default PathPrefix
  struct str value;               // default /
};
struct http_route_match {
  struct http_route_path_match path; // default PathPrefix /
  struct route_value_match *headers, *query_params;
  size_t headers_count, query_params_count;
  struct str method; // NULL: any
};
struct route_header {
  struct str name, value;
};
struct route_header_modifier {
  struct route_header *set, *add;
  size_t set_count, add_count;
  struct str *remove;
  size_t remove_count;
};
struct route_backend_object {               // a reference to a Service
  struct str group, kind, name, namespace_; // group "", kind Service by default
  int64_t port;                             // 0: not given
};
struct route_fraction {
  int64_t numerator, denominator; // denominator default 100
};
struct route_mirror {
  struct route_backend_object backend_ref;
  bool has_percent;
  int64_t percent;
  struct route_fraction *fraction;
};
enum route_path_modifier_type {
  ROUTE_PATH_UNSET,
  ROUTE_PATH_REPLACE_FULL,
  ROUTE_PATH_REPLACE_PREFIX
};
struct route_path_modifier {
  enum route_path_modifier_type type;
  struct str replace_full_path, replace_prefix_match; // NULL: not given
};
struct route_redirect {
  struct str scheme, hostname;
  struct route_path_modifier *path;
  int64_t port;        // 0: not given
  int64_t status_code; // default 302
};
struct route_url_rewrite {
  struct str hostname;
  struct route_path_modifier *path;
};
struct route_cors {
  struct str *allow_origins, *allow_methods, *allow_headers, *expose_headers;
  size_t allow_origins_count, allow_methods_count, allow_headers_count, expose_headers_count;
  bool has_allow_credentials, allow_credentials;
  int64_t max_age_s; // default 5
};
struct route_extension_ref {
  struct str group, kind, name;
};
enum route_filter_type {
  ROUTE_FILTER_UNSET,
  ROUTE_FILTER_REQUEST_HEADER,
  ROUTE_FILTER_RESPONSE_HEADER,
  ROUTE_FILTER_MIRROR,
  ROUTE_FILTER_REDIRECT,
  ROUTE_FILTER_URL_REWRITE,
  ROUTE_FILTER_CORS,
  ROUTE_FILTER_EXTENSION_REF,
};
struct route_filter { // the member that belongs to `type` is set
  enum route_filter_type type;
  struct route_header_modifier *request_header_modifier, *response_header_modifier;
  struct route_mirror *request_mirror;
  struct route_redirect *request_redirect;
  struct route_url_rewrite *url_rewrite;
  struct route_cors *cors;
  struct route_extension_ref *extension_ref;
};
extern const struct schema route_filter_schema;

struct route_backend_ref {
  struct route_backend_object ref;
  int64_t weight; // default 1
  struct route_filter *filters;
  size_t filters_count;
};
extern const struct schema route_backend_ref_schema;

struct http_route_timeouts {
  bool has_request_ms, has_backend_request_ms;
  int64_t request_ms, backend_request_ms; // 0: none
};
struct http_route_retry {
  int64_t *codes;
  size_t codes_count;
  bool has_attempts;
  int64_t attempts;
  int64_t backoff_ms;
};
enum route_persistence_type {
  ROUTE_PERSISTENCE_UNSET,
  ROUTE_PERSISTENCE_COOKIE,
  ROUTE_PERSISTENCE_HEADER
};
enum route_cookie_lifetime { ROUTE_COOKIE_UNSET, ROUTE_COOKIE_PERMANENT, ROUTE_COOKIE_SESSION };
struct route_cookie_config {
  enum route_cookie_lifetime lifetime_type; // default Session
};
struct route_session_persistence {
  struct str session_name;
  int64_t absolute_timeout_ms, idle_timeout_ms;
  enum route_persistence_type type; // default Cookie
  struct route_cookie_config *cookie_config;
};
extern const struct schema route_session_persistence_schema;

struct http_route_rule {
  struct str name;
  struct http_route_match *matches; // at least one after defaults
  size_t matches_count;
  struct route_filter *filters;
  size_t filters_count;
  struct route_backend_ref *backend_refs;
  size_t backend_refs_count;
  struct http_route_timeouts *timeouts;
  struct http_route_retry *retry;
  struct route_session_persistence *session_persistence;
};
struct route_parent_status {
  struct route_parent_ref parent_ref;
  struct str controller_name;
  struct condition *conditions;
  size_t conditions_count;
};
struct route_status {
  struct route_parent_status *parents;
  size_t parents_count;
};
extern const struct schema route_status_schema;

struct http_route {
  struct object_meta metadata;
  struct http_route_spec {
    struct route_parent_ref *parent_refs;
    size_t parent_refs_count;
    struct str *hostnames;
    size_t hostnames_count;
    struct http_route_rule *rules; // at least one after defaults
    size_t rules_count;
    struct str use_default_gateways;
  } spec;
  struct route_status *status;
};
extern const struct kind_desc http_route_kind;
