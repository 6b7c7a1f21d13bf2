// SPDX-License-Identifier: Apache-2.0
// What the cells of several kinds' tables are made with. Private to the table_* files.
#pragma once

#include "operator/standalone/table_columns.h"

typedef const struct table_cell *cell;

struct json *cell_text(cell c, struct str s);
int64_t cell_number_at(cell c, const char *path); // 0 when absent
struct json *cell_fraction(cell c, int64_t a, int64_t b);
struct json *cell_age(cell c);
// "a,b,c" of one member of each item (NULL: the items themselves); `none` when there are none.
struct json *cell_joined(cell c, const char *list, const char *member, const char *none);
struct json *cell_label_map(cell c, const char *path);
// Of spec.template and spec.selector.
struct json *cell_names(cell c);
struct json *cell_images(cell c);
struct json *cell_selector(cell c);
// "a=b,c in (d,e),!f"; `none` when it says nothing.
struct json *cell_label_selector(cell c, const struct json *selector);

struct table_kind {
  const char *kind;
  const struct table_column *columns;
  size_t count;
};
// Of the kinds that are only stored.
extern const struct table_kind table_idle[], table_idle_workload[];
extern const size_t table_idle_count, table_idle_workload_count;

#define TABLE_NAME                                                                                 \
  { "Name", "string", 0, NULL, "metadata.name", "Name of the object" }
#define TABLE_AGE                                                                                  \
  { "Age", "string", 0, cell_age, NULL, "Time since creation" }
