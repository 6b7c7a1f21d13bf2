// SPDX-License-Identifier: Apache-2.0
// What notifier.c and notifier_send.c share. Private to them.
#pragma once

#include "manifests/base/map.h"
#include "manifests/base/rng.h"
#include "operator/effect/notifier.h"

#include <uv.h>

#define NOTIFIER_MAX 1024u  // deliveries in memory; more wait in status
#define NOTIFIER_AT_ONCE 8u // calls that run
#define NAMESPACE_MAX 256u  // the same of one namespace
#define NAMESPACE_AT_ONCE 4u

// In this order: what is below TAKEN has not ended.
enum delivery_state { DELIVERY_WAITS, DELIVERY_RUNS, DELIVERY_TAKEN, DELIVERY_DROPPED };

struct rate; // inside notifier_rate.c

// A namespace or a Rollout.
struct sender {
  const struct rate *rate;
  double tokens; // at at_ms
  int64_t at_ms;
  size_t count, running; // deliveries
  bool full;             // some wait in status for room here
};

// One notice for one receiver.
struct delivery {
  struct notifier *notifier;
  struct delivery *next;
  struct arena arena;     // holds the texts below
  struct arena try_arena; // what the Secret says; only while a try runs
  struct str key;         // of the Rollout
  int64_t number;         // of the notice
  struct str target;      // the receiver's name
  size_t targets;         // receivers of this notice
  struct str url, secret_ns, secret_name;
  enum rollout_notification_form form;
  bool allow_http;
  bool is_default; // the operator's own receiver, which no rule is asked about
  struct sender *in_namespace, *of_rollout;
  bool paid;                     // its place in the rates is taken
  bool held;                     // told when the Rollout is let go
  bool orphan;                   // its Rollout is gone: sent on without anybody who could be told
  bool was_refused, was_allowed; // addresses in this try
  struct str id, event, body;
  enum delivery_state state;
  int tries;
  int64_t due_ms, end_ms; // steady clock
  struct str trouble;     // of the last try; never an address or a secret
  uint64_t round;         // of the sync that saw it last
  bool gone;              // freed when nothing runs
  struct kube_op secret_op;
  struct http_op http_op;
};

struct notifier {
  struct notifier_options options;
  struct rng rng;
  uv_timer_t timer;
  struct delivery *first;
  size_t count, running;
  uint64_t round;
  struct map senders; // by name
  bool full;          // some wait in status for room here
  uint64_t delivered, failed, dropped;
  bool closing, timer_closed;
  void (*closed)(void *data);
  void *closed_data;
};

void delivery_start(struct delivery *delivery);
void delivery_free(struct delivery *delivery);
void notifier_arm(struct notifier *notifier);
// notifier_rate.c. They last as long as a delivery points to them.
struct sender *notifier_namespace(struct notifier *notifier, struct str ns);
struct sender *notifier_rollout(struct notifier *notifier, struct str key);
// 0: it may go now, and is counted. Else how long it has to wait.
int64_t delivery_pay(struct delivery *delivery, int64_t now_ms);
// Whether one more of that namespace may be kept in memory. False: it waits in status.
bool notifier_has_room(struct notifier *notifier, struct sender *ns);
// One of that namespace has gone: true when those that wait in status are to be looked at again,
// once for each time that there was no room.
bool notifier_has_room_again(struct notifier *notifier, struct sender *ns);
bool delivery_may_start(const struct delivery *delivery); // as to how many run; not as to when
void notifier_forget_senders(struct notifier *notifier);
