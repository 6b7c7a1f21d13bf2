// SPDX-License-Identifier: Apache-2.0
// A region of memory: everything made for one object, request or pass comes from its arena and dies
// with it at once. Not thread-safe. Bytes from here are zeroed.
#pragma once

#include "manifests/base/str.h"

struct arena_chunk;

struct arena {
  struct arena_chunk *head;
  size_t used; // bytes handed out so far
};

void arena_init(struct arena *arena);
void arena_dispose(struct arena *arena); // frees all; the arena may be used again
// Empties the arena but keeps its newest chunk, for loops that fill it again and again.
void arena_reset(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));
void *arena_dup(struct arena *arena, const void *ptr, size_t size) __attribute__((returns_nonnull));
// A copy with a NUL behind, so that .ptr is also a C string.
struct str arena_str(struct arena *arena, struct str s);
struct str arena_strz(struct arena *arena, const char *z);
struct str arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (count)))

// Appends to an array that lives in an arena: *items holds *count elements of `size` bytes and room
// for *capacity. Returns the new zeroed element. Old storage stays in the arena until it is
// disposed.
void *arena_push(struct arena *arena, void **items, size_t *count, size_t *capacity, size_t size)
    __attribute__((returns_nonnull));
