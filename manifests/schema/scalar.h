// SPDX-License-Identifier: Apache-2.0
// Single values of the field table: json <-> member. Private to manifests/schema.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/schema/field.h"
#include "manifests/text/json.h"

// Numbers, texts, enumerations, times: what one json value holds.
bool scalar_is(enum field_type type);
// Reads `json` into `member`. False: not of the row's form; *ret_id and *ret_why (in the arena) say
// why, and the member is unchanged.
bool scalar_read(const struct field *row, const struct json *json, struct arena *arena,
                 void *member, const char **ret_id, struct str *ret_why);
// The row's default into `member`; false when the table is wrong.
bool scalar_default(const struct field *row, struct arena *arena, void *member);
// The json value of the row's default, also for composite fields; NULL when it has none.
struct json *scalar_default_json(const struct field *row, struct arena *arena);
// The member as json; NULL when it counts as absent. `object` holds it.
struct json *scalar_write(const struct field *row, const void *object, struct arena *arena);
// What min and max are compared with; false for types without bounds.
bool scalar_measure(const struct field *row, const void *member, double *ret_number);

// "at least 1", "0 to 100", "1ms to 5m": the row's bounds in words.
struct str scalar_bounds(const struct field *row, struct arena *arena);
// A number in the row's unit.
struct str scalar_number(const struct field *row, double value, struct arena *arena);
// A value in a message: the string "x", 12, a list; clipped.
struct str scalar_show(const struct json *json, struct arena *arena);
// "deprecated-" and the name in kebab case.
const char *scalar_deprecated_id(const char *name, struct arena *arena);
// "a", "b" or "c".
struct str scalar_choices(const struct enum_value *values, struct arena *arena);
