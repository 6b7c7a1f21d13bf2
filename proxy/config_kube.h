// SPDX-License-Identifier: Apache-2.0
// A Kubernetes API as the source of a config_set: one watch for each kind that routing needs.
// Private to config.c.
#pragma once

#include "manifests/source/kube_client.h"
#include "proxy/config_set.h"

struct config_kube;
struct uv_loop_s;

struct config_kube_options {
  struct kube_config_lookup lookup;
  struct str ns; // empty: all namespaces; else kinds that are in none are not read. Outlives it
  struct config_set *set;                            // filled and emptied by the watches
  void (*changed)(void *data);                       // the set is another, or became complete
  void (*failed)(const struct err *err, void *data); // tried again by itself
  void *data;
};

int config_kube_open(struct uv_loop_s *loop, const struct config_kube_options *options,
                     struct config_kube **ret_kube, struct err *err);
// Whether every kind was listed once.
bool config_kube_is_complete(const struct config_kube *kube);
// Milliseconds since the kind that was silent longest was heard of; -1 when one never was.
int64_t config_kube_silence_ms(const struct config_kube *kube);
struct kube_client *config_kube_client(const struct config_kube *kube);
struct str config_kube_server(const struct config_kube *kube);
void config_kube_close(struct config_kube *kube, void (*closed)(void *data), void *data);
