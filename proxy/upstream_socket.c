// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream_socket.h"

#include "proxy/upstream.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static void set_option(int fd, int level, int name, int value) {
  (void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void set_keepalive(int fd, const struct table_pool *pool) {
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  if (pool->keepalive_probes > 0)
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, pool->keepalive_probes);
  if (pool->keepalive_time_s > 0)
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, pool->keepalive_time_s);
  if (pool->keepalive_interval_s > 0)
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, pool->keepalive_interval_s);
}

int upstream_socket_open(const struct upstream_user *user) {
  const struct table_endpoint *endpoint = user->endpoint;
  int family = endpoint->address.any.sa_family;
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -1;
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (user->cluster->pool.has_keepalive)
    set_keepalive(fd, &user->cluster->pool);
  socklen_t len = family == AF_INET6 ? sizeof(endpoint->address.v6) : sizeof(endpoint->address.v4);
  if (connect(fd, &endpoint->address.any, len) != 0 && errno != EINPROGRESS) {
    int error = errno;
    (void)close(fd);
    errno = error;
    return -1;
  }
  return fd;
}
