// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/enforced.h"

#include "manifests/schema/place.h"

struct report {
  const char *who; // does it, or does not
  struct str file;
  struct arena *arena;
  struct findings *findings;
  size_t count;
};

static void walk_object(struct report *r, const struct schema *schema, const struct json *json,
                        const struct place *place);

// `what` names an enumeration's value; "" where the field itself is meant.
static void add(struct report *r, const struct place *place, const char *what) {
  r->count++;
  if (r->findings)
    findings_add(r->findings, FINDING_WARNING, r->file, place->line, place_text(place, r->arena),
                 "not-enforced", "%s%sis accepted but not enforced by %s", what, what[0] ? " " : "",
                 r->who);
}

// false, 0 and "" are what an absent field means anyway; there is nothing to enforce.
static bool asks_nothing(const struct json *json) {
  return json_is(json, JSON_NULL) || (json_is(json, JSON_BOOL) && !json->boolean) ||
         (json_is(json, JSON_INT) && json->integer == 0) ||
         (json_is(json, JSON_STRING) && !json->string.len) ||
         ((json_is(json, JSON_ARRAY) || json_is(json, JSON_OBJECT)) && !json->count);
}

#define RUNTIME "the process runtime"

static void walk_field(struct report *r, const struct field *row, const struct json *json,
                       const struct place *place) {
  if (row->enforced == ENFORCED_NO && !row->deprecated) {
    if (!asks_nothing(json))
      add(r, place, "");
    return;
  }
  if (row->verbatim) { // for whoever runs it
    const char *who = r->who;
    r->who = RUNTIME;
    walk_object(r, row->schema, json, place);
    r->who = who;
  } else if (row->type == FIELD_ENUM) {
    const struct enum_value *value = &row->values[enum_find(row->values, json_string(json))];
    if (value->enforced == ENFORCED_NO)
      add(r, place, value->name);
  } else if (row->schema && (row->type == FIELD_OBJECT || row->type == FIELD_OPTIONAL)) {
    walk_object(r, row->schema, json, place);
  } else if (row->schema && row->type == FIELD_LIST && json_is(json, JSON_ARRAY)) {
    size_t index = 0;
    JSON_EACH(item, json) {
      struct place at = place_item(place, index++, item);
      walk_object(r, row->schema, item, &at);
    }
  } else if (row->schema && row->type == FIELD_MAP && json_is(json, JSON_OBJECT)) {
    JSON_EACH(item, json) {
      struct place at = place_member(place, item->key, item);
      walk_object(r, row->schema, item, &at);
    }
  }
}

static void walk_object(struct report *r, const struct schema *schema, const struct json *json,
                        const struct place *place) {
  if (!json_is(json, JSON_OBJECT))
    return;
  JSON_EACH(child, json) {
    const struct field *row = schema_find(schema, child->key);
    struct place at = place_member(place, child->key, child);
    if (row)
      walk_field(r, row, child, &at);
  }
}

size_t unenforced_report(const struct kind_desc *kind, const struct json *json, struct str file,
                         struct arena *arena, struct findings *findings) {
  struct report r = {.who = kind->builtin ? RUNTIME : "this proxy",
                     .file = file,
                     .arena = arena,
                     .findings = findings};
  struct place root = {.name = STR_NULL};
  walk_object(&r, kind->schema, json, &root);
  return r.count;
}
