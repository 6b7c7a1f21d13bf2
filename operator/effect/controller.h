// SPDX-License-Identifier: Apache-2.0
// The operator's loop: watches give keys, keys are planned one at a time, plans are carried out.
// All decisions are in operator/reconcile and analysis; this file and its neighbours only fetch,
// ask and do. Single-threaded, on one loop.
#pragma once

#include "manifests/base/buf.h"
#include "operator/effect/notifier.h"
#include "operator/effect/prometheus_source.h"

struct controller;

struct controller_options {
  struct kube_client *kube;             // must outlive the controller
  struct str ns;                        // only this namespace; empty: all
  struct prometheus_default prometheus; // where a Rollout names none
  struct str scrape_match;              // matchers for `up`; empty: all targets
  int64_t scrape_ms; // the metrics' scrape interval: samples that new are left for the next look
  struct str content_key; // tells contents of Secrets apart (content_digest.h); empty: none
  struct notify_default notify;
  struct notify_rules notify_rules;
  int64_t notify_give_up_ms;
  bool leader_elect;
  bool trust_users;                     // the API server stamps RolloutActions with the true user
  struct str lease_namespace, identity; // of the election
  int64_t lease_ms, renew_deadline_ms, retry_ms; // 0: as kube_lease.h says
};

// Starts to watch. Non-zero only for what cannot work at all.
int controller_open(const struct controller_options *options, struct controller **ret_controller,
                    struct err *err);
// Gives up leadership, lets the running writes end, then calls `closed`. Idempotent.
void controller_close(struct controller *controller, void (*closed)(void *data), void *data);
bool controller_is_ready(const struct controller *controller); // has seen everything once
// The operator's own metrics, as text exposition.
void controller_metrics(struct controller *controller, struct buf *out);
