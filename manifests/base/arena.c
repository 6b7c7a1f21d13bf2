// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/arena.h"
#include "manifests/base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CHUNK_MIN 1024u
#define CHUNK_MAX 65536u

struct arena_chunk {
  struct arena_chunk *next;
  size_t size, used;
  _Alignas(16) char bytes[];
};

void arena_init(struct arena *arena) {
  *arena = (struct arena){0};
}

static void free_from(struct arena_chunk *chunk) {
  while (chunk) {
    struct arena_chunk *next = chunk->next;
    xfree(chunk);
    chunk = next;
  }
}

void arena_dispose(struct arena *arena) {
  free_from(arena->head);
  arena_init(arena);
}

void arena_reset(struct arena *arena) {
  struct arena_chunk *keep = arena->head;
  if (!keep)
    return;
  free_from(keep->next);
  keep->next = NULL;
  keep->used = 0;
  arena->used = 0;
}

static struct arena_chunk *grow(struct arena *arena, size_t size) {
  size_t want = arena->head ? arena->head->size * 2 : CHUNK_MIN;
  if (want > CHUNK_MAX)
    want = CHUNK_MAX;
  if (want < size)
    want = size;
  struct arena_chunk *chunk = xmalloc(sizeof *chunk + want);
  chunk->size = want;
  chunk->used = 0;
  // A large block gets a chunk of its own behind the head, so that the head's room is not lost.
  if (arena->head && size > CHUNK_MAX / 4) {
    chunk->next = arena->head->next;
    arena->head->next = chunk;
  } else {
    chunk->next = arena->head;
    arena->head = chunk;
  }
  return chunk;
}

void *arena_alloc(struct arena *arena, size_t size) {
  size = (size + 15u) & ~(size_t)15u;
  if (size == 0)
    size = 16;
  struct arena_chunk *chunk = arena->head;
  if (!chunk || chunk->size - chunk->used < size)
    chunk = grow(arena, size);
  void *ptr = chunk->bytes + chunk->used;
  chunk->used += size;
  arena->used += size;
  return memset(ptr, 0, size);
}

void *arena_dup(struct arena *arena, const void *ptr, size_t size) {
  void *copy = arena_alloc(arena, size);
  if (size)
    memcpy(copy, ptr, size);
  return copy;
}

struct str arena_str(struct arena *arena, struct str s) {
  char *copy = arena_alloc(arena, s.len + 1);
  if (s.len)
    memcpy(copy, s.ptr, s.len);
  return (struct str){copy, s.len};
}

struct str arena_strz(struct arena *arena, const char *z) {
  return arena_str(arena, str_of(z));
}

struct str arena_printf(struct arena *arena, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int len = vsnprintf(NULL, 0, format, args);
  va_end(args);
  char *text = arena_alloc(arena, (size_t)len + 1);
  vsnprintf(text, (size_t)len + 1, format, again);
  va_end(again);
  return (struct str){text, (size_t)len};
}

void *arena_push(struct arena *arena, void **items, size_t *count, size_t *capacity, size_t size) {
  if (*count == *capacity) {
    // Of large things there is most often one.
    size_t bigger = *capacity ? *capacity * 2 : size > 256 ? 1 : 4;
    void *moved = arena_alloc(arena, bigger * size);
    if (*count)
      memcpy(moved, *items, *count * size);
    *items = moved;
    *capacity = bigger;
  }
  return (char *)*items + size * (*count)++;
}
