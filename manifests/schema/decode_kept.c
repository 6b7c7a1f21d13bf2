// SPDX-License-Identifier: Apache-2.0
// The judgement on what is only kept as json: no struct is filled. Types are looked at, and what is
// unknown; in a verbatim value, which may be of a newer form than ours, what a
// CustomResourceDefinition of the same table asks: types, required fields, no key of a list twice.
#include "manifests/base/map.h"
#include "manifests/schema/decode_state.h"
#include "manifests/schema/scalar.h"

#include <math.h>

struct judge {
  struct decoder *d;
  bool verbatim;
};

static void judge_value(const struct judge *j, const struct field *row, const struct json *json,
                        const struct place *place);

static void judge_object(const struct judge *j, const struct schema *schema,
                         const struct json *json, const struct place *place) {
  if (!json_is(json, JSON_OBJECT)) {
    decode_wrong_type(j->d, json, place, "an object");
    return;
  }
  for (size_t i = 0; i < schema->count; i++) {
    const struct field *row = &schema->fields[i];
    const struct json *value = json_get(json, row->name);
    struct place at = place_member(place, str_of(row->name), value);
    if (value && !json_is(value, JSON_NULL))
      judge_value(j, row, value, &at);
    else if (j->verbatim && row->required)
      decode_fault(j->d, FINDING_ERROR, &at, "required", "is required");
  }
  if (!j->verbatim)
    decode_find_unknown(j->d, schema, json, place);
}

static void judge_scalar(const struct judge *j, const struct field *row, const struct json *json,
                         const struct place *place) {
  union {
    bool boolean;
    int64_t integer;
    double number;
    struct str text;
    struct int_or_string either;
  } value = {.integer = 0};
  if (row->type == FIELD_STRING && json_is(json, JSON_STRING) && (!row->format || j->verbatim))
    return;
  struct field plain = *row;
  struct str why = STR_NULL;
  const char *id = "wrong-type";
  plain.has_range = false;
  if (j->verbatim)
    plain.format = NULL;
  if (!scalar_read(&plain, json, j->d->arena, &value, &id, &why))
    decode_fault(j->d, FINDING_ERROR, place, id, "%.*s", STR_ARG(why));
  else if (!j->verbatim && row->is_int32 && row->type == FIELD_INT &&
           (value.integer < INT32_MIN || value.integer > INT32_MAX))
    decode_wrong_type(j->d, json, place, "an integer of 32 bits");
}

// Each item of a list or map of scalars.
static void judge_items(const struct judge *j, enum field_type type, const struct field *row,
                        const struct json *json, const struct place *place) {
  const struct field item_row = {.name = row->name,
                                 .type = row->numbers_too ? FIELD_QUANTITY : type,
                                 .is_int32 = row->is_int32};
  size_t index = 0;
  JSON_EACH(item, json) {
    struct place at = json_is(json, JSON_ARRAY) ? place_item(place, index++, item)
                                                : place_member(place, item->key, item);
    judge_scalar(j, &item_row, item, &at);
  }
}

// The keys of an item, as text; NULL when they are not sure to be there: such lists have no keys.
static struct str key_of(const struct field *row, const struct json *item, struct arena *arena) {
  struct str rest = str_of(row->map_keys ? row->map_keys : row->merge_key), key;
  struct json *keys = json_new_object(arena);
  while (str_next(&rest, ',', &key)) {
    const struct field *key_row = schema_find(row->schema, key);
    const struct json *value = json_get_s(item, key);
    if (!value || !key_row || !key_row->required)
      return STR_NULL;
    if (!row->map_keys && json_is(value, JSON_STRING))
      return value->string;
    json_set(arena, keys, key, json_dup(arena, value));
  }
  return json_text(arena, keys);
}

static void judge_keys(const struct judge *j, const struct field *row, const struct json *json,
                       const struct place *place) {
  struct map seen;
  struct arena arena;
  size_t index = 0;
  if (!row->merge_key)
    return;
  map_init(&seen);
  arena_init(&arena);
  JSON_EACH(item, json) {
    struct place at = place_item(place, index++, item);
    struct str key = key_of(row, item, &arena);
    if (!key.ptr)
      continue;
    if (map_get(&seen, key))
      decode_fault(j->d, FINDING_ERROR, &at, "duplicate", "Duplicate value: %.*s",
                   STR_ARG(str_slice(key, 0, 200)));
    (void)map_put(&seen, key, item);
  }
  map_dispose(&seen);
  arena_dispose(&arena);
}

static void judge_list(const struct judge *j, const struct field *row, const struct json *json,
                       const struct place *place) {
  size_t index = 0;
  JSON_EACH(item, json) {
    struct place at = place_item(place, index++, item);
    judge_object(j, row->schema, item, &at);
  }
  if (j->verbatim)
    judge_keys(j, row, json, place);
}

static void judge_value(const struct judge *j, const struct field *row, const struct json *json,
                        const struct place *place) {
  bool is_list = row->type == FIELD_LIST || row->type == FIELD_STRINGS || row->type == FIELD_INTS;
  if (row->type == FIELD_JSON)
    return;
  if (scalar_is(row->type)) {
    judge_scalar(j, row, json, place);
  } else if (row->type == FIELD_OBJECT || row->type == FIELD_OPTIONAL) {
    judge_object(j, row->schema, json, place);
  } else if (!json_is(json, is_list ? JSON_ARRAY : JSON_OBJECT)) {
    decode_wrong_type(j->d, json, place, is_list ? "a list" : "an object");
  } else if (row->type == FIELD_LIST) {
    judge_list(j, row, json, place);
  } else if (row->type == FIELD_MAP) {
    JSON_EACH(item, json) {
      struct place at = place_member(place, item->key, item);
      judge_object(j, row->schema, item, &at);
    }
  } else {
    bool texts = row->type == FIELD_STRINGS || row->type == FIELD_STRING_MAP;
    judge_items(j, texts ? FIELD_STRING : FIELD_INT, row, json, place);
  }
}

void decode_judge_kept(struct decoder *d, const struct field *row, const struct json *json,
                       const struct place *place) {
  const struct judge j = {.d = d, .verbatim = row->verbatim};
  judge_value(&j, row, json, place);
}
