// SPDX-License-Identifier: Apache-2.0
#include "manifests/cel/issue.h"
#include "manifests/base/buf.h"

#include <stdarg.h>

#define MESSAGE_MAX 4096u
#define TEXT_MAX (256u << 10)
#define SNIPPET_MAX 16384u

void cel_issue_add(struct cel_issues *issues, uint32_t at, const char *format, ...) {
  if (issues->count >= CEL_ISSUES_MAX)
    return;
  struct buf text;
  va_list args;
  buf_init(&text, MESSAGE_MAX);
  va_start(args, format);
  (void)buf_addv(&text, format, args);
  va_end(args);
  struct cel_issue *issue = arena_push(issues->arena, (void **)&issues->items, &issues->count,
                                       &issues->capacity, sizeof *issue);
  *issue = (struct cel_issue){at, arena_str(issues->arena, buf_str(&text))};
  buf_dispose(&text);
}

static size_t letter_size(struct str text, size_t at) {
  size_t size = 1;
  while (at + size < text.len && ((unsigned char)text.ptr[at + size] & 0xc0) == 0x80)
    size++;
  return size;
}

static void put_issue(struct buf *out, const struct cel_issue *issue, struct str source) {
  size_t line = 1, from = 0, to, column = 1;
  for (size_t i = 0; i < issue->at && i < source.len; i++)
    if (source.ptr[i] == '\n') {
      line++;
      from = i + 1;
    }
  for (to = from; to < source.len && source.ptr[to] != '\n';)
    to++;
  for (size_t i = from; i < issue->at && i < to; i += letter_size(source, i))
    column++;
  buf_addf(out, "ERROR: <input>:%zu:%zu: %.*s", line, column, STR_ARG(issue->message));
  if (to - from > SNIPPET_MAX)
    return;
  buf_add_z(out, "\n | ");
  for (size_t i = from; i < to; i++)
    buf_add_char(out, source.ptr[i] == '\t' ? ' ' : source.ptr[i]);
  buf_add_z(out, "\n | ");
  for (size_t i = from; i < issue->at && i < to; i += letter_size(source, i))
    buf_add_z(out, letter_size(source, i) > 1 ? "\uff0e" : ".");
  buf_add_z(out, issue->at < to && letter_size(source, issue->at) > 1 ? "\uff3e" : "^");
}

struct str cel_issues_text(struct cel_issues *issues, struct str source) {
  struct buf out;
  for (size_t i = 1; i < issues->count; i++) { // stable, and there are few
    struct cel_issue moved = issues->items[i];
    size_t at = i;
    for (; at > 0 && issues->items[at - 1].at > moved.at; at--)
      issues->items[at] = issues->items[at - 1];
    issues->items[at] = moved;
  }
  buf_init(&out, TEXT_MAX);
  for (size_t i = 0; i < issues->count; i++) {
    if (i)
      buf_add_char(&out, '\n');
    put_issue(&out, &issues->items[i], source);
  }
  struct str text = arena_str(issues->arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}
