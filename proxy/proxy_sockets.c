// SPDX-License-Identifier: Apache-2.0
#include "proxy/proxy_sockets.h"

#include "manifests/base/bug.h"
#include "manifests/base/log.h"
#include "proxy/listener.h"
#include "proxy/worker.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKETS_OF_ADDRESS_MAX 1024u

static void note(struct proxy_sockets *sockets, const char *host, uint16_t port,
                 enum table_persona persona) {
  for (size_t i = 0; i < sockets->listener_count; i++) {
    if (sockets->listeners[i].port == port && str_eq_z(sockets->listeners[i].address, host))
      return;
  }
  void *items = sockets->listeners;
  struct table_listener *listener = arena_push(&sockets->arena, &items, &sockets->listener_count,
                                               &sockets->listener_capacity, sizeof(*listener));
  sockets->listeners = items;
  listener->address = arena_strz(&sockets->arena, host);
  listener->port = port;
  listener->persona = persona;
  listener->is_fixed = true;
  LOG(LOG_INFO, "listening", LOG_Z("address", host), LOG_I("port", port));
}

// To one worker, and noted.
static int give(struct proxy_sockets *sockets, struct worker *worker, int fd,
                enum table_persona persona, struct err *err) {
  void *items = sockets->open;
  struct proxy_socket *socket = arena_push(&sockets->arena, &items, &sockets->open_count,
                                           &sockets->open_capacity, sizeof(*socket));
  sockets->open = items;
  socket->fd = fd;
  int rc = listener_address(fd, socket->host, &socket->port, err);
  if (rc != 0)
    return rc;
  worker_listen(worker, fd, socket->host, socket->port);
  note(sockets, socket->host, socket->port, persona);
  return 0;
}

// All sockets to the workers in turn, so that no queue is without a worker; where there are fewer
// sockets than workers some share one.
static int give_all(struct proxy_sockets *sockets, const int *fds, size_t count,
                    enum table_persona persona, struct worker **workers, unsigned worker_count,
                    struct err *err) {
  size_t most = count > worker_count ? count : worker_count;
  int rc = 0;
  for (size_t i = 0; rc == 0 && count > 0 && i < most; i++) {
    int fd = i < count ? fds[i] : fcntl(fds[i % count], F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
      return err_errno(err, "cannot share a listening socket");
    rc = give(sockets, workers[i % worker_count], fd, persona, err);
  }
  return rc;
}

void proxy_sockets_init(struct proxy_sockets *sockets) {
  *sockets = (struct proxy_sockets){0};
  arena_init(&sockets->arena);
}

int proxy_sockets_receive(struct proxy_sockets *sockets, int fd, struct err *err) {
  void *items = sockets->received;
  struct proxy_socket *socket = arena_push(&sockets->arena, &items, &sockets->received_count,
                                           &sockets->received_capacity, sizeof(*socket));
  sockets->received = items;
  socket->fd = fd;
  return listener_address(fd, socket->host, &socket->port, err);
}

int proxy_sockets_take(struct proxy_sockets *sockets, const char *host, uint16_t port) {
  for (size_t i = 0; i < sockets->received_count; i++) {
    struct proxy_socket *socket = &sockets->received[i];
    if (socket->fd < 0 || strcmp(socket->host, host) != 0 || (port > 0 && socket->port != port))
      continue;
    int fd = socket->fd;
    socket->fd = -1;
    return fd;
  }
  return -1;
}

void proxy_sockets_drop_received(struct proxy_sockets *sockets) {
  for (size_t i = 0; i < sockets->received_count; i++) {
    if (sockets->received[i].fd >= 0)
      (void)close(sockets->received[i].fd);
    sockets->received[i].fd = -1;
  }
}

// Those of the process before at the address of a --listen. Returns how many.
static size_t take_all(struct proxy_sockets *sockets, const char *host, uint16_t port, int *fds,
                       size_t room) {
  size_t count = 0;
  char found[64];
  while (count < room && (fds[count] = proxy_sockets_take(sockets, host, port)) >= 0) {
    if (port == 0) // any one, but only one
      (void)listener_address(fds[count], found, &port, NULL);
    count++;
  }
  return count;
}

// "ADDRESS,persona=gateway" or "7,persona=mesh": what stands before the comma and the persona.
static int parse_listen(struct str text, struct str *ret_where, enum table_persona *ret_persona,
                        struct err *err) {
  struct str rest = text, word;
  *ret_persona = TABLE_MESH;
  (void)str_next(&rest, ',', ret_where);
  while (rest.len > 0 && str_next(&rest, ',', &word)) {
    if (str_eq(word, STR("persona=gateway")))
      *ret_persona = TABLE_GATEWAY;
    else if (!str_eq(word, STR("persona=mesh")))
      return err_set(err, RC_USAGE,
                     "--listen: expected persona=mesh or persona=gateway behind the comma, found "
                     "\"%.*s\"",
                     STR_ARG(word));
  }
  return 0;
}

// One socket for each worker: SO_REUSEPORT lets the kernel share out the connections.
static int open_address(struct proxy_sockets *sockets, struct str option, struct worker **workers,
                        unsigned worker_count, struct err *err) {
  char text[128], host[64];
  struct str address;
  enum table_persona persona;
  int parsed = parse_listen(option, &address, &persona, err);
  if (parsed != 0)
    return parsed;
  int fds[SOCKETS_OF_ADDRESS_MAX];
  uint16_t port;
  int rc = listener_parse(address, host, &port, err);
  if (rc != 0)
    return rc;
  size_t count = take_all(sockets, host, port, fds, ARRAY_LEN(fds));
  if (count > 0)
    return give_all(sockets, fds, count, persona, workers, worker_count, err);
  (void)snprintf(text, sizeof(text), "%.*s", STR_ARG(address));
  for (unsigned i = 0; rc == 0 && i < worker_count; i++) {
    int fd;
    rc = listener_bind(str_of(text), true, i == 0, &fd, &port, err);
    if (rc == 0)
      rc = give(sockets, workers[i], fd, persona, err);
    // With port 0 the kernel chose one for the first; the others share it.
    (void)snprintf(text, sizeof(text), str_find_char(str_of(host), ':') >= 0 ? "[%s]:%u" : "%s:%u",
                   host, port);
  }
  return rc;
}

static int take_fd(struct str text, int *ret_fd, struct err *err) {
  int64_t fd;
  int listens = 0;
  socklen_t len = sizeof(listens);
  if (!str_to_i64(text, &fd) || fd < 0 || fd > 1 << 20)
    return err_set(err, RC_USAGE, "expected the number of a descriptor, found \"%.*s\"",
                   STR_ARG(text));
  if (getsockopt((int)fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0 || !listens)
    return err_set(err, RC_USAGE, "descriptor %d is no listening socket", (int)fd);
  int flags = fcntl((int)fd, F_GETFL);
  if (flags < 0 || fcntl((int)fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
      fcntl((int)fd, F_SETFD, FD_CLOEXEC) != 0)
    return err_errno(err, "descriptor %d", (int)fd);
  *ret_fd = (int)fd;
  return 0;
}

static int share_inherited(struct proxy_sockets *sockets, const struct proxy_options *options,
                           struct worker **workers, unsigned worker_count, struct err *err) {
  size_t count = options->listen_fd_count;
  for (size_t i = 0; i < count; i++) {
    int fd;
    struct str number;
    enum table_persona persona;
    int rc = parse_listen(options->listen_fds[i], &number, &persona, err);
    if (rc == 0)
      rc = take_fd(number, &fd, err);
    for (size_t k = i; rc == 0 && (k == i || (count < worker_count && k < worker_count));
         k += count) {
      if (k > i) // fewer sockets than workers: some share one
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
      if (fd < 0)
        return err_errno(err, "cannot share a listening socket");
      rc = give(sockets, workers[k % worker_count], fd, persona, err);
    }
    if (rc != 0)
      return rc;
  }
  return 0;
}

int proxy_sockets_open(struct proxy_sockets *sockets, const struct proxy_options *options,
                       struct worker **workers, unsigned worker_count, struct err *err) {
  for (size_t i = 0; i < options->listen_count; i++) {
    int rc = open_address(sockets, options->listen[i], workers, worker_count, err);
    if (rc != 0)
      return rc;
  }
  return share_inherited(sockets, options, workers, worker_count, err);
}

void proxy_sockets_dispose(struct proxy_sockets *sockets) {
  proxy_sockets_drop_received(sockets);
  arena_dispose(&sockets->arena);
}

int proxy_sockets_admin(const struct proxy_options *options, int *ret_fd, struct err *err) {
  char host[64], text[24];
  uint16_t port;
  *ret_fd = -1;
  if (options->admin_fd >= 0) {
    (void)snprintf(text, sizeof(text), "%lld", (long long)options->admin_fd);
    int rc = take_fd(str_of(text), ret_fd, err);
    return rc == 0 ? listener_address(*ret_fd, host, &port, err) : rc;
  }
  if (str_eq(options->admin, STR("off")))
    return 0;
  int rc = listener_bind(options->admin, false, true, ret_fd, &port, err);
  if (rc != 0)
    return err_wrap(err, rc, "--admin");
  rc = listener_address(*ret_fd, host, &port, err);
  LOG(LOG_INFO, "admin", LOG_Z("address", host), LOG_I("port", port));
  return rc;
}
