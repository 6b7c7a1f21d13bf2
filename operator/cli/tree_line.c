// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/tree_line.h"
#include "manifests/base/arena.h"
#include "operator/cli/table_text.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const codes[] = {
    [TREE_PLAIN] = "",         [TREE_BOLD] = "\x1b[1m",    [TREE_DIM] = "\x1b[2m",
    [TREE_GREEN] = "\x1b[32m", [TREE_YELLOW] = "\x1b[33m", [TREE_RED] = "\x1b[31m",
    [TREE_CYAN] = "\x1b[36m",
};

static size_t sequence_length(unsigned char c) {
  return c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
}

// The longest start of text that takes at most `columns`, without the control characters that would
// move the cursor.
static void add_fitting(struct tree_lines *lines, struct str text, size_t columns) {
  for (size_t at = 0; at < text.len;) {
    size_t len = sequence_length((unsigned char)text.ptr[at]);
    struct str piece = str_slice(text, at, at + len);
    size_t width = table_text_width(piece);
    if (width > columns)
      return;
    (void)buf_add_visible(lines->out, piece, false);
    columns -= width;
    lines->used += width;
    at += len;
  }
}

void tree_add(struct tree_lines *lines, enum tree_style style, struct str text) {
  if (lines->cut || text.len == 0)
    return;
  bool styled = lines->color && style != TREE_PLAIN;
  if (styled)
    buf_add_z(lines->out, codes[style]);
  size_t left = lines->width - lines->used;
  if (lines->width == 0 || table_text_width(text) <= left) {
    add_fitting(lines, text, SIZE_MAX);
  } else {
    add_fitting(lines, text, left > 0 ? left - 1 : 0);
    if (left > 0)
      buf_add_z(lines->out, "…");
    lines->cut = true;
  }
  if (styled)
    buf_add_z(lines->out, "\x1b[0m");
}

void tree_addz(struct tree_lines *lines, enum tree_style style, const char *text) {
  tree_add(lines, style, str_of(text));
}

void tree_addf(struct tree_lines *lines, enum tree_style style, const char *format, ...) {
  struct buf text;
  va_list args;
  buf_init(&text, 65536);
  va_start(args, format);
  buf_addv(&text, format, args);
  va_end(args);
  tree_add(lines, style, buf_str(&text));
  buf_dispose(&text);
}

void tree_pad(struct tree_lines *lines, size_t column) {
  while (lines->used < column && !lines->cut)
    tree_addz(lines, TREE_PLAIN, " ");
}

void tree_end(struct tree_lines *lines) {
  buf_add_char(lines->out, '\n');
  lines->used = 0;
  lines->cut = false;
}
