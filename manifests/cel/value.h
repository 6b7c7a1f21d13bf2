// SPDX-License-Identifier: Apache-2.0
// The values of expressions. Small ones are held by value, the rest in the arena of a run. Lists
// and maps over JSON are read when something asks for them, and only once. An error is a value,
// too: && and || may absorb it. Source: the CEL language definition, "Values", "Equality",
// "Ordering"; for JSON: k8s.io/apiserver pkg/cel/common.
#pragma once

#include "manifests/cel/type.h"
#include "manifests/text/json.h"

struct cel_list;
struct cel_map;

struct cel_instant {
  int64_t seconds; // since 1970, of the years 1 to 9999
  int32_t nanos;   // 0 to 999,999,999
};

struct cel_address {
  unsigned char bytes[16];
  unsigned char size; // 4 or 16
  unsigned char bits; // of a CIDR: its prefix
};

struct cel_url {
  struct str scheme, host, path, query; // host: with port and brackets; path: escaped
};

struct cel_semver {
  uint64_t numbers[3];
  struct str pre, build;
};

struct cel_value {
  enum cel_kind kind;
  union {
    bool boolean;
    int64_t integer; // CEL_INT; CEL_DURATION: nanoseconds
    uint64_t uinteger;
    double number;
    struct str text; // CEL_STRING, CEL_BYTES, CEL_ERROR: the message
    struct cel_instant instant;
    struct cel_list *list;
    struct cel_map *map;
    const struct cel_type *type;       // CEL_TYPE
    const struct cel_value *inner;     // CEL_OPTIONAL; NULL: none
    const struct cel_address *address; // CEL_IP, CEL_CIDR
    const struct cel_url *url;
    const struct cel_semver *semver;
    const __int128 *quantity; // in billionths
  };
};

struct cel_list {
  size_t count;
  struct cel_value *items; // NULL: still in `json`
  const struct json *json;
  const struct cel_type *type; // NULL: no list of a schema
};

struct cel_entry {
  struct cel_value key, value;
  const struct json *json; // the value is still there
  const struct cel_type *type;
};

struct cel_map {
  size_t count;
  struct cel_entry *entries;
  size_t size;             // what size() says: with members no rule can see
  const struct json *json; // the object it is, NULL: made by an expression
  const struct cel_type *type;
  uint32_t *slots; // hash table of index + 1; NULL: not made yet
  size_t slot_count;
  bool loaded;
};

// Values. Text is borrowed.
struct cel_value cel_bool(bool value);
struct cel_value cel_int(int64_t value);
struct cel_value cel_uint(uint64_t value);
struct cel_value cel_double(double value);
struct cel_value cel_string(struct str value);
struct cel_value cel_null(void);
struct cel_value cel_duration(int64_t nanos);
struct cel_value cel_timestamp(struct cel_instant instant); // an error outside the years 1 to 9999
struct cel_value cel_none(void);
struct cel_value cel_some(struct arena *arena, struct cel_value inner);
struct cel_value cel_type_value(const struct cel_type *type);
struct cel_value cel_error(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool cel_is_true(struct cel_value value);

// A part of an object and what its schema says of it.
struct cel_value cel_from_json(const struct json *json, const struct cel_type *type,
                               struct arena *arena);

struct cel_value cel_list_new(struct arena *arena, size_t count); // items are the caller's to fill
size_t cel_list_count(const struct cel_list *list);
struct cel_value cel_list_at(struct cel_list *list, size_t index, struct arena *arena);

struct cel_value cel_map_new(struct arena *arena, size_t capacity);
// False: the key is there already. Room for the entry was asked for by cel_map_new.
bool cel_map_add(struct cel_map *map, struct cel_value key, struct cel_value value,
                 struct arena *arena);
size_t cel_map_count(struct cel_map *map, struct arena *arena); // entries one can walk
struct cel_value cel_map_key(struct cel_map *map, size_t index);
struct cel_value cel_map_value(struct cel_map *map, size_t index, struct arena *arena);
// False: no such key.
bool cel_map_find(struct cel_map *map, struct cel_value key, struct arena *arena,
                  struct cel_value *ret_value);

// What size() says; 1 for what has none.
size_t cel_size(struct cel_value value);
// ==. Numbers of different types are compared as numbers; values of other different types differ.
bool cel_equal(struct cel_value a, struct cel_value b, struct arena *arena);
// <0, 0, >0. False: they have no order.
bool cel_order(struct cel_value a, struct cel_value b, int *ret_order);
// As messages and "%s" show it.
void cel_show(struct buf *out, struct cel_value value, struct arena *arena);
