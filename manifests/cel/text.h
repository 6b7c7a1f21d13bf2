// SPDX-License-Identifier: Apache-2.0
// The text forms of CEL's values, as Go reads and writes them. Pure.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/cel/value.h"

// Code points; invalid bytes count one each.
size_t cel_letters(struct str text);
// The byte where code point `index` begins; text.len at or behind the end.
size_t cel_letter_at(struct str text, size_t index);
void cel_write_letter(struct buf *out, uint32_t code);

// Go's durations: "1h30m", "-1.5s", "300ms", "0". An error when it is none, or does not fit.
struct cel_value cel_read_duration(struct str text, struct arena *arena);
bool cel_parse_duration(struct str text, int64_t *ret_nanos);
// RFC 3339 with fractions and offsets; `date_too`: also a date alone.
bool cel_parse_timestamp(struct str text, struct cel_instant *ret_instant);
struct cel_value cel_read_date(struct str text, struct arena *arena);
struct cel_value cel_read_base64(struct str text, struct arena *arena);

void cel_write_duration(struct buf *out, int64_t nanos);          // "5400s", "0.3s"
void cel_write_timestamp(struct buf *out, struct cel_instant at); // "2026-01-29T12:00:00.5Z"
// The shortest text that reads back the same: "0.1", "1e+21".
void cel_write_double(struct buf *out, double number);
