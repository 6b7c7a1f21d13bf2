// SPDX-License-Identifier: Apache-2.0
#include "proxy/config_kube.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/kinds/destination_rule.h"
#include "manifests/kinds/endpoint_slice.h"
#include "manifests/kinds/gateway.h"
#include "manifests/kinds/gateway_class.h"
#include "manifests/kinds/http_route.h"
#include "manifests/kinds/istio_gateway.h"
#include "manifests/kinds/namespace.h"
#include "manifests/kinds/pod.h"
#include "manifests/kinds/reference_grant.h"
#include "manifests/kinds/service.h"
#include "manifests/kinds/service_entry.h"
#include "manifests/kinds/workload_entry.h"
#include "manifests/kinds/virtual_service.h"
#include "manifests/source/kube_resource.h"
#include "manifests/source/kube_watch.h"

// What a cluster may not have, or a proxy not have the right to read, is not needed: the first
// table waits for it only until that is known. What is not enforced yet is watched as well, for it
// must be reported. Endpoints are not watched: wherever there is an API, there are EndpointSlices.
static const struct {
  const struct kind_desc *kind;
  bool is_needed; // no table before it was listed, whatever happens
} config_kube_kinds[] = {
    {&virtual_service_kind, true},
    {&destination_rule_kind, true},
    {&service_kind, true},
    {&endpoint_slice_kind, true},
    {&pod_kind, true},
    {&http_route_kind, false},
    {&gateway_kind, false},
    {&istio_gateway_kind, false},
    {&gateway_class_kind, false},
    {&reference_grant_kind, false},
    {&namespace_kind, false},
    {&service_entry_kind, false},
    {&workload_entry_kind, false},
};
#define CONFIG_KUBE_KINDS ARRAY_LEN(config_kube_kinds)

struct config_kube_watch {
  struct config_kube *kube;
  const struct kind_desc *kind;
  bool is_needed, is_settled; // settled: listed, or known to be out of reach
  size_t version;             // index into kind->versions
  struct kube_resource resource;
  struct kube_watch *watch;
};

struct config_kube {
  struct config_kube_options options;
  struct kube_config config;
  struct http_client *http;
  struct kube_client *client;
  struct config_kube_watch watches[CONFIG_KUBE_KINDS];
  size_t open;     // watches not yet closed
  size_t to_sync;  // watches not yet listed
  bool is_changed; // since the last call of options.changed
  void (*closed)(void *data);
  void *closed_data;
};

// A Pod is kept only for its labels, owner, address and readiness.
static void config_kube_trim_pod(struct json *object, struct arena *arena, void *data) {
  struct config_kube_watch *watch = data;
  (void)arena;
  if (watch->kind != &pod_kind)
    return;
  (void)json_remove(object, STR("spec"));
  struct json *status = json_get(object, "status");
  struct json *next = status ? status->child : NULL;
  while (next) {
    struct json *item = next;
    next = next->next;
    if (!str_eq(item->key, STR("podIP")) && !str_eq(item->key, STR("conditions")))
      (void)json_remove(status, item->key);
  }
}

static void config_kube_event(struct kube_watch *watch, enum kube_event event, struct str key,
                              const struct json *object, const struct json *old, void *data) {
  struct config_kube_watch *of = data;
  struct config_set *set = of->kube->options.set;
  (void)watch;
  (void)old;
  bool changed;
  if (event == KUBE_DELETED) {
    struct str ns = STR(""), name = key;
    if (of->resource.namespaced)
      (void)str_next(&name, '/', &ns);
    changed = config_set_delete(set, of->kind, ns, name);
  } else {
    changed = config_set_put(set, object, STR(""), 0);
  }
  of->kube->is_changed = of->kube->is_changed || changed;
}

static void config_kube_tell(struct config_kube *kube) {
  if (!kube->is_changed || kube->to_sync)
    return;
  kube->is_changed = false;
  kube->options.changed(kube->options.data);
}

static int config_kube_watch_open(struct config_kube_watch *watch, struct err *err);
static void config_kube_watch_closed(void *data);

// Older clusters serve an older version of a kind. False when there is none left to ask for.
static bool config_kube_try_older(struct config_kube_watch *watch) {
  struct kube_watch *refused = watch->watch;
  struct err err;
  if (kube_watch_is_served(refused) || !watch->kind->versions[watch->version + 1])
    return false;
  watch->version++;
  if (config_kube_watch_open(watch, &err)) {
    watch->kube->options.failed(&err, watch->kube->options.data);
    return false;
  }
  kube_watch_close(refused, config_kube_watch_closed, watch->kube);
  return true;
}

static void config_kube_settle(struct config_kube_watch *watch) {
  if (watch->is_settled)
    return;
  watch->is_settled = true;
  if (--watch->kube->to_sync == 0)
    watch->kube->is_changed = true; // an empty cluster is a table, too
  config_kube_tell(watch->kube);
}

static void config_kube_synced(struct kube_watch *watch, void *data) {
  struct config_kube_watch *of = data;
  (void)watch;
  if (config_kube_try_older(of))
    return;
  config_kube_settle(of);
}

static void config_kube_changed(struct kube_watch *watch, void *data) {
  struct config_kube_watch *of = data;
  (void)watch;
  config_kube_tell(of->kube);
}

static void config_kube_error(struct kube_watch *watch, const struct err *err, void *data) {
  struct config_kube_watch *of = data;
  (void)watch;
  of->kube->options.failed(err, of->kube->options.data);
  if (!of->is_needed && (err->rc == RC_DENIED || err->rc == RC_UNAUTHORIZED))
    config_kube_settle(of);
}

static int config_kube_watch_open(struct config_kube_watch *watch, struct err *err) {
  watch->resource = kube_resource_of(watch->kind, watch->kind->versions[watch->version]);
  const struct kube_watch_options options = {
      .resource = &watch->resource,
      .ns = watch->kube->options.ns,
      .trim = config_kube_trim_pod,
      .keep = KUBE_KEEP_REVISIONS, // what is needed of them is in the set
      .event = config_kube_event,
      .synced = config_kube_synced,
      .changed = config_kube_changed,
      .error = config_kube_error,
      .data = watch,
  };
  int rc = kube_watch_open(watch->kube->client, &options, &watch->watch, err);
  if (rc == 0)
    watch->kube->open++;
  return rc;
}

static int config_kube_watch_all(struct config_kube *kube, struct err *err) {
  for (size_t i = 0; i < CONFIG_KUBE_KINDS; i++) {
    struct config_kube_watch *watch = &kube->watches[i];
    watch->kube = kube;
    watch->kind = config_kube_kinds[i].kind;
    watch->is_needed = config_kube_kinds[i].is_needed;
    watch->is_settled = kube->options.ns.len && !config_kube_kinds[i].kind->namespaced;
    if (watch->is_settled)
      continue;
    int rc = config_kube_watch_open(watch, err);
    if (rc)
      return rc;
    kube->to_sync++;
  }
  return 0;
}

int config_kube_open(struct uv_loop_s *loop, const struct config_kube_options *options,
                     struct config_kube **ret_kube, struct err *err) {
  struct config_kube *kube = XNEW(struct config_kube);
  kube->options = *options;
  int rc = kube_config_load(&options->lookup, &kube->config, err);
  if (rc) {
    xfree(kube);
    return rc;
  }
  kube->http = http_client_new(loop);
  kube->client = kube_client_new(kube->http, &kube->config, "serin-proxy");
  rc = config_kube_watch_all(kube, err);
  if (rc) {
    config_kube_close(kube, NULL, NULL);
    return rc;
  }
  *ret_kube = kube;
  return 0;
}

bool config_kube_is_complete(const struct config_kube *kube) {
  return kube->to_sync == 0;
}

int64_t config_kube_silence_ms(const struct config_kube *kube) {
  int64_t longest = 0;
  for (size_t i = 0; i < CONFIG_KUBE_KINDS; i++) {
    if (!kube->watches[i].is_needed)
      continue;
    int64_t age = kube_watch_age_ms(kube->watches[i].watch);
    if (age < 0)
      return -1;
    longest = age > longest ? age : longest;
  }
  return longest;
}

struct kube_client *config_kube_client(const struct config_kube *kube) {
  return kube->client;
}

struct str config_kube_server(const struct config_kube *kube) {
  return kube->config.server;
}

static void config_kube_http_closed(void *data) {
  struct config_kube *kube = data;
  void (*closed)(void *) = kube->closed;
  void *closed_data = kube->closed_data;
  kube_client_free(kube->client);
  kube_config_dispose(&kube->config);
  xfree(kube);
  if (closed)
    closed(closed_data);
}

static void config_kube_watch_closed(void *data) {
  struct config_kube *kube = data;
  if (--kube->open == 0)
    http_client_close(kube->http, config_kube_http_closed, kube);
}

void config_kube_close(struct config_kube *kube, void (*closed)(void *data), void *data) {
  kube->closed = closed;
  kube->closed_data = data;
  if (kube->open == 0) {
    http_client_close(kube->http, config_kube_http_closed, kube);
    return;
  }
  for (size_t i = 0; i < CONFIG_KUBE_KINDS; i++) {
    if (kube->watches[i].watch)
      kube_watch_close(kube->watches[i].watch, config_kube_watch_closed, kube);
  }
}
