// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define STREAM_BLOCK (32u << 10)
#define PIECE_MAX (64u << 20) // of one series, one cluster: some kilobytes

struct admin {
  struct admin_host host;
  int fd; // libmicrohttpd's, until it is given back
  struct MHD_Daemon *daemon;
  uv_poll_t poll;
  uv_timer_t timer;
  unsigned open_handles;
};

// A long answer on its way: what of the last piece the reader has not taken yet.
struct stream {
  struct admin_stream from;
  struct buf piece;
  size_t taken;
};

static const char *argument(struct MHD_Connection *connection, const char *name) {
  return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

// A page in somebody's browser must not drain a proxy on that machine.
static bool is_from_browser(struct MHD_Connection *connection) {
  return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Origin") ||
         MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Sec-Fetch-Site");
}

// A reader elsewhere may look, never change anything: there is no password.
static bool is_local(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  const struct sockaddr *peer = info ? info->client_addr : NULL;
  union {
    const struct sockaddr *any;
    const struct sockaddr_in *v4;
    const struct sockaddr_in6 *v6;
  } address = {peer};
  if (peer && peer->sa_family == AF_INET)
    return ntohl(address.v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  if (!peer || peer->sa_family != AF_INET6)
    return false;
  const struct in6_addr *v6 = &address.v6->sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(v6) ||
         (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == IN_LOOPBACKNET);
}

static ssize_t stream_read(void *cls, uint64_t at, char *out, size_t room) {
  struct stream *stream = cls;
  (void)at;
  while (stream->taken == stream->piece.len) {
    buf_reset(&stream->piece);
    stream->taken = 0;
    if (!stream->from.next(stream->from.ctx, &stream->piece))
      return MHD_CONTENT_READER_END_OF_STREAM;
    if (stream->piece.failed)
      return MHD_CONTENT_READER_END_WITH_ERROR;
  }
  size_t len = stream->piece.len - stream->taken;
  len = len < room ? len : room;
  memcpy(out, stream->piece.ptr + stream->taken, len);
  stream->taken += len;
  return (ssize_t)len;
}

static void stream_free(void *cls) {
  struct stream *stream = cls;
  stream->from.close(stream->from.ctx);
  buf_dispose(&stream->piece);
  xfree(stream);
}

static struct MHD_Response *response_of(struct admin_reply *reply) {
  static char nothing[1];
  if (!reply->stream.next)
    return MHD_create_response_from_buffer(
        reply->body.len, reply->body.ptr ? reply->body.ptr : nothing, MHD_RESPMEM_MUST_COPY);
  struct stream *stream = XNEW(struct stream);
  stream->from = reply->stream;
  buf_init(&stream->piece, PIECE_MAX);
  struct MHD_Response *response = MHD_create_response_from_callback(
      MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, stream, stream_free);
  if (!response)
    stream_free(stream);
  return response;
}

static bool has_argument(struct MHD_Connection *connection, const char *name) {
  return MHD_lookup_connection_value_n(connection, MHD_GET_ARGUMENT_KIND, name, strlen(name), NULL,
                                       NULL) == MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state) {
  static char seen; // its address marks a request whose head was seen
  struct admin *admin = cls;
  (void)version, (void)data;
  if (*state != &seen) {
    *state = &seen;
    return MHD_YES;
  }
  if (*size > 0) { // bodies mean nothing here
    *size = 0;
    return MHD_YES;
  }
  struct admin_request request = {.path = url,
                                  .method = method,
                                  .is_local = is_local(connection),
                                  .is_from_browser = is_from_browser(connection),
                                  .query = {.resource = argument(connection, "resource"),
                                            .format = argument(connection, "format"),
                                            .filter = argument(connection, "filter"),
                                            .type = argument(connection, "type"),
                                            .level = argument(connection, "level"),
                                            .used_only = has_argument(connection, "usedonly"),
                                            .graceful = has_argument(connection, "graceful"),
                                            .skip_exit = has_argument(connection, "skip_exit")}};
  struct admin_reply reply = {.status = 500};
  buf_init(&reply.body, ADMIN_REPLY_MAX);
  admin_answer(&admin->host, &request, &reply);
  struct MHD_Response *response = response_of(&reply);
  buf_dispose(&reply.body);
  if (!response)
    return MHD_NO;
  (void)MHD_add_response_header(response, "Content-Type", reply.type);
  (void)MHD_add_response_header(response, "Cache-Control", "no-store");
  enum MHD_Result result = MHD_queue_response(connection, reply.status, response);
  MHD_destroy_response(response);
  return result;
}

static void on_timer(uv_timer_t *timer);

static void work(struct admin *admin) {
  MHD_UNSIGNED_LONG_LONG wait;
  (void)MHD_run(admin->daemon);
  if (MHD_get_timeout(admin->daemon, &wait) == MHD_YES)
    (void)uv_timer_start(&admin->timer, on_timer, wait, 0);
  else
    (void)uv_timer_stop(&admin->timer);
}

static void on_timer(uv_timer_t *timer) {
  work(container_of(timer, struct admin, timer));
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  (void)status, (void)events;
  work(container_of(poll, struct admin, poll));
}

int admin_open(uv_loop_t *loop, int fd, const struct admin_host *host, struct admin **ret_admin,
               struct err *err) {
  struct admin *admin = XNEW(struct admin);
  admin->host = *host;
  admin->fd = fd;
  admin->daemon =
      MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, admin, MHD_OPTION_LISTEN_SOCKET,
                       fd, MHD_OPTION_CONNECTION_LIMIT, 64u, MHD_OPTION_CONNECTION_TIMEOUT, 30u,
                       MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(32u << 10), MHD_OPTION_END);
  if (!admin->daemon) {
    (void)close(fd);
    xfree(admin);
    return err_set(err, RC_IO, "cannot start the admin server");
  }
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(admin->daemon, MHD_DAEMON_INFO_EPOLL_FD);
  (void)uv_poll_init(loop, &admin->poll, info->epoll_fd);
  (void)uv_timer_init(loop, &admin->timer);
  (void)uv_poll_start(&admin->poll, UV_READABLE, on_poll);
  admin->open_handles = 2;
  *ret_admin = admin;
  return 0;
}

static void on_handle_closed(struct admin *admin) {
  if (--admin->open_handles == 0)
    xfree(admin);
}

static void on_poll_closed(uv_handle_t *handle) {
  on_handle_closed(container_of(handle, struct admin, poll));
}

static void on_timer_closed(uv_handle_t *handle) {
  on_handle_closed(container_of(handle, struct admin, timer));
}

int admin_socket(const struct admin *admin) {
  return admin->fd;
}

int admin_quiesce(struct admin *admin) {
  MHD_socket fd = MHD_quiesce_daemon(admin->daemon);
  admin->fd = -1;
  return fd == MHD_INVALID_SOCKET ? -1 : fd;
}

void admin_close(struct admin *admin) {
  if (!admin)
    return;
  uv_close((uv_handle_t *)&admin->poll, on_poll_closed);
  uv_close((uv_handle_t *)&admin->timer, on_timer_closed);
  MHD_stop_daemon(admin->daemon);
  admin->daemon = NULL;
}
