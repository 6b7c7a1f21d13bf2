// SPDX-License-Identifier: Apache-2.0
// Which files a folder of manifests has. Blocks while it reads. Used by directory_set.c.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/err.h"

struct directory_scan {
  struct arena *arena;
  struct str *files, *folders; // sorted; folders begin with the path itself
  size_t file_count, file_capacity, folder_count, folder_capacity;
};

// *.yaml, *.yml and *.json below the folder, none that is hidden, no link that leads out of it, at
// most 16 levels and 10,000 files (RC_LIMIT). A path of a single file gives just that.
int directory_scan(const char *path, struct arena *arena, struct directory_scan *ret_scan,
                   struct err *err);
