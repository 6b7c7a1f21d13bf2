// SPDX-License-Identifier: Apache-2.0
// What a connection gets from the socket it came in by.
#include "proxy/listener.h"

#include "manifests/base/alloc.h"
#include "proxy/breaker.h"
#include "proxy/worker.h"

#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

// Without it a small piece of an answer would wait for the client to acknowledge the one before.
static void connections_send_small_pieces_at_once(void **state) {
  (void)state;
  struct worker_limits limits = {0};
  struct worker_settings settings = {
      .limits = &limits, .load = upstream_load_new(), .breakers = breakers_new(1), .seed = 1};
  struct stats_source source = {.workload = STR("test")};
  struct worker *worker = worker_new(0, &settings, &source);
  struct err err;
  int fd;
  uint16_t port;
  assert_int_equal(listener_bind(STR("127.0.0.1:0"), false, true, &fd, &port, &err), 0);
  struct listener *listener = listener_new(worker, fd, "127.0.0.1", port);

  struct sockaddr_in to = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int client = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(client, (struct sockaddr *)(void *)&to, sizeof(to)), 0);
  // The listener does not block: the handshake has ended with connect.
  int accepted = accept(listener->fd, NULL, NULL);
  int on = 0;
  socklen_t len = sizeof(on);
  assert_true(accepted >= 0);
  assert_int_equal(getsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
  assert_int_not_equal(on, 0);

  (void)close(accepted);
  (void)close(client);
  listener_free(listener);
  worker_free(worker);
  upstream_load_free(settings.load);
  breakers_free(settings.breakers);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(connections_send_small_pieces_at_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
