// SPDX-License-Identifier: Apache-2.0
// Reading small files whole: kubeconfigs, certificates, tokens, manifests. Blocks; not for a busy
// loop.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/err.h"

// The content, with a NUL behind, in the arena. RC_NOT_FOUND, RC_DENIED, RC_IO, RC_LIMIT (more than
// `max` bytes), RC_INVALID (not a regular file: a folder, or a pipe that might never end).
int file_read(const char *path, size_t max, struct arena *arena, struct str *ret_text,
              struct err *err);
// `name` beside `file`: "/a/b/config" and "ca.pem" give "/a/b/ca.pem"; an absolute name stays.
struct str file_beside(struct arena *arena, struct str file, struct str name);
