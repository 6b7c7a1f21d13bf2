// SPDX-License-Identifier: Apache-2.0
// One world with a Deployment that a Rollout took over (workload form), for tests of what follows.
#pragma once

#include "support_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define MINUTE 60000
#define HOUR (60 * MINUTE)
#define STEPS                                                                                      \
  "[{\"deploy\":{}},{\"setWeight\":10},{\"monitor\":{\"duration\":\"30s\",\"min\":\"10s\"}},"      \
  "{\"setWeight\":100},{\"monitor\":{\"duration\":\"20s\",\"min\":\"20s\"}},{\"decommission\":{}}" \
  "]"
#define TEST(name) cmocka_unit_test_setup_teardown(name, original_begin, original_end)

extern struct arena arena;
extern struct world world;

int original_begin(void **state);
int original_end(void **state);
struct json *original(void);
bool is_paused(void);
void runs(const char *phase);        // until that phase
void runs_to_step(const char *step); // of that name
void settles(void);                  // and old versions go
void is_as_found(void);              // route, rule, Deployments
int64_t releases(void);
void go_away(void); // the Rollout is deleted, until it is gone
