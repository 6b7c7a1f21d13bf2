// SPDX-License-Identifier: Apache-2.0
// `serin shim`: the small process between the runtime and one container. It has a session of its
// own and so survives the runtime, the supervisor and an upgrade; it writes the container's output
// to its log, keeps record.json (shim_record.h) and is told what to do by signals alone:
//   SIGTERM  send TERM to the container's first process; after grace_ms KILL everything of the
//   container SIGUSR1  KILL everything of the container now
// It takes the folder's lock first, so there is never a second one, and starts an attempt only when
// record.json does not know it yet: asked again for the same attempt it adopts the running process,
// or does nothing when that ended.
#pragma once

#include "manifests/base/err.h"
#include "manifests/base/str.h"

// Runs until the container has ended and its end is on record; returns the process's exit code (0
// when the record is complete, whatever the container's own code was). `folder` is absolute.
int shim_run(const char *folder);
// `serin shim --exec FOLDER -- COMMAND`: runs a command as the container would (its environment,
// folder, user and mounts), for exec probes and hooks. Output on ours; does not return unless it
// cannot be run.
int shim_exec(const char *folder, const struct str *argv, size_t count);
