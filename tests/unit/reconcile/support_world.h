// SPDX-License-Identifier: Apache-2.0
// A small model of what the operator acts on: an API server with revisions, Deployments that become
// ready, proxies that acknowledge, somebody who judges and somebody who meddles. Plans are made
// from it and applied to it, as a whole or only the first few actions.
#pragma once

#include "manifests/base/rng.h"
#include "operator/reconcile/content.h"
#include "operator/reconcile/plan.h"

#define WORLD_MAX 32

// The forms of a Rollout, with both kinds of routers.
enum world_form {
  WORLD_PAIR,
  WORLD_TEMPLATE,
  WORLD_WORKLOAD,
  WORLD_PAIR_GATEWAY, // through an HTTPRoute
  WORLD_TEMPLATE_GATEWAY,
  WORLD_WORKLOAD_GATEWAY,
  WORLD_FORMS
};

struct world_split {      // what our route says
  int64_t stable, canary; // parts of 10,000
  bool is_bare;           // it names what answers for all versions
};

struct world_content {
  struct str kind, name, text; // text STR_NULL: deleted
  enum content_state state;    // what the operator gets to know of it, while it is there
  struct str key;              // a Secret's hash is by that
  bool left_out, is_copy;
};

struct world {
  struct arena *arena;
  struct rng rng;
  int64_t now_ms, revision;
  struct json *rollout, *service, *rule, *actions[WORLD_MAX], *deployments[WORLD_MAX];
  size_t actions_count, deployments_count;
  bool gateway;                     // `service` is an HTTPRoute, and there is no rule
  struct json *services[WORLD_MAX]; // Services
  size_t services_count;
  struct json *rival; // another Rollout; NULL: none
  // Workload form: the ReplicaSets of Deployment "agent", and how they come to move.
  struct json *sets[WORLD_MAX];
  size_t sets_count;
  bool is_workload, rolls_slowly, sets_late;
  struct world_content content[WORLD_MAX]; // ConfigMaps and Secrets
  size_t content_count;
  bool content_late;   // some of them have not been read when a plan is made
  bool foreign_bare;   // somebody else wrote the bare host into the route
  size_t proxies;      // how many; 0: Istio
  bool proxies_lag;    // they do not acknowledge
  bool never_ready;    // the canary's replicas do not come up
  int64_t ready_limit; // per Deployment that is not stable; 0: no limit
  // The judge: what it says of the canary whenever it has traffic.
  enum outcome outcome;
  enum cause cause;
  bool has_observed;     // the measured share
  double observed, seen; // in percent; of how many requests
  struct json *shadow;   // another VirtualService; NULL: none
  bool no_judge;         // Prometheus has never answered
  bool first_look, just_started;
  bool notify_default;
  struct notice_result notice; // what became of that notice; number 0: nothing
  int64_t promoted;            // number of the last release that was
  size_t events, writes;       // created, and status writes
  struct str event_names[512];
  struct str last_event;
  bool gone; // the Rollout was deleted and its finalizer removed
  // Set by the check functions of world.c; a test fails on it.
  char broken[512];
};

// How many random worlds a property is tried on: fewer where a sanitizer makes each ten times as
// slow, many more with SERIN_LONG=1.
uint64_t world_rounds(uint64_t count);
// A whole release of two minutes.
#define WORLD_SHORT_STEPS                                                                          \
  "[{\"deploy\":{}},{\"setWeight\":10},{\"monitor\":{\"duration\":\"30s\",\"min\":\"10s\"}},"      \
  "{\"setWeight\":50},{\"monitor\":{\"duration\":\"30s\",\"min\":\"10s\"}},{\"setWeight\":100},"   \
  "{\"monitor\":{\"duration\":\"20s\",\"min\":\"20s\"}},{\"decommission\":{}}]"
void world_init(struct world *world, struct arena *arena, uint64_t seed, const char *steps,
                enum world_form form);
bool world_names_versions(const struct world *world); // the operator does: not a pair
void world_init_pair(struct world *world, struct arena *arena, uint64_t seed, const char *steps);
void world_init_template(struct world *world, struct arena *arena, uint64_t seed,
                         const char *steps);
// Turns what was just made into a release through an HTTPRoute: Services agent, and a pair's v1 and
// v2.
void world_through_gateway(struct world *world);
void world_init_workload(struct world *world, struct arena *arena, uint64_t seed,
                         const char *steps);
struct json *world_deployment(struct world *world, struct str name); // NULL when absent
struct json *world_add_deployment(struct world *world, const char *name, const char *version,
                                  int64_t replicas);
// --- support_content.c
// Sets, or with text NULL deletes, what the template may refer to.
void world_config(struct world *world, const char *kind, const char *name, const char *text);
struct world_content *world_content(struct world *world, struct str kind, struct str name);
// Both forms: the template refers to ConfigMap "settings" (env) and optionally "extra" (volume).
void world_refer(struct world *world);
// What the pods of that Deployment read of ConfigMap "settings" when they start; STR_NULL: nothing.
struct str world_reads(struct world *world, const char *deployment);
void world_fill_content(struct world *world, struct snapshot *snapshot, struct arena *arena);
bool world_copy_content(struct world *world, const struct plan_action *action);
bool world_delete_content(struct world *world, const struct plan_action *action);

void world_touch(struct world *world, struct json *object); // a new resourceVersion
void world_spec_changed(struct world *world);               // a new generation
void world_image(struct world *world, const char *image);   // workload form: CI sets another image
void world_unpause(struct world *world);                    // somebody takes spec.paused back
void world_template(struct world *world, const char *image);
struct str world_act(struct world *world, const char *verb); // a RolloutAction; its name
void world_set_route(struct world *world, int64_t stable,
                     int64_t canary);          // somebody else writes v1 and v2
void world_foreign_write(struct world *world); // or whatever else somebody may write there
struct plan *world_plan(struct world *world, struct arena *arena);
// Applies at most `count` actions, checking after each what must never be; stops at the first that
// fails. Returns how many were applied.
size_t world_apply(struct world *world, const struct plan *plan, size_t count);
void world_ready(struct world *world); // Deployments come up
// Plans and applies until nothing is left to do now, then lets time pass to the next wake; until
// `phase` or `limit_ms`. `crash`: each plan may be cut after any number of actions.
void world_run(struct world *world, const char *phase, int64_t limit_ms, bool crash);
// One plan, applied: all of it, or with `crash` perhaps only some. How much there was to do.
size_t world_step(struct world *world, bool crash);
void world_settle(struct world *world); // plans until no action is left, no time passes

// --- support_killed.c: until `phase`, at most so many plans; `writes` counts on
void world_run_killed(struct world *world, const char *phase, int plans, uint64_t *writes);

// --- support_switch.c: the Rollout takes another form
void world_add_forms(struct world *world); // what all of them need is there
// WORLD_PAIR, WORLD_TEMPLATE or WORLD_WORKLOAD, of Deployment `name`.
void world_switch(struct world *world, enum world_form form, const char *name);
// Every destination that gets requests has somebody who answers; or the world is broken.
void world_check_served(struct world *world);

struct str world_phase(const struct world *world);
struct str world_canary(const struct world *world); // what routes call it; empty: there is none
struct world_split world_split(const struct world *world);
bool world_is_bare(const struct world *world); // our route names what answers for all versions
struct str world_status(const struct world *world, const char *path); // below status
int64_t world_share(const struct world *world,
                    const char *subset);                       // percent of our share times 100
int64_t world_replicas(struct world *world, const char *name); // -1: absent
