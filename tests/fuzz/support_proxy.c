// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/support_proxy.h"

#include "manifests/base/bug.h"
#include "manifests/text/json.h"
#include "proxy/breaker.h"
#include "proxy/config_set.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const struct worker_limits limits = {.header_timeout_ms = 60000,
                                            .idle_timeout_ms = 60000,
                                            .client_idle_ms = 60000,
                                            .stream_idle_ms = 60000,
                                            .upstream_idle_ms = 60000,
                                            .linger_ms = 1,
                                            .drain_idle_ms = 0,
                                            .connections_max = 100};

static void on_took(void *ctx, unsigned index, uint64_t version) {
  (void)ctx, (void)index, (void)version;
}

static void on_done(void *ctx, unsigned index) {
  (void)ctx, (void)index;
}

static struct proxy_table *make_table(unsigned port) {
  static struct arena arena; // these live as long as the process
  static struct config_set set;
  char slice[512];
  const char *texts[] = {"{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"x\","
                         "\"namespace\":\"d\"}"
                         ",\"spec\":{\"ports\":[{\"name\":\"http\",\"port\":80}]}}",
                         slice};
  struct table_settings settings = {.name = STR("fuzz"), .namespace_ = STR("fuzz")};
  (void)snprintf(
      slice, sizeof(slice),
      "{\"apiVersion\":\"discovery.k8s.io/v1\",\"kind\":\"EndpointSlice\",\"addressType\":\"IPv4\","
      "\"metadata\":{\"name\":\"x\",\"namespace\":\"d\",\"labels\":{\"kubernetes.io/service-name\":"
      "\"x\"}},\"ports\":[{\"name\":\"http\",\"port\":%u}],\"endpoints\":[{\"addresses\":"
      "[\"127.0.0.1\"]}]}",
      port);
  arena_init(&arena);
  config_set_init(&set);
  for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
    struct json *json;
    struct err err;
    BUG_ON(json_parse(str_of(texts[i]), &arena, &json, &err) != 0);
    BUG_ON(!config_set_put(&set, json, STR("fuzz"), 1));
  }
  struct table_object *objects;
  struct table_input input = {.settings = &settings, .ids = table_ids_new(), .version = 1};
  config_set_objects(&set, NULL, &arena, &objects, &input.object_count);
  input.objects = objects;
  return table_build(&input);
}

struct worker *support_worker(int *ret_listener) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof(address);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  BUG_ON(bind(listener, (struct sockaddr *)(void *)&address, len) != 0 ||
         listen(listener, 64) != 0);
  (void)getsockname(listener, (struct sockaddr *)(void *)&address, &len);
  struct worker_settings settings = {
      .limits = &limits, .load = upstream_load_new(), .breakers = breakers_new(1), .seed = 1};
  struct stats_source source = {.workload = STR("fuzz")};
  struct err err;
  struct worker *worker = worker_new(0, &settings, &source);
  BUG_ON(worker_open(worker, on_took, on_done, NULL, &err) != 0);
  struct proxy_table *table = make_table(ntohs(address.sin_port));
  upstream_load_fit(settings.load, table->endpoint_slots);
  breakers_fit(settings.breakers, table->cluster_slots, table->endpoint_slots);
  worker_publish(worker, table);
  (void)uv_run(&worker->loop, UV_RUN_NOWAIT);
  *ret_listener = listener;
  return worker;
}
