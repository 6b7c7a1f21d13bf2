// SPDX-License-Identifier: Apache-2.0
// How much a Rollout and a namespace may send.
#include "manifests/base/clock.h"
#include "operator/effect/notifier_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct delivery of(struct notifier *notifier, struct str ns, struct str key) {
  return (struct delivery){.notifier = notifier,
                           .in_namespace = notifier_namespace(notifier, ns),
                           .of_rollout = notifier_rollout(notifier, key)};
}

static int sent(struct notifier *notifier, struct str ns, struct str key, int64_t now_ms,
                int most) {
  int count = 0;
  for (int i = 0; i < most; i++) {
    struct delivery d = of(notifier, ns, key);
    int64_t wait_ms = delivery_pay(&d, now_ms);
    assert_int_equal(d.paid, wait_ms == 0);
    assert_in_range(wait_ms, 0, 10001);
    count += wait_ms == 0;
  }
  return count;
}

static void a_rollout_has_a_store_and_a_rate(void **state) {
  (void)state;
  struct notifier notifier = {0};
  int64_t now_ms = clock_mono_ms();
  map_init(&notifier.senders);
  assert_int_equal(sent(&notifier, STR("n"), STR("n/a"), now_ms, 50), 20);
  assert_int_equal(sent(&notifier, STR("n"), STR("n/b"), now_ms, 5), 5); // another one has its own
  struct delivery d = of(&notifier, STR("n"), STR("n/a"));
  int64_t wait_ms = delivery_pay(&d, now_ms);
  assert_in_range(wait_ms, 9000, 10001);
  assert_int_equal(delivery_pay(&d, now_ms + wait_ms), 0); // what it was told is enough
  assert_int_equal(sent(&notifier, STR("n"), STR("n/a"), now_ms + 60001, 50), 5);
  assert_int_equal(sent(&notifier, STR("n"), STR("n/a"), now_ms + 3600000, 50), 20);
  notifier_forget_senders(&notifier);
}

static void a_namespace_has_them_too(void **state) {
  (void)state;
  struct notifier notifier = {0};
  struct arena arena;
  int64_t now_ms = clock_mono_ms();
  int count = 0;
  arena_init(&arena);
  map_init(&notifier.senders);
  for (int i = 0; i < 300; i++)
    count += sent(&notifier, STR("n"), arena_printf(&arena, "n/%d", i), now_ms, 1);
  assert_int_equal(count, 100);
  assert_int_equal(sent(&notifier, STR("n"), STR("n/new"), now_ms + 3001, 20), 3);
  assert_int_equal(sent(&notifier, STR("other"), STR("other/a"), now_ms, 20), 20);
  arena_dispose(&arena);
  notifier_forget_senders(&notifier);
}

// Somebody who makes Rollouts with ever new names does not fill the memory.
static void who_has_sent_nothing_for_a_while_is_forgotten(void **state) {
  (void)state;
  struct notifier notifier = {0};
  struct arena arena;
  arena_init(&arena);
  map_init(&notifier.senders);
  for (int i = 0; i < 10000; i++)
    (void)notifier_rollout(&notifier, arena_printf(&arena, "n/%d", i));
  assert_in_range(map_count(&notifier.senders), 1, 2048);
  struct sender *busy = notifier_rollout(&notifier, STR("n/busy"));
  busy->count = 1; // a delivery points to it
  for (int i = 10000; i < 20000; i++)
    (void)notifier_rollout(&notifier, arena_printf(&arena, "n/%d", i));
  assert_ptr_equal(notifier_rollout(&notifier, STR("n/busy")), busy);
  arena_dispose(&arena);
  notifier_forget_senders(&notifier);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_rollout_has_a_store_and_a_rate),
      cmocka_unit_test(a_namespace_has_them_too),
      cmocka_unit_test(who_has_sent_nothing_for_a_while_is_forgotten),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
