// SPDX-License-Identifier: Apache-2.0
// Volumes of a container that shares the host's file system. Where we may (root, or unprivileged
// user namespaces), the container gets a mount namespace of its own in which each volume is bound
// at its mountPath; everything else stays the host's. A mountPath that does not exist is never
// created on the host: the nearest existing folder is covered, in that namespace only, by a tmpfs
// into which its entries are bound, and the mount point is made there. Called in the child between
// fork and exec; must not be called in a process with threads.
#pragma once

#include "operator/standalone/shim_record.h"

// What this machine allows, found out by trying in a child. `scratch` is an empty folder to try
// with; *ret_why says why it is not better than SHIM_MOUNT_NONE.
enum shim_mount_mode shim_mount_probe(const char *scratch, struct arena *arena,
                                      struct str *ret_why);
// Enters the namespaces and binds the mounts. The process must exit when it fails.
int shim_mount_apply(const struct shim_start *start, struct err *err);
