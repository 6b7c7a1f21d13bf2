// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/json_query.h"

#include <string.h>

static size_t until(struct str path, size_t from, const char *stops) {
  while (from < path.len && !strchr(stops, path.ptr[from]))
    from++;
  return from;
}

// [?(@.name=="text")] without the brackets: the first item that matches.
static const struct json *filtered(const struct json *list, struct str inside) {
  struct str body = str_slice(inside, 4, inside.len ? inside.len - 1 : 0); // ?(@. ... )
  ptrdiff_t equals = str_find_char(body, '=');
  if (!str_starts(inside, STR("?(@.")) || equals < 0)
    return NULL;
  struct str name = str_trim(str_slice(body, 0, (size_t)equals));
  struct str value = str_trim(str_slice(body, (size_t)equals + 2, body.len));
  if (value.len < 2)
    return NULL;
  value = str_slice(value, 1, value.len - 1); // quotes
  JSON_EACH(item, list)
    if (str_eq(json_string(json_get_s(item, name)), value))
      return item;
  return NULL;
}

static const struct json *bracket(const struct json *json, struct str inside) {
  int64_t index;
  if (inside.len >= 2 && (inside.ptr[0] == '\'' || inside.ptr[0] == '"'))
    return json_get_s(json, str_slice(inside, 1, inside.len - 1));
  if (str_eq_z(inside, "*"))
    return json_at(json, 0);
  if (str_to_i64(inside, &index))
    return index < 0 ? NULL : json_at(json, (size_t)index);
  return filtered(json, inside);
}

const struct json *json_query(const struct json *json, struct str path) {
  if (path.len >= 2 && path.ptr[0] == '{' && path.ptr[path.len - 1] == '}')
    path = str_slice(path, 1, path.len - 1);
  size_t pos = path.len && path.ptr[0] == '$' ? 1 : 0;
  char name[256];
  while (json && pos < path.len) {
    if (path.ptr[pos] == '[') {
      size_t end = until(path, pos, "]");
      json = end < path.len ? bracket(json, str_slice(path, pos + 1, end)) : NULL;
      pos = end + 1;
      continue;
    }
    if (path.ptr[pos] == '.')
      pos++;
    // A dot behind a backslash belongs to the name.
    size_t len = 0;
    while (pos < path.len && path.ptr[pos] != '.' && path.ptr[pos] != '[' && len < sizeof(name)) {
      if (path.ptr[pos] == '\\' && pos + 1 < path.len)
        pos++;
      name[len++] = path.ptr[pos++];
    }
    if (len == 0 || len == sizeof(name))
      return NULL;
    json = json_get_s(json, (struct str){name, len});
  }
  return json;
}
