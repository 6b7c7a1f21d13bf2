// SPDX-License-Identifier: Apache-2.0
#include "manifests/cel/value.h"
#include "manifests/base/bug.h"
#include "manifests/cel/text.h"

#include <stdarg.h>

#define MESSAGE_MAX 4096u
#define SMALL_MAP 8u // entries that are found faster one by one
// Seconds of 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
#define SECONDS_MIN (-62135596800)
#define SECONDS_MAX 253402300799

struct cel_value cel_bool(bool value) {
  return (struct cel_value){.kind = CEL_BOOL, .boolean = value};
}

struct cel_value cel_int(int64_t value) {
  return (struct cel_value){.kind = CEL_INT, .integer = value};
}

struct cel_value cel_uint(uint64_t value) {
  return (struct cel_value){.kind = CEL_UINT, .uinteger = value};
}

struct cel_value cel_double(double value) {
  return (struct cel_value){.kind = CEL_DOUBLE, .number = value};
}

struct cel_value cel_string(struct str value) {
  return (struct cel_value){.kind = CEL_STRING, .text = value};
}

struct cel_value cel_null(void) {
  return (struct cel_value){.kind = CEL_NULL};
}

struct cel_value cel_duration(int64_t nanos) {
  return (struct cel_value){.kind = CEL_DURATION, .integer = nanos};
}

struct cel_value cel_timestamp(struct cel_instant instant) {
  if (instant.seconds < SECONDS_MIN || instant.seconds > SECONDS_MAX)
    return (struct cel_value){.kind = CEL_ERROR, .text = STR("timestamp overflow")};
  return (struct cel_value){.kind = CEL_TIMESTAMP, .instant = instant};
}

struct cel_value cel_none(void) {
  return (struct cel_value){.kind = CEL_OPTIONAL, .inner = NULL};
}

struct cel_value cel_some(struct arena *arena, struct cel_value inner) {
  const struct cel_value *kept = arena_dup(arena, &inner, sizeof inner);
  return (struct cel_value){.kind = CEL_OPTIONAL, .inner = kept};
}

struct cel_value cel_type_value(const struct cel_type *type) {
  return (struct cel_value){.kind = CEL_TYPE, .type = type};
}

struct cel_value cel_error(struct arena *arena, const char *format, ...) {
  struct buf text;
  va_list args;
  buf_init(&text, MESSAGE_MAX);
  va_start(args, format);
  if (buf_addv(&text, format, args)) {
    buf_reset(&text);
    buf_add_z(&text, "an error too long to tell");
  }
  va_end(args);
  struct cel_value error = {.kind = CEL_ERROR, .text = arena_str(arena, buf_str(&text))};
  buf_dispose(&text);
  return error;
}

bool cel_is_true(struct cel_value value) {
  return value.kind == CEL_BOOL && value.boolean;
}

// --- JSON

static struct cel_value from_text(struct str text, const struct cel_type *type,
                                  struct arena *arena) {
  switch ((int)type->kind) {
  case CEL_DURATION: return cel_read_duration(text, arena);
  case CEL_TIMESTAMP: return cel_read_date(text, arena);
  case CEL_BYTES: return cel_read_base64(text, arena);
  default: return cel_string(text);
  }
}

static struct cel_value from_container(const struct json *json, const struct cel_type *type,
                                       struct arena *arena) {
  if (json_is(json, JSON_ARRAY)) {
    struct cel_list *list = ARENA_NEW(arena, struct cel_list);
    *list = (struct cel_list){.count = json->count, .json = json, .type = type};
    return (struct cel_value){.kind = CEL_LIST, .list = list};
  }
  struct cel_map *map = ARENA_NEW(arena, struct cel_map);
  *map = (struct cel_map){.json = json, .type = type, .size = json->count};
  return (struct cel_value){.kind = CEL_MAP, .map = map};
}

struct cel_value cel_from_json(const struct json *json, const struct cel_type *type,
                               struct arena *arena) {
  switch (json->type) {
  case JSON_NULL: return cel_null();
  case JSON_BOOL: return cel_bool(json->boolean);
  case JSON_INT:
    return type->kind == CEL_DOUBLE ? cel_double((double)json->integer) : cel_int(json->integer);
  case JSON_DOUBLE:
    return type->kind == CEL_INT ? cel_int(json_int(json, 0)) : cel_double(json->number);
  case JSON_STRING: return from_text(json->string, type, arena);
  case JSON_ARRAY:
  case JSON_OBJECT: break;
  }
  bool known = type->kind == CEL_DYN || (json_is(json, JSON_ARRAY) && type->kind == CEL_LIST) ||
               (json_is(json, JSON_OBJECT) && (type->kind == CEL_MAP || type->kind == CEL_OBJECT));
  if (!known)
    return cel_error(arena, "invalid data, expected %s, got %s", cel_kind_name(type->kind),
                     json_type_name(json->type));
  return from_container(json, type, arena);
}

// --- Lists

struct cel_value cel_list_new(struct arena *arena, size_t count) {
  struct cel_list *list = ARENA_NEW(arena, struct cel_list);
  *list = (struct cel_list){.count = count,
                            .items = ARENA_ARRAY(arena, struct cel_value, count ? count : 1)};
  return (struct cel_value){.kind = CEL_LIST, .list = list};
}

size_t cel_list_count(const struct cel_list *list) {
  return list->count;
}

static const struct cel_type *inner_type(const struct cel_type *type, bool value) {
  if (!type || type->kind == CEL_DYN)
    return cel_simple(CEL_DYN);
  return value ? type->b : type->a;
}

struct cel_value cel_list_at(struct cel_list *list, size_t index, struct arena *arena) {
  if (!list->items) {
    list->items = ARENA_ARRAY(arena, struct cel_value, list->count ? list->count : 1);
    size_t at = 0;
    JSON_EACH(item, list->json)
      list->items[at++] = cel_from_json(item, inner_type(list->type, false), arena);
  }
  return list->items[index];
}

// --- Maps

struct cel_value cel_map_new(struct arena *arena, size_t capacity) {
  struct cel_map *map = ARENA_NEW(arena, struct cel_map);
  *map = (struct cel_map){.entries = ARENA_ARRAY(arena, struct cel_entry, capacity ? capacity : 1),
                          .loaded = true};
  if (capacity > SMALL_MAP) {
    for (map->slot_count = 16; map->slot_count < capacity * 2;)
      map->slot_count *= 2;
    map->slots = ARENA_ARRAY(arena, uint32_t, map->slot_count);
  }
  return (struct cel_value){.kind = CEL_MAP, .map = map};
}

// Equal keys have equal hashes: whole numbers by their value, whatever their type.
static uint64_t hash_key(struct cel_value key) {
  double number;
  switch ((int)key.kind) {
  case CEL_STRING: return str_hash(key.text);
  case CEL_INT: number = (double)key.integer; break;
  case CEL_UINT: number = (double)key.uinteger; break;
  case CEL_DOUBLE:
    number = key.number + 0.0; // no -0
    break;
  case CEL_BOOL: number = key.boolean ? 0.25 : 0.75; break;
  default: return 0;
  }
  return str_hash((struct str){(const char *)&number, sizeof number});
}

static void put_slot(struct cel_map *map, size_t index) {
  size_t at = (size_t)hash_key(map->entries[index].key);
  while (map->slots[at & (map->slot_count - 1)])
    at++;
  map->slots[at & (map->slot_count - 1)] = (uint32_t)index + 1;
}

static ptrdiff_t find_key(struct cel_map *map, struct cel_value key, struct arena *arena) {
  if (!map->slots) {
    for (size_t i = 0; i < map->count; i++)
      if (cel_equal(map->entries[i].key, key, arena))
        return (ptrdiff_t)i;
    return -1;
  }
  for (size_t at = (size_t)hash_key(key); map->slots[at & (map->slot_count - 1)]; at++) {
    size_t index = map->slots[at & (map->slot_count - 1)] - 1;
    if (cel_equal(map->entries[index].key, key, arena))
      return (ptrdiff_t)index;
  }
  return -1;
}

bool cel_map_add(struct cel_map *map, struct cel_value key, struct cel_value value,
                 struct arena *arena) {
  if (find_key(map, key, arena) >= 0)
    return false;
  map->entries[map->count++] = (struct cel_entry){.key = key, .value = value};
  if (map->slots)
    put_slot(map, map->count - 1);
  return true;
}

static const struct cel_field *field_of_key(const struct cel_type *type, struct str key) {
  for (size_t i = 0; i < type->field_count; i++)
    if (str_eq(type->fields[i].key, key))
      return &type->fields[i];
  return NULL;
}

// Members no schema knows, and nulls in objects, are not there for expressions.
static void load(struct cel_map *map, struct arena *arena) {
  if (map->loaded)
    return;
  struct cel_value fresh = cel_map_new(arena, map->json->count);
  bool object = map->type->kind == CEL_OBJECT;
  JSON_EACH(item, map->json) {
    const struct cel_field *field = object ? field_of_key(map->type, item->key) : NULL;
    if (object && (!field || json_is(item, JSON_NULL)))
      continue;
    struct cel_value key = cel_string(object ? field->name : item->key);
    bool fresh_key = cel_map_add(fresh.map, key, cel_null(), arena);
    size_t at = fresh_key ? fresh.map->count - 1 : (size_t)find_key(fresh.map, key, arena);
    struct cel_entry *entry = &fresh.map->entries[at];
    entry->json = item;
    entry->type = object ? field->type : inner_type(map->type, true);
  }
  map->entries = fresh.map->entries;
  map->slots = fresh.map->slots;
  map->slot_count = fresh.map->slot_count;
  map->count = fresh.map->count;
  map->loaded = true;
}

size_t cel_map_count(struct cel_map *map, struct arena *arena) {
  load(map, arena);
  return map->count;
}

struct cel_value cel_map_key(struct cel_map *map, size_t index) {
  return map->entries[index].key;
}

struct cel_value cel_map_value(struct cel_map *map, size_t index, struct arena *arena) {
  struct cel_entry *entry = &map->entries[index];
  if (entry->json) {
    entry->value = cel_from_json(entry->json, entry->type, arena);
    entry->json = NULL;
  }
  return entry->value;
}

bool cel_map_find(struct cel_map *map, struct cel_value key, struct arena *arena,
                  struct cel_value *ret_value) {
  load(map, arena);
  ptrdiff_t index = find_key(map, key, arena);
  if (index < 0)
    return false;
  *ret_value = cel_map_value(map, (size_t)index, arena);
  return true;
}
