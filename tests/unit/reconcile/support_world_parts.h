// SPDX-License-Identifier: Apache-2.0
// What the files of the model share.
#pragma once

#include "support_world.h"

#define WORLD_HOST "agent.team1.svc.cluster.local"
#define WORLD_ORIGINAL "agent" // the Deployment of the workload form
#define MINUTE 60000

struct json *world_parse(struct arena *arena, const char *text);
void world_generation(struct world *world, struct json *object); // one more, of its spec
struct json *world_destinations(const struct world *world);      // of the route that is ours

// The first promise that is broken stays in world->broken.
void world_broken(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void world_check_bare(struct world *world);
void world_check_weight(struct world *world);
void world_check_roll(struct world *world, const struct json *original); // it is not paused now
void world_check_down(struct world *world, struct str deployment);
void world_check_status(struct world *world, const struct json *before);
struct str world_untouched(const struct world *world); // all that is not ours in route and rule
