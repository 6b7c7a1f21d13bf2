// SPDX-License-Identifier: Apache-2.0
// Files for golden tests: read, list, compare. With REFRESH=1 in the environment a difference
// rewrites the file, for a person to review.
#pragma once

#include "manifests/base/arena.h"

// The content of a file below the source folder; fails the test when it cannot be read.
struct str golden_read(const char *path, struct arena *arena);
// Names of the files of a folder below the source folder that end in `suffix`, sorted.
size_t golden_list(const char *folder, const char *suffix, struct arena *arena, struct str **ret);
// Fails the test when `text` is not what the file holds.
void golden_same(const char *path, struct str text);
