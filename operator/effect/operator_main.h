// SPDX-License-Identifier: Apache-2.0
// The operator as a process: clients, controller, metrics, signals.
#pragma once

#include "manifests/base/err.h"
#include "manifests/base/str.h"
#include "manifests/source/kube_config.h"
#include "operator/effect/notifier.h"
#include "operator/effect/prometheus_source.h"

struct operator_options {
  struct kube_config_lookup lookup;
  struct str ns;
  struct prometheus_default prometheus;
  struct str scrape_match;
  int64_t scrape_ms;
  struct str content_key; // a file with it; empty: none
  struct notify_default notify;
  struct notify_rules notify_rules;
  int64_t notify_give_up_ms;
  bool leader_elect, trust_users;
  struct str lease_namespace;
  int64_t lease_ms, renew_deadline_ms, retry_ms;
  int metrics_fd;             // negative: none inherited
  struct str metrics_address; // where metrics are served
  int metrics_port;           // negative: no metrics; 0: any
};

// Runs until SIGTERM or SIGINT. RC_OK then; else what could not be started.
int operator_run(const struct operator_options *options, struct err *err);
