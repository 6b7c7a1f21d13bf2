// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/apiserver.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "operator/standalone/api_delete.h"
#include "operator/standalone/api_http.h"
#include "operator/standalone/store_file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define TICK_MS 30000

struct apiserver {
  uv_loop_t loop;
  uv_signal_t term, interrupt;
  uv_timer_t tick;
  int64_t ticks, swept_revision;
  int lock_fd, port;
  struct arena arena;
  struct auth auth;
  struct pki pki;
  struct api api;
  struct api_http *http;
};

// Two servers on one store would each think to own its history.
static int lock(const char *data, int *ret_fd, struct err *err) {
  if (mkdir(data, 0700) && errno != EEXIST)
    return err_errno(err, "cannot make %s", data);
  return store_file_lock(data, ret_fd, err);
}

static int listen_on(int port, int *ret_fd, struct err *err) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (fd < 0)
    return err_errno(err, "cannot make a socket");
  (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, SOMAXCONN)) {
    int rc = err_errno(err, "cannot listen on 127.0.0.1:%d", port);
    close(fd);
    return rc;
  }
  *ret_fd = fd;
  return RC_OK;
}

static int port_of(int fd, int *ret_port, struct err *err) {
  struct sockaddr_in address;
  socklen_t len = sizeof(address);
  if (getsockname(fd, (struct sockaddr *)&address, &len) || address.sin_family != AF_INET)
    return err_errno(err, "the listening socket is not an IPv4 socket");
  (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  *ret_port = ntohs(address.sin_port);
  return RC_OK;
}

static void close_all(struct apiserver *server) {
  api_http_close(server->http);
  server->http = NULL;
  uv_signal_stop(&server->term);
  uv_close((uv_handle_t *)&server->term, NULL);
  uv_close((uv_handle_t *)&server->interrupt, NULL);
  uv_close((uv_handle_t *)&server->tick, NULL);
}

static void on_signal(uv_signal_t *handle, int signum) {
  struct apiserver *server = handle->data;
  (void)signum;
  if (server->http) {
    LOG(LOG_INFO, "stopping");
    close_all(server);
  }
}

static void sweep(struct apiserver *server) {
  struct err err;
  int64_t revision = store_revision(server->api.store);
  // Owners vanish only by writes; Events grow old without any.
  if (revision == server->swept_revision && server->ticks % 20 != 0)
    return;
  if (delete_sweep(&server->api, clock_wall_ms(), &err))
    LOG(LOG_WARN, "sweep failed", LOG_Z("error", err.msg));
  api_http_turn(server->http);
  server->swept_revision = store_revision(server->api.store);
}

static void on_tick(uv_timer_t *timer) {
  struct apiserver *server = timer->data;
  server->ticks++;
  sweep(server);
  if (server->ticks % 2 == 0 && watch_count(server->api.hub)) {
    watch_bookmark_all(server->api.hub);
    api_http_turn(server->http);
  }
  if (server->ticks % 120 == 0)
    (void)malloc_trim(0);
  if (server->ticks % 2880 == 0 && pki_is_due(&server->pki, clock_wall_ms())) {
    LOG(LOG_INFO, "the certificate is about to expire: restarting with a new one");
    close_all(server);
  }
}

static int open_parts(struct apiserver *server, const struct apiserver_options *options,
                      int *ret_fd, struct err *err) {
  const char *data = options->data;
  struct arena *arena = &server->arena;
  int port = 0;
  int rc = lock(data, &server->lock_fd, err);
  if (!rc)
    rc = auth_open(data, &server->auth, err);
  if (!rc)
    rc = pki_open(data, clock_wall_ms(), &server->pki, err);
  if (!rc)
    rc = store_open(arena_printf(arena, "%s/store.db", data).ptr, &server->api.store, err);
  if (rc)
    return rc;
  server->api.hub = watch_hub_new(server->api.store);
  server->api.user = server->auth.user;
  server->api.data = data;
  rc = api_prepare(&server->api, err);
  *ret_fd = options->listen_fd;
  if (!rc && *ret_fd < 0)
    rc = listen_on(options->port, ret_fd, err);
  if (!rc)
    rc = port_of(*ret_fd, &port, err);
  if (!rc)
    rc = auth_write_kubeconfig(&server->auth, data, port, server->pki.ca_pem, err);
  server->port = port;
  return rc;
}

static void announce(struct apiserver *server, const struct apiserver_options *options) {
  LOG(LOG_INFO, "serving", LOG_I("port", server->port), LOG_Z("data", options->data),
      LOG_I("revision", store_revision(server->api.store)));
  if (!options->announce)
    return;
  printf("ready https://127.0.0.1:%d %s/kubeconfig\n", server->port, options->data);
  (void)fflush(stdout);
}

static void dispose(struct apiserver *server) {
  watch_hub_free(server->api.hub);
  api_dispose(&server->api);
  store_close(server->api.store);
  pki_close(&server->pki);
  auth_close(&server->auth);
  if (server->lock_fd >= 0)
    close(server->lock_fd);
  arena_dispose(&server->arena);
}

static void raise_file_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
}

int apiserver_run(const struct apiserver_options *options, struct err *err) {
  struct apiserver server = {.lock_fd = -1};
  int fd = -1;
  arena_init(&server.arena);
  umask(077);
  raise_file_limit();
  // A large list or body must not stay with us: without these glibc raises its own thresholds at
  // the first one.
  (void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  (void)mallopt(M_TRIM_THRESHOLD, 256 * 1024);
  (void)signal(SIGPIPE, SIG_IGN); // a client that left shows up as an error of its connection
  int rc = open_parts(&server, options, &fd, err);
  if (rc) {
    dispose(&server);
    return rc;
  }
  uv_loop_init(&server.loop);
  uv_signal_init(&server.loop, &server.term);
  uv_signal_init(&server.loop, &server.interrupt);
  uv_timer_init(&server.loop, &server.tick);
  server.term.data = server.interrupt.data = server.tick.data = &server;
  rc = api_http_open(&server.loop, &server.api, &server.auth, &server.pki, fd, &server.http, err);
  if (rc) {
    close_all(&server);
  } else {
    uv_signal_start(&server.term, on_signal, SIGTERM);
    uv_signal_start(&server.interrupt, on_signal, SIGINT);
    uv_timer_start(&server.tick, on_tick, TICK_MS, TICK_MS);
    announce(&server, options);
  }
  uv_run(&server.loop, UV_RUN_DEFAULT);
  (void)uv_loop_close(&server.loop);
  dispose(&server);
  return rc;
}
