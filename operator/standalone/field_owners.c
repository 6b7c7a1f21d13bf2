// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/field_owners.h"

#include <stdlib.h>

static bool read_one(const struct json *entry, struct arena *arena, struct field_owner *owner) {
  struct str operation = json_get_string(entry, "operation");
  *owner = (struct field_owner){.manager = json_get_string(entry, "manager"),
                                .api_version = json_get_string(entry, "apiVersion"),
                                .subresource = json_get_string(entry, "subresource"),
                                .time = json_get_string(entry, "time"),
                                .applies = str_eq_z(operation, "Apply"),
                                .fields = fieldset_read(json_get(entry, "fieldsV1"), arena)};
  return owner->fields && owner->api_version.len &&
         (owner->applies || str_eq_z(operation, "Update")) &&
         str_eq_z(json_get_string(entry, "fieldsType"), "FieldsV1");
}

bool field_owners_read(struct field_owners *owners, const struct json *list, struct arena *arena) {
  *owners = (struct field_owners){.arena = arena};
  if (list && !json_is(list, JSON_ARRAY) && !json_is(list, JSON_NULL))
    return false;
  JSON_EACH(entry, list) {
    struct field_owner owner;
    if (!read_one(entry, arena, &owner)) {
      owners->count = 0;
      return false;
    }
    struct field_owner *known = field_owners_find(owners, &owner);
    if (known) // the later one of two with one name counts
      *known = owner;
    else
      (void)field_owners_add(owners, &owner);
  }
  return true;
}

struct field_owner *field_owners_find(const struct field_owners *owners,
                                      const struct field_owner *like) {
  for (size_t i = 0; i < owners->count; i++) {
    struct field_owner *owner = &owners->items[i];
    if (owner->applies == like->applies && str_eq(owner->manager, like->manager) &&
        str_eq(owner->subresource, like->subresource) &&
        (like->applies || str_eq(owner->api_version, like->api_version)))
      return owner;
  }
  return NULL;
}

struct field_owner *field_owners_add(struct field_owners *owners, const struct field_owner *owner) {
  struct field_owner *slot = arena_push(owners->arena, (void **)&owners->items, &owners->count,
                                        &owners->capacity, sizeof(*slot));
  *slot = *owner;
  return slot;
}

static int in_order(const void *a, const void *b) {
  const struct field_owner *const *x = a, *const *y = b;
  if ((*x)->applies != (*y)->applies)
    return (*x)->applies ? -1 : 1;
  int order = str_cmp((*x)->time, (*y)->time); // all are UTC, to the second
  if (!order)
    order = str_cmp((*x)->manager, (*y)->manager);
  if (!order)
    order = str_cmp((*x)->api_version, (*y)->api_version);
  return order ? order : str_cmp((*x)->subresource, (*y)->subresource);
}

static struct json *write_one(const struct field_owner *owner, struct arena *arena) {
  struct json *entry = json_new_object(arena);
  json_put_string(arena, entry, "manager", owner->manager);
  json_put_z(arena, entry, "operation", owner->applies ? "Apply" : "Update");
  json_put_string(arena, entry, "apiVersion", owner->api_version);
  if (owner->time.len)
    json_put_string(arena, entry, "time", owner->time);
  json_put_z(arena, entry, "fieldsType", "FieldsV1");
  json_put(arena, entry, "fieldsV1", fieldset_write(owner->fields, arena));
  if (owner->subresource.len)
    json_put_string(arena, entry, "subresource", owner->subresource);
  return entry;
}

struct json *field_owners_write(const struct field_owners *owners) {
  const struct field_owner **sorted =
      ARENA_ARRAY(owners->arena, const struct field_owner *, owners->count + 1);
  struct json *list = json_new_array(owners->arena);
  size_t count = 0;
  for (size_t i = 0; i < owners->count; i++)
    if (!fieldset_is_empty(owners->items[i].fields))
      sorted[count++] = &owners->items[i];
  if (count > 1)
    qsort(sorted, count, sizeof(sorted[0]), in_order);
  for (size_t i = 0; i < count; i++)
    json_append(list, write_one(sorted[i], owners->arena));
  return count ? list : NULL;
}

// The oldest entry of updates that is not `but`; of one version when `version` is given.
static struct field_owner *oldest(struct field_owners *owners, const struct field_owner *but,
                                  struct str version) {
  struct field_owner *found = NULL;
  for (size_t i = 0; i < owners->count; i++) {
    struct field_owner *owner = &owners->items[i];
    if (owner == but || owner->applies || fieldset_is_empty(owner->fields) ||
        (version.ptr && !str_eq(owner->api_version, version)))
      continue;
    const struct field_owner *pair[2] = {owner, found};
    if (!found || in_order(&pair[0], &pair[1]) < 0)
      found = owner;
  }
  return found;
}

static size_t count_updates(const struct field_owners *owners) {
  size_t count = 0;
  for (size_t i = 0; i < owners->count; i++)
    count += !owners->items[i].applies && !fieldset_is_empty(owners->items[i].fields);
  return count;
}

void field_owners_cap(struct field_owners *owners, size_t most) {
  while (count_updates(owners) > most) {
    struct field_owner *first = oldest(owners, NULL, STR_NULL);
    struct field_owner *second = oldest(owners, first, first->api_version);
    if (!second)
      return;
    first->fields = fieldset_union(first->fields, second->fields, owners->arena);
    first->manager = STR("ancient-changes");
    first->subresource = STR("");
    first->time = second->time;
    second->fields = fieldset_new(owners->arena);
  }
}
