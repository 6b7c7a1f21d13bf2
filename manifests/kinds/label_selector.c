// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/label_selector.h"

#include "manifests/schema/check.h"
#include "manifests/schema/format.h"

static const struct enum_value operators[] = {
    {.name = ""},       {.name = "In"},           {.name = "NotIn"},
    {.name = "Exists"}, {.name = "DoesNotExist"}, {.name = NULL}};

static const struct field requirement_fields[] = {
    F_STRING(struct label_requirement, key, "key", .required = true, .not_empty = true,
             .format = &format_label_key, .doc = "Name of the label."),
    F_STRING(struct label_requirement, operator_, "operator", .required = true,
             .doc = "In, NotIn, Exists or DoesNotExist."),
    F_STRINGS(struct label_requirement, values, "values", .doc = "For In and NotIn."),
};

static void check_requirement(const void *object, struct check *check) {
  const struct label_requirement *r = object;
  int operator_ = enum_find(operators, r->operator_);
  if (!operator_)
    check_error(check, "bad-value", "operator",
                "expected In, NotIn, Exists or DoesNotExist, found \"%.*s\"",
                STR_ARG(str_slice(r->operator_, 0, 80)));
  else if (operator_ <= 2 && !r->values_count)
    check_error(check, "required", "values", "is required with operator In and NotIn");
  else if (operator_ > 2 && r->values_count)
    check_error(check, "bad-value", "values",
                "must be empty with operator Exists and DoesNotExist");
}

static const struct schema requirement_schema =
    SCHEMA("LabelSelectorRequirement", struct label_requirement, requirement_fields,
           .check = check_requirement);

static const struct field selector_fields[] = {
    F_STRING_MAP(struct label_selector, match_labels, "matchLabels", F_RANGE(0, 4096), F_LABELS,
                 .doc = "Labels that must be there with these values."),
    F_LIST(struct label_selector, match_expressions, "matchExpressions", &requirement_schema,
           F_RANGE(0, 4096), .doc = "Further requirements; all must hold."),
};
const struct schema label_selector_schema =
    SCHEMA("LabelSelector", struct label_selector, selector_fields, .atomic = true,
           .doc = "Which objects are meant, by their labels. An empty one means all.");

static bool requirement_holds(const struct label_requirement *r, const struct string_map *labels) {
  struct str value = string_map_get(labels, r->key);
  int operator_ = enum_find(operators, r->operator_);
  if (operator_ == 3)
    return value.ptr != NULL;
  if (operator_ == 4)
    return value.ptr == NULL;
  bool listed = false;
  for (size_t i = 0; value.ptr && i < r->values_count && !listed; i++)
    listed = str_eq(value, r->values[i]);
  return operator_ == 1 ? listed : operator_ == 2 && !listed;
}

bool label_selector_matches(const struct label_selector *selector,
                            const struct string_map *labels) {
  if (!string_map_includes(labels, &selector->match_labels))
    return false;
  for (size_t i = 0; i < selector->match_expressions_count; i++)
    if (!requirement_holds(&selector->match_expressions[i], labels))
      return false;
  return true;
}
