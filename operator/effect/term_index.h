// SPDX-License-Identifier: Apache-2.0
// What belongs to which term: a table from 64-bit hashes to any number of items, from which all
// terms of one owner can be taken at once. Two texts may share a hash: who looks up must be content
// with a few items too many. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct term_node;
struct term_block;

struct term_index { // zeroed to begin with
  struct term_node **buckets;
  size_t bucket_count, count;
};

struct term_list {          // embedded by the owner; zeroed to begin with
  struct term_block *block; // all its nodes, NULL: none
};

// Replaces the owner's terms; `item` is what a look-up gives. Doubled terms count once.
void term_index_set(struct term_index *index, struct term_list *owner, void *item,
                    const uint64_t *terms, size_t count);
void term_index_clear(struct term_index *index, struct term_list *owner);
void term_index_dispose(struct term_index *index); // all owners are cleared

// struct term_iter it = term_begin(&index, term); while ((item = term_each(&it))) ...
// The index may not be changed in between.
struct term_iter {
  const struct term_node *next;
  uint64_t term;
};
struct term_iter term_begin(const struct term_index *index, uint64_t term);
void *term_each(struct term_iter *iter); // NULL: no more

// The terms of one owner: uint64_t term; struct term_owned it = term_owned(&list); while
// (term_owned_each(&it, &term)) ...
struct term_owned {
  const struct term_block *block;
  size_t at;
};
struct term_owned term_owned(const struct term_list *owner);
bool term_owned_each(struct term_owned *iter, uint64_t *ret_term);
