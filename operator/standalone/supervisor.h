// SPDX-License-Identifier: Apache-2.0
// Keeps child processes running: start with inherited sockets, log files, restart with back-off, an
// orderly stop. Children die with the supervisor (PR_SET_PDEATHSIG) and stand in process groups of
// their own, so a Ctrl-C in the terminal reaches only the supervisor. One blocking poll(2) loop
// over signals, ends and output: no CPU when idle. Used by up.c, which says what the children are.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/buf.h"
#include "manifests/base/err.h"
#include "operator/standalone/shim_log.h"
#include "operator/standalone/shim_proc.h"

#define SUPERVISOR_MAX 8
#define SUPERVISOR_FDS 72         // sockets one component may inherit
#define SUPERVISOR_BACKOFF_MS 100 // first restart; doubled each time
#define SUPERVISOR_BACKOFF_MAX_MS 10000
#define SUPERVISOR_EARLY_MS 2000
#define SUPERVISOR_STEADY_MS 30000 // a component that ran this long starts over without back-off

struct component {
  const char *name;
  const char *program;     // absolute; NULL: this binary
  char **argv;             // NULL at the end
  int fds[SUPERVISOR_FDS]; // stay open under the same numbers
  size_t fd_count;
  bool quiet; // only errors go to the terminal, not warnings
  // The supervisor's own.
  struct proc_id process;
  int pidfd, output;
  struct log_file log;
  struct buf line;
  int64_t started_ms, start_at_ms, backoff_ms;
  int early_ends; // in a row: it ended within SUPERVISOR_EARLY_MS of its start
  bool wanted;
};

struct supervisor {
  struct component components[SUPERVISOR_MAX];
  size_t count;
  int signals;
  int terminal; // where warnings go: 2
  const char *logs_dir;
  const char *record; // up.json: ourselves and the components, for the next one to wait for
  struct json *facts; // what else stands in it; may be NULL
  struct arena arena;
  int last_signal; // taken by the caller: 0 when none
};

int supervisor_init(struct supervisor *supervisor, const char *logs_dir, const char *record,
                    struct err *err);
struct component *supervisor_add(struct supervisor *supervisor, const char *name);
struct component *supervisor_find(struct supervisor *supervisor, const char *name);
// Starts it now and after each end, until stopped.
int supervisor_start(struct supervisor *supervisor, struct component *component, struct err *err);
// Waits until something happened or the time is over (-1: for ever): output, ends, restarts are
// dealt with inside. `extra` is one more descriptor to wait for (-1: none). Returns true when that
// one is ready.
bool supervisor_wait(struct supervisor *supervisor, int extra, int64_t timeout_ms);
// A component that does not stay up: it ended early `times` times in a row. NULL when there is
// none.
const struct component *supervisor_failing(const struct supervisor *supervisor, int times);
// Sends the signal to those of the named components that run (NULL at the end of names) and waits
// until they have ended; KILL after `grace_ms`. A further TERM or INT from outside cuts that short.
void supervisor_stop(struct supervisor *supervisor, const char *const *names, int signal,
                     int64_t grace_ms);
void supervisor_dispose(struct supervisor *supervisor);
// Waits for the processes on record of a predecessor that was killed; KILL for those that do not
// end by themselves.
int supervisor_wait_leftovers(const char *record, struct err *err);
