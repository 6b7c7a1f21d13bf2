// SPDX-License-Identifier: Apache-2.0
// The field table language. One static const table per struct says how a manifest's fields map to
// struct members; decoding, defaults, encoding, pruning, CRD and OpenAPI schemas, the reference
// page and the list of what is not enforced all walk that table. Tables hold facts, no behaviour;
// only `check` functions and formats may compute.
#pragma once

#include "manifests/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;
struct check;
struct schema;

enum field_type {
  FIELD_BOOL,          // bool
  FIELD_INT,           // int64_t
  FIELD_DOUBLE,        // double
  FIELD_STRING,        // struct str; absent = NULL pointer, "" = empty but not NULL
  FIELD_ENUM,          // an enum; 0 = absent, else the index in `values`
  FIELD_DURATION,      // int64_t milliseconds ("10s"); field name ends in _ms
  FIELD_GEP_DURATION,  // the same, in GEP-2257 form (Gateway API: no fractions)
  FIELD_PERCENT,       // double, 0..100 unless min/max say else; "10%", "10" or 10
  FIELD_QUANTITY,      // double in base units ("100m", "128Mi", 2)
  FIELD_TIME,          // int64_t milliseconds since 1970 (RFC 3339)
  FIELD_MICRO_TIME,    // the same, written with microseconds (Leases, Events)
  FIELD_INT_OR_STRING, // struct int_or_string
  FIELD_OBJECT,        // struct embedded in the struct; always there, filled with its defaults
  FIELD_OPTIONAL,      // pointer to a struct; NULL when absent
  FIELD_LIST,          // array of structs, `member` and `member_count`
  FIELD_STRINGS,       // array of struct str, `member` and `member_count`
  FIELD_INTS,          // array of int64_t, `member` and `member_count`
  FIELD_STRING_MAP,    // struct string_map
  FIELD_INT_MAP,       // struct int_map
  FIELD_MAP,           // map of structs: array of elements that begin with `struct str key`, and
                       // `member_count`
  FIELD_JSON,          // const struct json *, anything; NULL when absent
};

// Whether what the manifest asks for is done by this build. The same list feeds lint, the proxy's
// load report and /config_dump (proxy kinds), and the process runtime's warnings (workload kinds).
// See enforced.h.
enum enforcement {
  ENFORCED_UNSAID, // not something to be enforced (names, status, metadata)
  ENFORCED_YES,
  ENFORCED_NO, // accepted, kept and reported
};

struct int_or_string {
  bool is_set, is_string;
  int64_t integer; // when !is_string
  struct str text; // when is_string
};

struct string_pair {
  struct str key, value;
};
struct string_map {
  struct string_pair *items;
  size_t count;
};
struct int_pair {
  struct str key;
  int64_t value;
};
struct int_map {
  struct int_pair *items;
  size_t count;
};
// The value of `key`, STR_NULL when absent.
struct str string_map_get(const struct string_map *map, struct str key);
struct str string_map_get_z(const struct string_map *map, const char *key);
// True when every pair of `wanted` is in `map`: how label selectors and subsets match.
bool string_map_includes(const struct string_map *map, const struct string_map *wanted);

// One name of an enumeration. Index 0 of every table is {.name = ""}: "not given".
struct enum_value {
  const char *name; // NULL ends the table
  const char *doc;
  const char *deprecated; // what to write instead
  enum enforcement enforced;
};

// A named text form: `is_valid` judges, `expected` completes "expected ...".
struct field_format {
  const char *name; // in OpenAPI, e.g. "hostname"
  const char *expected;
  bool (*is_valid)(struct str text);
  const char *pattern; // the same as a regular expression for CRDs; NULL when it has none
};

#define FIELD_NO_PRESENCE UINT16_MAX

struct field {
  const char *name; // in the manifest
  enum field_type type;
  uint16_t offset;       // of the member
  uint16_t presence;     // of `bool has_member`; FIELD_NO_PRESENCE when there is none
  uint16_t count;        // of `size_t member_count` of arrays
  uint16_t element_size; // FIELD_LIST, FIELD_MAP, FIELD_OPTIONAL
  uint16_t value_offset; // FIELD_MAP: of the value within the element
  bool required;         // absent is a fault
  bool not_empty;        // "" or [] is a fault, too
  bool secret;           // never printed
  bool read_only;        // written by us, not by people (status)
  bool has_range;        // min and max hold (numbers, durations in ms; texts: bytes; lists: items)
  bool kept;             // the member is const struct json *, the value as it is written; the type
                         // and the schema say its form alone (rows of KEPT_SCHEMA have no member)
  bool verbatim; // with `kept`: for somebody else, who may know more of it. Nothing below is
                 // pruned, defaulted or judged beyond types, required fields and keys of lists
  bool is_int32; // FIELD_INT, FIELD_INTS: no more fits
  enum enforcement enforced;         // see above
  double min, max;                   //
  const struct schema *schema;       // of the struct, or of a list's or map's elements
  const struct enum_value *values;   // FIELD_ENUM
  const struct field_format *format; // of strings, each of FIELD_STRINGS, and the keys of maps
  const struct field_format *value_format; // FIELD_STRING_MAP: of its values
  const char *fallback;   // default: scalars as text ("10", "true", "Same"), the rest as JSON
  const char *deprecated; // what to use instead: "consecutive5xxErrors"
  const char *merge_key;  // lists of structs: key for strategic merge and list-type=map: "name"
  const char
      *map_keys; // list-map keys for server-side apply where they differ: "containerPort,protocol"
  bool atomic;   // maps: owned as a whole (server-side apply)
  bool is_set;   // FIELD_STRINGS: list-type=set, merged by strategic merge (finalizers)
  bool replace_keys; // strategic merge: $retainKeys (volumes, deployment strategy)
  bool objects_only; // FIELD_JSON: an object, so that rules can ask whether it is there
  bool numbers_too;  // FIELD_STRING, FIELD_STRING_MAP: a quantity; may be a number, kept as text
  // FIELD_LIST: a server leaves the objects in it as they are given, and whoever decodes them fills
  // the defaults in. Clients compare a list of a custom resource as a whole (kubectl apply, Argo
  // CD): a default in it would be a difference to what is in Git for ever.
  bool bare_items;
  const char *doc;
};

// A rule between fields as a real API server checks it (CEL, x-kubernetes-validations); `check`
// says the same in C, with more words, for everybody else.
struct schema_rule {
  const char *rule, *message;
};

struct schema {
  const char *name; // of the type, for docs and OpenAPI: "HTTPRouteDestination"
  const char *doc;
  size_t size; // of the struct
  const struct field *fields;
  size_t count;
  // Rules between fields, after all fields are decoded; see check.h. NULL: none.
  void (*check)(const void *object, struct check *check);
  const struct schema_rule *rules; // written into CRDs; NULL: none
  size_t rule_count;
  bool one_property; // exactly one field is given
  bool atomic;       // in Kubernetes' own kinds: owned as a whole (server-side apply)
  bool open;         // fields that are not in the table are kept silently
                     // (x-kubernetes-preserve-unknown-fields)
};

// The row of a name, NULL when the schema does not know it.
const struct field *schema_find(const struct schema *schema, struct str name);
// The known name nearest to `name`, NULL when none is close enough to be meant.
const char *schema_nearest(const struct schema *schema, struct str name);
// Index of an enumeration's name, 0 when unknown or empty.
int enum_find(const struct enum_value *values, struct str name);
const char *enum_nearest(const struct enum_value *values, struct str name);
// The name of a value, "" for 0 and for what is out of range.
const char *enum_name(const struct enum_value *values, int value);

// --- Writing tables
// -------------------------------------------------------------------------------------------
// static const struct field route_fields[] = {
//     F_STRING(struct route, name, "name", .doc = "Shown in logs."),
//     F_INT_OPT(struct route, weight, "weight", F_RANGE(0, 100), .doc = "..."),   // needs bool
//     has_weight F_LIST(struct route, hosts, "hosts", &host_schema, .merge_key = "name"),    //
//     needs size_t hosts_count
// };
// const struct schema route_schema = SCHEMA("Route", struct route, route_fields, .doc = "...");

#define F_ROW(T, m, n, t, ...)                                                                     \
  { .name = n, .type = t, .offset = offsetof(T, m), __VA_ARGS__ }
#define F_PLAIN(T, m, n, t, ...) F_ROW(T, m, n, t, .presence = FIELD_NO_PRESENCE, ##__VA_ARGS__)
#define F_HAS(T, m, n, t, ...) F_ROW(T, m, n, t, .presence = offsetof(T, has_##m), ##__VA_ARGS__)

// Without _OPT: zero means absent, unless there is a default. With _OPT: bool has_<member> says
// whether it was given.
#define F_BOOL(T, m, n, ...) F_PLAIN(T, m, n, FIELD_BOOL, ##__VA_ARGS__)
#define F_BOOL_OPT(T, m, n, ...) F_HAS(T, m, n, FIELD_BOOL, ##__VA_ARGS__)
#define F_INT(T, m, n, ...) F_PLAIN(T, m, n, FIELD_INT, ##__VA_ARGS__)
#define F_INT_OPT(T, m, n, ...) F_HAS(T, m, n, FIELD_INT, ##__VA_ARGS__)
#define F_DOUBLE(T, m, n, ...) F_PLAIN(T, m, n, FIELD_DOUBLE, ##__VA_ARGS__)
#define F_DOUBLE_OPT(T, m, n, ...) F_HAS(T, m, n, FIELD_DOUBLE, ##__VA_ARGS__)
#define F_PERCENT(T, m, n, ...) F_PLAIN(T, m, n, FIELD_PERCENT, ##__VA_ARGS__)
#define F_PERCENT_OPT(T, m, n, ...) F_HAS(T, m, n, FIELD_PERCENT, ##__VA_ARGS__)
#define F_QUANTITY(T, m, n, ...) F_PLAIN(T, m, n, FIELD_QUANTITY, ##__VA_ARGS__)
#define F_DURATION(T, m, n, ...) F_PLAIN(T, m, n, FIELD_DURATION, ##__VA_ARGS__)
#define F_DURATION_OPT(T, m, n, ...) F_HAS(T, m, n, FIELD_DURATION, ##__VA_ARGS__)
#define F_GEP_DURATION(T, m, n, ...) F_PLAIN(T, m, n, FIELD_GEP_DURATION, ##__VA_ARGS__)
#define F_GEP_DURATION_OPT(T, m, n, ...) F_HAS(T, m, n, FIELD_GEP_DURATION, ##__VA_ARGS__)
#define F_TIME(T, m, n, ...) F_PLAIN(T, m, n, FIELD_TIME, ##__VA_ARGS__)
#define F_MICRO_TIME(T, m, n, ...) F_PLAIN(T, m, n, FIELD_MICRO_TIME, ##__VA_ARGS__)
#define F_STRING(T, m, n, ...) F_PLAIN(T, m, n, FIELD_STRING, ##__VA_ARGS__)
#define F_ENUM(T, m, n, v, ...) F_PLAIN(T, m, n, FIELD_ENUM, .values = v, ##__VA_ARGS__)
#define F_INT_OR_STRING(T, m, n, ...) F_PLAIN(T, m, n, FIELD_INT_OR_STRING, ##__VA_ARGS__)
#define F_STRING_MAP(T, m, n, ...) F_PLAIN(T, m, n, FIELD_STRING_MAP, ##__VA_ARGS__)
#define F_INT_MAP(T, m, n, ...) F_PLAIN(T, m, n, FIELD_INT_MAP, ##__VA_ARGS__)
#define F_JSON(T, m, n, ...) F_PLAIN(T, m, n, FIELD_JSON, ##__VA_ARGS__)
#define F_OBJECT(T, m, n, s, ...) F_PLAIN(T, m, n, FIELD_OBJECT, .schema = s, ##__VA_ARGS__)
#define F_OPTIONAL(T, m, n, s, ...)                                                                \
  F_PLAIN(T, m, n, FIELD_OPTIONAL, .schema = s, .element_size = sizeof(*((T *)0)->m), ##__VA_ARGS__)
#define F_ARRAY(T, m, n, t, ...) F_PLAIN(T, m, n, t, .count = offsetof(T, m##_count), ##__VA_ARGS__)
#define F_STRINGS(T, m, n, ...) F_ARRAY(T, m, n, FIELD_STRINGS, ##__VA_ARGS__)
#define F_INTS(T, m, n, ...) F_ARRAY(T, m, n, FIELD_INTS, ##__VA_ARGS__)
#define F_LIST(T, m, n, s, ...)                                                                    \
  F_ARRAY(T, m, n, FIELD_LIST, .schema = s, .element_size = sizeof(*((T *)0)->m), ##__VA_ARGS__)
// E: the element, struct E { struct str key; struct value_struct v; ... }
#define F_MAP(T, m, n, s, E, v, ...)                                                               \
  F_ARRAY(T, m, n, FIELD_MAP, .schema = s, .element_size = sizeof(E),                              \
          .value_offset = offsetof(E, v), ##__VA_ARGS__)

// What is only kept: const struct json *m.
#define F_KEPT(T, m, n, t, ...) F_PLAIN(T, m, n, t, .kept = true, ##__VA_ARGS__)
#define F_KEPT_OBJECT(T, m, n, s, ...) F_KEPT(T, m, n, FIELD_OPTIONAL, .schema = s, ##__VA_ARGS__)
#define F_KEPT_LIST(T, m, n, s, ...) F_KEPT(T, m, n, FIELD_LIST, .schema = s, ##__VA_ARGS__)
// Rows of KEPT_SCHEMA. _OPT: zero is not the same as absent.
#define K_OPT(n, t, ...)                                                                           \
  { .name = n, .type = t, .kept = true, ##__VA_ARGS__ }
#define K_ROW(n, t, ...) K_OPT(n, t, .presence = FIELD_NO_PRESENCE, ##__VA_ARGS__)
#define K_BOOL(n, ...) K_ROW(n, FIELD_BOOL, ##__VA_ARGS__)
#define K_BOOL_OPT(n, ...) K_OPT(n, FIELD_BOOL, ##__VA_ARGS__)
#define K_INT(n, ...) K_ROW(n, FIELD_INT, ##__VA_ARGS__)
#define K_INT_OPT(n, ...) K_OPT(n, FIELD_INT, ##__VA_ARGS__)
#define K_STRING(n, ...) K_ROW(n, FIELD_STRING, ##__VA_ARGS__)
#define K_STRING_OPT(n, ...) K_OPT(n, FIELD_STRING, ##__VA_ARGS__)
#define K_STRINGS(n, ...) K_ROW(n, FIELD_STRINGS, ##__VA_ARGS__)
#define K_INTS(n, ...) K_ROW(n, FIELD_INTS, ##__VA_ARGS__)
#define K_STRING_MAP(n, ...) K_ROW(n, FIELD_STRING_MAP, ##__VA_ARGS__)
#define K_QUANTITIES(n, ...) K_STRING_MAP(n, .numbers_too = true, ##__VA_ARGS__)
#define K_OBJECT(n, s, ...) K_OPT(n, FIELD_OPTIONAL, .schema = s, ##__VA_ARGS__)
#define K_LIST(n, s, ...) K_ROW(n, FIELD_LIST, .schema = s, ##__VA_ARGS__)

#define F_RANGE(lo, hi) .has_range = true, .min = (lo), .max = (hi)
#define F_AT_LEAST(lo) .has_range = true, .min = (lo), .max = 9007199254740992.0
#define F_LABELS .format = &format_label_key, .value_format = &format_label_value
#define F_INT32 .is_int32 = true
#define F_ENFORCED .enforced = ENFORCED_YES
#define F_NOT_ENFORCED .enforced = ENFORCED_NO
#define S_RULES(r) .rules = r, .rule_count = sizeof(r) / sizeof((r)[0])
#define SCHEMA(n, T, rows, ...)                                                                    \
  {                                                                                                \
    .name = n, .size = sizeof(T), .fields = rows, .count = sizeof(rows) / sizeof((rows)[0]),       \
    ##__VA_ARGS__                                                                                  \
  }
// Of json that is only kept: no struct, rows of K_*.
#define KEPT_SCHEMA(n, rows, ...)                                                                  \
  { .name = n, .fields = rows, .count = sizeof(rows) / sizeof((rows)[0]), ##__VA_ARGS__ }
