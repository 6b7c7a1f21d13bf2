// SPDX-License-Identifier: Apache-2.0
// `serin proxy` as a process: sockets, workers, configuration, admin, signals, the drain. Decides
// nothing about traffic.
#pragma once

#include "manifests/base/err.h"
#include "manifests/base/str.h"

struct proxy_options {
  const struct str *listen; // ADDR:PORT
  size_t listen_count;
  const struct str *listen_fds; // inherited sockets
  size_t listen_fd_count;
  const struct str *labels; // KEY=VALUE, of this proxy
  size_t label_count;
  struct str controller; // whose GatewayClasses are ours
  struct str admin;      // ADDR:PORT; "off" for none
  int64_t admin_fd;      // -1: none
  int64_t workers;       // 0: one for each processor
  struct str manifests, kubeconfig, context, kube_api;
  struct str name, namespace_;
  bool one_namespace;      // nothing but namespace_ is read from the API
  struct str hand_over;    // path of a local socket; "" for none
  struct str locality;     // of this proxy: "region/zone/subzone"
  int64_t dns_interval_ms; // between two questions for one name
  int64_t drain_ms;
  int64_t header_timeout_ms;     // for the head of a request
  int64_t request_timeout_ms;    // for the rest of it; 0: none
  int64_t idle_timeout_ms;       // of a client connection between requests
  int64_t lame_duck_ms;          // after SIGTERM, before the drain
  int64_t stream_drain_ms;       // of a stream whose version has lost its traffic
  int64_t stream_idle_ms;        // of an exchange without a byte
  int64_t connection_ms;         // how long a client connection may be used; 0: for ever
  int64_t connections_max;       // from clients, in all
  int64_t buffers_max;           // bytes of read blocks, in all; 0: no limit
  int64_t body_max;              // of a request; 0: no limit
  struct str path_normalization; // base | none | merge-slashes | decode-and-merge-slashes
  struct str underscores;        // in header names: allow | reject | drop
  struct str reporter;           // source | destination | both
  struct str access_log;         // PATH, "-", "" for none
  struct str access_log_format;
  struct str tracing;          // w3c | b3 | off
  bool shadow_hosts;           // mirrored requests are for "host-shadow"
  bool consecutive_errors_5xx; // outlierDetection.consecutiveErrors counts, as the old one did
  bool literal_uuid;           // ${UUID} in header values stays text
  bool no_tcp_metrics;         // strict Istio: no istio_tcp_* for HTTP traffic
};

// Runs until it is told to end. Returns 0, or fills err: RC_USAGE for options that make no sense.
int proxy_main(const struct proxy_options *options, struct err *err);
