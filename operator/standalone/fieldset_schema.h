// SPDX-License-Identifier: Apache-2.0
// How a value is owned, by its schema. Private to fieldset_*.c.
#pragma once

#include "operator/standalone/fieldset.h"

enum shape {
  SHAPE_LEAF, // as a whole
  SHAPE_MAP,  // member by member
  SHAPE_KEYS, // list of objects by key
  SHAPE_SET,  // list of scalars, each on its own
};

enum shape shape_of(const struct json *schema, const struct json *value);
// The schema of a member (NULL: anything); *ret_declared: it is a field of the schema.
const struct json *shape_member(const struct json *schema, struct str name, bool *ret_declared);
const struct json *shape_items(const struct json *schema);
// "k:{...}" or "v:..." of an item; STR_NULL when it has none of the keys.
struct str shape_item_name(const struct json *schema, enum shape shape, const struct json *item,
                           struct arena *arena);
struct str shape_field_name(struct str name, struct arena *arena);

// The items of a list by name, to be found fast.
struct shape_index {
  struct shape_entry {
    struct str name;
    const struct json *item;
    size_t times;  // that name was seen; `item` is one of them
    bool is_taken; // for who walks the list
  } * entries;     // in order of names
  size_t count, capacity;
  struct str *names; // in order of the list
};
void shape_index_list(const struct json *schema, enum shape shape, const struct json *list,
                      struct arena *arena, struct shape_index *ret_index);
struct shape_entry *shape_find(const struct shape_index *index, struct str name);
