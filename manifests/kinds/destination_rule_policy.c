// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/destination_rule_policy.h"

#include "manifests/kinds/destination_rule.h"
#include "manifests/schema/format.h"

#define COUNT_MAX 2147483647

static const struct enum_value simple_values[] = {
    [DR_LB_UNSET] = {.name = ""},
    [DR_LB_UNSPECIFIED] = {.name = "UNSPECIFIED", .doc = "as LEAST_REQUEST"},
    [DR_LB_LEAST_CONN] = {.name = "LEAST_CONN", .deprecated = "write LEAST_REQUEST"},
    [DR_LB_RANDOM] = {.name = "RANDOM", .doc = "any endpoint, whatever its weight"},
    [DR_LB_PASSTHROUGH] = {.name = "PASSTHROUGH",
                           .doc = "the address the client asked for",
                           .enforced = ENFORCED_NO},
    [DR_LB_ROUND_ROBIN] = {.name = "ROUND_ROBIN", .doc = "one after the other"},
    [DR_LB_LEAST_REQUEST] = {.name = "LEAST_REQUEST",
                             .doc = "of two at random the one with fewer requests"},
    {.name = NULL}};

static const struct field attribute_fields[] = {
    F_STRING(struct dr_cookie_attribute, name, "name", .required = true, .not_empty = true,
             .doc = "Name, e.g. SameSite."),
    F_STRING(struct dr_cookie_attribute, value, "value", .doc = "Value, if it has one."),
};
static const struct schema attribute_schema =
    SCHEMA("CookieAttribute", struct dr_cookie_attribute, attribute_fields);

static const struct field cookie_fields[] = {
    F_STRING(struct dr_cookie, name, "name", .required = true, .not_empty = true,
             .doc = "Name of the cookie."),
    F_STRING(struct dr_cookie, path, "path", .doc = "Its path."),
    F_DURATION_OPT(struct dr_cookie, ttl_ms, "ttl",
                   .doc = "Lifetime of the cookie that is made when the request has none; 0s: for "
                          "the session. Not given: none is made."),
    F_LIST(struct dr_cookie, attributes, "attributes", &attribute_schema,
           .doc = "Further attributes."),
};
static const struct schema cookie_schema =
    SCHEMA("HTTPCookie", struct dr_cookie, cookie_fields, .check = dr_check_cookie);

static const struct field ring_hash_fields[] = {
    F_INT(struct dr_ring_hash, minimum_ring_size, "minimumRingSize", F_RANGE(0, 8388608),
          .doc = "Least number of places on the ring; default 1024."),
};
static const struct schema ring_hash_schema =
    SCHEMA("RingHash", struct dr_ring_hash, ring_hash_fields);

static const struct field maglev_fields[] = {
    F_INT(struct dr_maglev, table_size, "tableSize", F_RANGE(0, COUNT_MAX),
          .doc = "A prime below 5000011; default 65537."),
};
static const struct schema maglev_schema =
    SCHEMA("MagLev", struct dr_maglev, maglev_fields, .check = dr_check_maglev);

static const struct field consistent_hash_fields[] = {
    F_STRING(struct dr_consistent_hash, http_header_name, "httpHeaderName", .format = &format_token,
             .doc = "By the value of this header."),
    F_OPTIONAL(struct dr_consistent_hash, http_cookie, "httpCookie", &cookie_schema,
               .doc = "By the value of this cookie."),
    F_BOOL(struct dr_consistent_hash, use_source_ip, "useSourceIp",
           .doc = "By the client's address."),
    F_STRING(struct dr_consistent_hash, http_query_parameter_name, "httpQueryParameterName",
             .doc = "By the value of this query parameter."),
    F_OPTIONAL(struct dr_consistent_hash, ring_hash, "ringHash", &ring_hash_schema,
               .doc = "Ring hashing (the default algorithm)."),
    F_OPTIONAL(struct dr_consistent_hash, maglev, "maglev", &maglev_schema,
               .doc = "Maglev hashing."),
    F_INT(struct dr_consistent_hash, minimum_ring_size, "minimumRingSize", F_RANGE(0, 8388608),
          .deprecated = "use ringHash.minimumRingSize"),
};
static const struct schema consistent_hash_schema =
    SCHEMA("ConsistentHashLB", struct dr_consistent_hash, consistent_hash_fields,
           .check = dr_check_consistent_hash, .doc = "The same key goes to the same endpoint.");

static const struct field distribute_fields[] = {
    F_STRING(struct dr_distribute, from, "from", .doc = "Locality of the client."),
    F_INT_MAP(struct dr_distribute, to, "to", F_RANGE(0, 100), .doc = "Percent by locality."),
};
static const struct schema distribute_schema =
    SCHEMA("Distribute", struct dr_distribute, distribute_fields);

static const struct field failover_fields[] = {
    F_STRING(struct dr_failover, from, "from", .doc = "Region of the client."),
    F_STRING(struct dr_failover, to, "to", .doc = "Region that takes over."),
};
static const struct schema failover_schema =
    SCHEMA("Failover", struct dr_failover, failover_fields);

static const struct field locality_fields[] = {
    F_LIST(struct dr_locality, distribute, "distribute", &distribute_schema,
           .doc = "Shares by locality."),
    F_LIST(struct dr_locality, failover, "failover", &failover_schema,
           .doc = "Who takes over from whom."),
    F_STRINGS(struct dr_locality, failover_priority, "failoverPriority",
              .doc = "Labels by which endpoints are ordered."),
    F_BOOL_OPT(struct dr_locality, enabled, "enabled", .doc = "Overrides the mesh-wide setting."),
};
static const struct schema locality_schema = SCHEMA(
    "LocalityLoadBalancerSetting", struct dr_locality, locality_fields, .check = dr_check_locality);

static const struct field zone_aware_fields[] = {
    F_BOOL_OPT(struct dr_locality, enabled, "enabled", .doc = "Overrides the mesh-wide setting."),
    F_LIST(struct dr_locality, failover, "failover", &failover_schema,
           .doc = "Who takes over from whom."),
    F_STRINGS(struct dr_locality, failover_priority, "failoverPriority",
              .doc = "Labels by which endpoints are ordered."),
    F_INT(struct dr_locality, min_cluster_size, "minClusterSize", F_RANGE(1, COUNT_MAX),
          .doc = "Fewer endpoints than this are not split by zone."),
};
static const struct schema zone_aware_schema =
    SCHEMA("ZoneAwareLoadBalancerSetting", struct dr_locality, zone_aware_fields);

static const struct field warmup_fields[] = {
    F_DURATION(struct dr_warmup, duration_ms, "duration", .required = true, F_AT_LEAST(1),
               .doc = "How long a new endpoint is spared."),
    F_DOUBLE(struct dr_warmup, minimum_percent, "minimumPercent", F_RANGE(0, 100), .fallback = "10",
             .doc = "Least share of its weight."),
    F_DOUBLE(struct dr_warmup, aggression, "aggression", F_AT_LEAST(0), .fallback = "1",
             .doc = "Above 1: faster at first."),
};
static const struct schema warmup_schema =
    SCHEMA("WarmupConfiguration", struct dr_warmup, warmup_fields, .check = dr_check_warmup);

static const struct field load_balancer_fields[] = {
    F_ENUM(struct dr_load_balancer, simple, "simple", simple_values, F_ENFORCED,
           .doc = "How an endpoint is chosen; default LEAST_REQUEST."),
    F_OPTIONAL(struct dr_load_balancer, consistent_hash, "consistentHash", &consistent_hash_schema,
               F_ENFORCED, .doc = "Choose by a hash of the request."),
    F_OPTIONAL(struct dr_load_balancer, locality, "localityLbSetting", &locality_schema, F_ENFORCED,
               .doc = "Prefer endpoints near by."),
    F_OPTIONAL(struct dr_load_balancer, zone_aware, "zoneAwareLbSetting", &zone_aware_schema,
               F_NOT_ENFORCED, .doc = "Prefer endpoints of the same zone."),
    F_DURATION(struct dr_load_balancer, warmup_duration_ms, "warmupDurationSecs", F_ENFORCED,
               .deprecated = "use warmup.duration"),
    F_OPTIONAL(struct dr_load_balancer, warmup, "warmup", &warmup_schema, F_ENFORCED,
               .doc = "Slow start of new endpoints."),
};
const struct schema dr_load_balancer_schema =
    SCHEMA("LoadBalancerSettings", struct dr_load_balancer, load_balancer_fields,
           .check = dr_check_load_balancer);

static const struct field keepalive_fields[] = {
    F_INT(struct dr_tcp_keepalive, probes, "probes", F_RANGE(0, COUNT_MAX),
          .doc = "Probes without an answer until the connection is given up."),
    F_DURATION(struct dr_tcp_keepalive, time_ms, "time",
               .doc = "Idle time before the first probe."),
    F_DURATION(struct dr_tcp_keepalive, interval_ms, "interval", .doc = "Time between probes."),
};
static const struct schema keepalive_schema =
    SCHEMA("TcpKeepalive", struct dr_tcp_keepalive, keepalive_fields);

static const struct field tcp_pool_fields[] = {
    F_INT(struct dr_tcp_pool, max_connections, "maxConnections", F_RANGE(0, COUNT_MAX), F_ENFORCED,
          .doc = "Connections to all endpoints together; 0: no limit."),
    F_DURATION(struct dr_tcp_pool, connect_timeout_ms, "connectTimeout", F_AT_LEAST(1), F_ENFORCED,
               .doc = "Time for making a connection; default 10s."),
    F_OPTIONAL(struct dr_tcp_pool, tcp_keepalive, "tcpKeepalive", &keepalive_schema, F_ENFORCED,
               .doc = "Keep-alive probes of the kernel."),
    F_DURATION(struct dr_tcp_pool, max_connection_duration_ms, "maxConnectionDuration",
               F_AT_LEAST(1), F_ENFORCED, .doc = "Age at which a connection is closed."),
    F_DURATION(struct dr_tcp_pool, idle_timeout_ms, "idleTimeout", F_AT_LEAST(1), F_ENFORCED,
               .doc = "As http.idleTimeout, where that is not given."),
};
static const struct schema tcp_pool_schema =
    SCHEMA("TCPSettings", struct dr_tcp_pool, tcp_pool_fields);

static const struct field http2_keepalive_fields[] = {
    F_DURATION(struct dr_http2_keepalive, interval_ms, "interval", .required = true, F_AT_LEAST(1),
               .doc = "Time between pings."),
    F_DURATION(struct dr_http2_keepalive, timeout_ms, "timeout", .required = true, F_AT_LEAST(1),
               .doc = "Time for the answer."),
};
static const struct schema http2_keepalive_schema =
    SCHEMA("Http2KeepAlive", struct dr_http2_keepalive, http2_keepalive_fields);

static const struct enum_value h2_values[] = {
    {.name = ""},
    {.name = "DEFAULT", .doc = "as DO_NOT_UPGRADE"},
    {.name = "DO_NOT_UPGRADE", .doc = "HTTP/1.1 to the backend"},
    {.name = "UPGRADE",
     .doc = "HTTP/2 with prior knowledge to the backend; one that only knows HTTP/1.1 breaks",
     .enforced = ENFORCED_NO},
    {.name = NULL}};

static const struct field http_pool_fields[] = {
    F_INT(struct dr_http_pool, http1_max_pending_requests, "http1MaxPendingRequests",
          F_RANGE(0, COUNT_MAX), F_ENFORCED,
          .doc = "Requests that wait for a connection (HTTP/1.1 and HTTP/2); 0: no limit."),
    F_INT(struct dr_http_pool, http2_max_requests, "http2MaxRequests", F_RANGE(0, COUNT_MAX),
          F_ENFORCED, .doc = "Requests at once (HTTP/1.1 and HTTP/2); 0: no limit."),
    F_INT(struct dr_http_pool, max_requests_per_connection, "maxRequestsPerConnection",
          F_RANGE(0, COUNT_MAX), F_ENFORCED,
          .doc = "A connection is closed after so many; 1: no keep-alive; 0: no limit."),
    F_INT(struct dr_http_pool, max_retries, "maxRetries", F_RANGE(0, COUNT_MAX), F_ENFORCED,
          .doc = "Retries at once; 0: no limit."),
    F_DURATION(struct dr_http_pool, idle_timeout_ms, "idleTimeout", F_AT_LEAST(1), F_ENFORCED,
               .doc = "An idle connection is closed after this; default 1h."),
    F_ENUM(struct dr_http_pool, h2_upgrade_policy, "h2UpgradePolicy", h2_values, F_ENFORCED,
           .doc = "Protocol to the backend."),
    F_BOOL(struct dr_http_pool, use_client_protocol, "useClientProtocol", F_NOT_ENFORCED,
           .doc = "Speak to the backend what the client speaks."),
    F_INT(struct dr_http_pool, max_concurrent_streams, "maxConcurrentStreams",
          F_RANGE(0, COUNT_MAX), F_NOT_ENFORCED, .doc = "Streams on one HTTP/2 connection."),
    F_OPTIONAL(struct dr_http_pool, http2_keepalive, "http2KeepAlive", &http2_keepalive_schema,
               F_NOT_ENFORCED, .doc = "Pings on HTTP/2 connections."),
};
static const struct schema http_pool_schema =
    SCHEMA("HTTPSettings", struct dr_http_pool, http_pool_fields, .check = dr_check_http_pool);

static const struct field connection_pool_fields[] = {
    F_OPTIONAL(struct dr_connection_pool, tcp, "tcp", &tcp_pool_schema, .doc = "Connections."),
    F_OPTIONAL(struct dr_connection_pool, http, "http", &http_pool_schema, .doc = "Requests."),
};
const struct schema dr_connection_pool_schema =
    SCHEMA("ConnectionPoolSettings", struct dr_connection_pool, connection_pool_fields,
           .check = dr_check_connection_pool, .doc = "Limits: the circuit breaker.");

static const struct field outlier_fields[] = {
    F_INT_OPT(struct dr_outlier, consecutive_5xx_errors, "consecutive5xxErrors",
              F_RANGE(0, COUNT_MAX), F_ENFORCED,
              .doc = "5xx answers in a row; default 5; 0: not looked at."),
    F_INT_OPT(struct dr_outlier, consecutive_gateway_errors, "consecutiveGatewayErrors",
              F_RANGE(0, COUNT_MAX), F_ENFORCED,
              .doc = "502, 503 and 504 in a row; only looked at when given and above 0."),
    F_INT(struct dr_outlier, consecutive_errors, "consecutiveErrors", F_RANGE(0, COUNT_MAX),
          .deprecated = "it has no effect since Istio 1.7; use consecutive5xxErrors"),
    F_INT_OPT(struct dr_outlier, consecutive_local_origin_failures,
              "consecutiveLocalOriginFailures", F_RANGE(0, COUNT_MAX), F_ENFORCED,
              .doc = "Failed connections in a row; needs splitExternalLocalOriginErrors."),
    F_BOOL(struct dr_outlier, split_external_local_origin_errors, "splitExternalLocalOriginErrors",
           F_ENFORCED, .doc = "Count failed connections apart from bad answers."),
    F_DURATION_OPT(struct dr_outlier, interval_ms, "interval", F_AT_LEAST(1), F_ENFORCED,
                   .doc = "How often ejected endpoints are looked at; default 10s."),
    F_DURATION_OPT(struct dr_outlier, base_ejection_time_ms, "baseEjectionTime", F_AT_LEAST(1),
                   F_ENFORCED,
                   .doc = "Time out of service, times the number of ejections, at most 300s; "
                          "default 30s."),
    F_INT(struct dr_outlier, max_ejection_percent, "maxEjectionPercent", F_RANGE(0, 100),
          F_ENFORCED, .doc = "Largest share that is ejected; default 10."),
    F_INT(struct dr_outlier, min_health_percent, "minHealthPercent", F_RANGE(0, 100), F_ENFORCED,
          .doc = "Below this share of healthy endpoints all get traffic again (panic); it does not "
                 "keep endpoints from being ejected."),
    F_INTS(struct dr_outlier, http_error_codes, "outlierDetectionHttpErrorCodes", F_RANGE(100, 599),
           F_ENFORCED, .doc = "Statuses that count instead of 5xx."),
};
const struct schema dr_outlier_schema =
    SCHEMA("OutlierDetection", struct dr_outlier, outlier_fields, .check = dr_check_outlier,
           .doc = "Takes failing endpoints out of service for a while.");

static const struct enum_value tls_values[] = {
    {.name = ""},
    {.name = "DISABLE", .doc = "plain text"},
    {.name = "SIMPLE", .doc = "TLS, the server shows its certificate", .enforced = ENFORCED_NO},
    {.name = "MUTUAL", .doc = "both sides show one", .enforced = ENFORCED_NO},
    {.name = "ISTIO_MUTUAL", .doc = "with the mesh's own certificates", .enforced = ENFORCED_NO},
    {.name = NULL}};

static const struct field tls_fields[] = {
    F_ENUM(struct dr_tls, mode, "mode", tls_values, F_ENFORCED,
           .doc = "Whether and how TLS is used."),
    F_STRING(struct dr_tls, client_certificate, "clientCertificate", .doc = "File of ours."),
    F_STRING(struct dr_tls, private_key, "privateKey", .doc = "File of its key."),
    F_STRING(struct dr_tls, ca_certificates, "caCertificates",
             .doc = "File of the authorities trusted; default: the system's."),
    F_STRING(struct dr_tls, ca_crl, "caCrl", .doc = "File of revoked certificates."),
    F_STRING(struct dr_tls, credential_name, "credentialName", .doc = "Secret with all of these."),
    F_STRINGS(struct dr_tls, subject_alt_names, "subjectAltNames",
              .doc = "Names one of which the server's certificate must have."),
    F_STRING(struct dr_tls, sni, "sni", .doc = "Server name; default: the request's host."),
    F_BOOL_OPT(struct dr_tls, insecure_skip_verify, "insecureSkipVerify",
               .doc = "Do not verify the server's certificate."),
};
const struct schema dr_tls_schema =
    SCHEMA("ClientTLSSettings", struct dr_tls, tls_fields, .check = dr_check_tls);
