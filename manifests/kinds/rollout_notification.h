// SPDX-License-Identifier: Apache-2.0
// Rollout spec.notifications: who is told of what, and in status what is still to be told. Structs
// and tables only: what is due when is operator/reconcile/notice.c, how it is sent
// operator/effect/notifier.c.
#pragma once

#include "manifests/kinds/rollout_analysis.h"

#define ROLLOUT_NOTICES_MAX 16 // that wait in status; the oldest go first
#define ROLLOUT_NOTICE_METRICS_MAX 8

enum rollout_event {
  ROLLOUT_EVENT_PAUSED = 1,
  ROLLOUT_EVENT_HOLDING,
  ROLLOUT_EVENT_STALLED,
  ROLLOUT_EVENT_ROLLED_BACK,
  ROLLOUT_EVENT_PROMOTED,
  ROLLOUT_EVENT_ABORTED,
  ROLLOUT_EVENT_FAILED,
};
#define ROLLOUT_EVENTS 7

enum rollout_notification_form { NOTIFICATION_GENERIC = 1, NOTIFICATION_SLACK, NOTIFICATION_TEAMS };

struct rollout_notification {
  struct str name;
  enum rollout_notification_form form;
  struct str url;                        // empty: the Secret's
  struct rollout_secret_ref *secret_ref; // keys url, key, ca.crt
  struct str *on;                        // names of events; none: all
  size_t on_count;
  bool allow_http;
};

struct rollout_notice_last { // so that what goes to and fro is told once
  enum rollout_event event;
  struct str reason, release;
  int64_t at;
};

extern const struct enum_value rollout_event_values[];
extern const struct enum_value rollout_notification_forms[];
extern const struct schema rollout_notification_schema;

const char *rollout_event_name(enum rollout_event event);
bool rollout_notification_wants(const struct rollout_notification *to, enum rollout_event event);
// What is wrong with an address; NULL: nothing. Never shows the address, which may be a secret.
const char *rollout_notification_url_problem(struct str url, bool allow_http);
