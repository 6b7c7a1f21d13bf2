// SPDX-License-Identifier: Apache-2.0
// What the files of the controller share. Private to operator/effect.
#pragma once

#include "analysis/assessment.h"
#include "manifests/base/log_limit.h"
#include "manifests/base/map.h"
#include "manifests/base/rng.h"
#include "manifests/source/kube_lease.h"
#include "manifests/source/kube_watch.h"
#include "operator/effect/content_secrets.h"
#include "operator/effect/controller.h"
#include "operator/reconcile/claims.h"
#include "operator/effect/reference.h"
#include "operator/reconcile/plan.h"

#include <uv.h>

#define FIELD_MANAGER "serin-operator"

// XX(name, kind description)
#define CONTROLLER_WATCH_MAP(XX)                                                                   \
  XX(ROLLOUTS, rollout_kind)                                                                       \
  XX(DEPLOYMENTS, deployment_kind)                                                                 \
  XX(VIRTUAL_SERVICES, virtual_service_kind)                                                       \
  XX(HTTP_ROUTES, http_route_kind)                                                                 \
  XX(GRPC_ROUTES, grpc_route_kind)                                                                 \
  XX(SERVICES, service_kind)                                                                       \
  XX(RULES, destination_rule_kind)                                                                 \
  XX(ACTIONS, rollout_action_kind)                                                                 \
  XX(CONFIG_MAPS, config_map_kind)                                                                 \
  XX(SETS, metric_set_kind)                                                                        \
  XX(LEASES, lease_kind)

enum controller_watch {
#define XX(name, kind) WATCH_##name,
  CONTROLLER_WATCH_MAP(XX)
#undef XX
      WATCH_COUNT
};

struct awaited { // what our last write of an object made of it
  struct str name, revision;
};

struct release_facts { // of its status, for /metrics
  enum rollout_phase phase;
  bool has_asked, has_observed;
  double asked, observed;    // the canary's weight in percent
  int64_t judged_at_ms;      // 0: nothing is judged
  struct str result, reason; // of the last release; own copies
};

// Releases in a row. Each may be in it once, by a link of its own.
struct row_link {
  struct row_link *next;
  bool is_in;
};

struct release_row { // zeroed to begin with
  struct row_link *first, **end;
};

struct release_sets; // replica_sets.c

// One Rollout as this process knows it. It exists as long as the Rollout does, and a little longer
// while something runs.
struct release {
  struct controller *controller;
  struct str key, ns, name;       // own copy; the others are parts of it
  uv_timer_t timer;               // when it is planned next
  struct term_list names, routes; // what it is about (release_index.c)
  struct term_list contents;      // ConfigMaps and Secrets it takes (controller_content.c)
  struct term_list claims;        // the objects it drives (controller_claims.c)
  struct release_facts facts;
  bool gone;   // the Rollout was deleted: freed when nothing runs
  bool closed; // the timer's memory is free
  // One pass: a plan that is carried out, action by action.
  struct arena pass;
  struct plan plan;
  size_t at;
  bool running, again;    // again: something changed meanwhile
  struct row_link ready;  // it is planned soon (controller_queue.c)
  struct row_link queued; // its turn to write comes
  int failures;           // passes in a row that failed
  int64_t not_before_ms;  // steady clock: the server asked for no writes before; a rollback may
  struct log_limit failure_log, judge_log;
  struct kube_op op;
  int64_t pass_began_us;
  bool looked;                    // it was planned in this process before
  struct str awaited_revision;    // of the Rollout after our last write: an older cached one is not
                                  // planned from
  struct awaited *awaited_routes; // the same of the routes it wrote lately
  size_t awaited_count;
  int64_t awaited_since_ms;
  // The last judgement (metric_query.c).
  struct assessment *assessment; // NULL: there is none
  struct str release_id;         // which release it is about
  bool asking;                   // a query round runs
  bool has_history;              // stable's hour before the release was asked for
  int64_t next_query_ms;         // steady clock
  struct arena verdict_arena;
  struct verdict *verdict;
  struct judgement judgement;
  // Workload form: the Deployment's ReplicaSets (replica_sets.c).
  struct release_sets *sets; // NULL: none was asked for
  // Who wrote our route last, when it was not us (foreign_writer.c).
  struct str foreign_manager;
};

struct round; // query_round.c

struct proxy_seen { // a proxy's Lease, by our own clock
  struct str renewed;
  int64_t seen_ms;
  struct arena arena;
  const struct json *serving; // what it says it serves; NULL: nothing
};

struct object_index { // the objects of one watch
  struct map by_key;
  struct term_index terms;
};

struct object_selection { // in an arena
  const struct json **items;
  size_t count, capacity;
};

struct prometheus_seen { // what was learned of one Prometheus
  size_t batch;          // releases in one query, where answers were too large; 0: all
  int64_t spacing_ms;    // between two scrapes of the proxies; 0: not known yet
  struct log_limit failure_log;
};

struct controller_counters {
  uint64_t passes, failed_passes, api_errors, prometheus_errors, prometheus_queries,
      actions[PLAN_ACTION_COUNT];
  double pass_seconds;
};

struct controller {
  struct controller_options options;
  uv_loop_t *loop;
  struct kube_resource resources[WATCH_COUNT];
  struct kube_watch *watches[WATCH_COUNT];
  int open_watches;
  struct kube_election *election;
  bool leading, closing;
  struct map releases;         // key -> struct release *
  struct map proxies;          // key -> struct proxy_seen *
  struct term_index claims;    // objects -> struct release * that drive them
  struct term_index interests; // what releases are about -> struct release *
  struct object_index objects[WATCH_COUNT];
  uint64_t selections;
  int alive_releases; // structs not yet freed
  int running_passes;
  struct release_row ready, queue;
  uv_idle_t planner; // runs while somebody is ready
  struct rng rng;
  uv_timer_t judge_timer;
  uv_timer_t tidy_timer; // gives memory back after work
  int open_handles;      // the planner and the timers
  struct round *rounds;  // query rounds that run
  struct prometheus_secrets *secrets;
  struct notifier *notifier;       // NULL when it is closed
  struct content_secrets *content; // NULL when it is closed
  struct map servers;              // source key -> struct prometheus_seen *
  int64_t started_ms;
  struct controller_counters counters;
  void (*closed)(void *data);
  void *closed_data;
};

// controller.c
bool controller_is_synced(const struct controller *controller);
// By the clock: a process that stood still knows that it may not write before it is told.
bool controller_is_leading(const struct controller *controller);
void controller_maybe_resign(struct controller *controller); // while closing
struct release *controller_release(const struct controller *controller, struct str key);
void controller_tidy_later(struct controller *controller);
// Soon, but not all in one turn of the loop.
void controller_wake_all(struct controller *controller);
void controller_finish(
    struct controller *controller); // ends the closing when nothing runs any more

// release_life.c
struct release *release_new(struct controller *controller, struct str key,
                            const struct json *rollout);
// Plans the release after delay_ms, or sooner when it is due sooner.
void release_due(struct release *release, int64_t delay_ms);
void release_end(struct release *release);    // its Rollout is gone; idempotent
void release_settle(struct release *release); // frees a release that is gone and idle

// controller_queue.c: not all releases are planned in one turn of the loop, nor write at once.
void ready_open(struct controller *controller);
void ready_add(struct release *release);
// True when the release has to wait for its turn; it is planned anew then.
bool queue_holds(struct release *release);
void queue_next(struct controller *controller); // after whatever may have left room
void queue_leave(struct release *release);
void rows_leave(struct release *release); // both
size_t queue_length(const struct controller *controller);

// release_index.c
void index_rollout(struct release *release, const struct json *rollout);
void index_forget_rollout(struct release *release);
// Keeps the table and wakes whom the object is about, before or after the event.
void index_object(struct controller *controller, enum controller_watch which, enum kube_event event,
                  struct str key, const struct json *object);
// Wakes who names it.
void index_wake_named(struct controller *controller, struct str ns, struct str name);
// The objects of a watch that the release is about, and a few more now and then.
struct object_selection index_select(const struct release *release, enum controller_watch which,
                                     struct arena *arena);
void index_init(struct controller *controller);
void index_dispose(struct controller *controller); // releases have forgotten theirs

// release_facts.c
void release_take_facts(struct release *release, const struct json *rollout);
void release_forget_facts(struct release *release);

// controller_pass.c
#define CONTROLLER_WRITE_MS 10000 // longest wait for one write
void release_plan(struct release *release);
// Ends the request of the action that is being done, and goes on with the next.
void release_action_done(struct kube_op *op, const struct kube_reply *reply);
void release_forget_writes(struct release *release);
// The watch of a kind of routes.
enum controller_watch controller_route_watch(const struct kind_desc *kind);

// controller_content.c
const struct kube_resource *content_resource(const struct controller *controller,
                                             const struct kind_desc *kind);
// Fills snapshot->content, and wakes the release from now on when any of it changes.
void content_fill(struct release *release, struct snapshot *snapshot, struct arena *arena);
void content_changed_by_name(struct str ns, struct str name, void *controller);
// Begins PLAN_COPY_CONTENT; ends in release_action_done.
int content_copy_start(struct release *release, const struct plan_action *action, struct err *err);

// controller_claims.c. `rollout`: as it is now; NULL: it is gone.
void claims_update(struct release *release, const struct json *rollout);
// The other Rollouts that name an object that this one names; the array is in `arena`.
const struct json *const *claims_rivals(const struct release *release, struct arena *arena,
                                        size_t *ret_count);

// controller_snapshot.c: the input of one plan. Proxies and arrays are in `arena`; `acted_on`:
// taken.h.
void controller_snapshot(const struct release *release, const struct json *rollout,
                         const struct json *acted_on, struct arena *arena,
                         struct snapshot_input *ret_input);
void controller_free_proxy(struct proxy_seen *seen);
// A Lease came, changed or went. Wakes whose routes a proxy has taken up.
void controller_saw_lease(struct controller *controller, enum kube_event event, struct str key,
                          const struct json *lease);

// metric_query.c
void metric_query_open(struct controller *controller);
void metric_query_close(struct controller *controller, uv_close_cb closed);
// Sets the timer to the next look of any release that is not being asked about.
void metric_query_arm(struct controller *controller);
void release_forget_judgement(struct release *release);
// Begins or ends the questions about a release, as its status says.
void metric_query_consider(struct release *release, const struct rollout *rollout);

// A route was changed: notes by whom for each Rollout that names it.
void claims_rewritten(struct controller *controller, enum controller_watch which,
                      const struct json *object);
// replica_sets.c: workload form. Asks when the Deployment changed; what is known goes into a plan's
// input.
void replica_sets_consider(struct release *release, const struct json *rollout,
                           struct arena *arena);
void replica_sets_add(const struct release *release, const struct json *rollout,
                      struct arena *arena, struct snapshot_input *input);
bool replica_sets_are_asked(const struct release *release);
void replica_sets_forget(struct release *release);

// foreign_writer.c: somebody else wrote the route.
void foreign_writer_note(struct release *release, struct str manager);

// evidence_metrics.c: what the judge knows, as gauges.
void evidence_metrics(const struct controller *controller, struct buf *out);
