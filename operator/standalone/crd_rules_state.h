// SPDX-License-Identifier: Apache-2.0
// Inside of the rules: crd_rules.c compiles, crd_rules_judge.c runs, crd_rules_check.c refuses.
#pragma once

#include "operator/standalone/crd_rules.h"

struct crd_rule {
  const struct json *json;
  struct cel_program program, message;
  struct str fault, message_fault; // why it does not compile; STR_NULL: it does
  bool has_message;                // message is compiled
  bool uses_old, optional_old;
  struct str field; // fieldPath as messages show it; empty: none
};

struct crd_rules_member {
  struct str key;
  const struct crd_rules *rules;
};

struct crd_rules {
  const struct json *schema;
  const struct cel_type *type; // of self; NULL: no rules here, or none could see anything
  struct crd_rule *rules;
  size_t count;
  const struct crd_rules *items, *values; // of lists; of maps
  struct crd_rules_member *members;
  size_t member_count;
};

// "self" and "oldSelf".
#define CRD_RULES_VARIABLES 2u

// A rule as messages quote it.
struct str crd_rule_show(const struct json *rule, struct arena *arena);
// fieldPath: ".a.b['c']" must lead to a field of the schema. As messages show it: "a.b[c]".
bool crd_rule_field(const struct json *schema, struct str path, struct arena *arena,
                    struct str *ret_field);
