// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/table_text.h"

#define GAP 3

void table_text_init(struct table_text *table, struct arena *arena, size_t columns) {
  *table = (struct table_text){.arena = arena, .columns = columns};
}

void table_text_add(struct table_text *table, struct str cell) {
  void *cells = table->cells;
  struct str *added =
      arena_push(table->arena, &cells, &table->count, &table->capacity, sizeof *added);
  table->cells = cells;
  *added = arena_str(table->arena, cell);
}

void table_text_addz(struct table_text *table, const char *cell) {
  table_text_add(table, str_of(cell));
}

static uint32_t next_code_point(struct str text, size_t *at) {
  unsigned char c = (unsigned char)text.ptr[(*at)++];
  int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
  uint32_t point = more == 3 ? c & 7u : more == 2 ? c & 15u : more == 1 ? c & 31u : c;
  while (more-- > 0 && *at < text.len)
    point = point << 6 | ((unsigned char)text.ptr[(*at)++] & 63u);
  return point;
}

size_t table_text_width(struct str text) {
  size_t width = 0;
  for (size_t at = 0; at < text.len;) {
    uint32_t point = next_code_point(text, &at);
    bool combining =
        (point >= 0x300 && point < 0x370) || point == 0x200d || (point >= 0xfe00 && point < 0xfe10);
    bool wide = (point >= 0x1100 && point < 0x1160) || (point >= 0x2e80 && point < 0xa4d0) ||
                (point >= 0xac00 && point < 0xd7a4) || (point >= 0xf900 && point < 0xfb00) ||
                (point >= 0xff00 && point < 0xff61) || (point >= 0x1f300 && point < 0x1fb00);
    width += combining ? 0 : wide ? 2 : 1;
  }
  return width;
}

static void pad(struct buf *out, size_t count) {
  while (count-- > 0)
    buf_add_char(out, ' ');
}

// Control characters would move the cursor: a server's text must not.
static void add_clean(struct buf *out, struct str cell) {
  (void)buf_add_visible(out, cell, false);
}

void table_text_write(const struct table_text *table, struct buf *out) {
  for (size_t i = 0; i < table->count; i++) {
    size_t column = i % table->columns;
    add_clean(out, table->cells[i]);
    if (column + 1 == table->columns) {
      buf_add_char(out, '\n');
      continue;
    }
    size_t widest = 0;
    for (size_t k = column; k < table->count; k += table->columns) {
      size_t width = table_text_width(table->cells[k]);
      widest = width > widest ? width : widest;
    }
    pad(out, widest - table_text_width(table->cells[i]) + GAP);
  }
}

static struct str upper(struct arena *arena, struct str text) {
  struct str copy = arena_str(arena, text);
  char *bytes = arena_dup(arena, copy.ptr, copy.len + 1);
  for (size_t i = 0; i < copy.len; i++)
    if (bytes[i] >= 'a' && bytes[i] <= 'z')
      bytes[i] = (char)(bytes[i] - 32);
  return (struct str){bytes, copy.len};
}

static struct str cell_text(struct arena *arena, const struct json *cell) {
  if (!cell || cell->type == JSON_NULL)
    return STR("<none>");
  return cell->type == JSON_STRING ? cell->string : json_text(arena, cell);
}

static bool is_shown(const struct json *column, const struct table_view *view) {
  return view->wide || json_int(json_get(column, "priority"), 0) == 0;
}

static void add_row(struct table_text *table, const struct json *row, const struct json *columns,
                    const struct table_view *view) {
  size_t at = 0;
  if (view->with_ns)
    table_text_add(table, json_path_string(row, "object.metadata.namespace"));
  JSON_EACH(column, columns) {
    struct str text = cell_text(table->arena, json_at(json_get(row, "cells"), at));
    if (at == 0 && view->name_prefix)
      text = arena_printf(table->arena, "%s%.*s", view->name_prefix, STR_ARG(text));
    if (is_shown(column, view))
      table_text_add(table, text);
    at++;
  }
}

bool table_text_server(const struct json *json, const struct table_view *view, struct arena *arena,
                       struct buf *out) {
  const struct json *columns = json_get(json, "columnDefinitions");
  if (!str_eq_z(json_get_string(json, "kind"), "Table") || !json_is(columns, JSON_ARRAY))
    return false;
  struct table_text table;
  size_t shown = view->with_ns ? 1 : 0;
  JSON_EACH(column, columns)
    shown += is_shown(column, view);
  table_text_init(&table, arena, shown);
  if (view->headers && view->with_ns)
    table_text_addz(&table, "NAMESPACE");
  JSON_EACH(column, view->headers ? columns : NULL)
    if (is_shown(column, view))
      table_text_add(&table, upper(arena, json_get_string(column, "name")));
  JSON_EACH(row, json_get(json, "rows"))
    add_row(&table, row, columns, view);
  if (shown)
    table_text_write(&table, out);
  return true;
}
