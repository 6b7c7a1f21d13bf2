// SPDX-License-Identifier: Apache-2.0
// The objects of -f: files, folders, "-" for standard input. All faults are printed with file and
// line.
#pragma once

#include "manifests/text/json.h"
#include "operator/cli/options.h"

struct manifest {
  struct json *json;
  struct str file;
  int line;
};

struct manifests {
  struct arena *arena;
  struct manifest *items;
  size_t count, capacity;
};

// In the order of the arguments, of names within a folder, of documents within a file; Lists are
// unpacked. Namespaces are left as they stand. RC_PARSE or RC_INVALID: what is wrong is printed.
int manifests_read(const struct option_list *files, struct arena *arena,
                   struct manifests *ret_manifests, struct err *err);
