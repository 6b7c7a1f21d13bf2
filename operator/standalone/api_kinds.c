// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_kinds.h"
#include "manifests/base/alloc.h"
#include "manifests/kinds/registry.h"
#include "manifests/schema/openapi.h"
#include "operator/standalone/crd_kind.h"
#include "operator/standalone/watch.h"

#include <stdlib.h>
#include <string.h>

// A definition and the kinds it makes.
struct definition {
  struct arena arena;
  struct definition *next;
  int64_t revision; // of the definition this was made of
  const struct kind_desc **kinds;
  size_t count;
  bool closing;
};

struct api_kinds {
  struct definition *definitions, *retired;
  const struct kind_desc **defined; // the kinds of all definitions, in order
  size_t defined_count;
  struct arena arena; // schemas of built-in kinds
  struct openapi_types types;
  const struct json **schemas;
};

struct api_kinds *api_kinds_new(void) {
  struct api_kinds *kinds = xcalloc(1, sizeof(struct api_kinds));
  arena_init(&kinds->arena);
  kinds->schemas = xcalloc(kind_count(), sizeof(kinds->schemas[0]));
  return kinds;
}

static void free_list(struct definition *definition) {
  while (definition) {
    struct definition *next = definition->next;
    arena_dispose(&definition->arena);
    xfree(definition);
    definition = next;
  }
}

void api_kinds_free(struct api_kinds *kinds) {
  if (!kinds)
    return;
  free_list(kinds->definitions);
  free_list(kinds->retired);
  arena_dispose(&kinds->arena);
  xfree(kinds->schemas);
  xfree(kinds->defined);
  xfree(kinds);
}

// --- Looking up

size_t api_kind_count(const struct api_kinds *kinds) {
  return kind_count() + kinds->defined_count;
}

const struct kind_desc *api_kind_at(const struct api_kinds *kinds, size_t index) {
  size_t builtin = kind_count();
  if (index < builtin)
    return kind_at(index);
  return index - builtin < kinds->defined_count ? kinds->defined[index - builtin] : NULL;
}

const struct kind_desc *api_kind_find(const struct api_kinds *kinds, struct str api_version,
                                      struct str kind) {
  struct str group, version;
  kind_split_api_version(api_version, &group, &version);
  for (size_t i = 0; i < api_kind_count(kinds); i++) {
    const struct kind_desc *at = api_kind_at(kinds, i);
    if (str_eq_z(kind, at->kind) && str_eq_z(group, at->group) && kind_has_version(at, version))
      return at;
  }
  return NULL;
}

const struct kind_desc *api_kind_find_plural(const struct api_kinds *kinds, struct str group,
                                             struct str version, struct str plural) {
  for (size_t i = 0; i < api_kind_count(kinds); i++) {
    const struct kind_desc *at = api_kind_at(kinds, i);
    if (str_eq_z(plural, at->plural) && str_eq_z(group, at->group) && kind_has_version(at, version))
      return at;
  }
  return NULL;
}

const struct kind_desc *api_kind_of(const struct api_kinds *kinds, struct str resource) {
  ptrdiff_t dot = str_find_char(resource, '.');
  struct str plural = str_slice(resource, 0, dot < 0 ? resource.len : (size_t)dot);
  struct str group = dot < 0 ? STR("") : str_slice(resource, (size_t)dot + 1, resource.len);
  const struct kind_desc *found = NULL;
  for (size_t i = 0; i < api_kind_count(kinds); i++) {
    const struct kind_desc *at = api_kind_at(kinds, i);
    if (!str_eq_z(plural, at->plural) || !str_eq_z(group, at->group) || at->alias_of)
      continue;
    if (!at->stored || strcmp(at->stored, at->versions[0]) == 0)
      return at;
    if (!found)
      found = at;
  }
  return found;
}

bool api_kind_is_closing(const struct api_kinds *kinds, const struct kind_desc *kind) {
  for (const struct definition *d = kinds->definitions; d; d = d->next)
    for (size_t i = 0; i < d->count; i++)
      if (d->kinds[i] == kind)
        return d->closing;
  return false;
}

const struct json *api_kind_schema(struct api_kinds *kinds, const struct kind_desc *kind) {
  if (kind->openapi)
    return kind->openapi;
  for (size_t i = 0; i < kind_count(); i++) {
    if (kind_at(i) != kind)
      continue;
    if (!kinds->schemas[i])
      kinds->schemas[i] = openapi_ownership(kind, &kinds->types, &kinds->arena);
    return kinds->schemas[i];
  }
  return NULL;
}

void api_kinds_rest(struct api_kinds *kinds) {
  arena_dispose(&kinds->arena);
  kinds->types = (struct openapi_types){.count = 0};
  memset(kinds->schemas, 0, kind_count() * sizeof(kinds->schemas[0]));
}

// --- Reading the definitions

struct reading {
  struct api_kinds *kinds;
  struct definition *kept;
};

// Definitions of such kinds change nothing, and are not judged.
static bool is_built_in(struct str group, struct str plural) {
  for (size_t i = 0; i < kind_count(); i++)
    if (str_eq_z(group, kind_at(i)->group) && str_eq_z(plural, kind_at(i)->plural))
      return true;
  return false;
}

static struct definition *definition_new(const struct store_row *row) {
  struct definition *definition = XNEW(struct definition);
  struct json *object = NULL;
  arena_init(&definition->arena);
  definition->revision = row->revision;
  if (json_parse(arena_str(&definition->arena, row->body), &definition->arena, &object, NULL) ||
      !crd_has_condition(object, "Established"))
    return definition;
  definition->closing = json_path(object, "metadata.deletionTimestamp") != NULL;
  if (!is_built_in(json_path_string(object, "spec.group"),
                   json_path_string(object, "spec.names.plural")))
    definition->count = crd_kinds(object, &definition->arena, &definition->kinds);
  return definition;
}

// Called for each definition in the store: the one at hand is kept when nothing changed.
static bool read_definition(const struct store_row *row, void *context) {
  struct reading *reading = context;
  struct definition **link = &reading->kinds->definitions, *found;
  while (*link && (*link)->revision != row->revision)
    link = &(*link)->next;
  found = *link;
  if (found)
    *link = found->next;
  else
    found = definition_new(row);
  found->next = reading->kept;
  reading->kept = found;
  return true;
}

static bool is_in_use(const struct definition *definition, const struct watch_hub *hub) {
  for (size_t i = 0; i < definition->count; i++)
    if (watch_uses(hub, definition->kinds[i]))
      return true;
  return false;
}

static void retire(struct api_kinds *kinds, struct definition *list, struct watch_hub *hub) {
  while (list) {
    struct definition *next = list->next;
    for (size_t i = 0; i < list->count; i++)
      watch_end_kind(hub, list->kinds[i]);
    list->next = kinds->retired;
    kinds->retired = list;
    list = next;
  }
  for (struct definition **link = &kinds->retired; *link;) {
    struct definition *definition = *link;
    if (is_in_use(definition, hub)) {
      link = &definition->next;
      continue;
    }
    *link = definition->next;
    definition->next = NULL;
    free_list(definition);
  }
}

static int by_group_and_version(const void *a, const void *b) {
  const struct kind_desc *const *x = a, *const *y = b;
  int order = strcmp((*x)->group, (*y)->group);
  if (!order)
    order = crd_version_order(str_of((*x)->versions[0]), str_of((*y)->versions[0]));
  return order ? order : strcmp((*x)->plural, (*y)->plural);
}

void api_kinds_refresh(struct api_kinds *kinds, struct store *store, struct watch_hub *hub) {
  struct reading reading = {.kinds = kinds};
  struct err err;
  if (store_list(store, STR("customresourcedefinitions.apiextensions.k8s.io"), STR(""),
                 (struct store_key){.ns = STR(""), .name = STR("")}, read_definition, &reading,
                 &err)) {
    // What could not be read again stays as it was.
    while (reading.kept) {
      struct definition *next = reading.kept->next;
      reading.kept->next = kinds->definitions;
      kinds->definitions = reading.kept;
      reading.kept = next;
    }
    return;
  }
  struct definition *gone = kinds->definitions;
  size_t count = 0;
  kinds->definitions = reading.kept;
  for (const struct definition *d = kinds->definitions; d; d = d->next)
    count += d->count;
  xfree(kinds->defined);
  kinds->defined = xcalloc(count ? count : 1, sizeof(kinds->defined[0]));
  kinds->defined_count = 0;
  for (const struct definition *d = kinds->definitions; d; d = d->next)
    for (size_t i = 0; i < d->count; i++)
      kinds->defined[kinds->defined_count++] = d->kinds[i];
  qsort(kinds->defined, count, sizeof(kinds->defined[0]), by_group_and_version);
  retire(kinds, gone, hub);
}
