// SPDX-License-Identifier: Apache-2.0
// What the two halves of the pod's state machine share: pod_machine.c (order, starts, stops) and
// pod_machine_probe.c (when to probe, and what an answer means). Not for others.
#pragma once

#include "operator/standalone/pod_machine.h"

void machine_add_action(struct pod_actions *actions, struct pod_action action);
void machine_add_event(struct pod_actions *actions, size_t container, bool warning,
                       const char *reason, struct str message);
// preStop or TERM; nothing unless the container runs.
void machine_begin_stop(struct pod_machine *machine, size_t i, int64_t now_ms, int64_t grace_ms,
                        struct pod_actions *actions);
// The grace period of the probe where it has one (may be NULL), else the pod's.
int64_t machine_stop_grace_ms(const struct pod_machine *machine, const struct pod_probe *probe);
// The startup probe passed, or there is none: the others begin.
void machine_enter_started(struct pod_machine *machine, struct pod_container_machine *item,
                           int64_t now_ms);
void machine_step_probes(struct pod_machine *machine, size_t i, int64_t now_ms,
                         struct pod_actions *actions);

// For pod_machine_adopt.c.
void machine_begin_probes(struct pod_machine *machine, struct pod_container_machine *item,
                          int64_t now_ms);
struct pod_exit machine_exit_dup(struct pod_machine *machine, const struct pod_exit *exit);
bool machine_wants_restart(const struct pod_machine *machine,
                           const struct pod_container_machine *item);
bool machine_init_has_failed(const struct pod_machine *machine);
