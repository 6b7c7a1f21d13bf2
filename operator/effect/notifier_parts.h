// SPDX-License-Identifier: Apache-2.0
// What notifier.c and notifier_send.c share. Private to them.
#pragma once

#include "manifests/base/rng.h"
#include "operator/effect/notifier.h"

#include <uv.h>

#define NOTIFIER_MAX 1024u  // deliveries in memory; more wait in status
#define NOTIFIER_AT_ONCE 8u // calls that run

// In this order: what is below TAKEN has not ended.
enum delivery_state { DELIVERY_WAITS, DELIVERY_RUNS, DELIVERY_TAKEN, DELIVERY_DROPPED };

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
  bool full; // some wait in status for room here
  uint64_t delivered, failed, dropped;
  bool closing, timer_closed;
  void (*closed)(void *data);
  void *closed_data;
};

void delivery_start(struct delivery *delivery);
void delivery_free(struct delivery *delivery);
void notifier_arm(struct notifier *notifier);
