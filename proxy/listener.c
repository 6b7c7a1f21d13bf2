// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "proxy/connection.h"
#include "proxy/connection_end.h"
#include "proxy/socket_text.h"
#include "proxy/upstream_pool.h"
#include "proxy/worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 64
#define PAUSE_MS 100

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

static int parse_address(struct str text, union address *ret, socklen_t *ret_len, struct err *err) {
  char host[INET6_ADDRSTRLEN + 1];
  ptrdiff_t colon = -1;
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] == ':')
      colon = (ptrdiff_t)i;
  }
  uint64_t port;
  if (colon < 0 || !str_to_u64(str_slice(text, (size_t)colon + 1, text.len), &port) || port > 65535)
    return err_set(err, RC_USAGE, "expected ADDRESS:PORT, found \"%.*s\"", STR_ARG(text));
  struct str name = str_slice(text, 0, (size_t)colon);
  memset(ret, 0, sizeof(*ret));
  if (name.len > 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
    name = str_slice(name, 1, name.len - 1);
  else if (name.len == 0)
    name = STR("0.0.0.0");
  else if (str_eq(name, STR("localhost")))
    name = STR("127.0.0.1");
  if (name.len >= sizeof(host))
    return err_set(err, RC_USAGE, "\"%.*s\" is no IP address", STR_ARG(text));
  memcpy(host, name.ptr, name.len);
  host[name.len] = '\0';
  if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
    ret->v4.sin_family = AF_INET;
    ret->v4.sin_port = htons((uint16_t)port);
    *ret_len = sizeof(ret->v4);
    return 0;
  }
  if (inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1) {
    ret->v6.sin6_family = AF_INET6;
    ret->v6.sin6_port = htons((uint16_t)port);
    *ret_len = sizeof(ret->v6);
    return 0;
  }
  return err_set(err, RC_USAGE, "\"%s\" is no IP address (names are not looked up)", host);
}

static bool address_text(const union address *address, char out[64], uint16_t *ret_port) {
  out[0] = '\0';
  if (address->any.sa_family == AF_INET) {
    (void)inet_ntop(AF_INET, &address->v4.sin_addr, out, 64);
    *ret_port = ntohs(address->v4.sin_port);
    return true;
  }
  if (address->any.sa_family != AF_INET6)
    return false;
  (void)inet_ntop(AF_INET6, &address->v6.sin6_addr, out, 64);
  *ret_port = ntohs(address->v6.sin6_port);
  return true;
}

int listener_address(int fd, char out[64], uint16_t *ret_port, struct err *err) {
  union address address;
  socklen_t len = sizeof(address);
  if (getsockname(fd, &address.any, &len) != 0)
    return err_errno(err, "descriptor %d is no socket", fd);
  if (!address_text(&address, out, ret_port))
    return err_set(err, RC_USAGE, "descriptor %d is no TCP socket", fd);
  return 0;
}

int listener_parse(struct str text, char out[64], uint16_t *ret_port, struct err *err) {
  union address address;
  socklen_t len;
  int rc = parse_address(text, &address, &len, err);
  if (rc == 0)
    (void)address_text(&address, out, ret_port);
  return rc;
}

static int bind_socket(const union address *address, socklen_t len, bool shared) {
  int on = 1;
  int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -1;
  (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (shared)
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  if (bind(fd, &address->any, len) == 0)
    return fd;
  int error = errno;
  (void)close(fd);
  errno = error;
  return -1;
}

int listener_bind(struct str text, bool shared, bool is_first, int *ret_fd, uint16_t *ret_port,
                  struct err *err) {
  union address address;
  socklen_t len = 0;
  int rc = parse_address(text, &address, &len, err);
  if (rc != 0)
    return rc;
  // SO_REUSEPORT alone would quietly share the traffic with whoever listens there already.
  int fd = bind_socket(&address, len, shared && !is_first);
  if (fd >= 0 && shared && is_first) {
    (void)close(fd);
    fd = bind_socket(&address, len, true);
  }
  if (fd < 0 || listen(fd, 4096) != 0) {
    rc = err_errno(err, "cannot listen on %.*s", STR_ARG(text));
    if (fd >= 0)
      (void)close(fd);
    return rc;
  }
  char host[64];
  rc = listener_address(fd, host, ret_port, err);
  *ret_fd = fd;
  return rc;
}

struct listener *listener_new(struct worker *worker, int fd, const char *address, uint16_t port) {
  struct listener *listener = XNEW(struct listener);
  int on = 1; // accepted sockets inherit it (Linux)
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  listener->worker = worker;
  listener->fd = fd;
  listener->port = port;
  listener->stats = stats_listener(worker->stats, address, port);
  (void)snprintf(listener->address, sizeof(listener->address), "%s", address);
  if (strcmp(address, "0.0.0.0") != 0 && strcmp(address, "::") != 0)
    (void)socket_text_local(fd, listener->text);
  return listener;
}

static void on_pause_over(uv_timer_t *timer);

// No room for another connection: idle ones make some, and the queue waits. It stays readable, so
// without a pause the loop would spin.
static void wait_for_room(struct listener *listener) {
  stats_add(&listener->worker->stats->downstream_cx_overflow, 1);
  connection_end_some(listener->worker);
  (void)uv_poll_stop(&listener->poll);
  (void)uv_timer_start(&listener->pause, on_pause_over, PAUSE_MS, 0);
}

static bool accept_one(struct listener *listener) {
  union address peer;
  socklen_t len = sizeof(peer);
  int fd = accept4(listener->fd, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    struct connection *connection =
        connection_open(listener->worker, fd, &peer.any, listener->port, listener->slot);
    connection->listener_stats = listener->stats;
    stats_add(&listener->stats->downstream_cx_total, 1);
    stats_add(&listener->stats->downstream_cx_active, 1);
    return true;
  }
  if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
    upstream_close_idle(listener->worker);
    wait_for_room(listener);
    return false;
  }
  return errno == ECONNABORTED || errno == EINTR;
}

static void accept_some(struct listener *listener, unsigned most) {
  struct worker *worker = listener->worker;
  for (unsigned i = 0; i < most; i++) {
    if (worker->connection_count >= worker->settings.limits->connections_max) {
      wait_for_room(listener);
      return;
    }
    if (!accept_one(listener))
      return;
  }
}

static void on_readable(uv_poll_t *handle, int status, int events) {
  struct listener *listener = container_of(handle, struct listener, poll);
  (void)status, (void)events;
  accept_some(listener, ACCEPTS_A_TURN);
}

static void on_pause_over(uv_timer_t *timer) {
  struct listener *listener = container_of(timer, struct listener, pause);
  (void)uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

static void start(struct listener *listener) {
  if (listener->started)
    return;
  listener->started = true;
  listener->open_handles = 2;
  uv_loop_t *loop = &listener->worker->loop;
  (void)uv_poll_init(loop, &listener->poll, listener->fd);
  (void)uv_timer_init(loop, &listener->pause);
  (void)uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

void listener_take_table(struct listener *listener, const struct proxy_table *table) {
  const struct table_listener *declared =
      table_find_listener(table, str_of(listener->address), listener->port);
  if (!declared) // of a table that is still on its way
    return;
  listener->slot = declared->slot;
  start(listener);
}

static void on_handle_closed(struct listener *listener) {
  if (--listener->open_handles == 0 && listener->leaving)
    xfree(listener);
}

static void on_poll_closed(uv_handle_t *handle) {
  on_handle_closed(container_of(handle, struct listener, poll));
}

static void on_pause_closed(uv_handle_t *handle) {
  on_handle_closed(container_of(handle, struct listener, pause));
}

void listener_stop(struct listener *listener, bool inherited) {
  if (listener->closed)
    return;
  listener->closed = true;
  if (listener->started) {
    if (!inherited)
      accept_some(listener, 65536);
    uv_close((uv_handle_t *)&listener->poll, on_poll_closed);
    uv_close((uv_handle_t *)&listener->pause, on_pause_closed);
  }
  (void)close(listener->fd);
  listener->fd = -1;
}

struct str listener_local_text(const struct connection *connection, char out[64]) {
  for (const struct listener *l = connection->worker->listeners; l; l = l->next) {
    if (l->port == connection->port && l->slot.index == connection->listener.index && l->text[0])
      return str_of(l->text);
  }
  return socket_text_local(connection->fd, out);
}

void listener_leave(struct listener *listener) {
  listener_stop(listener, false);
  connection_end_listener(listener->worker, listener->slot);
  listener->leaving = true;
  if (listener->open_handles == 0)
    xfree(listener);
}

void listener_free(struct listener *listener) {
  if (listener && listener->fd >= 0)
    (void)close(listener->fd);
  xfree(listener);
}
