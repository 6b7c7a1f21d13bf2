// SPDX-License-Identifier: Apache-2.0
// One container of a pod: its shim, its record, its probes, where it listens. Effects only.
#pragma once

#include "operator/standalone/runtime_pod.h"

void container_init(struct runtime_container *container, struct runtime_pod *pod, size_t index);
// Takes over what the record says is or was there. False: nothing is on record.
bool container_adopt(struct runtime_container *container, const struct json *old_status);
void container_start(struct runtime_container *container);
void container_signal(struct runtime_container *container, bool kill);
void container_probe(struct runtime_container *container, enum pod_probe_kind kind);
void container_hook(struct runtime_container *container, bool pre_stop);
// Reads the record and tells the machine what is new.
void container_look(struct runtime_container *container);
void container_cancel_probes(struct runtime_container *container);
void container_close(struct runtime_container *container);

// runtime_container_shim.c: one more shim for the present attempt; its end is looked for.
void container_start_shim(struct runtime_container *container);
void container_watch_shim(struct runtime_container *container);
void container_unwatch_shim(struct runtime_container *container);
void container_look_for_lost(struct runtime_container *container);
// For it: what is on record now, false when nothing is; the machine's part.
bool container_read_record(struct runtime_container *container);
struct pod_container_machine *container_machine(struct runtime_container *container);
