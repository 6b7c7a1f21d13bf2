// SPDX-License-Identifier: Apache-2.0
// Small files below DATA: read whole, written at once (a reader sees the old or the new content,
// also after a crash), folders made and removed with all below them. Links are never followed out
// of a folder.
#pragma once

#include "manifests/text/json.h"

#define FILE_MAX (4u << 20) // largest file read here

// The content, in the arena. RC_NOT_FOUND when there is none.
int shim_file_read(const char *path, struct arena *arena, struct str *ret_text, struct err *err);
int shim_file_read_json(const char *path, struct arena *arena, struct json **ret_json,
                        struct err *err);
// Through a new file beside it that is renamed over it; `mode` is exact, whatever the umask.
int shim_file_write(const char *path, struct str text, unsigned mode, struct err *err);
int shim_file_write_json(const char *path, const struct json *json, struct err *err); // 0600
// All missing folders of the path, 0700.
int shim_file_mkdirs(const char *path, struct err *err);
// A file or a folder with all below it; absent is fine. Does not cross into other file systems'
// mounts.
int shim_file_remove_all(const char *path, struct err *err);
// parent/name in the arena, as a C string.
const char *shim_file_join(struct arena *arena, const char *parent, struct str name);
