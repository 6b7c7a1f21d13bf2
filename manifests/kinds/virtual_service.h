// SPDX-License-Identifier: Apache-2.0
// networking.istio.io VirtualService: routes of hosts.
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/kinds/string_match.h"
#include "manifests/schema/kind.h"

struct vs_destination {
  struct str host, subset;
  int64_t port; // port.number; 0: not given
};
struct vs_header_ops {
  struct string_map set, add;
  struct str *remove;
  size_t remove_count;
};
struct vs_headers {
  struct vs_header_ops request, response;
};
struct vs_route_destination {
  struct vs_destination destination;
  bool has_weight;
  int64_t weight;
  struct vs_headers *headers;
};
struct vs_match {
  struct str name;
  struct string_match *uri, *scheme, *method, *authority;
  struct named_string_match *headers, *without_headers, *query_params;
  size_t headers_count, without_headers_count, query_params_count;
  bool ignore_uri_case;
  int64_t port;
  struct string_map source_labels;
  struct str source_namespace, stat_prefix;
  struct str *gateways;
  size_t gateways_count;
};
enum vs_derive_port { VS_DERIVE_PORT_UNSET, VS_FROM_PROTOCOL_DEFAULT, VS_FROM_REQUEST_PORT };
struct vs_redirect {
  struct str uri, prefix_rewrite, authority, scheme;
  int64_t port;
  enum vs_derive_port derive_port;
  int64_t redirect_code; // default 301
};
struct vs_body {
  struct str string, bytes; // bytes: base64
};
struct vs_direct_response {
  int64_t status;
  struct vs_body *body;
};
struct vs_regex_rewrite {
  struct str match, rewrite;
};
struct vs_rewrite {
  struct str uri, authority;
  struct vs_regex_rewrite *uri_regex_rewrite;
};
struct vs_retries {
  int64_t attempts; // retries, not tries; a block without it turns retries off
  int64_t per_try_timeout_ms, backoff_ms;
  struct str retry_on;
  bool has_retry_remote_localities, retry_remote_localities;
  bool has_retry_ignore_previous_hosts, retry_ignore_previous_hosts;
};
struct vs_percentage {
  double value; // 0..100
};
struct vs_delay {
  struct vs_percentage *percentage; // NULL: 0 %
  bool has_percent;
  int64_t percent; // deprecated
  bool has_fixed_delay_ms;
  int64_t fixed_delay_ms, exponential_delay_ms;
};
struct vs_abort {
  struct vs_percentage *percentage; // NULL: 0 %
  bool has_http_status;
  int64_t http_status;
  struct str grpc_status, http2_error;
};
struct vs_fault {
  struct vs_delay *delay;
  struct vs_abort *abort;
};
struct vs_mirror {
  struct vs_destination destination;
  struct vs_percentage *percentage; // NULL: 100 %
};
enum vs_preflights {
  VS_PREFLIGHTS_UNSET,
  VS_PREFLIGHTS_UNSPECIFIED,
  VS_PREFLIGHTS_FORWARD,
  VS_PREFLIGHTS_IGNORE
};
struct vs_cors {
  struct string_match *allow_origins;
  size_t allow_origins_count;
  struct str *allow_origin; // deprecated
  size_t allow_origin_count;
  struct str *allow_methods, *allow_headers, *expose_headers;
  size_t allow_methods_count, allow_headers_count, expose_headers_count;
  bool has_max_age_ms;
  int64_t max_age_ms;
  bool has_allow_credentials, allow_credentials;
  enum vs_preflights unmatched_preflights;
};
struct vs_delegate {
  struct str name, namespace_;
};
struct vs_http {
  struct str name;
  struct vs_match *match;
  size_t match_count;
  struct vs_route_destination *route;
  size_t route_count;
  struct vs_redirect *redirect;
  struct vs_direct_response *direct_response;
  struct vs_delegate *delegate;
  struct vs_rewrite *rewrite;
  bool has_timeout_ms;
  int64_t timeout_ms; // not given: none
  struct vs_retries *retries;
  struct vs_fault *fault;
  struct vs_destination *mirror;
  struct vs_mirror *mirrors;
  size_t mirrors_count;
  struct vs_percentage *mirror_percentage; // wins over mirror_percent; neither: 100
  bool has_mirror_percent;
  int64_t mirror_percent; // deprecated; also read as mirror_percent
  struct vs_cors *cors_policy;
  struct vs_headers *headers;
};
// One struct for the matches of tls and tcp routes.
struct vs_l4_match {
  struct str *sni_hosts, *destination_subnets, *gateways;
  size_t sni_hosts_count, destination_subnets_count, gateways_count;
  int64_t port;
  struct string_map source_labels;
  struct str source_namespace, source_subnet;
};
struct vs_l4_route {
  struct vs_l4_match *match;
  size_t match_count;
  struct vs_route_destination *route;
  size_t route_count;
};
struct virtual_service_spec {
  struct str *hosts, *gateways, *export_to;
  size_t hosts_count, gateways_count, export_to_count;
  struct vs_http *http;
  size_t http_count;
  struct vs_l4_route *tls, *tcp;
  size_t tls_count, tcp_count;
};
struct virtual_service {
  struct object_meta metadata;
  struct virtual_service_spec spec;
  const struct json *status;
};
extern const struct kind_desc virtual_service_kind;
