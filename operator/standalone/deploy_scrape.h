// SPDX-License-Identifier: Apache-2.0
// Pods that want to be scraped -> the target file of Prometheus' file_sd_configs, so that a
// workload's own metrics can be asked for in a Rollout. Pure. A pod asks with the usual
// annotations: prometheus.io/scrape: "true", and where they differ from its first containerPort and
// /metrics, prometheus.io/port and prometheus.io/path.
#pragma once

#include "operator/standalone/deploy.h"

// One target a ready pod, by name, with the labels namespace, pod and, as far as their names can be
// Prometheus labels
// ('-', '.' and '/' become '_'), those of the pod.
struct json *deploy_scrape_write(const struct deploy_list *pods, struct arena *arena);
