// SPDX-License-Identifier: Apache-2.0
// {{ }} variables in a user's PromQL. Values are escaped for a double-quoted PromQL string.
#pragma once

#include "analysis/subject.h"

struct template_var {
  const char *name;
  struct str value;
};

struct template_arg {
  struct str name, value;
};

// Replaces every {{ name }} (spaces optional). An unknown name, an empty one, a "{{" without its
// "}}" or an over-long result is RC_INVALID with the place, the variables there are, and the
// nearest name.
int template_render(struct str text, const struct template_var *vars, size_t count,
                    struct arena *arena, struct str *ret_text, struct err *err);
// template_render with a subject's variables: namespace name service serviceName canaryVersion
// stableVersion canaryWorkload stableWorkload interval weight reporter. Use it at admission too, to
// refuse a bad query early.
int template_render_subject(struct str text, const struct subject *subject, struct arena *arena,
                            struct str *ret_text, struct err *err);

// Puts the arguments of a MetricSet in place of {{ args.NAME }}, as values of a double-quoted
// PromQL string; all other variables stay for template_render_subject. An argument that is not
// there, or whose value is itself a template, is RC_INVALID.
int template_arguments(struct str text, const struct template_arg *args, size_t count,
                       struct arena *arena, struct str *ret_text, struct err *err);
