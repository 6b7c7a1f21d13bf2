// SPDX-License-Identifier: Apache-2.0
// What the runtime and a shim tell each other through files of one container's folder,
// DATA/pods/<uid>/<container>/:
//   start.json   the runtime's order: what to run (0600, it may hold secrets)
//   record.json  the shim's account: attempt, pids and start times, exit; replaced atomically
//   lock         flocked by the one living shim of this container
//   output       the FIFO that is the container's stdout and stderr; it outlives a shim, so a
//   container whose shim was
//                killed keeps running and the next shim goes on reading
// Names and JSON only; no effects.
#pragma once

#include "operator/standalone/shim_proc.h"

#define SHIM_START "start.json"
#define SHIM_RECORD "record.json"
#define SHIM_LOCK "lock"
#define SHIM_OUTPUT "output"

enum shim_mount_mode {
  SHIM_MOUNT_NONE, // volumes cannot be bound; the container sees the host as it is
  SHIM_MOUNT_ROOT, // own mount namespace
  SHIM_MOUNT_USER, // own user and mount namespace
};

struct shim_mount {
  struct str source; // file or folder on the host
  struct str target; // mountPath
  bool read_only;
};

struct shim_start {
  int64_t attempt;  // 0 for the first start, then one more each restart
  struct str title; // namespace/pod/container, for ps
  struct str *argv;
  size_t argv_count;
  struct str *env; // NAME=value
  size_t env_count;
  struct str cwd;
  struct str log; // path of the log file
  int64_t log_max_bytes, log_keep;
  int64_t grace_ms; // from TERM to KILL when nobody says else
  int64_t uid, gid; // -1: as the shim
  enum shim_mount_mode mount_mode;
  struct str scratch; // an empty folder for the private root, when mounts need one
  struct shim_mount *mounts;
  size_t mount_count;
};

enum shim_state { SHIM_NONE, SHIM_RUNNING, SHIM_EXITED };

struct shim_record {
  int64_t attempt;
  enum shim_state state;
  struct proc_id shim, process;
  int64_t started_ms, finished_ms;
  int64_t exit_code, signal; // code is 128 + signal when a signal ended it
  struct str reason;         // Completed, Error, OOMKilled, StartError, Unknown
  struct str message;
};

struct json *shim_start_write(struct arena *arena, const struct shim_start *start);
// Strings point into the tree. RC_PARSE names the missing part.
int shim_start_read(const struct json *json, struct arena *arena, struct shim_start *ret_start,
                    struct err *err);
struct json *shim_record_write(struct arena *arena, const struct shim_record *record);
void shim_record_read(const struct json *json, struct shim_record *ret_record);
