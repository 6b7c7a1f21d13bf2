// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/rollout_analysis.h"
#include "manifests/kinds/rollout_check.h"
#include "manifests/text/duration.h"
#include "manifests/text/percent.h"
#include "manifests/text/quantity.h"

// An address is shown in logs, status and error messages: credentials have no place in it.
void rollout_check_prometheus(const void *object, struct check *check) {
  const struct rollout_prometheus *prometheus = object;
  struct str address = prometheus->address;
  bool http = str_starts(address, STR("http://")), https = str_starts(address, STR("https://"));
  struct str rest = str_slice(address, https ? 8 : 7, address.len);
  if (address.len && !http && !https)
    check_error(check, "format", "address", "expected http://... or https://..., found \"%.*s\"",
                STR_ARG(address));
  else if (address.len && str_find_char(rest, '@') >= 0)
    check_error(check, "secret", "address",
                "must not hold a user name or a password: put them into a Secret and name it in "
                "secretRef");
  if (prometheus->secret_ref && http)
    check_warn(check, "secret", "secretRef", "its credentials are sent in clear to http://");
  for (size_t i = 0; i < prometheus->headers_count; i++)
    if (str_eq_nocase(prometheus->headers[i].name, STR("authorization")) ||
        str_eq_nocase(prometheus->headers[i].name, STR("cookie")))
      check_error(check, "secret", check_index(check, "headers", i, ".name"),
                  "credentials belong into a Secret: name it in secretRef");
}

void rollout_check_judge(const void *object, struct check *check) {
  const struct rollout_judge *judge = object;
  if (judge->rank && judge->rank->marginal > judge->rank->pass)
    check_error(check, "order", "rank.marginal", "is above rank.pass: nothing could pass");
  if (judge->burn_rate && judge->burn_rate->short_ms > judge->burn_rate->long_ms)
    check_error(check, "order", "burnRate.shortWindow", "is longer than longWindow");
  // Fields with a default are left out here: a stored object has them.
  static const struct {
    const char *field;
    enum rollout_judge_type type;
  } MEANT[] = {{"preset", ROLLOUT_JUDGE_SEQUENTIAL},
               {"alpha", ROLLOUT_JUDGE_SEQUENTIAL},
               {"beta", ROLLOUT_JUDGE_SEQUENTIAL},
               {"minDetect", ROLLOUT_JUDGE_SEQUENTIAL},
               {"cumulative", ROLLOUT_JUDGE_THRESHOLD},
               {"measureWindow", ROLLOUT_JUDGE_THRESHOLD},
               {"condition", ROLLOUT_JUDGE_CONDITION},
               {"burnRate", ROLLOUT_JUDGE_BURN_RATE},
               {"rank", ROLLOUT_JUDGE_RANK}};
  enum rollout_judge_type type = judge->type ? judge->type : ROLLOUT_JUDGE_SEQUENTIAL;
  for (size_t i = 0; i < sizeof MEANT / sizeof MEANT[0]; i++)
    if (check_given(check, MEANT[i].field) && type != MEANT[i].type)
      check_warn(check, "no-effect", MEANT[i].field, "has no effect with this type of judge");
}

static bool is_latency(struct str name) {
  int64_t digits;
  struct str prefix = STR("latency-p");
  return str_starts(name, prefix) && str_to_i64(str_slice(name, prefix.len, name.len), &digits) &&
         digits > 0;
}

static const char *limit_expected(struct str name, struct str text) {
  double number;
  int64_t ms;
  if (str_eq_z(name, "error-rate"))
    return percent_parse(text, &number) && number <= 100 ? NULL : "a share such as 1%";
  if (is_latency(name))
    return (duration_parse(text, &ms) && ms > 0) || (str_to_double(text, &number) && number > 0)
               ? NULL
               : "a duration such as 500ms";
  return str_to_double(text, &number) || quantity_parse(text, &number) ? NULL
                                                                       : "a number such as 40";
}

void rollout_check_metric(const void *object, struct check *check) {
  const struct rollout_metric *metric = object;
  bool built_in = str_eq_z(metric->name, "error-rate") || is_latency(metric->name);
  if (str_is_empty(metric->name))
    return;
  if (built_in && !str_is_empty(metric->query))
    check_error(check, "one-of", "query",
                "\"%.*s\" is built in and takes no query; choose another name",
                STR_ARG(metric->name));
  if (!built_in && str_is_empty(metric->query))
    check_error(check, "required", "query",
                "\"%.*s\" is not built in (error-rate and latency-pNN are) and needs a query",
                STR_ARG(metric->name));
  bool condition = metric->success_condition.len || metric->failure_condition.len;
  if (!built_in && !metric->limit.is_set && !condition && !metric->stable_query.len)
    check_error(check, "required", "limit",
                "a metric of your own needs a limit (or a condition, or a stableQuery, for the "
                "judges that use them)");
  if (!built_in && (metric->tolerance || metric->accept))
    check_error(check, "unsupported", metric->tolerance ? "tolerance" : "accept",
                "is for built-in metrics, which are compared with stable");
  if (metric->tolerance && metric->accept &&
      (metric->accept->ratio < metric->tolerance->ratio ||
       metric->accept->points < metric->tolerance->points))
    check_error(check, "order", "accept", "must be at least as wide as tolerance");
  struct str text = rollout_metric_limit(metric, check->arena);
  // A MetricSet's limit may be an argument; what that gives is checked where it is used.
  bool argument = str_contains(text, STR("{{"));
  const char *expected =
      metric->limit.is_set && !argument ? limit_expected(metric->name, text) : NULL;
  if (expected)
    check_error(check, "format", "limit", "expected %s, found \"%.*s\"", expected, STR_ARG(text));
}
