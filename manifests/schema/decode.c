// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/decode.h"

#include "manifests/base/bug.h"
#include "manifests/schema/check.h"
#include "manifests/schema/decode_state.h"
#include "manifests/schema/scalar.h"

static void *member(void *object, uint16_t offset) {
  return (char *)object + offset;
}

static void decode_struct(struct decoder *d, const struct schema *schema, const struct json *json,
                          const struct place *place, void *object);

static void decode_scalar(struct decoder *d, const struct field *row, const struct json *json,
                          const struct place *place, void *object) {
  struct str why = STR_NULL;
  const char *id = "wrong-type";
  if (!scalar_read(row, json, d->arena, member(object, row->offset), &id, &why)) {
    decode_fault(d, FINDING_ERROR, place, id, "%.*s", STR_ARG(why));
    return;
  }
  if (row->presence != FIELD_NO_PRESENCE)
    *(bool *)member(object, row->presence) = true;
  double number = 0;
  if (scalar_measure(row, member(object, row->offset), &number))
    decode_check_range(d, row, number, place, row->type == FIELD_STRING ? " bytes" : "");
  if (row->type == FIELD_STRING && row->not_empty && str_is_empty(json_string(json)))
    decode_fault(d, FINDING_ERROR, place, "required", "must not be empty");
  if (row->type == FIELD_ENUM) {
    const struct enum_value *value = &row->values[*(int *)member(object, row->offset)];
    if (value->deprecated)
      decode_fault(d, FINDING_WARNING, place, scalar_deprecated_id(value->name, d->arena),
                   "%s is deprecated: %s", value->name, value->deprecated);
  }
}

static void decode_strings(struct decoder *d, const struct field *row, const struct json *json,
                           const struct place *place, void *object) {
  struct str *items = ARENA_ARRAY(d->arena, struct str, json->count);
  size_t count = 0;
  JSON_EACH(item, json) {
    struct place at = place_item(place, count, item);
    items[count] = STR("");
    const char *id = "wrong-type";
    struct str why = STR_NULL;
    const struct field text = {.name = row->name, .type = FIELD_STRING, .format = row->format};
    if (!scalar_read(&text, item, d->arena, &items[count], &id, &why))
      decode_fault(d, FINDING_ERROR, &at, id, "%.*s", STR_ARG(why));
    count++;
  }
  *(struct str **)member(object, row->offset) = items;
  *(size_t *)member(object, row->count) = count;
}

static void decode_ints(struct decoder *d, const struct field *row, const struct json *json,
                        const struct place *place, void *object) {
  int64_t *items = ARENA_ARRAY(d->arena, int64_t, json->count);
  size_t count = 0;
  struct field item_row = *row;
  item_row.type = FIELD_INT;
  JSON_EACH(item, json) {
    struct place at = place_item(place, count, item);
    const char *id = "wrong-type";
    struct str why = STR_NULL;
    if (!scalar_read(&item_row, item, d->arena, &items[count], &id, &why))
      decode_fault(d, FINDING_ERROR, &at, id, "%.*s", STR_ARG(why));
    else
      decode_check_range(d, row, (double)items[count], &at, "");
    count++;
  }
  *(int64_t **)member(object, row->offset) = items;
  *(size_t *)member(object, row->count) = count;
}

static void decode_list(struct decoder *d, const struct field *row, const struct json *json,
                        const struct place *place, void *object) {
  char *items = arena_alloc(d->arena, row->element_size * json->count);
  size_t count = 0;
  JSON_EACH(item, json) {
    struct place at = place_item(place, count, item);
    if (json_is(item, JSON_OBJECT))
      decode_struct(d, row->schema, item, &at, items + count * row->element_size);
    else {
      decode_wrong_type(d, item, &at, "an object");
      decode_struct(d, row->schema, NULL, &at, items + count * row->element_size);
    }
    count++;
  }
  *(void **)member(object, row->offset) = items;
  *(size_t *)member(object, row->count) = count;
}

static void decode_map(struct decoder *d, const struct field *row, const struct json *json,
                       const struct place *place, void *object) {
  char *items = arena_alloc(d->arena, row->element_size * json->count);
  size_t count = 0;
  JSON_EACH(item, json) {
    struct place at = place_member(place, item->key, item);
    char *element = items + count * row->element_size;
    *(struct str *)(void *)element = arena_str(d->arena, item->key);
    decode_check_key(d, row, item, &at);
    if (json_is(item, JSON_OBJECT))
      decode_struct(d, row->schema, item, &at, element + row->value_offset);
    else if (json_is(item, JSON_NULL))
      decode_fault(d, FINDING_ERROR, &at, "wrong-type",
                   "expected an object, found null: write {} for \"is present\"");
    else
      decode_wrong_type(d, item, &at, "an object");
    count++;
  }
  *(void **)member(object, row->offset) = items;
  *(size_t *)member(object, row->count) = count;
}

static void decode_string_map(struct decoder *d, const struct field *row, const struct json *json,
                              const struct place *place, void *object) {
  struct string_map *map = member(object, row->offset);
  map->items = ARENA_ARRAY(d->arena, struct string_pair, json->count);
  const struct field text = {.name = row->name, .type = FIELD_STRING, .format = row->value_format};
  JSON_EACH(item, json) {
    struct place at = place_member(place, item->key, item);
    struct string_pair *pair = &map->items[map->count++];
    pair->key = arena_str(d->arena, item->key);
    pair->value = STR("");
    decode_check_key(d, row, item, &at);
    const char *id = "wrong-type";
    struct str why = STR_NULL;
    if (row->numbers_too && (json_is(item, JSON_INT) || json_is(item, JSON_DOUBLE)))
      pair->value = scalar_show(item, d->arena);
    else if (!scalar_read(&text, item, d->arena, &pair->value, &id, &why))
      decode_fault(d, FINDING_ERROR, &at, id, "%.*s", STR_ARG(why));
  }
}

static void decode_int_map(struct decoder *d, const struct field *row, const struct json *json,
                           const struct place *place, void *object) {
  struct int_map *map = member(object, row->offset);
  map->items = ARENA_ARRAY(d->arena, struct int_pair, json->count);
  struct field item_row = *row;
  item_row.type = FIELD_INT;
  JSON_EACH(item, json) {
    struct place at = place_member(place, item->key, item);
    struct int_pair *pair = &map->items[map->count++];
    pair->key = arena_str(d->arena, item->key);
    const char *id = "wrong-type";
    struct str why = STR_NULL;
    if (!scalar_read(&item_row, item, d->arena, &pair->value, &id, &why))
      decode_fault(d, FINDING_ERROR, &at, id, "%.*s", STR_ARG(why));
    else
      decode_check_range(d, row, (double)pair->value, &at, "");
  }
}

// Lists and maps of any kind: shape and size, then the items.
static void decode_many(struct decoder *d, const struct field *row, const struct json *json,
                        const struct place *place, void *object) {
  bool is_map =
      row->type == FIELD_STRING_MAP || row->type == FIELD_INT_MAP || row->type == FIELD_MAP;
  if (!json_is(json, is_map ? JSON_OBJECT : JSON_ARRAY)) {
    decode_wrong_type(d, json, place, is_map ? "an object" : "a list");
    return;
  }
  if (row->not_empty && json->count == 0)
    decode_fault(d, FINDING_ERROR, place, "required", "must not be empty");
  else if (row->type != FIELD_INTS && row->type != FIELD_INT_MAP) // there it bounds the values
    decode_check_range(d, row, (double)json->count, place, is_map ? " entries" : " items");
  if (row->type == FIELD_LIST)
    decode_list(d, row, json, place, object);
  else if (row->type == FIELD_STRINGS)
    decode_strings(d, row, json, place, object);
  else if (row->type == FIELD_INTS)
    decode_ints(d, row, json, place, object);
  else if (row->type == FIELD_MAP)
    decode_map(d, row, json, place, object);
  else if (row->type == FIELD_STRING_MAP)
    decode_string_map(d, row, json, place, object);
  else
    decode_int_map(d, row, json, place, object);
}

static void decode_given(struct decoder *d, const struct field *row, const struct json *json,
                         const struct place *place, void *object) {
  if (row->type == FIELD_JSON || row->kept) {
    *(const struct json **)member(object, row->offset) = json;
    if (row->kept && !(row->verbatim && d->options->skip_verbatim))
      decode_judge_kept(d, row, json, place);
  } else if (row->type == FIELD_OBJECT || row->type == FIELD_OPTIONAL) {
    if (!json_is(json, JSON_OBJECT)) {
      decode_wrong_type(d, json, place, "an object");
      if (row->type == FIELD_OBJECT)
        decode_struct(d, row->schema, NULL, place, member(object, row->offset));
      return;
    }
    void *value = member(object, row->offset);
    if (row->type == FIELD_OPTIONAL) {
      void *made = arena_alloc(d->arena, row->schema->size);
      *(void **)value = made;
      value = made;
    }
    decode_struct(d, row->schema, json, place, value);
  } else if (scalar_is(row->type)) {
    decode_scalar(d, row, json, place, object);
  } else {
    decode_many(d, row, json, place, object);
  }
}

// A field that is not in the manifest: its default. `judged` is false inside objects that are
// absent themselves.
static void decode_absent(struct decoder *d, const struct field *row, const struct place *place,
                          void *object, bool judged) {
  if (judged && row->required && !row->fallback)
    decode_fault(d, FINDING_ERROR, place, "required", "is required");
  if (row->kept) // the default of what nobody reads
    return;
  if (row->fallback && scalar_is(row->type)) {
    bool ok = scalar_default(row, d->arena, member(object, row->offset));
    BUG_ON(!ok); // a default that its own row refuses: a fault of the table
  } else if (row->fallback) {
    struct json *json = NULL;
    BUG_ON(json_parse(str_of(row->fallback), d->arena, &json, NULL) != 0);
    decode_given(d, row, json, place, object);
  } else if (row->type == FIELD_OBJECT) {
    decode_struct(d, row->schema, NULL, place, member(object, row->offset));
  }
}

// `json` NULL: the object is absent, all members get their defaults and nothing is judged.
static void decode_struct(struct decoder *d, const struct schema *schema, const struct json *json,
                          const struct place *place, void *object) {
  size_t errors = d->errors, nested = d->nested;
  for (size_t i = 0; i < schema->count; i++) {
    const struct field *row = &schema->fields[i];
    const struct json *value = json_get(json, row->name);
    struct place at = place_member(place, str_of(row->name), value);
    if (!value || json_is(value, JSON_NULL)) {
      decode_absent(d, row, &at, object, json != NULL);
      continue;
    }
    if (row->deprecated)
      decode_fault(d, FINDING_WARNING, &at, scalar_deprecated_id(row->name, d->arena),
                   "is deprecated: %s", row->deprecated);
    decode_given(d, row, value, &at, object);
  }
  if (!json)
    return;
  decode_find_unknown(d, schema, json, place);
  // Rules between fields would only repeat a fault of these fields; those further inside do not
  // matter to them.
  size_t own = d->errors - errors - (d->nested - nested);
  if (schema->check && !d->options->skip_checks && own == 0) {
    struct check check = {.findings = d->findings,
                          .arena = d->arena,
                          .file = d->options->file,
                          .path = place_text(place, d->arena),
                          .json = json};
    schema->check(object, &check);
    d->errors += check.errors;
  }
  d->nested = nested + (d->errors - errors);
}

int schema_decode(const struct schema *schema, const struct json *json,
                  const struct decode_options *options, struct str path, struct arena *arena,
                  struct findings *findings, void *object) {
  static const struct decode_options plain = {.unknown = UNKNOWN_ERROR};
  struct decoder d = {.options = options ? options : &plain, .arena = arena, .findings = findings};
  struct place root = {.name = path.len ? path : STR_NULL, .line = json ? json->line : 0};
  if (json && !json_is(json, JSON_OBJECT)) {
    decode_wrong_type(&d, json, &root, "an object");
    return RC_INVALID;
  }
  decode_struct(&d, schema, json, &root, object);
  return d.errors ? RC_INVALID : 0;
}

// apiVersion and kind, where given, must be the kind's own.
static void check_header(struct decoder *d, const struct kind_desc *kind, const struct json *json,
                         const struct place *root) {
  const struct json *given = json_get(json, "kind");
  struct place at = place_member(root, STR("kind"), given);
  if (given && !str_eq_z(json_string(given), kind->kind))
    decode_fault(d, FINDING_ERROR, &at, "wrong-kind", "expected %s, found %.*s", kind->kind,
                 STR_ARG(scalar_show(given, d->arena)));
  given = json_get(json, "apiVersion");
  if (!given)
    return;
  struct str group, version;
  kind_split_api_version(json_string(given), &group, &version);
  at = place_member(root, STR("apiVersion"), given);
  if (!str_eq_z(group, kind->group) || !kind_has_version(kind, version))
    decode_fault(d, FINDING_ERROR, &at, "wrong-kind", "expected %.*s for %s, found %.*s",
                 STR_ARG(kind_api_version(kind, STR_NULL, d->arena)), kind->kind,
                 STR_ARG(scalar_show(given, d->arena)));
}

int kind_decode(const struct kind_desc *kind, const struct json *json,
                const struct decode_options *options, struct arena *arena,
                struct findings *findings, void **ret_object) {
  static const struct decode_options plain = {.unknown = UNKNOWN_ERROR};
  struct decoder d = {.options = options ? options : &plain, .arena = arena, .findings = findings};
  struct place root = {.name = STR_NULL, .line = json ? json->line : 0};
  if (!json_is(json, JSON_OBJECT)) {
    static const struct json none = {.type = JSON_NULL};
    decode_wrong_type(&d, json ? json : &none, &root, "an object");
    *ret_object = NULL;
    return RC_INVALID;
  }
  check_header(&d, kind, json, &root);
  void *object = arena_alloc(arena, kind->schema->size);
  decode_struct(&d, kind->schema, json, &root, object);
  if (kind->check && !d.options->skip_checks && d.errors == 0) {
    struct check check = {.findings = findings,
                          .arena = arena,
                          .file = d.options->file,
                          .path = STR(""),
                          .json = json};
    kind->check(object, &check);
    d.errors += check.errors;
  }
  *ret_object = object;
  return d.errors ? RC_INVALID : 0;
}
