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

// --- how many at once ---

// What the list does when one comes, begins, and ends.
static bool comes(struct notifier *notifier, struct str ns) {
  struct sender *sender = notifier_namespace(notifier, ns);
  if (!notifier_has_room(notifier, sender))
    return false;
  notifier->count++;
  sender->count++;
  return true;
}

static bool goes(struct notifier *notifier, struct str ns) {
  struct sender *sender = notifier_namespace(notifier, ns);
  notifier->count--;
  sender->count--;
  return notifier_has_room_again(notifier, sender);
}

static bool begins(struct notifier *notifier, struct str ns) {
  struct delivery d = of(notifier, ns, STR("x/y"));
  if (!delivery_may_start(&d))
    return false;
  notifier->running++;
  d.in_namespace->running++;
  return true;
}

static int many(struct notifier *notifier, struct str ns, int most,
                bool (*one)(struct notifier *, struct str)) {
  int count = 0;
  for (int i = 0; i < most; i++)
    count += one(notifier, ns);
  return count;
}

static void one_namespace_leaves_room_for_others(void **state) {
  (void)state;
  struct notifier notifier = {0};
  map_init(&notifier.senders);
  assert_int_equal(many(&notifier, STR("loud"), 1000, comes), 256);
  assert_int_equal(many(&notifier, STR("b"), 1000, comes), 256);
  assert_int_equal(many(&notifier, STR("c"), 10, comes), 10);
  assert_int_equal(many(&notifier, STR("d"), 1000, comes), 256);
  assert_int_equal(many(&notifier, STR("e"), 1000, comes), 1024 - 3 * 256 - 10);
  assert_int_equal(many(&notifier, STR("f"), 5, comes), 0); // the memory of all together
  // Those in status are looked at again once half of what there was is gone: not at each that goes.
  assert_int_equal(many(&notifier, STR("loud"), 128, goes), 0);
  assert_true(goes(&notifier, STR("loud")));
  assert_int_equal(many(&notifier, STR("loud"), 127, goes), 0);
  assert_int_equal(many(&notifier, STR("b"), 129, goes), 1);
  assert_int_equal(many(&notifier, STR("c"), 10, goes), 0);  // it always had room
  assert_int_equal(many(&notifier, STR("d"), 256, goes), 2); // its own half, and that of all
  assert_int_equal(many(&notifier, STR("f"), 5, comes), 5);
  notifier_forget_senders(&notifier);
}

static void no_more_calls_run_than_are_allowed(void **state) {
  (void)state;
  struct notifier notifier = {0};
  map_init(&notifier.senders);
  assert_int_equal(many(&notifier, STR("slow"), 100, begins), 4);
  assert_int_equal(many(&notifier, STR("b"), 100, begins), 4);
  assert_int_equal(many(&notifier, STR("c"), 100, begins), 0); // eight in all
  notifier.running--;
  notifier_namespace(&notifier, STR("slow"))->running--;
  assert_int_equal(many(&notifier, STR("b"), 100, begins), 0);
  assert_int_equal(many(&notifier, STR("c"), 100, begins), 1);
  struct delivery d = of(&notifier, STR("d"), STR("d/a"));
  notifier.running = 0;
  assert_true(delivery_may_start(&d));
  d.held = true;
  assert_false(delivery_may_start(&d));
  d = of(&notifier, STR("d"), STR("d/a"));
  d.state = DELIVERY_RUNS;
  assert_false(delivery_may_start(&d));
  notifier_forget_senders(&notifier);
}

// Whatever comes and goes, no cap is ever broken, and nobody who was turned away is forgotten.
static void caps_hold_whatever_happens(void **state) {
  (void)state;
  static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g"};
  struct notifier notifier = {0};
  struct rng rng;
  size_t waiting[7] = {0};
  bool told[7] = {0}; // to look again
  map_init(&notifier.senders);
  rng_init(&rng, 5);
  for (int i = 0; i < 40000; i++) {
    size_t which = rng_below(&rng, 7), most = i % 4000 < 2000 ? 3 : 1;
    struct str ns = str_of(names[which]);
    struct sender *sender = notifier_namespace(&notifier, ns);
    if (rng_below(&rng, 4) < most) {
      if (!comes(&notifier, ns))
        waiting[which] += 1, told[which] = false;
    } else if (sender->count > 0 && goes(&notifier, ns)) {
      for (size_t k = 0; k < 7; k++)
        told[k] = true;
    }
    assert_in_range(notifier.count, 0, NOTIFIER_MAX);
    assert_in_range(sender->count, 0, NAMESPACE_MAX);
    for (size_t k = 0; k < 7; k++) {
      struct sender *one = notifier_namespace(&notifier, str_of(names[k]));
      bool has_to_wait = waiting[k] > 0 && !told[k];
      assert_true(!has_to_wait || one->full || notifier.full);
    }
  }
  notifier_forget_senders(&notifier);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_rollout_has_a_store_and_a_rate),
      cmocka_unit_test(a_namespace_has_them_too),
      cmocka_unit_test(who_has_sent_nothing_for_a_while_is_forgotten),
      cmocka_unit_test(one_namespace_leaves_room_for_others),
      cmocka_unit_test(no_more_calls_run_than_are_allowed),
      cmocka_unit_test(caps_hold_whatever_happens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
