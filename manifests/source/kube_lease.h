// SPDX-License-Identifier: Apache-2.0
// Leases: leader election (one of several operators works) and publishing (a proxy tells what it
// serves). Election follows client-go: another holder's lease counts as expired when it has not
// changed for its duration by OUR steady clock; the time stamps in it are never compared with our
// clock. Who waits looks four times as often as client-go, so that a lease that is given back is
// taken at once.
#pragma once

#include "manifests/source/kube_client.h"

extern const struct kube_resource kube_leases; // coordination.k8s.io/v1

struct kube_election;

struct kube_election_options {
  struct str ns, name;
  struct str identity;                           // unique: host and random part
  int64_t lease_ms, renew_deadline_ms, retry_ms; // 0: 15000, 10000, 2000
  void (*started)(void *data);                   // we lead from now on
  // We no longer do: renewing failed for renew_deadline_ms, or somebody else took over. The
  // election goes on.
  void (*stopped)(void *data);
  void (*observed)(struct str holder, void *data); // the holder changed (may be us); may be NULL
  void *data;
};

// RC_USAGE unless lease_ms > renew_deadline_ms > 1.2 * retry_ms, as client-go: a leader has stopped
// for lease_ms - renew_deadline_ms before anybody else may start.
int kube_election_open(struct kube_client *client, const struct kube_election_options *options,
                       struct kube_election **ret_election, struct err *err);
// By the clock, now: also false when the process stood still for too long to have been told.
bool kube_election_is_leader(const struct kube_election *election);
// Gives the lease back when we hold it (so that the next one starts at once), then calls `closed`
// (may be NULL). `stopped` is not called. Idempotent.
void kube_election_close(struct kube_election *election, void (*closed)(void *data), void *data);

struct kube_publish;

struct kube_publish_options {
  struct str ns, name;         // the namespace is created when it is absent
  struct str holder;           // spec.holderIdentity
  const struct json *labels;   // object of strings, or NULL; copied
  int64_t lease_ms, period_ms; // 0: 10000, 3000
  // A write failed; it is tried again at the next period. NULL: silence.
  void (*failed)(const struct err *err, void *data);
  void *data;
};

// Writes the Lease at once and then each period.
int kube_publish_open(struct kube_client *client, const struct kube_publish_options *options,
                      struct kube_publish **ret_publish, struct err *err);
// Replaces one annotation and writes at once (a write that runs is followed by another).
void kube_publish_set(struct kube_publish *publish, const char *annotation, struct str value);
// The Lease goes on in other hands: kube_publish_close will not delete it.
void kube_publish_leave(struct kube_publish *publish);
// Deletes the Lease, then calls `closed` (may be NULL); gives up on the delete after 2 s.
// Idempotent.
void kube_publish_close(struct kube_publish *publish, void (*closed)(void *data), void *data);
