// SPDX-License-Identifier: Apache-2.0
// The tables of virtual_service_http.h that say when a route applies and what happens on the way.
#include "manifests/kinds/virtual_service_check.h"
#include "manifests/kinds/virtual_service_http.h"
#include "manifests/schema/format.h"

// A header name, or one of Envoy's pseudo headers such as :method.
static bool match_header(struct str s) {
  return format_token.is_valid(str_starts(s, STR(":")) ? str_slice(s, 1, s.len) : s);
}
static const struct field_format match_header_format = {
    "header-name", "a header name (or :method, :authority, :scheme, :path)", match_header, NULL};

static const struct field match_fields[] = {
    F_STRING(struct vs_match, name, "name", .doc = "Shown in logs."),
    F_OPTIONAL(struct vs_match, uri, "uri", &uri_string_match_schema,
               .doc = "The path without query. prefix is by character: /foo matches /foobar."),
    F_OPTIONAL(struct vs_match, scheme, "scheme", &string_match_schema, .doc = "http or https."),
    F_OPTIONAL(struct vs_match, method, "method", &string_match_schema, .doc = "The method."),
    F_OPTIONAL(struct vs_match, authority, "authority", &string_match_schema,
               .doc = "The Host header, with its port if the client sent one."),
    F_MAP(struct vs_match, headers, "headers", &string_match_schema, struct named_string_match,
          match, .format = &match_header_format,
          .doc = "Headers by name; {} means the header is there."),
    F_INT(struct vs_match, port, "port", F_RANGE(0, 65535), F_ENFORCED,
          .doc = "Only for this port of the service or listener."),
    F_STRING_MAP(struct vs_match, source_labels, "sourceLabels", F_ENFORCED,
                 .doc = "Only for proxies with these labels."),
    F_STRINGS(struct vs_match, gateways, "gateways", F_ENFORCED, .doc = "Only for these gateways."),
    F_MAP(struct vs_match, query_params, "queryParams", &string_match_schema,
          struct named_string_match, match,
          .doc = "Query parameters by name, as written in the URL; {} means it is there."),
    F_BOOL(struct vs_match, ignore_uri_case, "ignoreUriCase", F_ENFORCED,
           .doc = "Compare exact and prefix of uri without case."),
    F_MAP(struct vs_match, without_headers, "withoutHeaders", &absent_string_match_schema,
          struct named_string_match, match, .format = &match_header_format,
          .doc = "Headers that must not match; {} means the header is not there."),
    F_STRING(struct vs_match, source_namespace, "sourceNamespace", F_ENFORCED,
             .doc = "Only for proxies of this namespace."),
    F_STRING(struct vs_match, stat_prefix, "statPrefix", F_NOT_ENFORCED,
             .doc = "Prefix of further statistics."),
};
const struct schema vs_match_schema =
    SCHEMA("HTTPMatchRequest", struct vs_match, match_fields, .check = vs_check_match,
           .doc = "All that is given must hold.");

static const struct field percentage_fields[] = {
    F_DOUBLE(struct vs_percentage, value, "value", F_RANGE(0, 100), .doc = "0.0 to 100.0."),
};
const struct schema vs_percentage_schema =
    SCHEMA("Percent", struct vs_percentage, percentage_fields, .check = vs_check_percentage);

static const struct field retries_fields[] = {
    F_INT(struct vs_retries, attempts, "attempts", F_RANGE(0, 2147483647), F_ENFORCED,
          .doc = "Retries after the first try. 0 or not given in a retries block: none."),
    F_DURATION(struct vs_retries, per_try_timeout_ms, "perTryTimeout", F_AT_LEAST(1), F_ENFORCED,
               .doc = "Time for one try until its response headers; default the route's timeout."),
    F_STRING(struct vs_retries, retry_on, "retryOn", F_ENFORCED,
             .doc = "Conditions and status codes, separated by commas. Not given: "
                    "connect-failure,refused-stream,unavailable,cancelled."),
    F_BOOL_OPT(struct vs_retries, retry_remote_localities, "retryRemoteLocalities", F_ENFORCED,
               .doc = "Also endpoints of other localities. Says nothing about methods."),
    F_BOOL_OPT(struct vs_retries, retry_ignore_previous_hosts, "retryIgnorePreviousHosts",
               F_ENFORCED, .doc = "Prefer endpoints not tried yet; default true."),
    F_DURATION(struct vs_retries, backoff_ms, "backoff", F_AT_LEAST(1), F_ENFORCED,
               .doc = "Base of the growing pause before a retry; default 25ms."),
};
const struct schema vs_retries_schema = SCHEMA(
    "HTTPRetry", struct vs_retries, retries_fields, .check = vs_check_retries,
    .doc = "When a request is tried again. Methods are not looked at: POST is repeated, too.");

static const struct field delay_fields[] = {
    F_INT_OPT(struct vs_delay, percent, "percent", F_RANGE(0, 100), F_ENFORCED,
              .deprecated = "use percentage"),
    F_OPTIONAL(struct vs_delay, percentage, "percentage", &vs_percentage_schema,
               .doc = "Share of the requests; none when not given."),
    F_DURATION_OPT(struct vs_delay, fixed_delay_ms, "fixedDelay", F_AT_LEAST(1), F_ENFORCED,
                   .doc = "How long the request is held back."),
    F_DURATION(struct vs_delay, exponential_delay_ms, "exponentialDelay",
               .doc = "Not supported by Istio either."),
};
static const struct schema delay_schema =
    SCHEMA("FaultDelay", struct vs_delay, delay_fields, .check = vs_check_delay);

static const struct field abort_fields[] = {
    F_INT_OPT(struct vs_abort, http_status, "httpStatus", F_RANGE(200, 599), F_ENFORCED,
              .doc = "Status to answer with."),
    F_STRING(struct vs_abort, grpc_status, "grpcStatus", F_ENFORCED,
             .doc = "gRPC status to answer with, e.g. UNAVAILABLE."),
    F_STRING(struct vs_abort, http2_error, "http2Error", .doc = "Not supported by Istio either."),
    F_OPTIONAL(struct vs_abort, percentage, "percentage", &vs_percentage_schema,
               .doc = "Share of the requests; none when not given."),
};
static const struct schema abort_schema =
    SCHEMA("FaultAbort", struct vs_abort, abort_fields, .check = vs_check_abort);

static const struct field fault_fields[] = {
    F_OPTIONAL(struct vs_fault, delay, "delay", &delay_schema,
               .doc = "Hold requests back; outside the route's own timeout."),
    F_OPTIONAL(struct vs_fault, abort, "abort", &abort_schema,
               .doc = "Answer with an error; not retried and not seen by outlier detection."),
};
const struct schema vs_fault_schema =
    SCHEMA("HTTPFaultInjection", struct vs_fault, fault_fields, .check = vs_check_fault,
           .doc = "Faults on purpose, to see how clients take them.");

static const struct enum_value preflights[] = {
    {.name = ""},
    {.name = "UNSPECIFIED", .doc = "as FORWARD"},
    {.name = "FORWARD", .doc = "goes to the backend"},
    {.name = "IGNORE", .doc = "answered without allow-origin"},
    {.name = NULL}};

static const struct field cors_fields[] = {
    F_STRINGS(struct vs_cors, allow_origin, "allowOrigin", F_ENFORCED,
              .deprecated = "use allowOrigins"),
    F_LIST(struct vs_cors, allow_origins, "allowOrigins", &string_match_schema,
           .doc = "Origins that may."),
    F_STRINGS(struct vs_cors, allow_methods, "allowMethods", F_ENFORCED,
              .doc = "Methods that may be used."),
    F_STRINGS(struct vs_cors, allow_headers, "allowHeaders", F_ENFORCED,
              .doc = "Headers that may be sent."),
    F_STRINGS(struct vs_cors, expose_headers, "exposeHeaders", F_ENFORCED,
              .doc = "Headers that may be read."),
    F_DURATION_OPT(struct vs_cors, max_age_ms, "maxAge", F_ENFORCED,
                   .doc = "How long a preflight holds; whole seconds."),
    F_BOOL_OPT(struct vs_cors, allow_credentials, "allowCredentials", F_ENFORCED,
               .doc = "Whether cookies may be sent."),
    F_ENUM(struct vs_cors, unmatched_preflights, "unmatchedPreflights", preflights, F_ENFORCED,
           .doc = "What happens to a preflight of another origin."),
};
const struct schema vs_cors_schema =
    SCHEMA("CorsPolicy", struct vs_cors, cors_fields, .check = vs_check_cors);
