// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/check.h"

#include "manifests/base/map.h"

#include <stdarg.h>
#include <string.h>

// One step of "route[1].weight": a name or an index. False at the end.
static bool next_step(struct str *rest, struct str *ret_name, size_t *ret_index) {
  if (rest->len == 0)
    return false;
  *ret_name = STR_NULL;
  if (rest->ptr[0] == '[') {
    ptrdiff_t end = str_find_char(*rest, ']');
    uint64_t index = 0;
    if (end < 0 || !str_to_u64(str_slice(*rest, 1, (size_t)end), &index))
      return false;
    *ret_index = (size_t)index;
    *rest = str_slice(*rest, (size_t)end + 1, rest->len);
  } else {
    size_t end = 0;
    while (end < rest->len && rest->ptr[end] != '.' && rest->ptr[end] != '[')
      end++;
    *ret_name = str_slice(*rest, 0, end);
    *rest = str_slice(*rest, end, rest->len);
  }
  if (rest->len > 0 && rest->ptr[0] == '.')
    *rest = str_slice(*rest, 1, rest->len);
  return true;
}

// The deepest node on the way to `field` that exists; *ret_whole tells whether that is the field
// itself.
static const struct json *walk(const struct json *json, const char *field, bool *ret_whole) {
  struct str rest = str_of(field), name;
  size_t index = 0;
  *ret_whole = true;
  while (json && next_step(&rest, &name, &index)) {
    const struct json *next = name.ptr ? json_get_s(json, name) : json_at(json, index);
    if (!next) {
      *ret_whole = false;
      return json;
    }
    json = next;
  }
  return json;
}

void check_add(struct check *check, enum finding_level level, const char *id, const char *field,
               const char *format, ...) {
  check->errors += level == FINDING_ERROR;
  if (!check->findings)
    return;
  if (check->findings->count >= FINDINGS_MAX) { // counted only; the words would be thrown away
    findings_add(check->findings, level, check->file, 0, STR(""), id, "%s", "");
    return;
  }
  bool whole = false;
  const struct json *node = walk(check->json, field, &whole);
  struct str path = arena_printf(check->arena, "%.*s%s%s", STR_ARG(check->path),
                                 check->path.len && field[0] && field[0] != '[' ? "." : "", field);
  va_list args;
  va_start(args, format);
  struct buf text;
  buf_init(&text, 64u << 10);
  if (buf_addv(&text, format, args)) {
    buf_reset(&text);
    (void)buf_add_z(&text, "is not valid"); // what it quotes is absurdly long
  }
  va_end(args);
  findings_add(check->findings, level, check->file, node ? node->line : 0, path, id, "%.*s",
               STR_ARG(buf_str(&text)));
  buf_dispose(&text);
}

const char *check_index(struct check *check, const char *name, size_t index, const char *rest) {
  return arena_printf(check->arena, "%s[%zu]%s", name, index, rest).ptr;
}

bool check_given(const struct check *check, const char *field) {
  bool whole = false;
  const struct json *node = walk(check->json, field, &whole);
  return whole && node && !json_is(node, JSON_NULL);
}

void check_unique(struct check *check, const char *name, const char *rest, const void *items,
                  size_t count, size_t size, size_t offset) {
  struct map seen; // values are the index plus one
  map_init(&seen);
  for (size_t i = 0; i < count; i++) {
    const struct str *key = (const void *)((const char *)items + i * size + offset);
    if (!key->len)
      continue;
    uintptr_t first = (uintptr_t)map_get(&seen, *key);
    if (first)
      check_error(check, "duplicate", check_index(check, name, i, rest),
                  "\"%.*s\" is already that of %s[%zu]", STR_ARG(str_slice(*key, 0, 80)), name,
                  (size_t)first - 1);
    else
      (void)map_put(&seen, *key, (void *)(uintptr_t)(i + 1));
  }
  map_dispose(&seen);
}
