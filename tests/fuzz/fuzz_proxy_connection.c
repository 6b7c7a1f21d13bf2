// SPDX-License-Identifier: Apache-2.0
// A whole worker between a client and a backend that both say whatever the input holds, in pieces
// the input chooses: "00 len bytes" is said by the client, "01 len bytes" by the backend; other
// first bytes end one side. Whatever comes, nothing crashes, and when the client has left nothing
// of it is left.
#include "manifests/base/bug.h"
#include "manifests/text/json.h"
#include "proxy/breaker.h"
#include "proxy/config_set.h"
#include "proxy/connection.h"
#include "proxy/upstream_pool.h"
#include "proxy/worker.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct worker_limits limits = {.header_timeout_ms = 60000,
                                            .idle_timeout_ms = 60000,
                                            .client_idle_ms = 60000,
                                            .stream_idle_ms = 60000,
                                            .upstream_idle_ms = 60000,
                                            .linger_ms = 1,
                                            .drain_idle_ms = 0,
                                            .connections_max = 100};
static struct worker *worker;
static int listener;

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

static void start(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof(address);
  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  BUG_ON(bind(listener, (struct sockaddr *)(void *)&address, len) != 0 ||
         listen(listener, 64) != 0);
  (void)getsockname(listener, (struct sockaddr *)(void *)&address, &len);
  struct worker_settings settings = {
      .limits = &limits, .load = upstream_load_new(), .breakers = breakers_new(1), .seed = 1};
  struct stats_source source = {.workload = STR("fuzz")};
  struct err err;
  worker = worker_new(0, &settings, &source);
  BUG_ON(worker_open(worker, on_took, on_done, NULL, &err) != 0);
  struct proxy_table *table = make_table(ntohs(address.sin_port));
  upstream_load_fit(settings.load, table->endpoint_slots);
  breakers_fit(settings.breakers, table->cluster_slots, table->endpoint_slots);
  worker_publish(worker, table);
  (void)uv_run(&worker->loop, UV_RUN_NOWAIT);
}

static void turn(int times) {
  for (int i = 0; i < times; i++)
    (void)uv_run(&worker->loop, UV_RUN_NOWAIT);
}

static void drop_input(int fd) {
  char sink[4096];
  while (fd >= 0 && recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
    ;
}

static void say(int fd, const uint8_t *data, size_t len) {
  if (fd >= 0)
    (void)send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int pair[2], backend = -1;
  struct sockaddr_in peer = {.sin_family = AF_INET};
  if (!worker)
    start();
  if (size > 20000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
    return 0;
  connection_open(worker, pair[0], (struct sockaddr *)(void *)&peer, 80, (struct table_slot){0});
  for (size_t at = 0; at + 2 < size;) {
    size_t len = data[at + 1] < size - at - 2 ? data[at + 1] : size - at - 2;
    int *side = data[at] & 1 ? &backend : &pair[1];
    if (data[at] < 0xf0) {
      say(*side, data + at + 2, len);
    } else if (*side >= 0) {
      (void)shutdown(*side, SHUT_WR);
    }
    at += 2 + len;
    turn(3);
    int more = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (more >= 0 && backend >= 0)
      (void)close(backend);
    backend = more >= 0 ? more : backend;
    drop_input(pair[1]);
    drop_input(backend);
  }
  (void)close(pair[1]);
  if (backend >= 0)
    (void)close(backend);
  for (int i = 0; worker->connection_count > 0; i++) {
    BUG_ON(i > 2000);
    while ((backend = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
      (void)close(backend); // a try that is made again finds nobody
    (void)uv_run(&worker->loop, i < 200 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
  }
  upstream_close_idle(worker);
  turn(2);
  while ((backend = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
    (void)close(backend);
  BUG_ON(worker->upstreams || worker->connections);
  BUG_ON(worker->holder->users != 0);
  return 0;
}
