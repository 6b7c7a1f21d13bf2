// SPDX-License-Identifier: Apache-2.0
// One pod of the API on this machine: its state machine, its containers, its status. Effects;
// decisions are pod_machine's. Freed by itself, when its processes have ended and all its handles
// are closed.
#pragma once

#include "operator/standalone/pod_env.h"
#include "operator/standalone/pod_machine.h"
#include "operator/standalone/pod_volume.h"
#include "operator/standalone/runtime_probe.h"
#include "operator/standalone/runtime_state.h"

struct runtime_pod;

#define RUNTIME_HOOKS (POD_PROBE_KINDS + 1) // a probe of each kind, and one lifecycle hook

struct runtime_container {
  struct runtime_pod *pod;
  size_t index;       // in the machine
  const char *folder; // DATA/pods/<uid>/<name>
  const char *log;
  uv_fs_event_t changes; // of the folder: record.json was replaced
  uv_poll_t shim;
  int shim_fd; // pidfd, -1: none
  bool shim_polled;
  uv_timer_t later; // where it listens, or a lost shim to start again
  int looks, lost;
  struct arena record_arena;
  struct shim_record record;
  struct probe_op *probes[RUNTIME_HOOKS];
};

struct runtime_pod {
  struct runtime *runtime;
  struct arena arena;
  struct json *json; // as it was when first seen, in the arena
  struct pod *pod;
  struct str key; // ns/name
  struct pod_facts facts;
  struct pod_machine machine;
  struct runtime_container *containers;
  const char *folder, *volumes, *log_folder;
  uv_timer_t timer; // the machine's next step
  uv_timer_t drain; // deletion: from leaving the EndpointSlices to TERM
  struct kube_op status_op, bind_op, delete_op;
  struct arena status_arena;
  struct json *status; // last written, in status_arena
  bool status_running, status_failed;
  bool deleting, final_delete_sent;
  bool gone;     // from the API
  bool finished; // its processes have ended
  bool closing;
  bool volumes_told;
  int open; // handles and running requests
};

// Begins or adopts. NULL when it cannot be run at all (told by an event).
struct runtime_pod *runtime_pod_new(struct runtime *runtime, const struct json *object);
// The API's object has changed, or the pass wants a look.
void runtime_pod_update(struct runtime_pod *pod, const struct json *object);
// Ends its processes; told to go by the API (grace), by a deleted object, or by the end of the
// runtime.
void runtime_pod_stop(struct runtime_pod *pod, int64_t grace_ms, bool drain);
// A ConfigMap or Secret of its namespace changed.
void runtime_pod_sources_changed(struct runtime_pod *pod);
// Closes all handles without touching the processes.
void runtime_pod_close(struct runtime_pod *pod);

// runtime_pod_end.c, runtime_pod_report.c
void runtime_pod_finish(struct runtime_pod *pod); // its processes have ended
void runtime_pod_check_gone(struct runtime_pod *pod);
void runtime_pod_delete_object(struct runtime_pod *pod);
void runtime_pod_report_fields(struct runtime_pod *pod, const struct json *object);

// For runtime_container.c.
void runtime_pod_step(struct runtime_pod *pod);
void runtime_pod_do(struct runtime_pod *pod, const struct pod_actions *actions);
void runtime_pod_event(struct runtime_pod *pod, const struct runtime_container *container,
                       bool warning, const char *reason, struct str message);
void runtime_pod_closed(struct runtime_pod *pod); // one handle less
const struct json *runtime_pod_find(void *runtime, const char *kind, struct str ns,
                                    struct str name);
