// SPDX-License-Identifier: Apache-2.0
// Aligned columns for people, from rows of text or from a server's Table. Pure.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/text/json.h"

struct table_text {
  struct arena *arena;
  size_t columns;
  struct str *cells; // row after row
  size_t count, capacity;
};

void table_text_init(struct table_text *table, struct arena *arena, size_t columns);
void table_text_add(struct table_text *table, struct str cell); // fills rows from left to right
void table_text_addz(struct table_text *table, const char *cell);
// Columns are as wide as their widest cell and three spaces apart, as kubectl's; the last has no
// padding.
void table_text_write(const struct table_text *table, struct buf *out);

struct table_view {
  bool wide;    // columns of priority above 0, too
  bool with_ns; // NAMESPACE in front, from the rows' objects
  bool headers;
  const char *name_prefix; // put before the first column: "deployment.apps/"; NULL: nothing
};

// A meta.k8s.io Table. False when `json` is none.
bool table_text_server(const struct json *json, const struct table_view *view, struct arena *arena,
                       struct buf *out);
// Display columns of UTF-8 text: code points, none for combining marks, two for wide East Asian
// ones and emoji.
size_t table_text_width(struct str text);
