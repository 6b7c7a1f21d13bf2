// SPDX-License-Identifier: Apache-2.0
// A borrowed view of bytes, passed by value. It owns nothing and need not end in NUL, except where
// the maker says so (arena_str and friends always put a NUL behind).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
  const char *ptr;
  size_t len;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NULL ((struct str){NULL, 0})
// For printf: printf("%.*s", STR_ARG(s)).
#define STR_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

// A view of a NUL-terminated string; NULL gives the empty view.
struct str str_of(const char *z);
bool str_is_empty(struct str s);
bool str_eq(struct str a, struct str b);
bool str_eq_z(struct str a, const char *z);
bool str_eq_nocase(struct str a, struct str b); // ASCII only
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_contains(struct str s, struct str part);
// Order of bytes, shorter first on a tie: <0, 0, >0.
int str_cmp(struct str a, struct str b);
// Index of the first byte c, or -1.
ptrdiff_t str_find_char(struct str s, char c);
// [from, to) clamped to the view.
struct str str_slice(struct str s, size_t from, size_t to);
// Without spaces, tabs, CR and LF at both ends.
struct str str_trim(struct str s);
// Takes what stands before the next separator off the front of *rest. False when *rest is used up
// (*rest.ptr is then NULL). "a,,b" gives a, "", b; "" gives "" once.
bool str_next(struct str *rest, char separator, struct str *ret_part);
// The whole view as a decimal number, no spaces, no '+'. False when it is not one or does not fit.
bool str_to_i64(struct str s, int64_t *ret_value);
bool str_to_u64(struct str s, uint64_t *ret_value);
// The whole view as a finite decimal or exponent number.
bool str_to_double(struct str s, double *ret_value);
// The 16 lower-case hexadecimal digits of value, without branches and tables.
void str_put_hex(char out[16], uint64_t value);
// A hash of the bytes (xxHash64), for tables; not stable across versions.
uint64_t str_hash(struct str s);
// Levenshtein distance, capped at `limit`: for "did you mean".
size_t str_distance(struct str a, struct str b, size_t limit);
