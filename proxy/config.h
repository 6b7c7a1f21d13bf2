// SPDX-License-Identifier: Apache-2.0
// Where the table comes from: a folder of manifests or a Kubernetes API is watched, changes are
// gathered for a moment, a new table is built and handed over; a fault keeps the last good object.
// Effect: runs on the main loop, never on a worker. It decides nothing about traffic.
#pragma once

#include "manifests/base/err.h"
#include "proxy/dump.h"
#include "proxy/table_build.h"

#include <uv.h>

struct proxy_config;
struct kubeconfig;

struct config_options {
  // One of the two sources.
  const char *manifests;           // --manifests DIR, or NULL
  const char *kubeconfig;          // path, or NULL
  const char *context;             // of the kubeconfig, or NULL
  const char *kube_api;            // --kube-api URL without credentials, or NULL
  bool one_namespace;              // read settings.namespace_ only (API source)
  struct table_settings settings;  // copied
  int64_t dns_interval_ms;         // between two questions for one name
  bool lease;                      // keep a Lease that names what is served (API source only)
  struct dump_listening listening; // for the status of Gateways (API source only)
};

// A new table: one reference goes to the callee, which hands it to every worker (table_ref for
// each). The first call comes when the source was read completely, never from inside config_open.
typedef void (*config_publish_fn)(void *ctx, struct proxy_table *table);

// Starts. Fails, without callbacks later, when the source cannot be used at all (no such folder,
// bad kubeconfig). An API that is away is retried.
int config_open(uv_loop_t *loop, const struct config_options *options, config_publish_fn publish,
                void *ctx, struct proxy_config **ret_config, struct err *err);
// To be called on the main loop when all workers have taken the table with this version (or a newer
// one): the Lease says so at once.
void config_confirm(struct proxy_config *config, uint64_t version);
// A listener of the newest table was opened that could not be before: the status says so.
void config_listening_changed(struct proxy_config *config);
// The newest table, borrowed until the loop's next turn; NULL before the first. For the admin
// endpoints.
struct proxy_table *config_table(const struct proxy_config *config);
// Tables that somebody still uses: more than two only while requests end that began long ago.
unsigned config_table_count(const struct proxy_config *config);
// Whether the first table has been published.
bool config_is_ready(const struct proxy_config *config);
// What the source does, for /config_dump: "folder /etc/serin" or "https://127.0.0.1:6443", and the
// last error or "".
struct str config_source(const struct proxy_config *config);
struct str config_last_error(const struct proxy_config *config);
// Another process of the same name has taken over: the Lease is its own now, config_close leaves
// it.
void config_leave_lease(struct proxy_config *config);
// Ends; deletes the Lease when there is one (waits for the answer at most 2 s). Memory ends before
// `closed` is called.
void config_close(struct proxy_config *config, void (*closed)(void *ctx), void *ctx);
