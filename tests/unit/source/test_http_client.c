// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "tests/unit/source/support_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <string.h>
#include <cmocka.h>

struct call {
  struct http_op op;
  int done, chunks, rc, status;
  struct buf body;
  char header[64], message[256];
  bool finished, cancel_in_chunk, free_client;
  struct fixture *fixture;
  struct call *chain; // started from inside done
};

static void start(struct fixture *fixture, struct call *call, const char *path,
                  int64_t deadline_ms);

static void on_done(struct http_op *op, const struct http_reply *reply, const struct err *err) {
  struct call *call = container_of(op, struct call, op);
  assert_false(http_is_running(op));
  call->done++;
  call->rc = err ? err->rc : RC_OK;
  if (err)
    memcpy(call->message, err->msg, sizeof call->message - 1);
  if (reply) {
    call->status = reply->status;
    if (call->chunks == 0) {
      buf_reset(&call->body);
      buf_add_str(&call->body, reply->body);
    }
    struct str value = http_reply_header(reply, "x-answer");
    memcpy(call->header, value.ptr ? value.ptr : "", value.len < 63 ? value.len : 63);
  }
  call->finished = true;
  if (call->chain)
    start(call->fixture, call->chain, "/chained", 0);
  if (call->free_client)
    http_client_close(call->fixture->http, NULL, NULL);
}

static void on_chunk(struct http_op *op, int status, struct str bytes) {
  struct call *call = container_of(op, struct call, op);
  call->status = status;
  call->chunks++;
  buf_add_str(&call->body, bytes);
  if (call->cancel_in_chunk)
    http_cancel(op);
}

static void call_init(struct call *call) {
  memset(call, 0, sizeof *call);
  buf_init(&call->body, 16u << 20);
}

static void launch(struct fixture *fixture, struct call *call, const struct http_request *request,
                   bool stream) {
  struct err err = {0};
  call->fixture = fixture;
  int rc = stream ? http_stream(fixture->http, request, &call->op, on_chunk, on_done, &err)
                  : http_start(fixture->http, request, &call->op, on_done, &err);
  assert_int_equal(rc, RC_OK);
  assert_int_equal(call->done, 0); // never from inside
}

static void start(struct fixture *fixture, struct call *call, const char *path,
                  int64_t deadline_ms) {
  struct arena arena = {0};
  struct http_request request = {.url = fixture_url(fixture, &arena, path),
                                 .deadline_ms = deadline_ms};
  launch(fixture, call, &request, false);
  arena_dispose(&arena); // everything was copied
}

static void stream(struct fixture *fixture, struct call *call, const char *path, int64_t idle_ms) {
  struct arena arena = {0};
  struct http_request request = {.url = fixture_url(fixture, &arena, path), .idle_ms = idle_ms};
  launch(fixture, call, &request, true);
  arena_dispose(&arena);
}

static void echo(struct server_conn *conn, const struct server_request *request, void *data) {
  (void)data;
  struct arena arena = {0};
  struct str text =
      arena_printf(&arena, "%.*s %.*s on %d: %.*s", STR_ARG(request->method),
                   STR_ARG(request->target), request->conn_number, STR_ARG(request->body));
  server_reply(conn, 200, "X-Answer: yes \r\n", text.ptr);
  arena_dispose(&arena);
}

static void test_requests_reuse_one_connection(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_open(&fixture, echo, NULL);
  for (int i = 0; i < 5; i++) {
    struct call call;
    call_init(&call);
    start(&fixture, &call, "/a?b=c", 0);
    fixture_run_until(&fixture, &call.finished);
    assert_int_equal(call.done, 1);
    assert_int_equal(call.rc, RC_OK);
    assert_string_equal(buf_z(&call.body), "GET /a?b=c on 0: ");
    assert_string_equal(call.header, "yes");
    buf_dispose(&call.body);
  }
  assert_int_equal(fixture.server.conns, 1);
  assert_int_equal(fixture.server.requests, 5);
  fixture_close(&fixture);
}

// What many requests at once opened does not stay: only a few wait for the next one.
static void test_few_connections_stay_idle(void **state) {
  (void)state;
  struct fixture fixture;
  struct call calls[16];
  fixture_open(&fixture, echo, NULL);
  for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
    call_init(&calls[i]);
    start(&fixture, &calls[i], "/at-once", 0);
  }
  for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
    fixture_run_until(&fixture, &calls[i].finished);
    buf_dispose(&calls[i].body);
  }
  assert_int_equal(fixture.server.conns, ARRAY_LEN(calls));       // none had to wait
  for (int i = 0; i < 12 && fixture.server.open_conns > 5; i++) { // each end closes one at most
    struct call call;
    call_init(&call);
    start(&fixture, &call, "/one", 0);
    fixture_run_until(&fixture, &call.finished);
    buf_dispose(&call.body);
  }
  assert_in_range(fixture.server.open_conns, 1, 5);
  assert_int_equal(fixture.server.conns, ARRAY_LEN(calls)); // the later ones used one of them
  fixture_close(&fixture);
}

static void keep_head(struct server_conn *conn, const struct server_request *request, void *data) {
  buf_reset(data);
  buf_add_str(data, request->head);
  server_reply(conn, 201, "", "");
}

static void test_method_body_and_credentials_are_sent(void **state) {
  (void)state;
  struct fixture fixture;
  struct buf head;
  struct call call;
  struct arena arena = {0};
  buf_init(&head, 65536);
  call_init(&call);
  fixture_open(&fixture, keep_head, &head);
  struct http_header headers[] = {{STR("Content-Type"), STR("application/json")},
                                  {STR("X-Empty"), STR("")}};
  struct http_request request = {.method = "PATCH",
                                 .url = fixture_url(&fixture, &arena, "/x"),
                                 .headers = headers,
                                 .header_count = 2,
                                 .body = STR("{}"),
                                 .bearer = STR("geheim")};
  launch(&fixture, &call, &request, false);
  fixture_run_until(&fixture, &call.finished);
  assert_int_equal(call.status, 201);
  assert_non_null(strstr(buf_z(&head), "PATCH /x HTTP/1.1\r\n"));
  assert_non_null(strstr(buf_z(&head), "\r\nAuthorization: Bearer geheim\r\n"));
  assert_non_null(strstr(buf_z(&head), "\r\nContent-Type: application/json\r\n"));
  assert_non_null(strstr(buf_z(&head), "\r\nX-Empty:"));
  assert_non_null(strstr(buf_z(&head), "\r\nContent-Length: 2\r\n"));
  assert_null(strstr(buf_z(&head), "Expect:"));
  request.bearer = STR_NULL;
  request.user = STR("ann");
  request.password = STR("pw");
  call.finished = false;
  call.done = 0;
  launch(&fixture, &call, &request, false);
  fixture_run_until(&fixture, &call.finished);
  assert_non_null(strstr(buf_z(&head), "\r\nAuthorization: Basic YW5uOnB3\r\n"));
  arena_dispose(&arena);
  buf_dispose(&head);
  buf_dispose(&call.body);
  fixture_close(&fixture);
}

static void test_bad_requests_never_call_back(void **state) {
  (void)state;
  struct fixture fixture;
  struct call call;
  struct err err = {0};
  call_init(&call);
  fixture_open(&fixture, echo, NULL);
  struct http_header bad_header = {STR("X-A"), STR("a\r\nX-B: b")};
  struct http_request requests[] = {
      {.url = STR("ftp://127.0.0.1/x")},
      {.url = STR("not a url")},
      {.url = STR("")},
      {.url = STR("http://127.0.0.1/a\nb")},
      {.url = STR("http://127.0.0.1/"), .method = "GE T"},
      {.url = STR("http://127.0.0.1/"), .headers = &bad_header, .header_count = 1},
      {.url = STR("http://127.0.0.1/"), .bearer = STR("top\nsecret")},
  };
  for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
    assert_int_equal(http_start(fixture.http, &requests[i], &call.op, on_done, &err), RC_USAGE);
    assert_false(http_is_running(&call.op));
    assert_null(strstr(err.msg, "secret"));
  }
  uv_run(&fixture.loop, UV_RUN_NOWAIT);
  assert_int_equal(call.done, 0);
  fixture_close(&fixture);
}

static void test_a_refused_connection_is_unavailable(void **state) {
  (void)state;
  struct fixture fixture;
  struct call call;
  call_init(&call);
  fixture_open(&fixture, echo, NULL);
  // A socket that is bound and does not listen refuses.
  uv_tcp_t bound;
  struct sockaddr_in address;
  int len = sizeof address;
  uv_tcp_init(&fixture.loop, &bound);
  uv_ip4_addr("127.0.0.1", 0, &address);
  uv_tcp_bind(&bound, (struct sockaddr *)&address, 0);
  uv_tcp_getsockname(&bound, (struct sockaddr *)&address, &len);
  struct arena arena = {0};
  struct http_request request = {
      .url = arena_printf(&arena, "http://user:hush@127.0.0.1:%d/p?token=hush",
                          (address.sin_port >> 8) | (address.sin_port & 0xff) << 8)};
  launch(&fixture, &call, &request, false);
  fixture_run_until(&fixture, &call.finished);
  assert_int_equal(call.rc, RC_UNAVAILABLE);
  assert_null(strstr(call.message, "hush"));
  assert_non_null(strstr(call.message, "/p"));
  uv_close((uv_handle_t *)&bound, NULL);
  arena_dispose(&arena);
  fixture_close(&fixture);
}

static void silent(struct server_conn *conn, const struct server_request *request, void *data) {
  (void)conn;
  (void)request;
  (void)data;
}

static void test_the_deadline_ends_a_request(void **state) {
  (void)state;
  struct fixture fixture;
  struct call call;
  call_init(&call);
  fixture_open(&fixture, silent, NULL);
  start(&fixture, &call, "/", 30);
  fixture_run_until(&fixture, &call.finished);
  assert_int_equal(call.rc, RC_TIMEOUT);
  assert_int_equal(call.done, 1);
  fixture_close(&fixture);
}

static void test_cancel_calls_back_once_and_later(void **state) {
  (void)state;
  struct fixture fixture;
  struct call before, during;
  call_init(&before);
  call_init(&during);
  fixture_open(&fixture, silent, NULL);
  start(&fixture, &before, "/", 0);
  http_cancel(&before.op);
  http_cancel(&before.op);
  assert_int_equal(before.done, 0);
  fixture_run_until(&fixture, &before.finished);
  assert_int_equal(before.rc, RC_CANCELED);
  assert_int_equal(before.done, 1);
  http_cancel(&before.op); // nothing runs
  start(&fixture, &during, "/", 0);
  while (fixture.server.requests == 0)
    uv_run(&fixture.loop, UV_RUN_ONCE);
  http_cancel(&during.op);
  fixture_run_until(&fixture, &during.finished);
  assert_int_equal(during.rc, RC_CANCELED);
  assert_int_equal(during.done, 1);
  fixture_close(&fixture);
}

static void test_done_may_start_another_and_close_the_client(void **state) {
  (void)state;
  struct fixture fixture;
  struct call first, second;
  call_init(&first);
  call_init(&second);
  first.chain = &second;
  second.free_client = true;
  fixture_open(&fixture, echo, NULL);
  start(&fixture, &first, "/", 0);
  fixture_run_until(&fixture, &second.finished);
  assert_int_equal(first.done, 1);
  assert_int_equal(second.done, 1);
  buf_dispose(&first.body);
  buf_dispose(&second.body);
  fixture_close(&fixture); // closing again does nothing: idempotent until freed is over
}

static void test_closing_cancels_what_runs(void **state) {
  (void)state;
  struct fixture fixture;
  struct call calls[4];
  fixture_open(&fixture, silent, NULL);
  for (int i = 0; i < 4; i++) {
    call_init(&calls[i]);
    start(&fixture, &calls[i], "/", 0);
  }
  while (fixture.server.requests < 4)
    uv_run(&fixture.loop, UV_RUN_ONCE);
  fixture_close(&fixture);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(calls[i].done, 1);
    assert_int_equal(calls[i].rc, RC_CANCELED);
  }
}

static void large(struct server_conn *conn, const struct server_request *request, void *data) {
  (void)request;
  (void)data;
  server_reply(conn, 200, "", "0123456789");
}

static void test_a_reply_over_its_cap_is_refused(void **state) {
  (void)state;
  struct fixture fixture;
  struct call call;
  struct arena arena = {0};
  call_init(&call);
  fixture_open(&fixture, large, NULL);
  struct http_request request = {.url = fixture_url(&fixture, &arena, "/"), .max_reply = 9};
  launch(&fixture, &call, &request, false);
  fixture_run_until(&fixture, &call.finished);
  assert_int_equal(call.rc, RC_LIMIT);
  arena_dispose(&arena);
  fixture_close(&fixture);
}

static void chunks(struct server_conn *conn, const struct server_request *request, void *data) {
  (void)data;
  if (str_eq_z(request->target, "/slow")) {
    server_dribble(conn, STR("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
                             "chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"));
    return;
  }
  if (str_eq_z(request->target, "/gone")) {
    server_reply(conn, 410, "", "too old");
    return;
  }
  server_begin_chunks(conn);
  server_chunk(conn, "hello");
  if (str_eq_z(request->target, "/breaks"))
    server_hang_up(conn);
  else if (str_eq_z(request->target, "/ends"))
    server_end_chunks(conn);
}

static void test_streams(void **state) {
  (void)state;
  struct fixture fixture;
  static const struct {
    const char *path;
    int rc, status;
    const char *body;
  } cases[] = {
      {"/ends", RC_OK, 200, "hello"},
      {"/slow", RC_OK, 200, "hello world"},
      {"/breaks", RC_UNAVAILABLE, 200, "hello"},
      {"/gone", RC_OK, 410, "too old"},
      {"/idle", RC_TIMEOUT, 200, "hello"},
  };
  fixture_open(&fixture, chunks, NULL);
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct call call;
    call_init(&call);
    stream(&fixture, &call, cases[i].path, 200);
    fixture_run_until(&fixture, &call.finished);
    assert_int_equal(call.rc, cases[i].rc);
    assert_int_equal(call.status, cases[i].status);
    assert_string_equal(buf_z(&call.body), cases[i].body);
    assert_int_equal(call.done, 1);
    buf_dispose(&call.body);
  }
  fixture_close(&fixture);
}

static void test_a_stream_may_be_canceled_in_its_chunk(void **state) {
  (void)state;
  struct fixture fixture;
  struct call call;
  call_init(&call);
  call.cancel_in_chunk = true;
  fixture_open(&fixture, chunks, NULL);
  stream(&fixture, &call, "/ends", 0);
  fixture_run_until(&fixture, &call.finished);
  assert_int_equal(call.chunks, 1);
  assert_int_equal(call.rc, RC_CANCELED);
  buf_dispose(&call.body);
  fixture_close(&fixture);
}

struct guarded {
  struct call call;
  int asked, refused;
  bool allows;
};

static bool may_connect(const struct sockaddr *address, void *data) {
  struct guarded *guarded = data;
  assert_true(address->sa_family == AF_INET || address->sa_family == AF_INET6);
  guarded->asked++;
  guarded->refused += !guarded->allows;
  return guarded->allows;
}

// The address is asked about when the connection is made: for a name, too, beside a connection that
// others left open, and without the proxy that the environment names.
static void test_an_address_may_be_refused(void **state) {
  (void)state;
  struct fixture fixture;
  struct arena arena = {0};
  fixture_open(&fixture, echo, NULL);
  struct call other;
  call_init(&other);
  start(&fixture, &other, "/others", 0);
  fixture_run_until(&fixture, &other.finished);
  struct str urls[] = {fixture_url(&fixture, &arena, "/x"),
                       arena_printf(&arena, "http://localhost:%d/x", fixture.server.port)};
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("all_proxy", "http://127.0.0.1:1", 1);
  for (int i = 0; i < 4; i++) {
    struct guarded guarded = {.allows = i % 2};
    int before = fixture.server.requests;
    call_init(&guarded.call);
    launch(&fixture, &guarded.call,
           &(struct http_request){
               .url = urls[i / 2], .may_connect = may_connect, .may_connect_data = &guarded},
           false);
    fixture_run_until(&fixture, &guarded.call.finished);
    assert_in_range(guarded.asked, 1, 4);
    assert_int_equal(guarded.call.rc, guarded.allows ? RC_OK : RC_UNAVAILABLE);
    assert_int_equal(fixture.server.requests - before, guarded.allows ? 1 : 0);
    buf_dispose(&guarded.call.body);
  }
  unsetenv("http_proxy");
  unsetenv("all_proxy");
  buf_dispose(&other.body);
  arena_dispose(&arena);
  fixture_close(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_requests_reuse_one_connection),
      cmocka_unit_test(test_few_connections_stay_idle),
      cmocka_unit_test(test_method_body_and_credentials_are_sent),
      cmocka_unit_test(test_bad_requests_never_call_back),
      cmocka_unit_test(test_a_refused_connection_is_unavailable),
      cmocka_unit_test(test_the_deadline_ends_a_request),
      cmocka_unit_test(test_cancel_calls_back_once_and_later),
      cmocka_unit_test(test_done_may_start_another_and_close_the_client),
      cmocka_unit_test(test_closing_cancels_what_runs),
      cmocka_unit_test(test_a_reply_over_its_cap_is_refused),
      cmocka_unit_test(test_streams),
      cmocka_unit_test(test_a_stream_may_be_canceled_in_its_chunk),
      cmocka_unit_test(test_an_address_may_be_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
