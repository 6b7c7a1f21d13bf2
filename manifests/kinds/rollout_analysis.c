// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/rollout_analysis.h"
#include "manifests/kinds/rollout_check.h"

#define VALUE(n, d)                                                                                \
  { .name = n, .doc = d }
#define NOT_GIVEN                                                                                  \
  { .name = "" }
#define END                                                                                        \
  { .name = NULL }

static const struct enum_value judge_values[] = {
    NOT_GIVEN,
    VALUE("sequential", "Evidence that is valid at any time. Refused by this version."),
    VALUE("threshold", "Limits, with a number of failed checks that are tolerated."),
    VALUE("condition", "Refused by this version."),
    VALUE("burnRate", "Refused by this version."),
    VALUE("rank", "Refused by this version."),
    END,
};

static const struct field judge_fields[] = {
    F_ENUM(struct rollout_judge, type, "type", judge_values,
           .doc = "How it is judged. Left out: threshold."),
    F_INT(struct rollout_judge, failure_limit, "failureLimit", .fallback = "3", F_RANGE(0, 1000),
          .doc = "threshold: failed measurements in a row that are tolerated; one more is a fail."),
    F_INT(
        struct rollout_judge, min_requests, "minRequests", .fallback = "50", F_RANGE(1, 1000000000),
        .doc =
            "threshold: requests of the canary that make a measurement, and the least for a pass."),
};
static const struct schema judge_schema =
    SCHEMA("RolloutJudge", struct rollout_judge, judge_fields, .check = rollout_check_judge);

static const struct field metric_fields[] = {
    F_STRING(struct rollout_metric, name, "name", .required = true, .not_empty = true,
             .doc = "error-rate and latency-pNN are built in; any other name needs a query."),
    F_STRING(struct rollout_metric, query, "query",
             .doc = "PromQL that gives one number, with {{ }} variables; for metrics of your own."),
    F_INT_OR_STRING(struct rollout_metric, limit, "limit",
                    .doc = "Absolute bound: \"1%\", \"500ms\", 40. Built-in metrics are compared "
                           "with stable, too."),
};
static const struct schema metric_schema =
    SCHEMA("RolloutMetric", struct rollout_metric, metric_fields, .check = rollout_check_metric);

static const struct field header_fields[] = {
    F_STRING(struct rollout_header, name, "name", .required = true, .not_empty = true),
    F_STRING(struct rollout_header, value, "value", .required = true,
             .doc = "Not for credentials: use secretRef."),
};
static const struct schema header_schema =
    SCHEMA("RolloutHeader", struct rollout_header, header_fields);

static const struct field secret_ref_fields[] = {
    F_STRING(struct rollout_secret_ref, name, "name", .required = true, .not_empty = true,
             .doc = "Name of the Secret, in the same namespace."),
};
static const struct schema secret_ref_schema =
    SCHEMA("RolloutSecretRef", struct rollout_secret_ref, secret_ref_fields);

static const struct field prometheus_fields[] = {
    F_STRING(struct rollout_prometheus, address, "address",
             .doc = "http:// or https:// address. Left out: the operator's --prometheus."),
    F_OPTIONAL(struct rollout_prometheus, secret_ref, "secretRef", &secret_ref_schema,
               .doc = "Credentials for that address: token (bearer), or username and password "
                      "(basic); ca.crt; tls.crt and tls.key. Read again when the Secret changes."),
    F_LIST(struct rollout_prometheus, headers, "headers", &header_schema, .merge_key = "name",
           .has_range = true, .min = 0, .max = 16,
           .doc = "Further request headers, for example X-Scope-OrgID."),
    F_BOOL(struct rollout_prometheus, insecure_skip_verify, "insecureSkipVerify",
           .doc = "Do not verify the server's certificate."),
    F_DURATION(struct rollout_prometheus, timeout_ms, "timeout", .fallback = "5s",
               F_RANGE(100, 300000), .doc = "Longest time for one query."),
};
static const struct schema prometheus_schema =
    SCHEMA("RolloutPrometheus", struct rollout_prometheus, prometheus_fields,
           .check = rollout_check_prometheus);

static const struct enum_value inconclusive_values[] = {
    NOT_GIVEN,
    VALUE("promoteIfClean",
          "Go on when nothing speaks against the canary and it had 100 requests; else hold."),
    VALUE("hold", "Wait for evidence or a person."),
    VALUE("rollback", "Put the traffic back."),
    END,
};
static const struct enum_value no_data_values[] = {
    NOT_GIVEN,
    VALUE("hold", "Wait for traffic or a person."),
    VALUE("promote", "Go on."),
    VALUE("rollback", "Put the traffic back."),
    END,
};
const struct enum_value rollout_failure_values[] = {
    NOT_GIVEN,
    VALUE("rollback", "Put the traffic back."),
    VALUE("hold", "Stay at this weight and wait for a person."),
    END,
};
static const struct field analysis_fields[] = {
    F_OBJECT(struct rollout_analysis, prometheus, "prometheus", &prometheus_schema,
             .doc = "Where the metrics are."),
    F_DURATION(struct rollout_analysis, interval_ms, "interval", .fallback = "5s", F_AT_LEAST(500),
               .doc = "Time between two looks."),
    F_OBJECT(struct rollout_analysis, judge, "judge", &judge_schema, .doc = "How it is judged."),
    F_LIST(struct rollout_analysis, metrics, "metrics", &metric_schema, .merge_key = "name",
           .fallback = "[{\"name\":\"error-rate\"},{\"name\":\"latency-p99\"}]",
           .doc = "What is judged. Left out: error-rate and latency-p99, compared with stable."),
    F_ENUM(struct rollout_analysis, on_inconclusive, "onInconclusive", inconclusive_values,
           .fallback = "promoteIfClean",
           .doc = "When the time is up and the evidence says neither pass nor fail."),
    F_ENUM(struct rollout_analysis, on_no_data, "onNoData", no_data_values, .fallback = "hold",
           .doc = "When the time is up and the canary had no traffic at all."),
    F_ENUM(struct rollout_analysis, on_failure, "onFailure", rollout_failure_values,
           .fallback = "rollback", .doc = "When the judge says fail."),
};
const struct schema rollout_analysis_schema =
    SCHEMA("RolloutAnalysis", struct rollout_analysis, analysis_fields);

struct str rollout_metric_limit(const struct rollout_metric *metric, struct arena *arena) {
  if (!metric->limit.is_set)
    return STR("");
  if (metric->limit.is_string)
    return metric->limit.text;
  return arena_printf(arena, "%lld", (long long)metric->limit.integer);
}
