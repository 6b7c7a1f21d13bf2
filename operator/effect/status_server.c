// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/status_server.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/exposition.h"

#include <errno.h>
#include <arpa/inet.h>
#include <microhttpd.h>
#include <string.h>
#include <unistd.h>

#define METRICS_MAX (64u << 20)
#define CONNECTIONS_MAX 64u

struct status_server {
  struct status_server_options options;
  struct MHD_Daemon *daemon;
  uv_poll_t poll;
  uv_timer_t timer;
  int open_handles;
};

static void run(struct status_server *server);

static void on_timer(uv_timer_t *timer) {
  run(container_of(timer, struct status_server, timer));
}

static void run(struct status_server *server) {
  MHD_UNSIGNED_LONG_LONG wait_ms;
  MHD_run(server->daemon);
  if (MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES)
    uv_timer_start(&server->timer, on_timer, wait_ms, 0);
  else
    uv_timer_stop(&server->timer);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  (void)status, (void)events;
  run(container_of(poll, struct status_server, poll));
}

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *type,
                             struct str text) {
  struct MHD_Response *response =
      MHD_create_response_from_buffer(text.len, (void *)(uintptr_t)text.ptr, MHD_RESPMEM_MUST_COPY);
  MHD_add_response_header(response, "Content-Type", type);
  enum MHD_Result done = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return done;
}

static enum MHD_Result metrics(struct status_server *server, struct MHD_Connection *connection) {
  struct buf out;
  buf_init(&out, METRICS_MAX);
  server->options.metrics(&out, server->options.data);
  enum MHD_Result done = reply(connection, MHD_HTTP_OK, EXPOSITION_CONTENT_TYPE, buf_str(&out));
  buf_dispose(&out);
  return done;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state) {
  (void)version, (void)upload;
  struct status_server *server = cls;
  static int seen;
  if (!*state) {
    *state = &seen;
    return MHD_YES;
  }
  if (*upload_size) {
    *upload_size = 0;
    return MHD_YES;
  }
  const char *plain = "text/plain; charset=utf-8";
  if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
    return reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED, plain, STR("GET only\n"));
  if (strcmp(url, "/metrics") == 0)
    return metrics(server, connection);
  if (strcmp(url, "/healthz") == 0)
    return reply(connection, MHD_HTTP_OK, plain, STR("ok\n"));
  if (strcmp(url, "/readyz") == 0)
    return server->options.is_ready(server->options.data)
               ? reply(connection, MHD_HTTP_OK, plain, STR("ok\n"))
               : reply(connection, MHD_HTTP_SERVICE_UNAVAILABLE, plain,
                       STR("not everything is synced yet\n"));
  return reply(connection, MHD_HTTP_NOT_FOUND, plain,
               STR("there are /metrics, /healthz and /readyz\n"));
}

static int listen_on(const struct status_server_options *options, struct err *err) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options->port)};
  int one = 1;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
      bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 16) == 0)
    return fd;
  (void)err_errno(err, "the port %d for metrics cannot be opened", options->port);
  if (fd >= 0)
    close(fd);
  return -1;
}

int status_server_open(const struct status_server_options *options,
                       struct status_server **ret_server, struct err *err) {
  int fd = options->fd >= 0 ? options->fd : listen_on(options, err);
  if (fd < 0)
    return err && err->rc ? err->rc : RC_IO;
  struct status_server *server = XNEW(struct status_server);
  server->options = *options;
  server->daemon =
      MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, handle, server, MHD_OPTION_LISTEN_SOCKET, fd,
                       MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                       30u, MHD_OPTION_END);
  const union MHD_DaemonInfo *info =
      server->daemon ? MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
  if (!info) {
    close(fd);
    xfree(server);
    return err_set(err, RC_IO, "the server for metrics cannot be started");
  }
  uv_poll_init(options->loop, &server->poll, info->epoll_fd);
  uv_timer_init(options->loop, &server->timer);
  server->open_handles = 2;
  uv_poll_start(&server->poll, UV_READABLE, on_poll);
  run(server);
  *ret_server = server;
  return RC_OK;
}

int status_server_port(const struct status_server *server) {
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_LISTEN_FD);
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  if (!info || getsockname(info->listen_fd, (struct sockaddr *)&address, &size) != 0)
    return 0;
  return ntohs(address.sin_port);
}

static void closed(struct status_server *server) {
  if (--server->open_handles > 0)
    return;
  MHD_stop_daemon(server->daemon);
  xfree(server);
}

static void on_poll_closed(uv_handle_t *handle) {
  closed(container_of((uv_poll_t *)handle, struct status_server, poll));
}

static void on_timer_closed(uv_handle_t *handle) {
  closed(container_of((uv_timer_t *)handle, struct status_server, timer));
}

void status_server_close(struct status_server *server) {
  if (!server || uv_is_closing((uv_handle_t *)&server->poll))
    return;
  uv_close((uv_handle_t *)&server->poll, on_poll_closed);
  uv_close((uv_handle_t *)&server->timer, on_timer_closed);
}
