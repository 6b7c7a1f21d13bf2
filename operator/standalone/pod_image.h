// SPDX-License-Identifier: Apache-2.0
// Images are not pulled on a single machine: `--image NAME=COMMAND` says which command stands for
// one. Pure.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/err.h"

struct pod_image {
  struct str name; // as given, with or without tag
  struct str *argv;
  size_t argv_count;
};

struct pod_images {
  struct pod_image *items;
  size_t count, capacity;
};

// One NAME=COMMAND. COMMAND is split into words at blanks, with '...', "..." and \ as in a shell,
// but there is no shell: say `sh -c "..."` for one. A relative command with a '/' in it is taken
// from `cwd`. A NAME given twice: the later one counts.
int pod_images_add(struct pod_images *images, struct str text, struct str cwd, struct arena *arena,
                   struct err *err);
// The same name with its tag or digest first, then the name without it. NULL when there is none.
const struct pod_image *pod_images_find(const struct pod_images *images, struct str image);
// Words as described above. RC_PARSE: an open quote.
int pod_words(struct str text, struct arena *arena, struct str **ret_words, size_t *ret_count,
              struct err *err);
