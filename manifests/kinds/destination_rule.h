// SPDX-License-Identifier: Apache-2.0
// networking.istio.io DestinationRule: subsets and traffic policies of a host.
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/schema/kind.h"

enum dr_lb {
  DR_LB_UNSET,
  DR_LB_UNSPECIFIED,
  DR_LB_LEAST_CONN, // deprecated name of LEAST_REQUEST
  DR_LB_RANDOM,
  DR_LB_PASSTHROUGH,
  DR_LB_ROUND_ROBIN,
  DR_LB_LEAST_REQUEST,
};
struct dr_cookie_attribute {
  struct str name, value;
};
struct dr_cookie {
  struct str name, path;
  bool has_ttl_ms; // a cookie is made when the request has none
  int64_t ttl_ms;
  struct dr_cookie_attribute *attributes;
  size_t attributes_count;
};
struct dr_ring_hash {
  int64_t minimum_ring_size; // default 1024
};
struct dr_maglev {
  int64_t table_size; // default 65537
};
struct dr_consistent_hash {
  struct str http_header_name, http_query_parameter_name;
  struct dr_cookie *http_cookie;
  bool use_source_ip;
  struct dr_ring_hash *ring_hash;
  struct dr_maglev *maglev;
  int64_t minimum_ring_size; // deprecated
};
struct dr_warmup {
  int64_t duration_ms;
  double minimum_percent, aggression;
};
struct dr_distribute {
  struct str from;
  struct int_map to;
};
struct dr_failover {
  struct str from, to;
};
struct dr_locality {
  struct dr_distribute *distribute;
  size_t distribute_count;
  struct dr_failover *failover;
  size_t failover_count;
  struct str *failover_priority;
  size_t failover_priority_count;
  bool has_enabled, enabled;
  int64_t min_cluster_size; // zoneAwareLbSetting only
};
struct dr_load_balancer {
  enum dr_lb simple;
  struct dr_consistent_hash *consistent_hash;
  struct dr_locality *locality, *zone_aware;
  struct dr_warmup *warmup;
  int64_t warmup_duration_ms; // warmupDurationSecs, deprecated
};
struct dr_tcp_keepalive {
  int64_t probes, time_ms, interval_ms;
};
struct dr_tcp_pool {
  int64_t max_connections; // 0: no limit; so all counts below
  int64_t connect_timeout_ms, max_connection_duration_ms, idle_timeout_ms;
  struct dr_tcp_keepalive *tcp_keepalive;
};
enum dr_h2_upgrade { DR_H2_UNSET, DR_H2_DEFAULT, DR_H2_DO_NOT_UPGRADE, DR_H2_UPGRADE };
struct dr_http2_keepalive {
  int64_t interval_ms, timeout_ms;
};
struct dr_http_pool {
  int64_t http1_max_pending_requests, http2_max_requests, max_requests_per_connection, max_retries;
  int64_t max_concurrent_streams, idle_timeout_ms;
  enum dr_h2_upgrade h2_upgrade_policy;
  bool use_client_protocol;
  struct dr_http2_keepalive *http2_keepalive;
};
struct dr_connection_pool {
  struct dr_tcp_pool *tcp;
  struct dr_http_pool *http;
};
struct dr_outlier {
  bool has_consecutive_5xx_errors;
  int64_t consecutive_5xx_errors;
  bool has_consecutive_gateway_errors;
  int64_t consecutive_gateway_errors;
  int64_t consecutive_errors; // deprecated and without effect
  bool has_consecutive_local_origin_failures;
  int64_t consecutive_local_origin_failures;
  bool split_external_local_origin_errors;
  bool has_interval_ms, has_base_ejection_time_ms;
  int64_t interval_ms, base_ejection_time_ms; // not given: 10 s, 30 s
  int64_t max_ejection_percent;               // 0 or not given: 10
  int64_t min_health_percent;
  int64_t *http_error_codes;
  size_t http_error_codes_count;
};
enum dr_tls_mode {
  DR_TLS_UNSET,
  DR_TLS_DISABLE,
  DR_TLS_SIMPLE,
  DR_TLS_MUTUAL,
  DR_TLS_ISTIO_MUTUAL
};
struct dr_tls {
  enum dr_tls_mode mode;
  struct str client_certificate, private_key, ca_certificates, ca_crl, credential_name, sni;
  struct str *subject_alt_names;
  size_t subject_alt_names_count;
  bool has_insecure_skip_verify, insecure_skip_verify;
};
enum dr_proxy_protocol_version {
  DR_PROXY_PROTOCOL_UNSET,
  DR_PROXY_PROTOCOL_V1,
  DR_PROXY_PROTOCOL_V2
};
struct dr_proxy_protocol {
  enum dr_proxy_protocol_version version;
};
struct dr_tunnel {
  struct str protocol, target_host;
  int64_t target_port;
};
struct dr_retry_budget {
  bool has_percent;
  double percent; // not given: 20
  bool has_min_retry_concurrency;
  int64_t min_retry_concurrency; // not given: 3
  int64_t budget_interval_ms;
};
// One entry of portLevelSettings.
struct dr_port_policy {
  int64_t port; // port.number
  struct dr_load_balancer *load_balancer;
  struct dr_connection_pool *connection_pool;
  struct dr_outlier *outlier_detection;
  struct dr_tls *tls;
};
struct dr_traffic_policy {
  struct dr_load_balancer *load_balancer;
  struct dr_connection_pool *connection_pool;
  struct dr_outlier *outlier_detection;
  struct dr_tls *tls;
  struct dr_port_policy *port_level_settings;
  size_t port_level_settings_count;
  struct dr_tunnel *tunnel;
  struct dr_proxy_protocol *proxy_protocol;
  struct dr_retry_budget *retry_budget;
};
struct dr_subset {
  struct str name;
  struct string_map labels;
  struct dr_traffic_policy *traffic_policy;
};
struct dr_workload_selector {
  struct string_map match_labels;
};
struct destination_rule_spec {
  struct str host;
  struct dr_traffic_policy *traffic_policy;
  struct dr_subset *subsets;
  size_t subsets_count;
  struct str *export_to;
  size_t export_to_count;
  struct dr_workload_selector *workload_selector;
};
struct destination_rule {
  struct object_meta metadata;
  struct destination_rule_spec spec;
  const struct json *status;
};
extern const struct kind_desc destination_rule_kind;
