// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/source/support_clock.h"
#include "manifests/base/clock.h"

#include <time.h>

static int64_t ahead_us;

void clock_advance(int64_t ms) {
  ahead_us += ms * 1000;
}

static int64_t read_us(clockid_t id) {
  struct timespec now;
  clock_gettime(id, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 + ahead_us;
}

int64_t clock_wall_ms(void) {
  return read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_mono_ms(void) {
  return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_mono_us(void) {
  return read_us(CLOCK_MONOTONIC);
}
