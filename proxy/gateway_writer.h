// SPDX-License-Identifier: Apache-2.0
// Writes the status of GatewayClasses, Gateways and HTTPRoutes back to a Kubernetes API, through
// the status subresource and only where it says something new. Of several proxies one writes: the
// holder of a Lease of the controller's name. Effect; on the main loop. What to write is decided by
// gateway_status.h.
#pragma once

#include "manifests/source/kube_client.h"
#include "proxy/dump.h"

#include <uv.h>

struct gateway_writer;

struct gateway_writer_options {
  struct str name, namespace_; // of the proxy; the Lease stands in this namespace
  struct dump_listening listening;
  void (*failed)(const struct err *err, void *data); // tried again by itself
  void *data;
};

// The client must outlive it. Nothing is asked of the API before there is something to write.
struct gateway_writer *gateway_writer_new(uv_loop_t *loop, struct kube_client *client,
                                          const struct gateway_writer_options *options);
// The table is in force (a reference is taken), or its listeners were opened or lost.
void gateway_writer_update(struct gateway_writer *writer, struct proxy_table *table);
// Gives the Lease back. `closed` is called later, when the memory is gone.
void gateway_writer_close(struct gateway_writer *writer, void (*closed)(void *data), void *data);
