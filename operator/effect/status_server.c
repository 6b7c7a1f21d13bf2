// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/status_server.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/exposition.h"
#include "operator/effect/http_daemon.h"

#include <microhttpd.h>
#include <string.h>
#include <unistd.h>

#define METRICS_MAX (64u << 20)
#define CONNECTIONS_MAX 64u

struct status_server {
  struct status_server_options options;
  struct http_daemon daemon;
};

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

static void on_completed(void *cls, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code) {
  (void)cls, (void)state, (void)code;
  http_daemon_progress(connection);
}

int status_server_open(const struct status_server_options *options,
                       struct status_server **ret_server, struct err *err) {
  int fd =
      options->fd >= 0 ? options->fd : http_daemon_listen(options->address, options->port, 16, err);
  if (fd < 0)
    return err && err->rc ? err->rc : RC_IO;
  struct status_server *server = XNEW(struct status_server);
  server->options = *options;
  struct MHD_Daemon *mhd = MHD_start_daemon(
      MHD_USE_EPOLL, 0, NULL, NULL, handle, server, MHD_OPTION_LISTEN_SOCKET, fd,
      MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, 30u,
      MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION,
      http_daemon_on_connection, &server->daemon, MHD_OPTION_END);
  if (!http_daemon_open(&server->daemon, options->loop, mhd, CONNECTIONS_MAX)) {
    close(fd);
    xfree(server);
    return err_set(err, RC_IO, "the server for metrics cannot be started");
  }
  *ret_server = server;
  return RC_OK;
}

int status_server_port(const struct status_server *server) {
  return http_daemon_port(&server->daemon);
}

static void on_closed(struct http_daemon *daemon) {
  xfree(container_of(daemon, struct status_server, daemon));
}

void status_server_close(struct status_server *server) {
  if (server)
    http_daemon_close(&server->daemon, on_closed);
}
