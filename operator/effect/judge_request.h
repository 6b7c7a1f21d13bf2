// SPDX-License-Identifier: Apache-2.0
// What somebody who has no Rollout wants judged, from named texts: the options of `serin analyze
// --prometheus` and the requests to `serin judge`. Pure.
#pragma once

#include "analysis/assessment.h"

struct judge_param {
  struct str name, value;
};

struct judge_request {
  struct subject subject; // its metrics are in the arena
  const struct judge *judge;
  struct judge_settings settings;
};

// XX(name, doc): the parameters there are.
#define JUDGE_PARAM_MAP(XX)                                                                        \
  XX(service, "destination_service of both, or of stable; required")                               \
  XX(canaryService, "destination_service of the canary where it has its own")                      \
  XX(canary, "value of the label for the canary; required")                                        \
  XX(stable, "value of the label for stable; required")                                            \
  XX(label, "label that tells them apart: destination_version")                                    \
  XX(reporter, "source")                                                                           \
  XX(metrics, "NAME or NAME=LIMIT, separated by commas: error-rate,latency-p99")                   \
  XX(weight, "asked share of the canary in percent, for the alarm on its share")                   \
  XX(judge, "sequential")                                                                          \
  XX(preset, "default, strict or tolerant")                                                        \
  XX(alpha, "bound on the chance of a false rollback")                                             \
  XX(beta, "bound on the chance of a false pass")                                                  \
  XX(minDetect, "shortest decision against the canary")                                            \
  XX(min, "no pass before")                                                                        \
  XX(warmup, "latency does not count so long")                                                     \
  XX(interval, "between two looks")

// Copies what it keeps into `arena`. RC_INVALID: an unknown parameter (with the nearest), a missing
// or a wrong one. Empty values count as not given.
int judge_request_of(const struct judge_param *params, size_t count, struct arena *arena,
                     struct judge_request *ret_request, struct err *err);
