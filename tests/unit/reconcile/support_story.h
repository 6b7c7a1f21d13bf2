// SPDX-License-Identifier: Apache-2.0
// A release told as a story: a world with a pair or a template, and what most stories do with it.
#pragma once

#include "support_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define MINUTE 60000
#define HOUR (60 * MINUTE)

struct story {
  struct arena arena;
  struct world world;
};

// Both begin a story; `steps` NULL: the default ones.
struct world *story_pair(struct story *story, const char *steps);
struct world *story_template(struct story *story, const char *steps);
void story_end(struct story *story); // fails where a promise was broken

void expect_phase(struct world *world, const char *phase);
void run_to(struct world *world, const char *phase);        // within three hours
void settled(struct world *world, const char *phase);       // and nothing is left to do
void run_to_share(struct world *world, int64_t parts);      // the canary "v2" has that share
struct json *parsed(struct world *world, const char *text); // of the world's arena
// A condition of the Rollout; NULL: there is none.
const struct json *story_condition(const struct world *world, const char *type);
bool has_condition(const struct world *world, const char *type, const char *reason); // and is True
