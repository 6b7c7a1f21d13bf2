// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/rng.h"
#include "operator/effect/term_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { OWNERS = 40, TERMS = 30, MOST = 6 };

struct owner {
  struct term_list list;
  uint64_t terms[MOST];
  size_t count;
};

static bool has(const struct owner *owner, uint64_t term) {
  for (size_t i = 0; i < owner->count; i++)
    if (owner->terms[i] == term)
      return true;
  return false;
}

static void assert_same(const struct term_index *index, const struct owner *owners) {
  for (uint64_t term = 0; term < TERMS; term++) {
    size_t found = 0, wanted = 0;
    const struct owner *item;
    for (struct term_iter it = term_begin(index, term); (item = term_each(&it)); found++)
      assert_true(has(item, term));
    for (size_t i = 0; i < OWNERS; i++)
      wanted += has(&owners[i], term);
    assert_int_equal(found, wanted);
  }
}

static void an_index_is_as_a_search_would_be(void **state) {
  (void)state;
  struct owner owners[OWNERS] = {0};
  struct term_index index = {0};
  struct rng rng;
  rng_init(&rng, 3);
  for (int step = 0; step < 3000; step++) {
    struct owner *owner = &owners[rng_below(&rng, OWNERS)];
    owner->count = (size_t)rng_below(&rng, MOST + 1);
    for (size_t i = 0; i < owner->count; i++) // some come twice
      owner->terms[i] = rng_below(&rng, TERMS);
    term_index_set(&index, &owner->list, owner, owner->terms, owner->count);
    uint64_t term;
    for (struct term_owned it = term_owned(&owner->list); term_owned_each(&it, &term);)
      assert_true(has(owner, term));
    if (step % 50 == 0)
      assert_same(&index, owners);
  }
  assert_same(&index, owners);
  for (size_t i = 0; i < OWNERS; i++)
    term_index_clear(&index, &owners[i].list);
  term_index_dispose(&index);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(an_index_is_as_a_search_would_be)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
