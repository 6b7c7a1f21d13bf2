// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/log_limit.h"

#define LINE_EVERY_MS 1000

bool log_limit_pass(struct log_limit *limit, struct str text, int64_t now_ms, int64_t period_ms,
                    uint64_t *ret_held) {
  uint64_t hash = str_hash(text);
  int64_t wait_ms = hash == limit->text ? period_ms : LINE_EVERY_MS;
  if (limit->any && now_ms - limit->last_ms < wait_ms) {
    limit->held++;
    return false;
  }
  *ret_held = limit->held;
  *limit = (struct log_limit){.last_ms = now_ms, .text = hash, .any = true};
  return true;
}

bool log_limit_over(struct log_limit *limit) {
  bool any = limit->any;
  *limit = (struct log_limit){0};
  return any;
}
