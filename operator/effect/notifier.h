// SPDX-License-Identifier: Apache-2.0
// Sends the notices that wait in Rollouts' status, beside everything else: no plan ever waits for
// it. At least once: a notice leaves status only after its receivers took it or it was given up,
// and has one id for ever. Bounded: so many deliveries, so many at once, a deadline each.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/kinds/rollout.h"
#include "manifests/source/kube_client.h"
#include "operator/effect/notify_rules.h"
#include "operator/reconcile/snapshot.h"

struct notifier;

struct notify_default {              // of Rollouts that name nobody
  struct str secret_ns, secret_name; // empty: nobody
  enum rollout_notification_form form;
  bool allow_http;
};

struct notifier_options {
  struct kube_client *kube; // must outlive the notifier
  struct notify_default fallback;
  struct notify_rules rules; // for the receivers that Rollouts name; its texts outlive the notifier
  int64_t give_up_ms;        // after that long a notice is dropped
  // Something about the notices of this Rollout has ended: notifier_results has news. An empty key:
  // there is room again, all Rollouts are to be looked at.
  void (*settled)(struct str key, void *data);
  void *data;
};

struct notifier *notifier_new(const struct notifier_options *options);
bool notifier_has_default(const struct notifier *notifier);
// Takes up what waits in this Rollout's status as the API server has it, and forgets what no longer
// does. Idempotent. Everything is copied.
void notifier_sync(struct notifier *notifier, struct str key, const struct rollout *rollout);
// The Rollout is about to go, and this status, with what is to be told of its end, will be written
// nowhere: keeps it for notifier_let_go. The next notifier_sync forgets it again.
void notifier_hold(struct notifier *notifier, struct str key, const struct rollout *rollout,
                   const struct rollout_status *status);
// The Rollout is gone, or its finalizer is: what waits is sent on for some minutes, and its end is
// said in the log alone.
void notifier_let_go(struct notifier *notifier, struct str key);
void notifier_forget_all(struct notifier *notifier); // somebody else leads
// What became of the notices so far; in `arena`.
const struct notice_result *notifier_results(const struct notifier *notifier, struct str key,
                                             struct arena *arena, size_t *ret_count);
void notifier_metrics(const struct notifier *notifier, struct buf *out);
// Cancels what runs, frees the notifier, then calls `closed`.
void notifier_close(struct notifier *notifier, void (*closed)(void *data), void *data);
