// SPDX-License-Identifier: Apache-2.0
// A backend that reads a request to its end before it answers, so that uploads through proxies can
// be compared; a path that begins with /hold is never answered. One epoll loop, bodies with a
// Content-Length only. usage: bench_sink PORT
#include "manifests/base/str.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX 4096
#define EVENTS 256
#define BODY "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define ANSWER                                                                                     \
  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 128\r\n\r\n" BODY BODY

struct client {
  int fd;
  bool holds;
  uint64_t left; // of the body
  size_t len;    // of the head so far
  char head[HEAD_MAX + 1];
};

static char waste[256 * 1024];

static void answer(struct client *it) {
  if (!it->holds)
    (void)send(it->fd, ANSWER, sizeof(ANSWER) - 1, MSG_NOSIGNAL);
}

// The head is whole: how long is the body, and how much of it came with it. False: no head.
static bool begin_body(struct client *it, size_t head_len) {
  static const char name[] = "\r\ncontent-length:";
  it->head[it->len] = '\0';
  const char *field = strcasestr(it->head, name);
  int64_t length = 0;
  if (field) {
    field += sizeof(name) - 1;
    const char *end = strstr(field, "\r\n");
    struct str text = {field, (size_t)(end - field)};
    if (!str_to_i64(str_trim(text), &length) || length < 0)
      return false;
  }
  it->holds = strncmp(it->head + strcspn(it->head, " "), " /hold", 6) == 0;
  size_t come = it->len - head_len;
  it->len = 0;
  it->left = (uint64_t)length - (come < (uint64_t)length ? come : (uint64_t)length);
  return true;
}

// False: it is gone.
static bool on_readable(struct client *it) {
  bool in_body = it->left > 0;
  char *to = in_body ? waste : it->head + it->len;
  ssize_t n = recv(it->fd, to, in_body ? sizeof(waste) : HEAD_MAX - it->len, 0);
  if (n <= 0)
    return false;
  if (in_body) {
    it->left -= (uint64_t)n < it->left ? (uint64_t)n : it->left;
  } else {
    it->len += (size_t)n;
    const char *end = memmem(it->head, it->len, "\r\n\r\n", 4);
    if (!end)
      return it->len < HEAD_MAX;
    if (!begin_body(it, (size_t)(end + 4 - it->head)))
      return false;
  }
  if (it->left == 0)
    answer(it);
  return true;
}

static int listen_on(int64_t port) {
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in at = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)port),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4096) < 0) {
    perror("bench_sink");
    exit(1);
  }
  return fd;
}

static void accept_client(int epoll_fd, int listener) {
  int on = 1;
  struct client *it = calloc(1, sizeof *it);
  if (!it)
    abort();
  it->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  (void)setsockopt(it->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = it};
  if (it->fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, it->fd, &event) < 0)
    free(it);
}

int main(int argc, char **argv) {
  int64_t port;
  if (argc != 2 || !str_to_i64(str_of(argv[1]), &port)) {
    fputs("usage: bench_sink PORT\n", stderr);
    return 2;
  }
  int listener = listen_on(port), epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event first = {.events = EPOLLIN}, events[EVENTS];
  (void)epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &first);
  for (;;) {
    int count = epoll_wait(epoll_fd, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
      struct client *it = events[i].data.ptr;
      if (!it) {
        accept_client(epoll_fd, listener);
      } else if (!on_readable(it)) {
        (void)close(it->fd);
        free(it);
      }
    }
  }
}
