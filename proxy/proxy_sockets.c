// SPDX-License-Identifier: Apache-2.0
#include "proxy/proxy_sockets.h"

#include "manifests/base/log.h"
#include "proxy/listener.h"
#include "proxy/worker.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

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
  (void)snprintf(text, sizeof(text), "%.*s", STR_ARG(address));
  for (unsigned i = 0; i < worker_count; i++) {
    int fd;
    uint16_t port;
    int rc = listener_bind(str_of(text), true, i == 0, &fd, &port, err);
    if (rc == 0)
      rc = listener_address(fd, host, &port, err);
    if (rc != 0)
      return rc;
    worker_listen(workers[i], fd, host, port);
    note(sockets, host, port, persona);
    // With port 0 the kernel chose one for the first; the others share it.
    (void)snprintf(text, sizeof(text), str_find_char(str_of(host), ':') >= 0 ? "[%s]:%u" : "%s:%u",
                   host, port);
  }
  return 0;
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
  size_t most = count > worker_count ? count : worker_count;
  for (size_t i = 0; count > 0 && i < most; i++) {
    int fd;
    uint16_t port;
    char host[64];
    struct str number;
    enum table_persona persona;
    int rc = parse_listen(options->listen_fds[i % count], &number, &persona, err);
    if (rc == 0)
      rc = take_fd(number, &fd, err);
    if (rc == 0)
      rc = listener_address(fd, host, &port, err);
    if (rc != 0)
      return rc;
    if (i >= count) { // fewer sockets than workers: some share one
      fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
      if (fd < 0)
        return err_errno(err, "cannot share a listening socket");
    }
    worker_listen(workers[i % worker_count], fd, host, port);
    note(sockets, host, port, persona);
  }
  return 0;
}

int proxy_sockets_open(struct proxy_sockets *sockets, const struct proxy_options *options,
                       struct worker **workers, unsigned worker_count, struct err *err) {
  arena_init(&sockets->arena);
  for (size_t i = 0; i < options->listen_count; i++) {
    int rc = open_address(sockets, options->listen[i], workers, worker_count, err);
    if (rc != 0)
      return rc;
  }
  return share_inherited(sockets, options, workers, worker_count, err);
}

void proxy_sockets_dispose(struct proxy_sockets *sockets) {
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
