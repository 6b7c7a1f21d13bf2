// SPDX-License-Identifier: Apache-2.0
// What the files of the decoder share. Private to decode*.c.
#pragma once

#include "manifests/schema/decode.h"
#include "manifests/schema/place.h"

struct decoder {
  const struct decode_options *options;
  struct arena *arena;
  struct findings *findings;
  size_t errors;
  size_t nested; // those of them that objects within the present one have reported
};

void decode_fault(struct decoder *d, enum finding_level level, const struct place *place,
                  const char *id, const char *format, ...) __attribute__((format(printf, 5, 6)));
void decode_wrong_type(struct decoder *d, const struct json *json, const struct place *place,
                       const char *expected);
// Bounds of texts count bytes, those of lists count items.
void decode_check_range(struct decoder *d, const struct field *row, double value,
                        const struct place *place, const char *what);
// The form of a map's key.
void decode_check_key(struct decoder *d, const struct field *row, const struct json *item,
                      const struct place *place);
void decode_find_unknown(struct decoder *d, const struct schema *schema, const struct json *json,
                         const struct place *place);
// A value that is only kept (struct field, `kept`), by the form that its row says.
void decode_judge_kept(struct decoder *d, const struct field *row, const struct json *json,
                       const struct place *place);
