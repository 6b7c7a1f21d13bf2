// SPDX-License-Identifier: Apache-2.0
// The files of a folder, read and remembered, and the snapshot they make. Blocks while it reads.
// Used by directory.c, which adds the watching.
#pragma once

#include "manifests/source/directory.h"

struct directory_file; // one file: its hash, its faults, its last good objects

struct directory_set {
  struct arena arena; // of `path`
  struct str path;
  struct directory_file *files; // sorted by path
  struct directory_snapshot snapshot;
};

void directory_set_init(struct directory_set *set, const char *path);
void directory_set_dispose(struct directory_set *set);
// Reads what changed. *ret_changed: the snapshot is a new one. Non-zero when the path cannot be
// read; the set is then as before. *ret_folders (may be NULL) are all folders below the path,
// itself first.
int directory_set_read(struct directory_set *set, struct arena *arena, bool *ret_changed,
                       struct str **ret_folders, size_t *ret_folder_count, struct err *err);
