// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/term_index.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"

#define BUCKETS_MIN 64u
#define PER_BUCKET 2u

struct term_node {
  struct term_node *next, **from; // within the bucket
  uint64_t term;
  void *item;
};

struct term_block { // of one owner
  size_t count;
  struct term_node nodes[];
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

void term_index_clear(struct term_index *index, struct term_list *owner) {
  struct term_block *block = owner->block;
  for (size_t i = 0; block && i < block->count; i++) {
    struct term_node *node = &block->nodes[i];
    *node->from = node->next;
    if (node->next)
      node->next->from = node->from;
    index->count--;
  }
  xfree(block);
  owner->block = NULL;
}

static bool is_among(uint64_t term, const uint64_t *terms, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (terms[i] == term)
      return true;
  return false;
}

void term_index_set(struct term_index *index, struct term_list *owner, void *item,
                    const uint64_t *terms, size_t count) {
  size_t distinct = 0;
  term_index_clear(index, owner);
  for (size_t i = 0; i < count; i++)
    distinct += !is_among(terms[i], terms, i);
  if (!distinct)
    return;
  while (index->count + distinct > index->bucket_count * PER_BUCKET)
    grow(index);
  struct term_block *block = xmalloc(sizeof *block + distinct * sizeof block->nodes[0]);
  block->count = 0;
  owner->block = block;
  for (size_t i = 0; i < count; i++) {
    if (is_among(terms[i], terms, i))
      continue;
    struct term_node *node = &block->nodes[block->count++];
    node->term = terms[i];
    node->item = item;
    link_node(index, node);
  }
  index->count += distinct;
}

void term_index_dispose(struct term_index *index) {
  BUG_ON(index->count);
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
  return (struct term_owned){.block = owner->block};
}

bool term_owned_each(struct term_owned *iter, uint64_t *ret_term) {
  if (!iter->block || iter->at == iter->block->count)
    return false;
  *ret_term = iter->block->nodes[iter->at++].term;
  return true;
}
