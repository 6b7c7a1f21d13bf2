// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/string_match.h"

#include "manifests/kinds/regex_form.h"
#include "manifests/schema/check.h"

static void check_one(const struct string_match *match, bool empty_prefix, struct check *check) {
  int given = (match->exact.ptr != NULL) + (match->prefix.ptr != NULL) + (match->regex.ptr != NULL);
  if (given > 1)
    check_error(check, "one-of", "", "only one of exact, prefix and regex may be given");
  if (match->prefix.ptr && !match->prefix.len && !empty_prefix)
    check_error(check, "bad-value", "prefix", "must not be empty");
  const char *fault = match->regex.ptr ? regex_form_fault(match->regex) : NULL;
  if (fault)
    check_error(check, "bad-regex", "regex", "is not an RE2 regular expression: %s", fault);
  if (match->regex.ptr && !match->regex.len)
    check_error(check, "bad-value", "regex", "must not be empty");
}

static void check_absent(const void *object, struct check *check) {
  const struct string_match *match = object;
  // "*" is no regular expression, but Istio takes it here for "must be absent".
  if (!str_eq_z(match->regex, "*"))
    check_one(match, false, check);
}

static void check_text(const void *object, struct check *check) {
  check_one(object, false, check);
}

static void check_uri(const void *object, struct check *check) {
  check_one(object, true, check);
}

static const struct field string_match_fields[] = {
    F_STRING(struct string_match, exact, "exact", .enforced = ENFORCED_YES,
             .doc = "The whole text, with its case."),
    F_STRING(struct string_match, prefix, "prefix", .enforced = ENFORCED_YES,
             .doc = "How the text begins."),
    F_STRING(struct string_match, regex, "regex", F_RANGE(0, 1024), .enforced = ENFORCED_YES,
             .doc = "A regular expression (RE2 syntax) for the whole text."),
};
const struct schema string_match_schema =
    SCHEMA("StringMatch", struct string_match, string_match_fields, .check = check_text,
           .doc = "Exactly one of exact, prefix and regex; none means \"is present\".");
const struct schema absent_string_match_schema =
    SCHEMA("StringMatch", struct string_match, string_match_fields, .check = check_absent,
           .doc = "Exactly one of exact, prefix and regex; none means \"is absent\".");
const struct schema uri_string_match_schema =
    SCHEMA("StringMatch", struct string_match, string_match_fields, .check = check_uri,
           .doc = "Exactly one of exact, prefix and regex.");
