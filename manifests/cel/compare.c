// SPDX-License-Identifier: Apache-2.0
// Equality, order and text of values.
#include "manifests/base/bug.h"
#include "manifests/cel/text.h"
#include "manifests/cel/value.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define SHOWN_ITEMS_MAX 100u

size_t cel_size(struct cel_value value) {
  switch ((int)value.kind) {
  case CEL_STRING: return cel_letters(value.text);
  case CEL_BYTES: return value.text.len;
  case CEL_LIST: return value.list->count;
  case CEL_MAP: return value.map->json ? value.map->size : value.map->count;
  case CEL_OPTIONAL: return value.inner ? cel_size(*value.inner) : 1;
  default: return 1;
  }
}

// --- Order

static bool is_number(struct cel_value value) {
  return value.kind == CEL_INT || value.kind == CEL_UINT || value.kind == CEL_DOUBLE;
}

#define ORDER(a, b) ((a) < (b) ? -1 : (a) > (b))

static int order_with_double(struct cel_value a, double b) {
  double x = a.kind == CEL_INT ? (double)a.integer : (double)a.uinteger;
  if (x != b || fabs(b) < 9007199254740992.0)
    return ORDER(x, b);
  // Beyond 2^53 the conversion may have rounded.
  __int128 exact = a.kind == CEL_INT ? (__int128)a.integer : (__int128)a.uinteger;
  __int128 other = (__int128)b;
  return ORDER(exact, other);
}

static bool order_numbers(struct cel_value a, struct cel_value b, int *ret_order) {
  if (a.kind == CEL_DOUBLE && b.kind == CEL_DOUBLE) {
    *ret_order = ORDER(a.number, b.number);
    return !isnan(a.number) && !isnan(b.number);
  }
  if (b.kind == CEL_DOUBLE) {
    *ret_order = order_with_double(a, b.number);
    return !isnan(b.number);
  }
  if (a.kind == CEL_DOUBLE) {
    *ret_order = -order_with_double(b, a.number);
    return !isnan(a.number);
  }
  __int128 x = a.kind == CEL_INT ? (__int128)a.integer : (__int128)a.uinteger;
  __int128 y = b.kind == CEL_INT ? (__int128)b.integer : (__int128)b.uinteger;
  *ret_order = ORDER(x, y);
  return true;
}

bool cel_order(struct cel_value a, struct cel_value b, int *ret_order) {
  if (is_number(a) && is_number(b))
    return order_numbers(a, b, ret_order);
  if (a.kind != b.kind)
    return false;
  switch ((int)a.kind) {
  case CEL_BOOL: *ret_order = (int)a.boolean - (int)b.boolean; return true;
  case CEL_STRING:
  case CEL_BYTES: *ret_order = str_cmp(a.text, b.text); return true;
  case CEL_DURATION: *ret_order = ORDER(a.integer, b.integer); return true;
  case CEL_TIMESTAMP:
    *ret_order = a.instant.seconds == b.instant.seconds
                     ? ORDER(a.instant.nanos, b.instant.nanos)
                     : ORDER(a.instant.seconds, b.instant.seconds);
    return true;
  default: return false;
  }
}

// --- Equality

// Whether `list` has an item with the keys of `item` (sets: any item) that equals it.
static bool has_match(struct cel_list *list, struct cel_value item, const struct cel_type *type,
                      struct arena *arena) {
  for (size_t i = 0; i < list->count; i++) {
    struct cel_value other = cel_list_at(list, i, arena);
    bool same = true;
    for (size_t k = 0; same && k < type->key_count; k++) {
      struct cel_value x, y, key = cel_string(type->keys[k]);
      same = item.kind == CEL_MAP && other.kind == CEL_MAP &&
             cel_map_find(item.map, key, arena, &x) && cel_map_find(other.map, key, arena, &y) &&
             cel_equal(x, y, arena);
    }
    if (same && cel_equal(item, other, arena))
      return true;
  }
  return false;
}

static bool equal_lists(struct cel_list *a, struct cel_list *b, struct arena *arena) {
  if (a->count != b->count)
    return false;
  const struct cel_type *type = a->type;
  bool unordered = type && type->kind == CEL_LIST && type->merge != CEL_MERGE_NONE;
  bool same = true;
  for (size_t i = 0; same && i < a->count; i++)
    same = cel_equal(cel_list_at(a, i, arena), cel_list_at(b, i, arena), arena);
  if (same || !unordered)
    return same;
  for (size_t i = 0; i < b->count; i++)
    if (!has_match(a, cel_list_at(b, i, arena), type, arena))
      return false;
  return true;
}

static bool equal_hidden(const struct cel_map *a, const struct cel_map *b) {
  if (!a->json || !b->json || !a->type || a->type->kind != CEL_OBJECT)
    return true;
  JSON_EACH(item, a->json) {
    const struct json *other = json_get_s(b->json, item->key);
    bool known = false;
    for (size_t i = 0; i < a->type->field_count; i++)
      known = known || str_eq(a->type->fields[i].key, item->key);
    if (!known && other && !json_equal(item, other))
      return false;
  }
  return true;
}

static bool equal_maps(struct cel_map *a, struct cel_map *b, struct arena *arena) {
  size_t count = cel_map_count(a, arena);
  if (count != cel_map_count(b, arena))
    return false;
  for (size_t i = 0; i < count; i++) {
    struct cel_value other;
    if (!cel_map_find(b, cel_map_key(a, i), arena, &other) ||
        !cel_equal(cel_map_value(a, i, arena), other, arena))
      return false;
  }
  return equal_hidden(a, b);
}

static bool equal_boxed(struct cel_value a, struct cel_value b, struct arena *arena) {
  switch ((int)a.kind) {
  case CEL_TYPE:
    return a.type->kind == b.type->kind ||
           (a.type->kind == CEL_OBJECT && b.type->kind == CEL_MAP) ||
           (a.type->kind == CEL_MAP && b.type->kind == CEL_OBJECT);
  case CEL_OPTIONAL:
    return a.inner && b.inner ? cel_equal(*a.inner, *b.inner, arena) : a.inner == b.inner;
  case CEL_IP:
  case CEL_CIDR:
    return a.address->size == b.address->size && a.address->bits == b.address->bits &&
           memcmp(a.address->bytes, b.address->bytes, a.address->size) == 0;
  case CEL_URL:
    return str_eq(a.url->scheme, b.url->scheme) && str_eq(a.url->host, b.url->host) &&
           str_eq(a.url->path, b.url->path) && str_eq(a.url->query, b.url->query);
  case CEL_QUANTITY: return *a.quantity == *b.quantity;
  case CEL_SEMVER:
    return memcmp(a.semver->numbers, b.semver->numbers, sizeof a.semver->numbers) == 0 &&
           str_eq(a.semver->pre, b.semver->pre);
  default: return a.kind == CEL_NULL;
  }
}

bool cel_equal(struct cel_value a, struct cel_value b, struct arena *arena) {
  int order;
  if (is_number(a) && is_number(b))
    return order_numbers(a, b, &order) && order == 0;
  if (a.kind != b.kind)
    return false;
  switch ((int)a.kind) {
  case CEL_LIST: return a.list == b.list || equal_lists(a.list, b.list, arena);
  case CEL_MAP: return a.map == b.map || equal_maps(a.map, b.map, arena);
  default: return cel_order(a, b, &order) ? order == 0 : equal_boxed(a, b, arena);
  }
}

// --- Text

static void show_list(struct buf *out, struct cel_list *list, struct arena *arena) {
  buf_add_char(out, '[');
  for (size_t i = 0; i < list->count && i < SHOWN_ITEMS_MAX; i++) {
    if (i)
      buf_add_z(out, ", ");
    cel_show(out, cel_list_at(list, i, arena), arena);
  }
  buf_add_char(out, ']');
}

static void show_map(struct buf *out, struct cel_map *map, struct arena *arena) {
  buf_add_char(out, '{');
  for (size_t i = 0; i < cel_map_count(map, arena) && i < SHOWN_ITEMS_MAX; i++) {
    if (i)
      buf_add_z(out, ", ");
    cel_show(out, cel_map_key(map, i), arena);
    buf_add_z(out, ": ");
    cel_show(out, cel_map_value(map, i, arena), arena);
  }
  buf_add_char(out, '}');
}

void cel_show(struct buf *out, struct cel_value value, struct arena *arena) {
  switch ((int)value.kind) {
  case CEL_NULL: buf_add_z(out, "null"); return;
  case CEL_BOOL: buf_add_z(out, value.boolean ? "true" : "false"); return;
  case CEL_INT: buf_addf(out, "%" PRId64, value.integer); return;
  case CEL_UINT: buf_addf(out, "%" PRIu64, value.uinteger); return;
  case CEL_DOUBLE: cel_write_double(out, value.number); return;
  case CEL_STRING:
  case CEL_BYTES:
  case CEL_ERROR: buf_add_str(out, value.text); return;
  case CEL_DURATION: cel_write_duration(out, value.integer); return;
  case CEL_TIMESTAMP: cel_write_timestamp(out, value.instant); return;
  case CEL_LIST: show_list(out, value.list, arena); return;
  case CEL_MAP: show_map(out, value.map, arena); return;
  case CEL_TYPE: buf_add_z(out, cel_kind_name(value.type->kind)); return;
  case CEL_OPTIONAL:
    buf_add_z(out, value.inner ? "optional(" : "optional.none()");
    if (value.inner) {
      cel_show(out, *value.inner, arena);
      buf_add_char(out, ')');
    }
    return;
  default: buf_addf(out, "%s", cel_kind_name(value.kind));
  }
}
