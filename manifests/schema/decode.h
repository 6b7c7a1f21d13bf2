// SPDX-License-Identifier: Apache-2.0
// json tree -> typed object with defaults, and all faults at once. The object and its strings live
// in `arena`; they do not point into the tree, except members that are json, so the tree must live
// as long where those are used.
#pragma once

#include "manifests/base/findings.h"
#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

enum unknown_fields { UNKNOWN_ERROR, UNKNOWN_WARN, UNKNOWN_IGNORE };

struct decode_options {
  struct str file;             // for findings; "" for objects of an API
  enum unknown_fields unknown; // what a field outside the schema is
  bool skip_checks;            // only shapes and ranges, no rules between fields
  bool skip_verbatim;          // what is only kept for others (struct field) is judged elsewhere
};

// *ret_object is set whenever `json` is an object: members with a fault hold their default. Returns
// 0, or RC_INVALID when an error was found. `options` may be NULL: no file, UNKNOWN_ERROR.
// `findings` may be NULL: faults are only counted. apiVersion and kind of the tree must be the
// kind's, where they are given.
int kind_decode(const struct kind_desc *kind, const struct json *json,
                const struct decode_options *options, struct arena *arena,
                struct findings *findings, void **ret_object);
// The same for one struct; `object` has schema->size zeroed bytes, `path` is where it stands
// ("spec").
int schema_decode(const struct schema *schema, const struct json *json,
                  const struct decode_options *options, struct str path, struct arena *arena,
                  struct findings *findings, void *object);
