// SPDX-License-Identifier: Apache-2.0
// Lines of styled text that never get wider than the terminal. Pure. Used by tree.c.
#pragma once

#include "manifests/base/buf.h"

enum tree_style { TREE_PLAIN, TREE_BOLD, TREE_DIM, TREE_GREEN, TREE_YELLOW, TREE_RED, TREE_CYAN };

struct tree_lines {
  struct buf *out;
  size_t width; // 0: no bound
  bool color;
  size_t used; // columns of the line so far
  bool cut;    // the line is full
};

// Appends, up to the width; what does not fit ends in an ellipsis and the rest of the line is
// dropped.
void tree_add(struct tree_lines *lines, enum tree_style style, struct str text);
void tree_addz(struct tree_lines *lines, enum tree_style style, const char *text);
void tree_addf(struct tree_lines *lines, enum tree_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// Spaces up to that column.
void tree_pad(struct tree_lines *lines, size_t column);
void tree_end(struct tree_lines *lines);
