// SPDX-License-Identifier: Apache-2.0
// The types of the Common Expression Language (CEL) as Kubernetes extends it. Types are immutable
// and live in an arena, or are the shared ones of cel_simple. Source: the CEL language definition,
// "Types and conversions"; Kubernetes' "Validation rules" (url, ip, cidr, quantity, semver).
#pragma once

#include "manifests/base/arena.h"

enum cel_kind {
  CEL_ERROR, // of a value: what went wrong; of a type: unknown, because a message was given already
  CEL_DYN,   // of types only: known when it is there
  CEL_NULL,
  CEL_BOOL,
  CEL_INT,
  CEL_UINT,
  CEL_DOUBLE,
  CEL_STRING,
  CEL_BYTES,
  CEL_DURATION,
  CEL_TIMESTAMP,
  CEL_LIST,
  CEL_MAP,
  CEL_OBJECT, // of types only: a map with known members; its value is a CEL_MAP
  CEL_TYPE,
  CEL_OPTIONAL,
  CEL_URL,
  CEL_IP,
  CEL_CIDR,
  CEL_QUANTITY,
  CEL_SEMVER,
  CEL_PARAM, // of types only: a type still to be found
  CEL_KINDS,
};

// A member of an object. name: as expressions spell it ("x__dash__y"), key: as JSON does ("x-y").
struct cel_field {
  struct str name, key;
  const struct cel_type *type;
};

// How two lists are compared and added: by position, as sets, or by the keys of their items.
enum cel_merge { CEL_MERGE_NONE, CEL_MERGE_SET, CEL_MERGE_KEYS };

struct cel_type {
  enum cel_kind kind;
  const struct cel_type *a, *b;   // list: a. map: a to b. optional, type: a (may be NULL)
  struct str name;                // CEL_OBJECT
  const struct cel_field *fields; // CEL_OBJECT
  size_t field_count;
  enum cel_merge merge; // CEL_LIST
  const struct str *keys;
  size_t key_count;
  unsigned param; // CEL_PARAM
};

// A type without parameters.
const struct cel_type *cel_simple(enum cel_kind kind);
const struct cel_type *cel_type_list(struct arena *arena, const struct cel_type *item);
const struct cel_type *cel_type_map(struct arena *arena, const struct cel_type *key,
                                    const struct cel_type *value);
const struct cel_type *cel_type_optional(struct arena *arena, const struct cel_type *inner);
const struct cel_type *cel_type_type(struct arena *arena, const struct cel_type *inner);
// NULL when there is no such member. By the expressions' name.
const struct cel_field *cel_type_field(const struct cel_type *object, struct str name);

// "list(string)", "map(string, int)": as messages name it.
struct str cel_type_text(const struct cel_type *type, struct arena *arena);
// The name of the kind, as type() gives it: "int", "list", "google.protobuf.Duration".
const char *cel_kind_name(enum cel_kind kind);
// The type such a name stands for in an expression; NULL: none.
const struct cel_type *cel_type_named(struct str name);
bool cel_type_equal(const struct cel_type *a, const struct cel_type *b);

// The name of a JSON member as expressions spell it: reserved words get "__" on both sides, and
// "__", ".", "-", "/" become "__underscores__", "__dot__", "__dash__", "__slash__". False: it has
// none, and no expression can reach the member. Source: Kubernetes' documentation, "Validation
// rules", property names.
bool cel_escape(struct str key, struct arena *arena, struct str *ret_name);
