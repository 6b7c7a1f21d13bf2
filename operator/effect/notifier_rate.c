// SPDX-License-Identifier: Apache-2.0
// Who may send how much: a Rollout, and a namespace, have so many notifications in store and so
// many a second; what is over that waits. So nobody can flood a receiver, or keep others' from
// theirs.
#include "manifests/base/alloc.h"
#include "manifests/base/clock.h"
#include "operator/effect/notifier_parts.h"

#define SENDERS_MAX 2048u // from then on those are forgotten that have sent nothing for a while

struct rate {
  double burst;
  double every_ms; // one more
};
static const struct rate of_rollout = {20, 10000}, of_namespace = {100, 1000};

static double tokens_now(const struct sender *sender, int64_t now_ms) {
  int64_t passed_ms = now_ms > sender->at_ms ? now_ms - sender->at_ms : 0;
  double tokens = sender->tokens + (double)passed_ms / sender->rate->every_ms;
  return tokens < sender->rate->burst ? tokens : sender->rate->burst;
}

static void tidy(struct notifier *notifier, int64_t now_ms) {
  struct map_iter it = map_begin(&notifier->senders);
  while (map_each(&it)) {
    struct sender *sender = it.value;
    if (sender->count || tokens_now(sender, now_ms) < sender->rate->burst)
      continue;
    map_del(&notifier->senders, it.key);
    xfree(sender);
  }
}

static struct sender *sender_of(struct notifier *notifier, struct str name,
                                const struct rate *rate) {
  struct sender *sender = map_get(&notifier->senders, name);
  if (sender)
    return sender;
  if (map_count(&notifier->senders) >= SENDERS_MAX)
    tidy(notifier, clock_mono_ms());
  sender = XNEW(struct sender);
  *sender = (struct sender){.rate = rate, .tokens = rate->burst, .at_ms = clock_mono_ms()};
  map_put(&notifier->senders, name, sender);
  return sender;
}

struct sender *notifier_namespace(struct notifier *notifier, struct str ns) {
  return sender_of(notifier, ns, &of_namespace);
}

struct sender *notifier_rollout(struct notifier *notifier, struct str key) {
  return sender_of(notifier, key, &of_rollout); // "namespace/name": never the name of a namespace
}

int64_t delivery_pay(struct delivery *d, int64_t now_ms) {
  struct sender *both[] = {d->in_namespace, d->of_rollout};
  int64_t wait_ms = 0;
  for (size_t i = 0; i < 2; i++) {
    double lacks = 1 - tokens_now(both[i], now_ms);
    int64_t ms = lacks > 0 ? (int64_t)(lacks * both[i]->rate->every_ms) + 1 : 0;
    wait_ms = ms > wait_ms ? ms : wait_ms;
  }
  if (wait_ms)
    return wait_ms;
  for (size_t i = 0; i < 2; i++) {
    both[i]->tokens = tokens_now(both[i], now_ms) - 1;
    both[i]->at_ms = now_ms;
  }
  d->paid = true;
  return 0;
}

// --- how many at once ---

bool notifier_has_room(struct notifier *notifier, struct sender *ns) {
  notifier->full |= notifier->count >= NOTIFIER_MAX;
  ns->full |= ns->count >= NAMESPACE_MAX;
  return notifier->count < NOTIFIER_MAX && ns->count < NAMESPACE_MAX;
}

bool notifier_has_room_again(struct notifier *notifier, struct sender *ns) {
  bool room = notifier->full && notifier->count < NOTIFIER_MAX / 2;
  bool ns_room = ns->full && ns->count < NAMESPACE_MAX / 2;
  notifier->full &= !room;
  ns->full &= !ns_room;
  return room || ns_room;
}

bool delivery_may_start(const struct delivery *d) {
  return !d->gone && !d->held && d->state == DELIVERY_WAITS &&
         d->notifier->running < NOTIFIER_AT_ONCE && d->in_namespace->running < NAMESPACE_AT_ONCE;
}

void notifier_forget_senders(struct notifier *notifier) {
  struct map_iter it = map_begin(&notifier->senders);
  while (map_each(&it))
    xfree(it.value);
  map_dispose(&notifier->senders);
}
