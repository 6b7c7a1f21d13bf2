// SPDX-License-Identifier: Apache-2.0
// Processes named so that a reused pid is never mistaken for one of ours: pid, start time and boot.
// Used by the shim, the runtime and the supervisor, on their records and for adoption.
#pragma once

#include "manifests/text/json.h"

#include <sys/types.h>

struct proc_id {
  pid_t pid;        // 0: none
  uint64_t started; // field 22 of /proc/PID/stat: clock ticks since boot
  struct str boot;  // /proc/sys/kernel/random/boot_id
};

// The boot id of this machine; kept for the life of the process.
struct str proc_boot(void);
// Field 22 of /proc/PID/stat, 0 when there is no such process (or only a zombie is left of it).
uint64_t proc_start_time(pid_t pid);
struct proc_id proc_identify(pid_t pid);
bool proc_is_alive(struct proc_id id);
// A descriptor of exactly this process (close-on-exec, readable once it has ended), or -1 when it
// is gone.
int proc_open(struct proc_id id);
// Signals exactly this process; false when it is gone.
bool proc_signal(struct proc_id id, int signal);
// Waits until it is gone or `timeout_ms` is over; true when it is gone.
bool proc_wait_gone(struct proc_id id, int timeout_ms);
// Kills what is left of a container: the processes of the session `leader` began and, for a
// subreaper, our own children. A session whose number belongs to somebody else by now is left
// alone. Returns how many were found; the caller repeats until none are left.
size_t proc_kill_session(struct proc_id leader);

void proc_write(struct arena *arena, struct json *object, const char *key, struct proc_id id);
// pid 0 when the object has none. `boot` points into the tree.
struct proc_id proc_read(const struct json *object, const char *key);
