// SPDX-License-Identifier: Apache-2.0
// The Lease by which a proxy says which revisions all its workers serve: label serin.dev/component:
// proxy, annotation serin.dev/serving. Used by config.c. Effect, but for ack_text.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/source/kube_lease.h"
#include "proxy/table.h"

#define ACK_ANNOTATION "serin.dev/serving"
#define ACK_TEXT_MAX (240u << 10) // Kubernetes allows 256 KiB of annotations

struct ack;

struct ack_options {
  struct str name, namespace_; // of the proxy
  // A write failed; it is tried again. May be NULL.
  void (*failed)(const struct err *err, void *data);
  void *data;
};

// {"VirtualService/team1/x": "123", "HTTPRoute/team1/y": "generation:7", ...}: resourceVersions, or
// the generation of kinds whose status others write.
int ack_text(struct buf *out, const struct proxy_table *table);

// The client must outlive it. Nothing is written before the first confirmation.
struct ack *ack_new(struct kube_client *client, const struct ack_options *options);
// A table was handed to the workers.
void ack_offer(struct ack *ack, const struct proxy_table *table);
// All workers serve this version or a newer one: the Lease is written at once, and every 3 s from
// then on.
void ack_confirm(struct ack *ack, uint64_t version);
// Another process of the same name keeps the Lease from now on: ack_close leaves it alone.
void ack_leave(struct ack *ack);
// Deletes the Lease (waits at most 2 s). True: `closed` is called later, when the memory is gone.
// False: there was no Lease, all is freed already and nothing is called.
bool ack_close(struct ack *ack, void (*closed)(void *data), void *data);
