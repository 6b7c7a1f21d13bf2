// SPDX-License-Identifier: Apache-2.0
// The columns of Kubernetes' own kinds, and how a cell is made. Private to table.c.
#pragma once

#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

struct table_cell {
  const struct json *object;
  struct arena *arena;
  int64_t now_ms;
};

struct table_column {
  const char *name;
  const char *type; // string integer date
  int priority;
  // Makes the cell; NULL: `path` names a value.
  struct json *(*make)(const struct table_cell *cell);
  const char *path;
  const char *doc;
};

// The rows of a built-in kind; NULL when it has none of its own.
const struct table_column *table_columns_of(const struct kind_desc *kind, size_t *ret_count);
struct str table_cell_age(const struct table_cell *cell,
                          const char *path); // "<unknown>" when absent
