// SPDX-License-Identifier: Apache-2.0
#include "proxy/config_kube.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/kinds/destination_rule.h"
#include "manifests/kinds/endpoint_slice.h"
#include "manifests/kinds/gateway.h"
#include "manifests/kinds/http_route.h"
#include "manifests/kinds/istio_gateway.h"
#include "manifests/kinds/pod.h"
#include "manifests/kinds/service.h"
#include "manifests/kinds/service_entry.h"
#include "manifests/kinds/virtual_service.h"
#include "manifests/source/kube_resource.h"
#include "manifests/source/kube_watch.h"

// What is not enforced yet is watched as well, for it must be reported. Endpoints are not: wherever
// there is an API, there are EndpointSlices.
static const struct kind_desc *const config_kube_kinds[] = {
    &virtual_service_kind,
    &destination_rule_kind,
    &service_kind,
    &endpoint_slice_kind,
    &pod_kind,
    &http_route_kind,
    &gateway_kind,
    &istio_gateway_kind,
    &service_entry_kind,
};
#define CONFIG_KUBE_KINDS ARRAY_LEN(config_kube_kinds)

struct config_kube_watch {
  struct config_kube *kube;
  const struct kind_desc *kind;
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

// A Pod is kept only for its labels, owner and address.
static void config_kube_trim_pod(struct json *object, void *data) {
  struct config_kube_watch *watch = data;
  if (watch->kind != &pod_kind)
    return;
  (void)json_remove(object, STR("spec"));
  struct json *status = json_get(object, "status");
  struct json *next = status ? status->child : NULL;
  while (next) {
    struct json *item = next;
    next = next->next;
    if (!str_eq(item->key, STR("podIP")))
      (void)json_remove(status, item->key);
  }
}

static void config_kube_event(struct kube_watch *watch, enum kube_event event, struct str key,
                              const struct json *object, const struct json *old, void *data) {
  struct config_kube_watch *of = data;
  struct config_set *set = of->kube->options.set;
  (void)watch;
  (void)key;
  (void)old;
  bool changed = event == KUBE_DELETED
                     ? config_set_delete(set, of->kind, kube_namespace(object), kube_name(object))
                     : config_set_put(set, object, STR(""), 0);
  of->kube->is_changed = of->kube->is_changed || changed;
}

static void config_kube_tell(struct config_kube *kube) {
  if (!kube->is_changed || kube->to_sync)
    return;
  kube->is_changed = false;
  kube->options.changed(kube->options.data);
}

static void config_kube_synced(struct kube_watch *watch, void *data) {
  struct config_kube_watch *of = data;
  (void)watch;
  if (--of->kube->to_sync == 0)
    of->kube->is_changed = true; // an empty cluster is a table, too
  config_kube_tell(of->kube);
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
}

static int config_kube_watch_all(struct config_kube *kube, struct err *err) {
  for (size_t i = 0; i < CONFIG_KUBE_KINDS; i++) {
    struct config_kube_watch *watch = &kube->watches[i];
    watch->kube = kube;
    watch->kind = config_kube_kinds[i];
    watch->resource = kube_resource_of(watch->kind, NULL);
    const struct kube_watch_options options = {
        .resource = &watch->resource,
        .trim = config_kube_trim_pod,
        .event = config_kube_event,
        .synced = config_kube_synced,
        .changed = config_kube_changed,
        .error = config_kube_error,
        .data = watch,
    };
    int rc = kube_watch_open(kube->client, &options, &watch->watch, err);
    if (rc)
      return rc;
    kube->open++;
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
