// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/rollout_analysis.h"
#include "manifests/base/bug.h"
#include "manifests/kinds/metric_set.h"
#include "manifests/kinds/rollout_check.h"
#include "manifests/text/duration.h"
#include "manifests/text/expression.h"
#include "manifests/text/percent.h"
#include "manifests/text/quantity.h"

static bool is_header_name(struct str name) {
  for (size_t i = 0; i < name.len; i++) {
    char c = name.ptr[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && str_find_char(STR("!#$%&'*+-.^_`|~"), c) < 0)
      return false;
  }
  return name.len > 0;
}

static bool has_control(struct str text) {
  for (size_t i = 0; i < text.len; i++)
    if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
      return true;
  return false;
}

static void check_header(const struct rollout_header *header, size_t index, struct check *check) {
  if (str_eq_nocase(header->name, STR("authorization")) ||
      str_eq_nocase(header->name, STR("cookie")))
    check_error(check, "secret", check_index(check, "headers", index, ".name"),
                "credentials belong into a Secret: name it in secretRef");
  else if (str_eq_nocase(header->name, STR("content-length")) ||
           str_eq_nocase(header->name, STR("transfer-encoding")))
    check_error(check, "format", check_index(check, "headers", index, ".name"),
                "is set by the request itself");
  else if (header->name.len && !is_header_name(header->name))
    check_error(check, "format", check_index(check, "headers", index, ".name"),
                "has characters a header's name may not have");
  if (has_control(header->value))
    check_error(check, "format", check_index(check, "headers", index, ".value"),
                "has characters a header may not have, such as a line's end");
}

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
  else if (str_find_char(rest, '?') >= 0 || str_find_char(rest, '#') >= 0 ||
           str_find_char(rest, ' ') >= 0 || has_control(rest))
    check_error(check, "format", "address",
                "must be scheme, host, port and path alone; found \"%.*s\"", STR_ARG(address));
  if (prometheus->secret_ref && http)
    check_warn(check, "secret", "secretRef", "its credentials are sent in clear to http://");
  for (size_t i = 0; i < prometheus->headers_count; i++)
    check_header(&prometheus->headers[i], i, check);
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

static const struct str LATENCY = {"latency-p", 9};

static bool is_latency(struct str name) {
  struct str digits = str_slice(name, LATENCY.len, name.len);
  double percent;
  return str_starts(name, LATENCY) && digits.len && digits.ptr[0] >= '0' && digits.ptr[0] <= '9' &&
         str_to_double(digits, &percent) && percent > 0 && percent < 100;
}

// What a query may name beside args.NAME; analysis/template.c fills them in.
static const char *const VARIABLES[] = {
    "namespace",      "name",           "service",  "serviceName", "canaryVersion", "stableVersion",
    "canaryWorkload", "stableWorkload", "interval", "weight",      "reporter",      NULL};

static void check_variable(struct str name, const char *field, struct check *check) {
  const char *near = NULL;
  size_t best = 4;
  for (size_t i = 0; VARIABLES[i]; i++) {
    if (str_eq_z(name, VARIABLES[i]))
      return;
    size_t distance = str_distance(name, str_of(VARIABLES[i]), 4);
    if (distance < best) {
      best = distance;
      near = VARIABLES[i];
    }
  }
  check_error(check, "unknown-variable", field, "{{ %.*s }} is no variable%s%s%s", STR_ARG(name),
              near ? "; did you mean {{ " : " of a query", near ? near : "", near ? " }}?" : "");
}

static void check_query(struct str text, const char *field, struct check *check) {
  ptrdiff_t open = -1;
  for (size_t i = 0; i + 1 < text.len; i++) {
    bool opens = text.ptr[i] == '{' && text.ptr[i + 1] == '{';
    bool closes = text.ptr[i] == '}' && text.ptr[i + 1] == '}';
    if (open < 0 && opens) {
      open = (ptrdiff_t)++i + 1;
    } else if (open >= 0 && closes) {
      struct str name = str_trim(str_slice(text, (size_t)open, i));
      if (!str_starts(name, STR("args.")))
        check_variable(name, field, check);
      open = -1;
      i++;
    }
  }
  if (open >= 0)
    check_error(check, "format", field, "a \"{{\" has no \"}}\" behind it");
}

static void check_condition(struct str text, const char *field, struct check *check) {
  struct expression expression;
  struct err err = {0};
  // An argument of a MetricSet may stand for any part of it.
  if (text.len && !str_contains(text, STR("{{")) &&
      expression_parse(text, &expression, &err) != RC_OK)
    check_error(check, "format", field, "%s", err.msg);
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
  if (!built_in && str_starts(metric->name, LATENCY) && str_is_empty(metric->query))
    check_error(check, "format", "name",
                "\"%.*s\": expected a number above 0 and below 100 behind latency-p, such as "
                "latency-p99 or latency-p99.9",
                STR_ARG(metric->name));
  else if (!built_in && str_is_empty(metric->query))
    check_error(check, "required", "query",
                "\"%.*s\" is not built in (error-rate and latency-pNN are) and needs a query",
                STR_ARG(metric->name));
  check_query(metric->query, "query", check);
  check_query(metric->stable_query, "stableQuery", check);
  check_condition(metric->success_condition, "successCondition", check);
  check_condition(metric->failure_condition, "failureCondition", check);
  bool condition = metric->success_condition.len || metric->failure_condition.len;
  if (!built_in && metric->query.len && !metric->limit.is_set && !condition &&
      !metric->stable_query.len)
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

// What the judge needs of each metric, and what of a metric it does not look at.
static void check_for_judge(const struct rollout_metric *metric, enum rollout_judge_type type,
                            size_t index, struct check *check) {
  bool condition = metric->success_condition.len || metric->failure_condition.len;
  bool custom = metric->query.len;
#define AT(field) check_index(check, "analysis.metrics", index, field)
  if (type == ROLLOUT_JUDGE_CONDITION && !condition && !metric->limit.is_set)
    check_error(check, "required", AT(".successCondition"),
                "the judge \"condition\" needs a successCondition, a failureCondition or a limit");
  if (type == ROLLOUT_JUDGE_BURN_RATE && !metric->limit.is_set)
    check_error(check, "required", AT(".limit"),
                "the judge \"burnRate\" needs a limit: what share of bad requests is allowed");
  // A query with none of the three is told already.
  if (type == ROLLOUT_JUDGE_RANK && custom && str_is_empty(metric->stable_query) &&
      (condition || metric->limit.is_set))
    check_error(check, "required", AT(".stableQuery"),
                "the judge \"rank\" needs stable's value of a query, too");
  if ((type == ROLLOUT_JUDGE_SEQUENTIAL || type == ROLLOUT_JUDGE_THRESHOLD) && custom &&
      !metric->limit.is_set && (condition || metric->stable_query.len))
    check_error(check, "required", AT(".limit"),
                "a query needs a limit with this type of judge; conditions are for \"condition\", "
                "stableQuery is for \"rank\"");
  if (type != ROLLOUT_JUDGE_CONDITION && condition)
    check_warn(check, "no-effect",
               AT(metric->success_condition.len ? ".successCondition" : ".failureCondition"),
               "has no effect with this type of judge");
  if (type != ROLLOUT_JUDGE_RANK && metric->stable_query.len)
    check_warn(check, "no-effect", AT(".stableQuery"), "has no effect with this type of judge");
}

static void check_no_arguments(const struct rollout_metric *metric, size_t index,
                               struct check *check) {
  const struct {
    const char *field;
    struct str text;
  } texts[] = {{".query", metric->query},
               {".stableQuery", metric->stable_query},
               {".successCondition", metric->success_condition},
               {".failureCondition", metric->failure_condition}};
  size_t begin, end;
  struct str name;
  for (size_t i = 0; i < ARRAY_LEN(texts); i++)
    if (metric_set_next_argument(texts[i].text, 0, &begin, &end, &name))
      check_error(check, "format", AT(texts[i].field), "arguments are for MetricSets");
  if (str_contains(rollout_metric_limit(metric, check->arena), STR("{{")))
    check_error(check, "format", AT(".limit"), "arguments are for MetricSets");
#undef AT
}

void rollout_check_metrics(const struct rollout_analysis *analysis, bool monitors,
                           struct check *check) {
  enum rollout_judge_type type =
      analysis->judge.type ? analysis->judge.type : ROLLOUT_JUDGE_SEQUENTIAL;
  for (size_t i = 0; i < analysis->metrics_count; i++) {
    check_for_judge(&analysis->metrics[i], type, i, check);
    check_no_arguments(&analysis->metrics[i], i, check);
  }
  if (!analysis->metrics_count && !analysis->metric_sets_count && monitors)
    check_error(check, "required", "analysis.metrics",
                "is empty: there is nothing to judge by; leave it out for error-rate and "
                "latency-p99");
}
