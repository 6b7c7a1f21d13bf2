// SPDX-License-Identifier: Apache-2.0
// A whole worker between a client and a backend that both say whatever the input holds, in pieces
// the input chooses: "00 len bytes" is said by the client, "01 len bytes" by the backend; other
// first bytes end one side. Whatever comes, nothing crashes, and when the client has left nothing
// of it is left.
#include "manifests/base/bug.h"
#include "proxy/connection.h"
#include "proxy/upstream_pool.h"
#include "tests/fuzz/support_proxy.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static struct worker *worker;
static int listener;

static void turn(int times) {
  for (int i = 0; i < times; i++)
    (void)uv_run(&worker->loop, UV_RUN_NOWAIT);
}

static void drop_input(int fd) {
  char sink[4096];
  while (fd >= 0 && recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
    ;
}

static void say(int fd, const uint8_t *data, size_t len) {
  if (fd >= 0)
    (void)send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int pair[2], backend = -1;
  struct sockaddr_in peer = {.sin_family = AF_INET};
  if (!worker)
    worker = support_worker(&listener);
  if (size > 20000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
    return 0;
  connection_open(worker, pair[0], (struct sockaddr *)(void *)&peer, 80, (struct table_slot){0});
  for (size_t at = 0; at + 2 < size;) {
    size_t len = data[at + 1] < size - at - 2 ? data[at + 1] : size - at - 2;
    int *side = data[at] & 1 ? &backend : &pair[1];
    if (data[at] < 0xf0) {
      say(*side, data + at + 2, len);
    } else if (*side >= 0) {
      (void)shutdown(*side, SHUT_WR);
    }
    at += 2 + len;
    turn(3);
    int more = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (more >= 0 && backend >= 0)
      (void)close(backend);
    backend = more >= 0 ? more : backend;
    drop_input(pair[1]);
    drop_input(backend);
  }
  (void)close(pair[1]);
  if (backend >= 0)
    (void)close(backend);
  for (int i = 0; worker->connection_count > 0; i++) {
    BUG_ON(i > 2000);
    while ((backend = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
      (void)close(backend); // a try that is made again finds nobody
    (void)uv_run(&worker->loop, i < 200 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
  }
  upstream_close_idle(worker);
  turn(2);
  while ((backend = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
    (void)close(backend);
  BUG_ON(worker->upstreams || worker->connections);
  BUG_ON(worker->holder->users != 0);
  return 0;
}
