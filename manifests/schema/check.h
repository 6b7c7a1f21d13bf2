// SPDX-License-Identifier: Apache-2.0
// What a schema's `check` function is given: the place of its object in the manifest, so that a
// rule only names the field. Rules between fields of one object live in such functions; rules
// between objects live in lint.
#pragma once

#include "manifests/base/findings.h"
#include "manifests/text/json.h"

struct check {
  struct findings *findings;
  struct arena *arena;
  struct str file;
  struct str path;         // of the object: spec.http[0]; "" for the document
  const struct json *json; // the object as written, for lines and for "was it given"
  size_t errors;           // how many check_add has seen
};

// `field` is relative to the object ("route[1].weight"; "" for the object itself) and is used for
// the path and, as far as it exists in the manifest, for the line.
void check_add(struct check *check, enum finding_level level, const char *id, const char *field,
               const char *format, ...) __attribute__((format(printf, 5, 6)));
#define check_error(check, id, field, ...)                                                         \
  check_add((check), FINDING_ERROR, (id), (field), __VA_ARGS__)
#define check_warn(check, id, field, ...)                                                          \
  check_add((check), FINDING_WARNING, (id), (field), __VA_ARGS__)

// "name[index]" and "name[index].rest" in the check's arena.
const char *check_index(struct check *check, const char *name, size_t index, const char *rest);
// Reports each text that an earlier one of the list equals, as "duplicate" at name[index]rest.
// `items` has `count` elements of `size` bytes with a struct str at `offset`; empty ones are left
// out.
void check_unique(struct check *check, const char *name, const char *rest, const void *items,
                  size_t count, size_t size, size_t offset);
// Whether a field of the object was written in the manifest (null counts as not).
bool check_given(const struct check *check, const char *field);
