// SPDX-License-Identifier: Apache-2.0
// The list of deliveries and their clock. How one is sent is notifier_send.c.
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/exposition.h"
#include "manifests/base/log.h"
#include "operator/effect/notifier_parts.h"
#include "operator/reconcile/notice.h"

#include <sys/random.h>

#define ORPHAN_MS (10 * 60000) // so long is sent on what a deleted Rollout left
#define FAILING_TRIES 3        // so many failures in a row are told as a condition

static void on_timer(uv_timer_t *timer);

struct notifier *notifier_new(const struct notifier_options *options) {
  struct notifier *notifier = XNEW(struct notifier);
  uint64_t seed = (uint64_t)clock_mono_us();
  (void)!getrandom(&seed, sizeof seed, GRND_NONBLOCK);
  notifier->options = *options;
  map_init(&notifier->senders);
  rng_init(&notifier->rng, seed); // for jitter only
  uv_timer_init(http_client_loop(kube_client_http(options->kube)), &notifier->timer);
  return notifier;
}

bool notifier_has_default(const struct notifier *notifier) {
  return notifier->options.fallback.secret_name.len > 0;
}

// --- the list ---

static void finish_closing(struct notifier *notifier) {
  if (!notifier->closing || notifier->first || !notifier->timer_closed)
    return;
  void (*closed)(void *) = notifier->closed;
  void *data = notifier->closed_data;
  notifier_forget_senders(notifier);
  xfree(notifier);
  closed(data);
}

void delivery_free(struct delivery *delivery) {
  struct notifier *notifier = delivery->notifier;
  struct delivery **at = &notifier->first;
  while (*at != delivery)
    at = &(*at)->next;
  *at = delivery->next;
  notifier->count--;
  struct sender *ns = delivery->in_namespace;
  ns->count--;
  delivery->of_rollout->count--;
  arena_dispose(&delivery->arena);
  arena_dispose(&delivery->try_arena);
  xfree(delivery);
  if (!notifier->closing && notifier_has_room_again(notifier, ns))
    notifier->options.settled(STR(""), notifier->options.data);
  finish_closing(notifier);
}

// Frees it now, or when what runs has ended.
static void drop(struct delivery *delivery) {
  delivery->gone = true;
  if (kube_is_running(&delivery->secret_op))
    kube_cancel(&delivery->secret_op);
  else if (http_is_running(&delivery->http_op))
    http_cancel(&delivery->http_op);
  else
    delivery_free(delivery);
}

static struct delivery *find(const struct notifier *notifier, struct str id, struct str target) {
  for (struct delivery *d = notifier->first; d; d = d->next)
    if (!d->gone && str_eq(d->id, id) && str_eq(d->target, target))
      return d;
  return NULL;
}

static struct delivery *add(struct notifier *notifier, struct str key,
                            const struct rollout *rollout, const struct rollout_notice *notice,
                            const struct rollout_notification *to) {
  struct delivery *d = XNEW(struct delivery);
  struct arena *arena = &d->arena;
  const struct notice_about about = {.ns = rollout->metadata.namespace_,
                                     .name = rollout->metadata.name,
                                     .uid = rollout->metadata.uid};
  bool own = rollout->spec.notifications_count > 0;
  arena_init(arena);
  arena_init(&d->try_arena);
  d->notifier = notifier;
  d->key = arena_str(arena, key);
  d->number = notice->number;
  d->target = arena_str(arena, to->name);
  d->url = arena_str(arena, to->url);
  d->secret_ns = arena_str(arena, own ? about.ns : notifier->options.fallback.secret_ns);
  d->secret_name = to->secret_ref ? arena_str(arena, to->secret_ref->name) : STR_NULL;
  d->form = to->form;
  d->allow_http = to->allow_http;
  d->is_default = !own;
  d->in_namespace = notifier_namespace(notifier, about.ns);
  d->in_namespace->count++; // else the next line may forget it
  d->of_rollout = notifier_rollout(notifier, key);
  d->of_rollout->count++;
  d->id = notice_id(&about, notice, arena);
  d->event = arena_strz(arena, rollout_event_name(notice->event));
  d->body = json_text(arena, notice_body(to->form, &about, notice, arena));
  int64_t age_ms = clock_wall_ms() - notice->at;
  d->end_ms = clock_mono_ms() + notifier->options.give_up_ms - (age_ms > 0 ? age_ms : 0);
  d->due_ms = clock_mono_ms();
  d->next = notifier->first;
  notifier->first = d;
  notifier->count++;
  return d;
}

// Whom this Rollout's notices go to: its own list, or the operator's default as a list of one.
static size_t targets_of(const struct notifier *notifier, const struct rollout *rollout,
                         struct rollout_notification *fallback, struct rollout_secret_ref *ref,
                         const struct rollout_notification **ret_targets) {
  const struct notify_default *given = &notifier->options.fallback;
  *ret_targets = rollout->spec.notifications;
  if (rollout->spec.notifications_count || !notifier_has_default(notifier))
    return rollout->spec.notifications_count;
  *ref = (struct rollout_secret_ref){.name = given->secret_name};
  *fallback = (struct rollout_notification){.name = STR("default"),
                                            .form = given->form,
                                            .secret_ref = ref,
                                            .allow_http = given->allow_http};
  *ret_targets = fallback;
  return 1;
}

// Makes deliveries of the notices in `status`, as far as there are none.
static void take_up(struct notifier *notifier, struct str key, const struct rollout *rollout,
                    const struct rollout_status *status, bool held) {
  struct rollout_notification fallback;
  struct rollout_secret_ref ref;
  const struct rollout_notification *targets;
  const struct notice_about about = {.uid = rollout->metadata.uid};
  size_t count = targets_of(notifier, rollout, &fallback, &ref, &targets);
  struct arena arena;
  arena_init(&arena);
  for (size_t i = 0; i < status->notices_count; i++) {
    struct str id = notice_id(&about, &status->notices[i], &arena);
    size_t wanted = 0;
    for (size_t t = 0; t < count; t++)
      wanted += rollout_notification_wants(&targets[t], status->notices[i].event);
    for (size_t t = 0; t < count; t++) {
      if (!rollout_notification_wants(&targets[t], status->notices[i].event))
        continue;
      struct delivery *d = find(notifier, id, targets[t].name);
      if (!d &&
          !notifier_has_room(notifier, notifier_namespace(notifier, rollout->metadata.namespace_)))
        continue;
      if (!d) {
        d = add(notifier, key, rollout, &status->notices[i], &targets[t]);
        d->held = held;
      }
      d->targets = wanted;
      d->round = notifier->round;
    }
  }
  arena_dispose(&arena);
}

void notifier_sync(struct notifier *notifier, struct str key, const struct rollout *rollout) {
  if (notifier->closing || (!rollout->status.notices_count && !notifier->first))
    return;
  notifier->round++;
  take_up(notifier, key, rollout, &rollout->status, false);
  for (struct delivery *d = notifier->first, *next; d; d = next) {
    next = d->next;
    if (!d->gone && !d->orphan && d->round != notifier->round && str_eq(d->key, key))
      drop(d);
  }
  notifier_arm(notifier);
}

void notifier_hold(struct notifier *notifier, struct str key, const struct rollout *rollout,
                   const struct rollout_status *status) {
  if (!notifier->closing)
    take_up(notifier, key, rollout, status, true);
}

void notifier_let_go(struct notifier *notifier, struct str key) {
  int64_t end_ms = clock_mono_ms() + ORPHAN_MS;
  for (struct delivery *d = notifier->first, *next; d; d = next) {
    next = d->next;
    if (d->gone || d->orphan || !str_eq(d->key, key))
      continue;
    if (d->state >= DELIVERY_TAKEN) {
      drop(d);
      continue;
    }
    d->orphan = true;
    d->held = false;
    d->end_ms = d->end_ms < end_ms ? d->end_ms : end_ms;
  }
  notifier_arm(notifier);
}

void notifier_forget_all(struct notifier *notifier) {
  for (struct delivery *d = notifier->first, *next; d; d = next) {
    next = d->next;
    if (d->orphan && !d->gone && d->state < DELIVERY_TAKEN)
      LOG(LOG_WARN, "notification lost: its Rollout is gone, and this operator stops",
          LOG_S("rollout", d->key), LOG_S("event", d->event), LOG_S("receiver", d->target));
    if (!d->gone)
      drop(d);
  }
}

// --- results ---

// All receivers of one notice together: one that has not ended keeps it open, one that was given up
// is said.
static struct notice_result result_of(const struct notifier *notifier, const struct delivery *first,
                                      struct arena *arena) {
  struct notice_result result = {.number = first->number, .outcome = NOTICE_DELIVERED};
  size_t ended = 0;
  bool failing = false;
  for (const struct delivery *d = notifier->first; d; d = d->next) {
    if (d->gone || d->orphan || d->number != first->number || !str_eq(d->key, first->key))
      continue;
    bool dropped = d->state == DELIVERY_DROPPED, open = d->state != DELIVERY_TAKEN && !dropped;
    ended += !open;
    if (dropped || (open && d->tries >= FAILING_TRIES)) {
      result.message = arena_printf(arena, "%.*s: %.*s, %d tries", STR_ARG(d->target),
                                    STR_ARG(d->trouble), d->tries);
      failing = true;
    }
    if (dropped)
      result.outcome = NOTICE_DROPPED;
  }
  if (ended < first->targets)
    result.outcome = failing ? NOTICE_FAILING : NOTICE_DELIVERED;
  if (ended < first->targets && !failing)
    result.number = 0; // nothing to say yet
  return result;
}

const struct notice_result *notifier_results(const struct notifier *notifier, struct str key,
                                             struct arena *arena, size_t *ret_count) {
  struct notice_result *results = ARENA_ARRAY(arena, struct notice_result, notifier->count + 1);
  size_t count = 0;
  for (const struct delivery *d = notifier->first; d; d = d->next) {
    bool seen = d->gone || d->orphan || !str_eq(d->key, key);
    for (size_t i = 0; i < count && !seen; i++)
      seen = results[i].number == d->number;
    if (seen)
      continue;
    struct notice_result result = result_of(notifier, d, arena);
    if (result.number)
      results[count++] = result;
  }
  *ret_count = count;
  return results;
}

void notifier_metrics(const struct notifier *notifier, struct buf *out) {
  exposition_family(out, "serin_operator_notifications_total", "counter",
                    "Notifications by result: delivered, dropped; failed counts tries.");
  const struct {
    const char *result;
    uint64_t count;
  } rows[] = {{"delivered", notifier->delivered},
              {"failed", notifier->failed},
              {"dropped", notifier->dropped}};
  for (size_t i = 0; i < ARRAY_LEN(rows); i++)
    exposition_sample(out, "serin_operator_notifications_total",
                      &(struct exposition_label){"result", str_of(rows[i].result)}, 1,
                      (double)rows[i].count);
  size_t waiting = 0;
  for (const struct delivery *d = notifier->first; d; d = d->next)
    waiting += !d->gone && d->state < DELIVERY_TAKEN;
  exposition_family(out, "serin_operator_notifications_waiting", "gauge",
                    "Notifications that are not delivered yet.");
  exposition_sample(out, "serin_operator_notifications_waiting", NULL, 0, (double)waiting);
}

// --- the clock ---

// Starts what is due, as far as not too many run, and sets the timer to the next.
static void on_timer(uv_timer_t *timer) {
  struct notifier *notifier = container_of(timer, struct notifier, timer);
  int64_t now_ms = clock_mono_ms();
  for (struct delivery *d = notifier->first, *next; d; d = next) {
    next = d->next; // one that cannot even begin may be freed
    if (!delivery_may_start(d) || d->due_ms > now_ms)
      continue;
    int64_t wait_ms = d->paid ? 0 : delivery_pay(d, now_ms);
    if (wait_ms)
      d->due_ms = now_ms + wait_ms;
    else
      delivery_start(d);
  }
  notifier_arm(notifier);
}

void notifier_arm(struct notifier *notifier) {
  int64_t next_ms = INT64_MAX;
  for (const struct delivery *d = notifier->first; d; d = d->next)
    if (delivery_may_start(d) && d->due_ms < next_ms)
      next_ms = d->due_ms;
  if (notifier->closing || next_ms == INT64_MAX) {
    uv_timer_stop(&notifier->timer); // the end of one that runs arms it again
    return;
  }
  int64_t left_ms = next_ms - clock_mono_ms();
  uv_update_time(notifier->timer.loop);
  uv_timer_start(&notifier->timer, on_timer, (uint64_t)(left_ms > 0 ? left_ms : 0), 0);
}

static void on_timer_closed(uv_handle_t *handle) {
  struct notifier *notifier = container_of((uv_timer_t *)handle, struct notifier, timer);
  notifier->timer_closed = true;
  finish_closing(notifier);
}

void notifier_close(struct notifier *notifier, void (*closed)(void *data), void *data) {
  notifier->closing = true;
  notifier->closed = closed;
  notifier->closed_data = data;
  notifier_forget_all(notifier);
  uv_close((uv_handle_t *)&notifier->timer, on_timer_closed);
}
