// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/metric_set.h"
#include "manifests/base/bug.h"
#include "manifests/schema/check.h"

bool metric_set_next_argument(struct str text, size_t from, size_t *ret_begin, size_t *ret_end,
                              struct str *ret_name) {
  for (size_t i = from; i + 3 < text.len; i++) {
    if (text.ptr[i] != '{' || text.ptr[i + 1] != '{')
      continue;
    for (size_t end = i + 2; end + 1 < text.len; end++) {
      if (text.ptr[end] != '}' || text.ptr[end + 1] != '}')
        continue;
      struct str name = str_trim(str_slice(text, i + 2, end));
      if (str_starts(name, STR("args."))) {
        *ret_begin = i;
        *ret_end = end + 2;
        *ret_name = str_slice(name, 5, name.len);
        return true;
      }
      break; // another variable
    }
  }
  return false;
}

static bool is_declared(const struct metric_set_spec *spec, struct str name) {
  for (size_t i = 0; i < spec->args_count; i++)
    if (str_eq(spec->args[i].name, name))
      return true;
  return false;
}

static void check_text(const struct metric_set_spec *spec, size_t index, const char *field,
                       struct str text, struct check *check) {
  size_t begin = 0, end = 0;
  struct str name;
  while (metric_set_next_argument(text, end, &begin, &end, &name))
    if (!is_declared(spec, name))
      check_error(check, "unknown-argument", check_index(check, "metrics", index, field),
                  "{{ args.%.*s }} is not among spec.args", STR_ARG(name));
}

static void check_spec(const void *object, struct check *check) {
  const struct metric_set_spec *spec = object;
  check_unique(check, "args", ".name", spec->args, spec->args_count, sizeof *spec->args,
               offsetof(struct metric_set_argument, name));
  check_unique(check, "metrics", ".name", spec->metrics, spec->metrics_count, sizeof *spec->metrics,
               offsetof(struct rollout_metric, name));
  for (size_t i = 0; i < spec->metrics_count; i++) {
    const struct rollout_metric *metric = &spec->metrics[i];
    check_text(spec, i, ".query", metric->query, check);
    check_text(spec, i, ".stableQuery", metric->stable_query, check);
    check_text(spec, i, ".successCondition", metric->success_condition, check);
    check_text(spec, i, ".failureCondition", metric->failure_condition, check);
    check_text(spec, i, ".limit", rollout_metric_limit(metric, check->arena), check);
  }
}

static void check_argument(const void *object, struct check *check) {
  const struct metric_set_argument *argument = object;
  for (size_t i = 0; i < argument->name.len; i++) {
    char c = argument->name.ptr[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && c != '_' && !(i && c >= '0' && c <= '9')) {
      check_error(check, "format", "name",
                  "expected letters, digits and _, beginning with a letter; found \"%.*s\"",
                  STR_ARG(argument->name));
      return;
    }
  }
}

static const struct field argument_fields[] = {
    F_STRING(struct metric_set_argument, name, "name", .required = true, .not_empty = true,
             .doc =
                 "Used as {{ args.NAME }} in a metric's query, stableQuery, conditions or limit."),
    F_STRING(struct metric_set_argument, value, "value",
             .doc = "Where a Rollout gives none. Left out: every Rollout must give one."),
    F_STRING(struct metric_set_argument, description, "description", .doc = "For people."),
};
static const struct schema argument_schema = SCHEMA("MetricSetArgument", struct metric_set_argument,
                                                    argument_fields, .check = check_argument);

static const struct field spec_fields[] = {
    F_LIST(struct metric_set_spec, args, "args", &argument_schema, .merge_key = "name",
           .has_range = true, .min = 0, .max = 32, .doc = "Arguments."),
    F_LIST(struct metric_set_spec, metrics, "metrics", &rollout_metric_schema, .merge_key = "name",
           .bare_items = true, .required = true, .not_empty = true, .has_range = true, .min = 1,
           .max = 16, .doc = "As in a Rollout's spec.analysis.metrics."),
};
static const struct schema spec_schema =
    SCHEMA("MetricSetSpec", struct metric_set_spec, spec_fields, .check = check_spec);

static const struct field fields[] = {
    F_OBJECT(struct metric_set, metadata, "metadata", &object_meta_schema, .required = true),
    F_OBJECT(struct metric_set, spec, "spec", &spec_schema, .required = true),
};
static const struct schema schema = SCHEMA("MetricSet", struct metric_set, fields);

static const char *const versions[] = {"v1alpha1", NULL};
static const char *const categories[] = {"serin", NULL};
static const struct printer_column columns[] = {
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc metric_set_kind = {
    .group = "serin.dev",
    .versions = versions,
    .kind = "MetricSet",
    .plural = "metricsets",
    .singular = "metricset",
    .categories = categories,
    .namespaced = true,
    .ours = true,
    .has_generation = true,
    .columns = columns,
    .column_count = ARRAY_LEN(columns),
    .schema = &schema,
    .doc = "A MetricSet is a list of metrics that several Rollouts of a namespace are judged by. A "
           "change counts from the next look on.",
};
