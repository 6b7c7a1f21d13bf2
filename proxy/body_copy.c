// SPDX-License-Identifier: Apache-2.0
#include "proxy/body_copy.h"

#include "proxy/worker.h"

#include <string.h>

struct body_block {
  struct body_block *next;
  size_t len;
  char bytes[];
};

#define ROOM (WORKER_BLOCK - sizeof(struct body_block))

static void append_block(struct worker *worker, struct body_copy *copy) {
  void *memory = worker_block_get(worker);
  struct body_block *block = memory;
  block->next = NULL;
  block->len = 0;
  if (copy->last)
    copy->last->next = block;
  else
    copy->first = block;
  copy->last = block;
}

void body_copy_add(struct worker *worker, struct body_copy *copy, struct str piece) {
  copy->len += piece.len;
  while (piece.len > 0) {
    if (!copy->last || copy->last->len == ROOM)
      append_block(worker, copy);
    struct body_block *block = copy->last;
    size_t room = ROOM - block->len, n = piece.len < room ? piece.len : room;
    memcpy(block->bytes + block->len, piece.ptr, n);
    block->len += n;
    piece = str_slice(piece, n, piece.len);
  }
}

void body_copy_clear(struct worker *worker, struct body_copy *copy) {
  struct body_block *block = copy->first;
  while (block) {
    struct body_block *next = block->next;
    worker_block_put(worker, (char *)block);
    block = next;
  }
  *copy = (struct body_copy){0};
}

bool body_copy_next(const struct body_copy *copy, const struct body_block **at,
                    struct str *ret_piece) {
  const struct body_block *block = *at ? (*at)->next : copy->first;
  if (!block)
    return false;
  *at = block;
  *ret_piece = (struct str){block->bytes, block->len};
  return true;
}
