// SPDX-License-Identifier: Apache-2.0
// The floor of what a proxy can cost: one epoll loop that copies bytes both ways and parses
// nothing, with one connection to the backend for each of a client. usage: bench_relay PORT BACKEND
#include "manifests/base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 16384
#define EVENTS 256

// One direction's reader; its peer is where the bytes go.
struct end {
  int fd;
  bool closed, wants_write;
  struct end *peer;
  char *kept; // bytes of the peer that did not go out
  size_t kept_len;
  struct end *next_dead;
};

static int epoll_fd;
static struct end *dead;
static char chunk[CHUNK];

static void watch(struct end *end, int how) {
  struct epoll_event event = {.events = end->closed ? 0 : EPOLLIN, .data.ptr = end};
  if (end->peer->kept_len > 0) // the other side is slow: no more from here
    event.events = 0;
  if (end->wants_write)
    event.events |= EPOLLOUT;
  (void)epoll_ctl(epoll_fd, how, end->fd, &event);
}

static void drop(struct end *end) {
  struct end *both[2] = {end, end->peer};
  for (int i = 0; i < 2; i++) {
    if (both[i]->fd < 0)
      continue;
    (void)close(both[i]->fd);
    both[i]->fd = -1;
    both[i]->next_dead = dead;
    dead = both[i];
  }
}

static struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){.sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static struct end *end_new(int fd) {
  int on = 1;
  struct end *end = calloc(1, sizeof *end);
  if (!end)
    abort();
  end->fd = fd;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return end;
}

static void accept_all(int listener, int backend) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
      return;
    int up = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = loopback(backend);
    if (up < 0 || (connect(up, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)) {
      (void)close(fd);
      if (up >= 0)
        (void)close(up);
      continue;
    }
    struct end *client = end_new(fd), *server = end_new(up);
    client->peer = server;
    server->peer = client;
    watch(client, EPOLL_CTL_ADD);
    watch(server, EPOLL_CTL_ADD);
  }
}

static void keep(struct end *to, const char *bytes, size_t len) {
  to->kept = realloc(to->kept, len);
  if (!to->kept)
    abort();
  memmove(to->kept, bytes, len);
  to->kept_len = len;
  to->wants_write = true;
  watch(to, EPOLL_CTL_MOD);
  watch(to->peer, EPOLL_CTL_MOD);
}

static void on_readable(struct end *end) {
  ssize_t n = recv(end->fd, chunk, sizeof chunk, 0);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0) {
    drop(end);
    return;
  }
  ssize_t sent = send(end->peer->fd, chunk, (size_t)n, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != ENOTCONN)
    drop(end);
  else if (sent < n)
    keep(end->peer, chunk + (sent > 0 ? sent : 0), (size_t)(n - (sent > 0 ? sent : 0)));
}

static void on_writable(struct end *end) {
  ssize_t sent = send(end->fd, end->kept, end->kept_len, MSG_NOSIGNAL);
  if (sent < 0 && errno == EAGAIN)
    return;
  if (sent < 0) {
    drop(end);
    return;
  }
  end->kept_len -= (size_t)sent;
  memmove(end->kept, end->kept + sent, end->kept_len);
  if (end->kept_len > 0)
    return;
  end->wants_write = false;
  watch(end, EPOLL_CTL_MOD);
  watch(end->peer, EPOLL_CTL_MOD);
}

static int listen_on(int port) {
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in at = loopback(port);
  (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4096) < 0) {
    perror("bench_relay");
    exit(1);
  }
  return fd;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fputs("usage: bench_relay PORT BACKEND\n", stderr);
    return 2;
  }
  int64_t port, backend;
  if (!str_to_i64(str_of(argv[1]), &port) || !str_to_i64(str_of(argv[2]), &backend))
    return 2;
  int listener = listen_on((int)port);
  (void)signal(SIGTERM, SIG_DFL);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event first = {.events = EPOLLIN}, events[EVENTS];
  (void)epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &first);
  for (;;) {
    int count = epoll_wait(epoll_fd, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
      struct end *end = events[i].data.ptr;
      if (!end)
        accept_all(listener, (int)backend);
      else if (end->fd >= 0 && events[i].events & EPOLLOUT)
        on_writable(end);
      if (end && end->fd >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        on_readable(end);
    }
    while (dead) {
      struct end *end = dead;
      dead = end->next_dead;
      free(end->kept);
      free(end);
    }
  }
}
