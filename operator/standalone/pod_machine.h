// SPDX-License-Identifier: Apache-2.0
// The life of one pod's containers as a state machine: what happened goes in as events, what to do
// comes out as actions. Pure: no clock, no process. Order as the kubelet's: init containers one
// after the other (those with restartPolicy Always keep running beside the rest), then the
// containers; startup probe before liveness and readiness; restart with back-off; preStop, TERM,
// grace period, KILL. Where we are faster than the kubelet, on purpose: a readiness or startup
// probe that has not succeeded yet is tried again after 100 ms, 200 ms, ... up to its period (a
// failure still counts only once a period).
#pragma once

#include "manifests/base/arena.h"
#include "manifests/kinds/pod.h"

#define POD_BACKOFF_FIRST_MS                                                                       \
  10000 // the first restart is at once, the second waits this long, then doubled
#define POD_BACKOFF_MAX_MS 300000   // kubelet's MaxContainerBackOff
#define POD_BACKOFF_RESET_MS 600000 // a container that ran this long starts over without back-off
#define POD_PROBE_FAST_MS 100

enum pod_probe_kind { POD_STARTUP, POD_LIVENESS, POD_READINESS, POD_PROBE_KINDS };

enum pod_state {
  POD_WAITING,  // for its turn, its back-off, or its configuration
  POD_STARTING, // a start was ordered
  POD_RUNNING,
  POD_STOPPING, // preStop or TERM under way
  POD_EXITED,   // and not to be started again
};

struct pod_exit {
  bool set;
  int64_t code, signal;
  int64_t started_ms, finished_ms; // wall clock
  struct str reason, message;      // in the machine's arena
};

struct pod_probe_state {
  int64_t next_ms; // due; -1: not scheduled
  int64_t fast_ms; // next short delay
  int64_t counted_ms;
  int64_t successes, failures;
  bool in_flight, ever_ok;
};

struct pod_container_machine {
  const struct pod_container *spec;
  bool init, sidecar;
  enum pod_state state;
  int64_t attempt;                      // of the running or next start: the restart count
  int64_t start_at_ms;                  // WAITING: not before
  int64_t backoff_ms;                   // length of the back-off it waits for; 0: none
  int64_t crashes;                      // restarts since the back-off was reset
  int64_t running_since_ms;             // steady clock
  int64_t started_wall_ms;              // for status
  struct str wait_reason, wait_message; // WAITING for its configuration
  bool blocked;                         // a start was refused; `pod_machine_retry` lifts it
  bool started, ready;                  // startup probe passed; readiness
  bool post_start;                      // its postStart runs
  bool pre_stopped, termed, killed;     // while STOPPING
  int64_t kill_at_ms;                   // STOPPING: when to KILL
  struct pod_exit last;                 // of the attempt before (or the final one when EXITED)
  struct pod_probe_state probes[POD_PROBE_KINDS];
};

struct pod_machine {
  const struct pod *pod;
  struct arena *arena;
  struct pod_container_machine *items; // init containers first
  size_t count, init_count;
  bool deleting;
  int64_t grace_ms;
  bool done_told;
  bool changed; // status should be written; cleared by the caller
};

enum pod_action_type {
  POD_DO_START,      // container, attempt
  POD_DO_POST_START, // container
  POD_DO_PRE_STOP,   // container
  POD_DO_TERM,       // container
  POD_DO_KILL,       // container
  POD_DO_PROBE,      // container, probe
  POD_DO_EVENT,      // warning, reason, message
  POD_DO_FORGET,     // all has ended after a deletion: the pod may go
};

struct pod_action {
  enum pod_action_type type;
  size_t container;
  enum pod_probe_kind probe;
  bool warning;
  const char *reason;
  struct str message;
};

struct pod_actions {
  struct arena *arena; // of this step
  struct pod_action *items;
  size_t count, capacity;
};

// `pod` and `arena` must outlive the machine.
void pod_machine_init(struct pod_machine *machine, const struct pod *pod, struct arena *arena);
// What is due now, in order; calls again for what follows from it are not needed.
void pod_machine_step(struct pod_machine *machine, int64_t now_ms, struct pod_actions *actions);
// When the next step is due without any event; -1: only an event changes anything.
int64_t pod_machine_due(const struct pod_machine *machine);

// Events. All times in `now_ms` are the steady clock of pod_machine_step.
void pod_machine_started(struct pod_machine *machine, size_t i, int64_t now_ms, int64_t wall_ms);
// The start could not even be tried: missing configuration. Tried again after pod_machine_retry.
void pod_machine_blocked(struct pod_machine *machine, size_t i, struct str reason,
                         struct str message);
// Something that a blocked container may wait for has changed.
void pod_machine_retry(struct pod_machine *machine);
void pod_machine_exited(struct pod_machine *machine, size_t i, int64_t now_ms,
                        const struct pod_exit *exit);
void pod_machine_probed(struct pod_machine *machine, size_t i, enum pod_probe_kind kind,
                        int64_t now_ms, bool ok, struct str message, struct pod_actions *actions);
void pod_machine_post_started(struct pod_machine *machine, size_t i, int64_t now_ms, bool ok,
                              struct str message, struct pod_actions *actions);
void pod_machine_pre_stopped(struct pod_machine *machine, size_t i);
// The pod is to go. A second call may shorten the grace period.
void pod_machine_delete(struct pod_machine *machine, int64_t now_ms, int64_t grace_ms);

// Adoption, between init and the first step. A process found running since `uptime_ms`; ready and
// started as the pod's status says.
void pod_machine_adopt_running(struct pod_machine *machine, size_t i, int64_t attempt,
                               int64_t now_ms, int64_t uptime_ms, int64_t wall_ms, bool started,
                               bool ready);
// An ended attempt on record.
void pod_machine_adopt_exit(struct pod_machine *machine, size_t i, int64_t attempt,
                            const struct pod_exit *exit);

bool pod_machine_is_initialized(const struct pod_machine *machine);
bool pod_machine_is_ready(const struct pod_machine *machine); // all containers
const char *pod_machine_phase(const struct pod_machine *machine);
const char *pod_probe_name(enum pod_probe_kind kind); // "Readiness"
const struct pod_probe *pod_probe_of(const struct pod_container *spec, enum pod_probe_kind kind);
