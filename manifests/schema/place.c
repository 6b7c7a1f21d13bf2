// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/place.h"

static int line_of(const struct json *json, const struct place *up) {
  return json && json->line > 0 ? json->line : up ? up->line : 0;
}

struct place place_member(const struct place *up, struct str name, const struct json *json) {
  return (struct place){.up = up, .name = name, .line = line_of(json, up)};
}

struct place place_item(const struct place *up, size_t index, const struct json *json) {
  return (struct place){.up = up, .name = STR_NULL, .index = index, .line = line_of(json, up)};
}

static bool is_plain(struct str name) {
  for (size_t i = 0; i < name.len; i++) {
    unsigned char c = (unsigned char)name.ptr[i];
    if (c <= ' ' || c == 0x7f || c == '.' || c == '[' || c == ']' || c == '/' || c == '"')
      return false;
  }
  return name.len > 0;
}

static void write(struct buf *out, const struct place *place) {
  if (!place)
    return;
  write(out, place->up);
  if (!place->name.ptr) {
    if (place->up) // the root has neither name nor index
      (void)buf_addf(out, "[%zu]", place->index);
  } else if (!place->up) {
    (void)buf_add_str(out, place->name); // a base path given by the caller
  } else if (is_plain(place->name)) {
    if (out->len)
      (void)buf_add_char(out, '.');
    (void)buf_add_str(out, place->name);
  } else {
    (void)buf_addf(out, "[\"%.*s\"]", STR_ARG(str_slice(place->name, 0, 200)));
  }
}

struct str place_text(const struct place *place, struct arena *arena) {
  struct buf out;
  buf_init(&out, 64u << 10);
  write(&out, place);
  struct str text = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}
