// SPDX-License-Identifier: Apache-2.0
// What became of the Secrets that pod templates refer to: each is read by its name every half
// minute while a Rollout asks for it. That needs the right to get these names and nothing more, no
// connection for each, and nothing of a Secret stays in memory but its keyed digest. (A watch of
// one name would need list and watch, and a connection each.)
#pragma once

#include "manifests/source/kube_client.h"
#include "operator/reconcile/snapshot.h"

struct content_secrets;

struct content_secrets_options {
  struct kube_client *kube;
  struct str key; // empty: none can be told apart; must outlive it
  void (*changed)(struct str ns, struct str name, void *data); // another state than before
  void (*closed)(void *data);
  void *data;
};

struct content_secrets *content_secrets_new(const struct content_secrets_options *options);
// As it was when it was read last; from now on it is read. kind and name are left to the caller.
struct snapshot_content content_secrets_state(struct content_secrets *secrets, struct str ns,
                                              struct str name, struct arena *arena);
void content_secrets_close(struct content_secrets *secrets); // `closed` comes later
