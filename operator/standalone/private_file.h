// SPDX-License-Identifier: Apache-2.0
// Small files of the server's own: tokens, keys, certificates. Mode 0600, replaced as a whole.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/err.h"

// RC_NOT_FOUND when absent, RC_LIMIT when longer than `max`.
int private_file_read(const char *path, size_t max, struct arena *arena, struct str *ret_text,
                      struct err *err);
// A new file beside it, synced and renamed over it: a crash leaves the old one or the new one.
int private_file_write(const char *path, struct str text, struct err *err);
