// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/term_index.h"
#include "manifests/base/alloc.h"

#define BUCKETS_MIN 64u

struct term_node {
  struct term_node *next, **from; // within the bucket
  struct term_node *sibling;      // of the same owner
  uint64_t term;
  void *item;
};

static struct term_node **bucket_of(const struct term_index *index, uint64_t term) {
  return &index->buckets[term & (index->bucket_count - 1)];
}

static void link_node(struct term_index *index, struct term_node *node) {
  struct term_node **head = bucket_of(index, node->term);
  node->next = *head;
  node->from = head;
  if (node->next)
    node->next->from = &node->next;
  *head = node;
}

static void grow(struct term_index *index) {
  struct term_node **old = index->buckets;
  size_t old_count = index->bucket_count;
  index->bucket_count = old_count ? old_count * 2 : BUCKETS_MIN;
  index->buckets = xcalloc(index->bucket_count, sizeof(struct term_node *));
  for (size_t i = 0; i < old_count; i++)
    for (struct term_node *node = old[i], *next; node; node = next) {
      next = node->next;
      link_node(index, node);
    }
  xfree(old);
}

static void clear(struct term_index *index, struct term_list *owner) {
  for (struct term_node *node = owner->first, *next; node; node = next) {
    next = node->sibling;
    *node->from = node->next;
    if (node->next)
      node->next->from = node->from;
    xfree(node);
    index->count--;
  }
  owner->first = NULL;
}

static bool has(const struct term_list *owner, uint64_t term) {
  for (const struct term_node *node = owner->first; node; node = node->sibling)
    if (node->term == term)
      return true;
  return false;
}

void term_index_set(struct term_index *index, struct term_list *owner, void *item,
                    const uint64_t *terms, size_t count) {
  clear(index, owner);
  for (size_t i = 0; i < count; i++) {
    if (has(owner, terms[i]))
      continue;
    if (index->count == index->bucket_count)
      grow(index);
    struct term_node *node = XNEW(struct term_node);
    node->term = terms[i];
    node->item = item;
    node->sibling = owner->first;
    owner->first = node;
    link_node(index, node);
    index->count++;
  }
}

void term_index_dispose(struct term_index *index) {
  for (size_t i = 0; i < index->bucket_count; i++)
    for (struct term_node *node = index->buckets[i], *next; node; node = next) {
      next = node->next;
      xfree(node);
    }
  xfree(index->buckets);
  *index = (struct term_index){0};
}

struct term_iter term_begin(const struct term_index *index, uint64_t term) {
  return (struct term_iter){index->bucket_count ? *bucket_of(index, term) : NULL, term};
}

void *term_each(struct term_iter *iter) {
  while (iter->next && iter->next->term != iter->term)
    iter->next = iter->next->next;
  if (!iter->next)
    return NULL;
  void *item = iter->next->item;
  iter->next = iter->next->next;
  return item;
}

struct term_owned term_owned(const struct term_list *owner) {
  return (struct term_owned){owner->first};
}

bool term_owned_each(struct term_owned *iter, uint64_t *ret_term) {
  if (!iter->next)
    return false;
  *ret_term = iter->next->term;
  iter->next = iter->next->sibling;
  return true;
}
