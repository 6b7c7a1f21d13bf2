// SPDX-License-Identifier: Apache-2.0
// The parts of a running proxy process, for proxy_main.c and what it is made of (proxy_admin.c).
#pragma once

#include "manifests/base/map.h"
#include "proxy/handover.h"
#include "proxy/proxy_listeners.h"
#include "proxy/proxy_main.h"
#include "proxy/proxy_outlier.h"
#include "proxy/proxy_sockets.h"
#include "proxy/worker.h"

#include <stdatomic.h>
#include <uv.h>

struct access_log;
struct handover;
struct admin;
struct proxy_config;
struct stats;
struct breakers;
struct upstream_load;

struct proxy {
  const struct proxy_options *options;
  struct worker_limits limits;
  uv_loop_t loop;
  uv_async_t async;
  uv_signal_t signals[4];
  uv_timer_t slow_drain;
  struct worker **workers;
  struct stats **stats;
  _Atomic uint64_t *taken; // version of the table each worker has
  unsigned worker_count, started;
  atomic_uint ended;
  uint64_t confirmed; // taken by all
  struct upstream_load *load;
  struct table_grave grave;
  struct proxy_outlier outlier;
  struct breakers *breakers;
  struct access_log *access_log;
  struct proxy_sockets sockets;
  struct proxy_listeners listeners; // of declared Gateways
  struct handover_offer offer;      // of the process before, until this one is ready
  struct handover *handover;        // for the process after; NULL when off
  struct str served;                // what the process after has told to serve
  struct str hand_over_path;
  struct proxy_config *config; // NULL when closed
  struct admin *admin;
  unsigned reporters;
  const struct table_label *labels; // options->label_count of them
  struct map zero;                  // of POST /reset_counters: see stats_plain.h
  int64_t started_ms;
  atomic_bool unhealthy; // POST /healthcheck/fail
  bool leaving, draining, quitting, closed;
};

void proxy_drain(struct proxy *proxy); // accept no more, answer what runs
// Readiness fails and answers say "connection: close"; after the drain time (`then_drain`) the same
// as proxy_drain.
void proxy_drain_slowly(struct proxy *proxy, bool then_drain);
// On the socket of the process before, else as the options say.
int proxy_open_admin(struct proxy *proxy, struct err *err);
void proxy_quit(struct proxy *proxy);                  // the same, then end
void proxy_on_signal(uv_signal_t *handle, int number); // `data` of the handle: the proxy
