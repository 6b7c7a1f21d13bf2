// SPDX-License-Identifier: Apache-2.0
// Writing json trees as text.
#include "manifests/base/alloc.h"
#include "manifests/base/rc.h"
#include "manifests/text/json.h"

#include <stdio.h>
#include <stdlib.h>

struct style {
  bool pretty, sorted;
};

int json_write_string(struct buf *out, struct str s) {
  buf_add_char(out, '"');
  size_t start = 0;
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.ptr[i];
    if (c >= 0x20 && c != '"' && c != '\\')
      continue;
    buf_add(out, s.ptr + start, i - start);
    start = i + 1;
    switch (c) {
    case '"': buf_add_z(out, "\\\""); break;
    case '\\': buf_add_z(out, "\\\\"); break;
    case '\n': buf_add_z(out, "\\n"); break;
    case '\r': buf_add_z(out, "\\r"); break;
    case '\t': buf_add_z(out, "\\t"); break;
    default: buf_addf(out, "\\u%04x", c);
    }
  }
  buf_add(out, s.ptr + start, s.len - start);
  return buf_add_char(out, '"');
}

// The shortest form that reads back the same; always with a point or exponent where it is not
// whole.
static void write_double(struct buf *out, double value) {
  static const int DIGITS[] = {9, 15, 16, 17}; // the fewest that give the value back
  char text[40];
  for (size_t i = 0; i < sizeof DIGITS / sizeof DIGITS[0]; i++) {
    snprintf(text, sizeof text, "%.*g", DIGITS[i], value);
    if (strtod(text, NULL) == value)
      break;
  }
  buf_add_z(out, text);
}

static void write_node(struct buf *out, const struct json *json, struct style style, int depth);

static int by_key(const void *a, const void *b) {
  const struct json *const *x = a, *const *y = b;
  return str_cmp((*x)->key, (*y)->key);
}

static void new_line(struct buf *out, int depth) {
  buf_addf(out, "\n%*s", depth * 2, "");
}

static void write_members(struct buf *out, const struct json *json, struct style style, int depth) {
  const struct json **items = xcalloc(json->count, sizeof *items);
  size_t count = 0;
  JSON_EACH(item, json)
    items[count++] = item;
  if (style.sorted && json->type == JSON_OBJECT)
    qsort(items, count, sizeof *items, by_key);
  for (size_t i = 0; i < count; i++) {
    if (i)
      buf_add_char(out, ',');
    if (style.pretty)
      new_line(out, depth + 1);
    if (json->type == JSON_OBJECT) {
      json_write_string(out, items[i]->key);
      buf_add_z(out, style.pretty ? ": " : ":");
    }
    write_node(out, items[i], style, depth + 1);
  }
  if (style.pretty && count)
    new_line(out, depth);
  xfree(items);
}

static void write_node(struct buf *out, const struct json *json, struct style style, int depth) {
  switch (json->type) {
  case JSON_NULL: buf_add_z(out, "null"); break;
  case JSON_BOOL: buf_add_z(out, json->boolean ? "true" : "false"); break;
  case JSON_INT: buf_addf(out, "%lld", (long long)json->integer); break;
  case JSON_DOUBLE: write_double(out, json->number); break;
  case JSON_STRING: json_write_string(out, json->string); break;
  case JSON_ARRAY:
    buf_add_char(out, '[');
    write_members(out, json, style, depth);
    buf_add_char(out, ']');
    break;
  case JSON_OBJECT:
    buf_add_char(out, '{');
    write_members(out, json, style, depth);
    buf_add_char(out, '}');
    break;
  }
}

int json_write(struct buf *out, const struct json *json) {
  write_node(out, json, (struct style){0}, 0);
  return out->failed ? RC_LIMIT : RC_OK;
}

int json_write_pretty(struct buf *out, const struct json *json) {
  write_node(out, json, (struct style){.pretty = true}, 0);
  return buf_add_char(out, '\n');
}

int json_write_canonical(struct buf *out, const struct json *json) {
  write_node(out, json, (struct style){.sorted = true}, 0);
  return out->failed ? RC_LIMIT : RC_OK;
}

struct str json_text(struct arena *arena, const struct json *json) {
  struct buf out;
  buf_init(&out, SIZE_MAX / 4);
  json_write(&out, json);
  struct str text = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}
