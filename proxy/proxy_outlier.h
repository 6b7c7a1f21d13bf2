// SPDX-License-Identifier: Apache-2.0
// The sweeps of outlier detection on the main loop: a timer that is armed only where a
// DestinationRule asks for detection; and the rings of the healthy ones.
#pragma once

#include "proxy/outlier_set.h"

#include <uv.h>

struct proxy_outlier {
  struct outlier_set *set;
  struct proxy_table *table; // one reference
  uv_timer_t timer;
  uv_async_t changed; // from workers: somebody's health changed
};

void proxy_outlier_open(struct proxy_outlier *outlier, uv_loop_t *loop);
// Before the workers get the table.
void proxy_outlier_take(struct proxy_outlier *outlier, struct proxy_table *table);
void proxy_outlier_close(struct proxy_outlier *outlier);   // the timer
void proxy_outlier_dispose(struct proxy_outlier *outlier); // after the workers and the loop ended
