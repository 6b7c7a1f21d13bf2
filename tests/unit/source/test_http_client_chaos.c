// SPDX-License-Identifier: Apache-2.0
// Every end of a request in every order: each calls back once.
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/rng.h"
#include "tests/unit/source/support_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define CHAOS_CALLS 400
#define CHAOS_AT_ONCE 24

struct call {
  struct http_op op;
  int done;
  struct chaos *chaos;
};

struct chaos {
  struct fixture fixture;
  struct rng rng;
  struct call calls[CHAOS_CALLS];
  size_t started, ended;
  bool finished;
};

// Answers, closes, breaks off, is slow or says nothing, as the dice fall.
static void chaos_server(struct server_conn *conn, const struct server_request *request,
                         void *data) {
  struct chaos *chaos = data;
  (void)request;
  switch (rng_below(&chaos->rng, 6)) {
  case 0: server_reply(conn, 200, "", "fine"); break;
  case 1:
    server_reply(conn, 503, "Connection: close\r\n", "no");
    server_hang_up(conn);
    break;
  case 2: server_hang_up(conn); break;
  case 3:
    server_begin_chunks(conn);
    server_chunk(conn, "half");
    if (rng_below(&chaos->rng, 2))
      server_hang_up(conn);
    break;
  case 4: server_dribble(conn, STR("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")); break;
  default: break;
  }
}

static void chaos_start(struct chaos *chaos);

static void chaos_done(struct http_op *op, const struct http_reply *reply, const struct err *err) {
  struct call *call = container_of(op, struct call, op);
  struct chaos *chaos = call->chaos;
  assert_true((reply == NULL) == (err != NULL));
  assert_int_equal(call->done++, 0);
  chaos->ended++;
  chaos->finished = chaos->ended == CHAOS_CALLS;
  chaos_start(chaos);
}

static void chaos_cancel_one(struct chaos *chaos) {
  size_t i = rng_below(&chaos->rng, chaos->started);
  http_cancel(&chaos->calls[i].op); // running, ended, or canceled before: all are fine
}

static void chaos_chunk(struct http_op *op, int status, struct str bytes) {
  struct call *call = container_of(op, struct call, op);
  struct chaos *chaos = call->chaos;
  (void)status;
  assert_true(bytes.len > 0);
  assert_int_equal(call->done, 0);
  if (rng_below(&chaos->rng, 3) == 0)
    http_cancel(op);
  if (rng_below(&chaos->rng, 3) == 0)
    chaos_cancel_one(chaos);
}

static void chaos_start(struct chaos *chaos) {
  while (chaos->started < CHAOS_CALLS && chaos->started - chaos->ended < CHAOS_AT_ONCE) {
    struct call *call = &chaos->calls[chaos->started++];
    struct arena arena = {0};
    struct http_request request = {.url = fixture_url(&chaos->fixture, &arena, "/"),
                                   .deadline_ms = 1 + (int64_t)rng_below(&chaos->rng, 60),
                                   .idle_ms = 1 + (int64_t)rng_below(&chaos->rng, 60)};
    call->chaos = chaos;
    int rc =
        rng_below(&chaos->rng, 2)
            ? http_stream(chaos->fixture.http, &request, &call->op, chaos_chunk, chaos_done, NULL)
            : http_start(chaos->fixture.http, &request, &call->op, chaos_done, NULL);
    assert_int_equal(rc, RC_OK);
    if (rng_below(&chaos->rng, 8) == 0)
      chaos_cancel_one(chaos);
    arena_dispose(&arena);
  }
}

static void test_each_request_ends_exactly_once(void **state) {
  (void)state;
  struct chaos *chaos = XNEW(struct chaos);
  rng_init(&chaos->rng, 42);
  fixture_open(&chaos->fixture, chaos_server, chaos);
  chaos_start(chaos);
  fixture_run_until(&chaos->fixture, &chaos->finished);
  fixture_close(&chaos->fixture);
  for (size_t i = 0; i < CHAOS_CALLS; i++)
    assert_int_equal(chaos->calls[i].done, 1);
  xfree(chaos);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_each_request_ends_exactly_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
