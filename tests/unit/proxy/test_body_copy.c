// SPDX-License-Identifier: Apache-2.0
// Pieces of a body come back in order, whatever their sizes, and their blocks are used again.
#include "manifests/base/alloc.h"
#include "proxy/breaker.h"
#include "proxy/body_copy.h"
#include "proxy/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static size_t blocks_of(const struct body_copy *copy) {
  const struct body_block *at = NULL;
  struct str piece;
  size_t count = 0;
  while (body_copy_next(copy, &at, &piece))
    count++;
  return count;
}

static void pieces_come_back_in_order(void **state) {
  (void)state;
  struct worker_limits limits = {0};
  struct worker_settings settings = {.limits = &limits, .breakers = breakers_new(1), .seed = 1};
  struct stats_source source = {0};
  struct worker *worker = worker_new(0, &settings, &source);
  struct body_copy copy = {0};
  struct rng rng;
  char *sent = xmalloc(BODY_COPY_MAX), *got = xmalloc(BODY_COPY_MAX);
  rng_init(&rng, 7);
  for (size_t i = 0; i < BODY_COPY_MAX; i++)
    sent[i] = (char)rng_next(&rng);
  for (int round = 0; round < 20; round++) {
    size_t at = 0, back = 0, total = 1 + rng_below(&rng, BODY_COPY_MAX);
    while (at < total) {
      size_t n = 1 + rng_below(&rng, round % 2 ? 100 : 200000);
      n = n < total - at ? n : total - at;
      body_copy_add(worker, &copy, (struct str){sent + at, n});
      at += n;
    }
    assert_int_equal(copy.len, total);
    const struct body_block *block = NULL;
    struct str piece;
    while (body_copy_next(&copy, &block, &piece)) {
      memcpy(got + back, piece.ptr, piece.len);
      back += piece.len;
    }
    assert_int_equal(back, total);
    assert_memory_equal(got, sent, total);
    size_t used = blocks_of(&copy);
    assert_true(used <= total / (WORKER_BLOCK - 64) + 1);
    body_copy_clear(worker, &copy);
    assert_true(copy.len == 0 && !copy.first && worker->blocks.count >= used);
  }
  xfree(sent);
  xfree(got);
  worker_free(worker);
  breakers_free(settings.breakers);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(pieces_come_back_in_order)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
