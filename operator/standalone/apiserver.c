// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/apiserver.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "operator/standalone/api_delete.h"
#include "operator/standalone/api_http.h"
#include "operator/standalone/api_memory.h"
#include "operator/standalone/pki.h"
#include "operator/standalone/store_file.h"
#include "operator/standalone/tls_cert.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define TICK_MS 30000
#define FILES (API_HTTP_CONNECTIONS + 64u) // descriptors: connections and our own
#define RELOAD_MS 50                       // after a change, for the files that are changed with it

struct apiserver {
  uv_loop_t loop;
  uv_signal_t term, interrupt;
  uv_timer_t tick, reload;
  uv_fs_event_t access_changes, pki_changes;
  const char *data;
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
  if (chmod(data, 0700)) // also: it is ours
    return err_errno(err, "cannot close %s to others", data);
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
  uv_close((uv_handle_t *)&server->reload, NULL);
  uv_close((uv_handle_t *)&server->access_changes, NULL);
  uv_close((uv_handle_t *)&server->pki_changes, NULL);
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

// --- Tokens and certificates, again

static int load_tokens(struct apiserver *server, struct err *err) {
  struct auth fresh;
  int rc = auth_open(server->data, &fresh, err);
  if (rc)
    return rc;
  auth_close(&server->auth);
  server->auth = fresh;
  server->api.user = *fresh.owner;
  return RC_OK;
}

static int load_certificates(struct apiserver *server, struct err *err) {
  struct pki fresh;
  int rc = pki_open(server->data, clock_wall_ms(), &fresh, err);
  if (rc)
    return rc;
  bool same = str_eq(fresh.cert_pem, server->pki.cert_pem);
  if (!same)
    rc = tls_cert_set(fresh.cert_pem, fresh.key_pem, err);
  if (rc) {
    pki_close(&fresh);
    return rc;
  }
  if (!same && server->pki.cert_pem.len)
    LOG(LOG_INFO, "a new certificate is shown from now on");
  pki_close(&server->pki);
  server->pki = fresh;
  return RC_OK;
}

// What cannot be read leaves all as it was: a typo in a file must not lock everybody out.
static void on_reload(uv_timer_t *timer) {
  struct apiserver *server = timer->data;
  struct err err;
  if (!server->http)
    return;
  if (load_certificates(server, &err))
    LOG(LOG_ERROR, "the certificates stay as they were", LOG_Z("error", err.msg));
  if (load_tokens(server, &err))
    LOG(LOG_ERROR, "the tokens stay as they were", LOG_Z("error", err.msg));
  if (auth_write_kubeconfigs(server->data, server->port, server->pki.ca_pem, &err))
    LOG(LOG_ERROR, "the kubeconfigs stay as they were", LOG_Z("error", err.msg));
  api_http_check_streams(server->http);
}

static void on_change(uv_fs_event_t *handle, const char *name, int events, int status) {
  struct apiserver *server = handle->data;
  (void)name, (void)events, (void)status;
  uv_timer_start(&server->reload, on_reload, RELOAD_MS, 0);
}

static void watch_files(struct apiserver *server) {
  uv_fs_event_start(&server->access_changes, on_change,
                    arena_printf(&server->arena, "%s/access", server->data).ptr, 0);
  uv_fs_event_start(&server->pki_changes, on_change,
                    arena_printf(&server->arena, "%s/pki", server->data).ptr, 0);
}

static void on_tick(uv_timer_t *timer) {
  struct apiserver *server = timer->data;
  server->ticks++;
  sweep(server);
  if (server->ticks % 2 == 0 && watch_count(server->api.hub)) {
    watch_bookmark_all(server->api.hub);
    api_http_turn(server->http);
  }
  api_http_check_streams(server->http); // tokens expire
  if (pki_is_due(&server->pki, clock_wall_ms()))
    on_reload(&server->reload);
}

static int open_parts(struct apiserver *server, const struct apiserver_options *options,
                      int *ret_fd, struct err *err) {
  const char *data = options->data;
  struct arena *arena = &server->arena;
  int port = 0;
  server->data = data;
  int rc = lock(data, &server->lock_fd, err);
  if (!rc)
    rc = load_tokens(server, err);
  if (!rc)
    rc = load_certificates(server, err);
  if (!rc)
    rc = store_open(arena_printf(arena, "%s/store.db", data).ptr, &server->api.store, err);
  if (rc)
    return rc;
  server->api.hub = watch_hub_new(server->api.store);
  server->api.data = data;
  rc = api_prepare(&server->api, err);
  *ret_fd = options->listen_fd;
  if (!rc && *ret_fd < 0)
    rc = listen_on(options->port, ret_fd, err);
  if (!rc)
    rc = port_of(*ret_fd, &port, err);
  if (!rc)
    rc = auth_write_kubeconfigs(data, port, server->pki.ca_pem, err);
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
  tls_cert_forget();
  auth_close(&server->auth);
  if (server->lock_fd >= 0)
    close(server->lock_fd);
  arena_dispose(&server->arena);
}

static void raise_file_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max < FILES ? limit.rlim_max : FILES;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
}

// Memory holds the CA's key and everybody's Secrets: no copy of it is left on a disk.
static void leave_no_core(void) {
  (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

int apiserver_run(const struct apiserver_options *options, struct err *err) {
  struct apiserver server = {.lock_fd = -1};
  int fd = -1;
  arena_init(&server.arena);
  umask(077);
  raise_file_limit();
  leave_no_core();
  api_memory_thresholds();
  (void)signal(SIGXFSZ, SIG_IGN); // a limit on file sizes is a full disk
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
  uv_timer_init(&server.loop, &server.reload);
  uv_fs_event_init(&server.loop, &server.access_changes);
  uv_fs_event_init(&server.loop, &server.pki_changes);
  server.term.data = server.interrupt.data = server.tick.data = server.reload.data = &server;
  server.access_changes.data = server.pki_changes.data = &server;
  struct api_http_options http = {.rate = options->rate, .burst = options->burst};
  rc = api_http_open(&server.loop, &server.api, &server.auth, &http, fd, &server.http, err);
  if (rc) {
    close_all(&server);
  } else {
    uv_signal_start(&server.term, on_signal, SIGTERM);
    uv_signal_start(&server.interrupt, on_signal, SIGINT);
    uv_timer_start(&server.tick, on_tick, TICK_MS, TICK_MS);
    watch_files(&server);
    announce(&server, options);
  }
  uv_run(&server.loop, UV_RUN_DEFAULT);
  (void)uv_loop_close(&server.loop);
  dispose(&server);
  return rc;
}
