// SPDX-License-Identifier: Apache-2.0
#include "proxy/route_index.h"

#include <stdlib.h>

#define FEW 8u
#define NO_PARENT UINT32_MAX

// The routes that ask for one text, in their order.
struct index_key {
  struct str text;
  uint32_t parent; // of prefixes: the longest other one that this begins with
  const uint32_t *first, *end;
};

struct index_keys {
  struct index_key *items; // ordered by text
  size_t count;
};

struct route_index {
  struct index_keys exact, prefix;
  const uint32_t *others;
  size_t other_count;
};

struct entry {
  struct str text;
  uint32_t route;
};

static int by_text(const void *a, const void *b) {
  const struct entry *x = a, *y = b;
  int order = str_cmp(x->text, y->text);
  return order ? order : (x->route > y->route) - (x->route < y->route);
}

static struct index_keys group(struct arena *arena, struct entry *entries, size_t count) {
  if (count == 0)
    return (struct index_keys){0};
  qsort(entries, count, sizeof *entries, by_text);
  uint32_t *routes = ARENA_ARRAY(arena, uint32_t, count);
  struct index_key *keys = ARENA_ARRAY(arena, struct index_key, count);
  size_t key_count = 0;
  for (size_t i = 0; i < count; i++) {
    routes[i] = entries[i].route;
    if (i == 0 || !str_eq(entries[i].text, entries[i - 1].text))
      keys[key_count++] = (struct index_key){entries[i].text, NO_PARENT, &routes[i], NULL};
    keys[key_count - 1].end = &routes[i] + 1;
  }
  return (struct index_keys){keys, key_count};
}

// A text that begins with another one stands behind it, and behind nothing in between that does not
// begin with it, too.
static void find_parents(struct index_keys keys) {
  for (uint32_t i = 1; i < keys.count; i++) {
    uint32_t parent = i - 1;
    while (parent != NO_PARENT && !str_starts(keys.items[i].text, keys.items[parent].text))
      parent = keys.items[parent].parent;
    keys.items[i].parent = parent;
  }
}

const struct route_index *route_index_new(struct arena *arena, const struct table_route *routes,
                                          size_t count) {
  if (count <= FEW || count >= NO_PARENT)
    return NULL;
  struct arena scratch;
  arena_init(&scratch);
  struct entry *exact = ARENA_ARRAY(&scratch, struct entry, count);
  struct entry *prefix = ARENA_ARRAY(&scratch, struct entry, count);
  uint32_t *others = ARENA_ARRAY(arena, uint32_t, count);
  size_t exact_count = 0, prefix_count = 0;
  struct route_index *index = ARENA_NEW(arena, struct route_index);
  for (uint32_t i = 0; i < count; i++) {
    const struct string_matcher *uri = &routes[i].match.uri;
    bool is_prefix = uri->kind == STRING_MATCH_PREFIX || uri->kind == STRING_MATCH_PATH_PREFIX;
    if (uri->kind == STRING_MATCH_EXACT && !uri->ignore_case)
      exact[exact_count++] = (struct entry){uri->value, i};
    else if (is_prefix && !uri->ignore_case)
      prefix[prefix_count++] = (struct entry){uri->value, i};
    else
      others[index->other_count++] = i;
  }
  index->others = others;
  index->exact = group(arena, exact, exact_count);
  index->prefix = group(arena, prefix, prefix_count);
  find_parents(index->prefix);
  arena_dispose(&scratch);
  return index;
}

// How many keys are not above the text.
static size_t not_above(struct index_keys keys, struct str text) {
  size_t low = 0, high = keys.count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (str_cmp(keys.items[middle].text, text) <= 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool add_list(struct route_walk *walk, const uint32_t *first, const uint32_t *end) {
  if (walk->lists == ROUTE_INDEX_LISTS)
    return false;
  walk->at[walk->lists] = first;
  walk->end[walk->lists++] = end;
  return true;
}

static bool add_prefixes(struct route_walk *walk, struct index_keys keys, struct str path) {
  size_t above = not_above(keys, path);
  uint32_t at = above > 0 ? (uint32_t)above - 1 : NO_PARENT;
  // The longest prefix of the path is the nearest key below it, or one that key begins with.
  while (at != NO_PARENT && !str_starts(path, keys.items[at].text))
    at = keys.items[at].parent;
  for (; at != NO_PARENT; at = keys.items[at].parent) {
    if (!add_list(walk, keys.items[at].first, keys.items[at].end))
      return false;
  }
  return true;
}

void route_walk_begin(struct route_walk *walk, const struct route_index *index, struct str path,
                      size_t route_count) {
  walk->lists = 0;
  walk->linear_at = walk->linear_end = 0;
  if (index) {
    if (index->other_count > 0)
      (void)add_list(walk, index->others, index->others + index->other_count);
    size_t above = not_above(index->exact, path);
    const struct index_key *exact = above > 0 ? &index->exact.items[above - 1] : NULL;
    if (exact && str_eq(exact->text, path))
      (void)add_list(walk, exact->first, exact->end);
    if (add_prefixes(walk, index->prefix, path))
      return;
  }
  walk->lists = 0;
  walk->linear_end = route_count;
}

bool route_walk_next(struct route_walk *walk, size_t *ret_route) {
  if (walk->lists == 0) {
    *ret_route = walk->linear_at;
    return walk->linear_at++ < walk->linear_end;
  }
  size_t first = walk->lists;
  for (size_t i = 0; i < walk->lists; i++) {
    if (walk->at[i] < walk->end[i] && (first == walk->lists || *walk->at[i] < *walk->at[first]))
      first = i;
  }
  if (first == walk->lists)
    return false;
  *ret_route = *walk->at[first]++;
  return true;
}
