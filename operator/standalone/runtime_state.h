// SPDX-License-Identifier: Apache-2.0
// What the runtime's files share: one struct per process. Not for others.
#pragma once

#include "manifests/base/rng.h"
#include "manifests/source/kube_watch.h"
#include "operator/standalone/deploy.h"
#include "operator/standalone/runtime.h"
#include "operator/standalone/runtime_address.h"
#include "operator/standalone/shim_record.h"

#include <uv.h>

enum runtime_kind {
  RUNTIME_DEPLOYMENT,
  RUNTIME_REPLICA_SET,
  RUNTIME_POD,
  RUNTIME_SERVICE,
  RUNTIME_SLICE,
  RUNTIME_ENDPOINTS,
  RUNTIME_CONFIG_MAP,
  RUNTIME_SECRET,
  RUNTIME_KINDS,
};
extern const struct kube_resource runtime_resources[RUNTIME_KINDS];
// RUNTIME_KINDS when there is none.
enum runtime_kind runtime_kind_named(const char *kind);

#define RUNTIME_MANAGER "serin-runtime"
#define RUNTIME_DRAIN_MS 250 // a pod leaves its EndpointSlices this long before it gets TERM

struct runtime {
  uv_loop_t loop;
  const char *data, *pods_dir, *logs_dir, *cwd;
  struct str node_name;
  const struct pod_images *images;
  struct arena arena; // of the process
  struct kube_config config;
  struct http_client *http;
  struct kube_client *kube;
  struct kube_watch *watches[RUNTIME_KINDS];
  struct address_pool addresses;
  enum shim_mount_mode mount_mode;
  struct str mount_why; // why volumes cannot be bound
  struct rng rng;
  uv_timer_t pass, due; // a pass soon; the next one that time alone brings
  uv_timer_t trim;      // some time after the last pass: memory back to the system
  struct arena pass_arena;
  struct map pods;    // uid -> struct runtime_pod
  struct map orphans; // uid -> struct runtime_orphan
  struct map owners;  // runtime_write.c
  struct map events;  // runtime_event.c
  uv_signal_t signals[3];
  size_t writes_running; // of the controllers
  char targets_hash[16]; // of DATA/prometheus/pods.json as last written
  int ready_fd;
  bool ready;    // all kinds are synced, leftovers are adopted
  bool stopping; // no new starts, no writes of controllers
  bool leaving;  // stopping, but the workloads go on
  bool closing;
};

// A pass soon: all that happens until then is taken together.
void runtime_wake(struct runtime *runtime);
// A pass at the latest then.
void runtime_wake_in(struct runtime *runtime, int64_t delay_ms);
// Called when a pod's worker, an orphan or a write has gone.
void runtime_check_stopped(struct runtime *runtime);
int64_t runtime_now_ms(const struct runtime *runtime); // steady
