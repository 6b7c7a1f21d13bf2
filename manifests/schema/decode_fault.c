// SPDX-License-Identifier: Apache-2.0
// What a decoder has to say about a value.
#include "manifests/schema/decode_state.h"
#include "manifests/schema/scalar.h"

#include <stdarg.h>

void decode_fault(struct decoder *d, enum finding_level level, const struct place *place,
                  const char *id, const char *format, ...) {
  d->errors += level == FINDING_ERROR;
  if (!d->findings)
    return;
  if (d->findings->count >= FINDINGS_MAX) { // counted only; the words would be thrown away
    findings_add(d->findings, level, d->options->file, place->line, STR(""), id, "%s", "");
    return;
  }
  struct buf text;
  buf_init(&text, 64u << 10);
  va_list args;
  va_start(args, format);
  (void)buf_addv(&text, format, args); // arguments are short or clipped
  va_end(args);
  findings_add(d->findings, level, d->options->file, place->line, place_text(place, d->arena), id,
               "%.*s", STR_ARG(buf_str(&text)));
  buf_dispose(&text);
}

void decode_wrong_type(struct decoder *d, const struct json *json, const struct place *place,
                       const char *expected) {
  decode_fault(d, FINDING_ERROR, place, "wrong-type", "expected %s, found %.*s", expected,
               STR_ARG(scalar_show(json, d->arena)));
}

// Bounds of texts count bytes, those of lists count items.
void decode_check_range(struct decoder *d, const struct field *row, double value,
                        const struct place *place, const char *what) {
  if (!row->has_range || (value >= row->min && value <= row->max))
    return;
  struct str bounds = scalar_bounds(row, d->arena);
  decode_fault(d, FINDING_ERROR, place, "out-of-range", "expected %.*s%s, found %.*s",
               STR_ARG(bounds), what, STR_ARG(scalar_number(row, value, d->arena)));
}

void decode_check_key(struct decoder *d, const struct field *row, const struct json *item,
                      const struct place *place) {
  if (row->format && !row->format->is_valid(item->key))
    decode_fault(d, FINDING_ERROR, place, "bad-value", "the key is not %s", row->format->expected);
}

static void unknown_field(struct decoder *d, const struct schema *schema, const struct json *child,
                          const struct place *place) {
  struct place at = place_member(place, child->key, child);
  enum finding_level level = d->options->unknown == UNKNOWN_ERROR ? FINDING_ERROR : FINDING_WARNING;
  bool full = !d->findings || d->findings->count >= FINDINGS_MAX;
  const char *near = full ? NULL : schema_nearest(schema, child->key);
  struct str name = str_slice(child->key, 0, 100);
  if (near)
    decode_fault(d, level, &at, "unknown-field", "unknown field \"%.*s\"; did you mean \"%s\"?",
                 STR_ARG(name), near);
  else
    decode_fault(d, level, &at, "unknown-field", "unknown field \"%.*s\" in %s", STR_ARG(name),
                 schema->name);
}

void decode_find_unknown(struct decoder *d, const struct schema *schema, const struct json *json,
                         const struct place *place) {
  if (schema->open || d->options->unknown == UNKNOWN_IGNORE)
    return;
  JSON_EACH(child, json) {
    bool header = !place->up && !place->name.ptr &&
                  (str_eq_z(child->key, "apiVersion") || str_eq_z(child->key, "kind"));
    if (!header && !schema_find(schema, child->key))
      unknown_field(d, schema, child, place);
  }
}
