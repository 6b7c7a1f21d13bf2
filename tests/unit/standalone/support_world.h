// SPDX-License-Identifier: Apache-2.0
// A tiny world for the controllers' tests: objects as json, actions applied as the API would, pods
// that become ready.
#pragma once

#include "operator/standalone/deploy.h"

struct world {
  struct arena arena;
  struct rng rng;
  struct json *deployment;
  struct deploy_list sets, pods;
  int64_t now_ms, uids;
};

void world_init(struct world *world, uint64_t seed);
void world_free(struct world *world);
struct json *world_parse(struct world *world, const char *text);
// Makes the Deployment; version goes into the template, `strategy` is JSON.
void world_deploy(struct world *world, int64_t replicas, const char *version, const char *strategy);
void world_set_version(struct world *world, const char *version);
void world_set_replicas(struct world *world, int64_t replicas);
// What a plan asked for. Deleted pods stay with a deletionTimestamp until world_reap.
void world_apply(struct world *world, const struct deploy_actions *actions);
void world_set_ready(struct world *world, const struct json *pod, bool ready);
void world_reap(struct world *world);
// One pass of both controllers; returns how many writes (events do not count).
size_t world_pass(struct world *world);
int64_t world_ready(const struct world *world); // ready and not being deleted
int64_t world_active(const struct world *world);
const struct json *world_newest_set(const struct world *world);
