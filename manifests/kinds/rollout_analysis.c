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
    VALUE("sequential", "Evidence that is valid at any time, beside stable: decides as soon as it "
                        "allows, with a bound on false alarms."),
    VALUE("threshold", "Bounds, with a number of failed measurements that are tolerated."),
    VALUE("condition", "successCondition and failureCondition on each measurement, with limits."),
    VALUE("burnRate", "How fast the limit's error budget burns, over a long and a short window."),
    VALUE("rank", "Mann-Whitney test of the values of canary and stable over time, with a score."),
    END,
};
static const struct enum_value preset_values[] = {
    NOT_GIVEN,
    VALUE("default", "1.25 times stable and a little; false rollbacks at most 1 in 100."),
    VALUE("strict", "Sees smaller differences, and holds rather than go on without a proof; "
                    "needs replicas that are alike."),
    VALUE("tolerant", "Bears larger differences and longer bursts."),
    END,
};

#define COND struct rollout_condition_judge
static const struct field condition_fields[] = {
    F_INT(COND, count, "count", F_RANGE(0, 1000000),
          .doc = "Measurements after which a metric is done. 0: until the step's time is up."),
    F_DURATION(COND, initial_delay_ms, "initialDelay",
               .doc = "Before the first measurement of a step."),
    F_INT(COND, inconclusive_limit, "inconclusiveLimit", F_RANGE(0, 1000000),
          .doc = "Measurements that are neither a success nor a failure that are tolerated."),
    F_INT(COND, consecutive_error_limit, "consecutiveErrorLimit", F_RANGE(0, 1000000),
          .doc = "More failed queries in a row than this are a fail, as Argo's 4. 0: errors hold."),
    F_INT(COND, consecutive_success_limit, "consecutiveSuccessLimit", F_RANGE(0, 1000000),
          .doc = "So many successes in a row end with pass. 0: off."),
};
static const struct schema condition_schema =
    SCHEMA("RolloutConditionJudge", COND, condition_fields);

static const struct field burn_rate_fields[] = {
    F_DURATION(struct rollout_burn_rate, long_ms, "longWindow", .fallback = "1h", F_AT_LEAST(1000),
               .doc = "Must burn too fast over this."),
    F_DURATION(struct rollout_burn_rate, short_ms, "shortWindow", .fallback = "5m",
               F_AT_LEAST(1000), .doc = "And over this, so that it still does."),
    F_DOUBLE(struct rollout_burn_rate, factor, "factor", .fallback = "14.4", F_RANGE(1, 1000000),
             .doc = "How many times the limit's share is too fast."),
};
static const struct schema burn_rate_schema =
    SCHEMA("RolloutBurnRate", struct rollout_burn_rate, burn_rate_fields);

static const struct field rank_fields[] = {
    F_DURATION(struct rollout_rank, step_ms, "step", .fallback = "60s", F_AT_LEAST(1000),
               .doc = "Time that one point of the series stands for."),
    F_DOUBLE(struct rollout_rank, tolerance, "tolerance", .fallback = "0.25", F_RANGE(0, 100),
             .doc = "Share of the shift within which a difference is none."),
    F_DOUBLE(struct rollout_rank, confidence, "confidence", .fallback = "0.98",
             F_RANGE(0.5, 0.999999), .doc = "Of the test's interval."),
    F_DOUBLE(struct rollout_rank, increase, "increase", .fallback = "1", F_RANGE(0, 1000000),
             .doc = "Ratio of the means from which an increase counts."),
    F_DOUBLE(struct rollout_rank, pass, "pass", .fallback = "95", F_RANGE(0, 100),
             .doc = "Score from which the release goes on."),
    F_DOUBLE(struct rollout_rank, marginal, "marginal", .fallback = "75", F_RANGE(0, 100),
             .doc = "Score at or below which it fails."),
};
static const struct schema rank_schema = SCHEMA("RolloutRank", struct rollout_rank, rank_fields);

static const struct field judge_fields[] = {
    F_ENUM(struct rollout_judge, type, "type", judge_values,
           .doc = "How it is judged. Left out: sequential."),
    F_ENUM(struct rollout_judge, preset, "preset", preset_values,
           .doc = "sequential: parameters that go together; each can be given beside it."),
    F_DOUBLE(struct rollout_judge, alpha, "alpha", F_RANGE(0.000001, 0.5),
             .doc = "sequential: bound on the chance of a false rollback, per release. 0.01."),
    F_DOUBLE(struct rollout_judge, beta, "beta", F_RANGE(0.000001, 0.5),
             .doc = "sequential: bound on the chance of a false pass by evidence. 0.05."),
    F_DURATION(struct rollout_judge, min_detect_ms, "minDetect", F_RANGE(1, 3600000),
               .doc = "sequential: shortest decision against the canary; bursts that are shorter "
                      "roll nothing back. 30s."),
    F_DURATION_OPT(struct rollout_judge, warmup_ms, "warmup", F_RANGE(0, 3600000),
                   .doc = "Latency does not count so long after each weight change. Left out: a "
                          "quarter of the monitoring, at most 60s."),
    F_BOOL(struct rollout_judge, only_if_worse, "onlyIfWorse", .fallback = "true",
           .doc = "sequential: a limit that stable breaks as well is not the canary's fault."),
    F_INT(struct rollout_judge, failure_limit, "failureLimit", .fallback = "3", F_RANGE(0, 1000),
          .doc = "threshold, condition: failed measurements that are tolerated; one more is a "
                 "fail."),
    F_INT(
        struct rollout_judge, min_requests, "minRequests", .fallback = "50", F_RANGE(1, 1000000000),
        .doc = "All but sequential: requests of the canary that make a measurement, and the least "
               "for a pass."),
    F_BOOL(struct rollout_judge, cumulative, "cumulative",
           .doc = "threshold: failures count until the release ends; else in a row."),
    F_DURATION(struct rollout_judge, measure_window_ms, "measureWindow", F_RANGE(1, 3600000),
               .doc = "threshold: what a measurement looks back over. Left out: since the last."),
    F_OPTIONAL(struct rollout_judge, condition, "condition", &condition_schema,
               .doc = "For type condition."),
    F_OPTIONAL(struct rollout_judge, burn_rate, "burnRate", &burn_rate_schema,
               .doc = "For type burnRate."),
    F_OPTIONAL(struct rollout_judge, rank, "rank", &rank_schema, .doc = "For type rank."),
};
static const struct schema_rule judge_rules[] = {
    {"!has(self.rank) || !has(self.rank.marginal) || !has(self.rank.pass) || "
     "self.rank.marginal <= self.rank.pass",
     "rank.marginal is above rank.pass: nothing could pass"},
    {"!has(self.burnRate) || !has(self.burnRate.shortWindow) || !has(self.burnRate.longWindow) || "
     "duration(self.burnRate.shortWindow) <= duration(self.burnRate.longWindow)",
     "burnRate.shortWindow is longer than longWindow"},
};
static const struct schema judge_schema =
    SCHEMA("RolloutJudge", struct rollout_judge, judge_fields, .check = rollout_check_judge,
           S_RULES(judge_rules));

static const struct field tolerance_fields[] = {
    F_DOUBLE(struct rollout_tolerance, ratio, "ratio", .fallback = "1", F_RANGE(1, 1000),
             .doc = "Times stable's share."),
    F_DOUBLE(struct rollout_tolerance, points, "points", .fallback = "0", F_RANGE(0, 100),
             .doc = "And so many percentage points."),
};
static const struct schema tolerance_schema =
    SCHEMA("RolloutTolerance", struct rollout_tolerance, tolerance_fields);

static const struct field metric_fields[] = {
    F_STRING(struct rollout_metric, name, "name", .required = true, .not_empty = true,
             F_RANGE(1, 128),
             .doc = "error-rate and latency-pNN are built in; any other name needs a query."),
    F_STRING(struct rollout_metric, query, "query", F_RANGE(0, 8192),
             .doc = "PromQL that gives one number, with {{ }} variables; for metrics of your own."),
    F_INT_OR_STRING(struct rollout_metric, limit, "limit",
                    .doc = "Absolute bound: \"1%\", \"500ms\", 40. Built-in metrics are compared "
                           "with stable, too."),
    F_OPTIONAL(struct rollout_metric, tolerance, "tolerance", &tolerance_schema,
               .doc = "Built-in: worse than ratio times stable and the points is a fail. Left out: "
                      "the preset's."),
    F_OPTIONAL(struct rollout_metric, accept, "accept", &tolerance_schema,
               .doc = "Built-in: proven better than this is a pass. Wider than tolerance."),
    F_DOUBLE(struct rollout_metric, weight, "weight", F_RANGE(0, 1000),
             .doc = "sequential: its share of all evidence. Left out: 0.6 errors, 0.2 each "
                    "question on latency, 0.2 others."),
    F_STRING(struct rollout_metric, success_condition, "successCondition",
             .doc = "condition: over `result`, for example `result[0] < 0.95`."),
    F_STRING(struct rollout_metric, failure_condition, "failureCondition",
             .doc = "condition: over `result`."),
    F_STRING(struct rollout_metric, stable_query, "stableQuery",
             .doc = "rank: PromQL for the same value of stable."),
    F_BOOL(struct rollout_metric, critical, "critical", .doc = "rank: alone fails the release."),
};
#define BUILT_IN "(self.name == 'error-rate' || self.name.matches('^latency-p[0-9]+([.][0-9]+)?$'))"
static const struct schema_rule metric_rules[] = {
    {BUILT_IN " != (has(self.query) && self.query != '')",
     "error-rate and latency-pNN are built in and take no query; any other metric needs one"},
    {"!" BUILT_IN " || !has(self.tolerance) || !has(self.accept) || "
     "(self.accept.ratio >= self.tolerance.ratio && self.accept.points >= self.tolerance.points)",
     "accept must be at least as wide as tolerance"},
    {BUILT_IN " || (!has(self.tolerance) && !has(self.accept))",
     "tolerance and accept are for built-in metrics, which are compared with stable"},
};
const struct schema rollout_metric_schema =
    SCHEMA("RolloutMetric", struct rollout_metric, metric_fields, .check = rollout_check_metric,
           S_RULES(metric_rules));

static const struct field argument_fields[] = {
    F_STRING(struct rollout_argument, name, "name", .required = true, .not_empty = true),
    F_STRING(struct rollout_argument, value, "value", .required = true),
};
static const struct schema argument_schema =
    SCHEMA("RolloutArgument", struct rollout_argument, argument_fields);

static const struct field metric_set_fields[] = {
    F_STRING(struct rollout_metric_set_ref, name, "name", .required = true, .not_empty = true,
             .doc = "Name of the MetricSet, in the same namespace."),
    F_LIST(struct rollout_metric_set_ref, args, "args", &argument_schema, .merge_key = "name",
           .doc = "Values for its arguments."),
};
static const struct schema metric_set_ref_schema =
    SCHEMA("RolloutMetricSet", struct rollout_metric_set_ref, metric_set_fields);

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
const struct schema rollout_secret_ref_schema =
    SCHEMA("RolloutSecretRef", struct rollout_secret_ref, secret_ref_fields);

static const struct field prometheus_fields[] = {
    F_STRING(struct rollout_prometheus, address, "address", F_RANGE(0, 2048),
             .doc = "http:// or https:// address. Left out: the operator's --prometheus."),
    F_OPTIONAL(struct rollout_prometheus, secret_ref, "secretRef", &rollout_secret_ref_schema,
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
static const struct schema_rule prometheus_rules[] = {
    {"!has(self.address) || self.address == '' || self.address.matches('^https?://[^@?# ]+$')",
     "address: expected http:// or https://, host, port and path alone; credentials belong into "
     "the Secret of secretRef"},
};
static const struct schema prometheus_schema =
    SCHEMA("RolloutPrometheus", struct rollout_prometheus, prometheus_fields,
           .check = rollout_check_prometheus, S_RULES(prometheus_rules));

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
    F_LIST(struct rollout_analysis, metrics, "metrics", &rollout_metric_schema, .merge_key = "name",
           .bare_items = true, F_RANGE(0, 64),
           .fallback = "[{\"name\":\"error-rate\"},{\"name\":\"latency-p99\"}]",
           .doc = "What is judged. Left out: error-rate and latency-p99, compared with stable."),
    F_LIST(struct rollout_analysis, metric_sets, "metricSets", &metric_set_ref_schema,
           .merge_key = "name", .has_range = true, .min = 0, .max = 8,
           .doc =
               "MetricSets whose metrics are judged, too. A metric of the same name above wins."),
    F_ENUM(struct rollout_analysis, on_inconclusive, "onInconclusive", inconclusive_values,
           .doc = "When the time is up and the evidence says neither pass nor fail. Left out: "
                  "promoteIfClean, with preset strict hold."),
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
