// SPDX-License-Identifier: Apache-2.0
// A value on its way through crd_validate.c and crd_validate_scalar.c. Private to them.
#pragma once

#include "manifests/base/map.h"
#include "manifests/kinds/regex.h"
#include "operator/standalone/crd_validate.h"

struct validator {
  struct arena *arena;
  struct findings *findings;
  struct str part;     // see crd_validate()
  struct map patterns; // text -> struct regex
  struct regex *compiled;
  struct regex_worker worker;
};

// What one schema made of one value: how many of its checks were looked at decides which
// alternative of anyOf and oneOf is worth telling about.
struct verdict {
  size_t errors, looked_at;
};

// Kubernetes prints what one sentence says of several fields without a field.
#define NO_FIELD STR("<nil>")

// A fault. `path` begins with a point where the field is one of the root.
void crd_fault(struct validator *v, struct verdict *verdict, struct str path, const char *id,
               const char *format, ...) __attribute__((format(printf, 5, 6)));
// The field as messages call it.
struct str crd_in_body(const struct validator *v, struct str path);
void crd_check_number(struct validator *v, struct verdict *verdict, const struct json *schema,
                      const struct json *value, struct str path);
void crd_check_string(struct validator *v, struct verdict *verdict, const struct json *schema,
                      const struct json *value, struct str path);
void crd_check_format(struct validator *v, struct verdict *verdict, const struct json *schema,
                      const struct json *value, struct str path);
