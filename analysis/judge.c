// SPDX-License-Identifier: Apache-2.0
#include "analysis/judge.h"

#include "analysis/threshold.h"
#include "manifests/base/bug.h"

// Every name a Rollout may bear; without a judge: known, but not in this version.
static const struct {
  const char *name;
  const struct judge *judge;
} JUDGES[] = {
    {"threshold", &judge_threshold},
    {"sequential", NULL},
    {"condition", NULL},
    {"burnRate", NULL},
    {"rank", NULL},
};

const struct judge *judge_find(struct str name, struct err *err) {
  if (str_is_empty(name))
    return &judge_threshold;
  for (size_t i = 0; i < ARRAY_LEN(JUDGES); i++) {
    if (!str_eq_z(name, JUDGES[i].name))
      continue;
    if (!JUDGES[i].judge)
      (void)err_set(err, RC_UNSUPPORTED,
                    "judge \"%.*s\" is not available in this version: use \"threshold\", or leave "
                    "the type out",
                    STR_ARG(name));
    return JUDGES[i].judge;
  }
  (void)err_set(err, RC_INVALID,
                "unknown judge \"%.*s\": expected threshold, sequential, condition, burnRate or "
                "rank",
                STR_ARG(name));
  return NULL;
}
