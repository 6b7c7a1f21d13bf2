// SPDX-License-Identifier: Apache-2.0
// One run of a credential plugin: no standard input, our standard error, a cap on what it prints
// and a deadline. Private to kube_credentials.c.
#pragma once

#include "manifests/base/err.h"
#include "manifests/source/kube_exec.h"

#define EXEC_RUN_DEADLINE_MS 60000

struct uv_loop_s;
struct exec_run;

// err NULL: it ended with code 0 and printed `output`. The run is over then. From the loop.
typedef void (*exec_run_done_fn)(void *data, struct str output, const struct err *err);

// `turn` is called once from the loop after each exec_run_turn.
struct exec_run *exec_run_new(struct uv_loop_s *loop, const struct kube_exec *exec,
                              exec_run_done_fn done, void (*turn)(void *data), void *data);
// `done` follows, also when it cannot be started.
void exec_run_start(struct exec_run *run);
bool exec_run_is_started(const struct exec_run *run);
void exec_run_turn(struct exec_run *run);
// No callback comes any more; a process that runs is killed; memory goes with the loop's next
// turns.
void exec_run_abandon(struct exec_run *run);
