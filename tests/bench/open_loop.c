// SPDX-License-Identifier: Apache-2.0
// Asks at a fixed rate, whatever the answers do: a request that has to wait for a free connection
// waits from the moment it was due, so a slow answer is not hidden by asking less.
// usage: bench_open_loop PORT RATE SECONDS CONNECTIONS HOST PATH
// prints: requests, failed, p50, p99, p99.9 (microseconds)
#include "manifests/base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define BODY 128 // bytes of an answer, behind its head

struct connection {
  int fd;
  double due_us; // of the request it waits for
  size_t got;
  char bytes[2048];
};

static struct connection connections[CONNECTIONS_MAX];
static struct connection *idle[CONNECTIONS_MAX];
static size_t idle_count, answered, failed;
static double *took;

static double now_us(void) {
  struct timespec at;
  (void)clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static bool is_whole(const struct connection *it) {
  const char *end = memmem(it->bytes, it->got, "\r\n\r\n", 4);
  return end && it->got >= (size_t)(end + 4 - it->bytes) + BODY;
}

static void on_readable(struct connection *it, size_t most) {
  ssize_t n = recv(it->fd, it->bytes + it->got, sizeof it->bytes - it->got, 0);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0) { // it is not used again
    failed++;
    (void)close(it->fd);
    it->fd = -1;
    return;
  }
  it->got += (size_t)n;
  if (!is_whole(it))
    return;
  if (strncmp(it->bytes, "HTTP/1.1 200", 12) != 0)
    failed++;
  if (answered < most)
    took[answered++] = now_us() - it->due_us;
  idle[idle_count++] = it;
}

static int connect_to(int port) {
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)port),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
    perror("bench_open_loop");
    exit(1);
  }
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

int main(int argc, char **argv) {
  if (argc != 7) {
    fputs("usage: bench_open_loop PORT RATE SECONDS CONNECTIONS HOST PATH\n", stderr);
    return 2;
  }
  int64_t port, rate, seconds, wanted;
  if (!str_to_i64(str_of(argv[1]), &port) || !str_to_i64(str_of(argv[2]), &rate) ||
      !str_to_i64(str_of(argv[3]), &seconds) || !str_to_i64(str_of(argv[4]), &wanted))
    return 2;
  size_t count = (size_t)wanted;
  if (count > CONNECTIONS_MAX)
    count = CONNECTIONS_MAX;
  char request[1024];
  int len =
      snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", argv[6], argv[5]);
  size_t most = (size_t)(rate * seconds), sent = 0;
  took = calloc(most + 1, sizeof *took);
  if (!took)
    return 1;
  int poll_fd = epoll_create1(EPOLL_CLOEXEC);
  for (size_t i = 0; i < count; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
    connections[i].fd = connect_to((int)port);
    (void)epoll_ctl(poll_fd, EPOLL_CTL_ADD, connections[i].fd, &event);
    idle[idle_count++] = &connections[i];
  }
  double begin = now_us(), give_up = begin + (double)seconds * 1e6 + 5e6;
  while (answered + failed < most && now_us() < give_up) {
    for (double now = now_us(); sent < most && idle_count > 0; sent++) {
      double due = begin + (double)sent * 1e6 / (double)rate;
      if (due > now)
        break;
      struct connection *it = idle[--idle_count];
      it->due_us = due;
      it->got = 0;
      if (send(it->fd, request, (size_t)len, MSG_NOSIGNAL) != len)
        failed++;
    }
    struct epoll_event events[64];
    // Spinning would take the core from the backend; a wait of a whole millisecond would be seen in
    // the figures.
    struct timespec nap = {.tv_nsec = 50000};
    int ready = epoll_pwait2(poll_fd, events, 64, &nap, NULL);
    for (int i = 0; i < ready; i++)
      on_readable(events[i].data.ptr, most);
  }
  qsort(took, answered, sizeof *took, by_size);
  if (answered == 0)
    return 1;
  printf("%zu %zu", answered, failed);
  double shares[] = {0.5, 0.99, 0.999};
  for (int i = 0; i < 3; i++)
    printf(" %.0f", took[(size_t)((double)(answered - 1) * shares[i])]);
  printf("\n");
  return 0;
}
