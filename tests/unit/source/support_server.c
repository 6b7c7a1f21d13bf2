// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/source/support_server.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka needs the four above
#include <cmocka.h>

struct server_conn {
  struct server *server;
  uv_tcp_t tcp;
  uv_idle_t dribbler;
  struct buf in, slow;
  struct server_conn *prev, *next;
  int number, handles;
  bool closing, hang_up;
};

struct sending {
  uv_write_t write;
  struct server_conn *conn;
  char bytes[];
};

static void on_handle_closed(uv_handle_t *handle) {
  struct server_conn *conn = handle->data;
  if (--conn->handles > 0)
    return;
  buf_dispose(&conn->in);
  buf_dispose(&conn->slow);
  xfree(conn);
}

static void conn_close(struct server_conn *conn) {
  if (conn->closing)
    return;
  conn->closing = true;
  struct server *server = conn->server;
  if (conn->prev)
    conn->prev->next = conn->next;
  else
    server->list = conn->next;
  if (conn->next)
    conn->next->prev = conn->prev;
  server->open_conns--;
  uv_close((uv_handle_t *)&conn->tcp, on_handle_closed);
  uv_close((uv_handle_t *)&conn->dribbler, on_handle_closed);
}

static void on_sent(uv_write_t *write, int status) {
  struct sending *sending = container_of(write, struct sending, write);
  struct server_conn *conn = sending->conn;
  xfree(sending);
  (void)status;
  if (conn->hang_up && conn->slow.len == 0 &&
      uv_stream_get_write_queue_size((uv_stream_t *)&conn->tcp) == 0)
    conn_close(conn);
}

void server_send(struct server_conn *conn, struct str bytes) {
  if (conn->closing)
    return;
  struct sending *sending = xmalloc(sizeof *sending + bytes.len);
  sending->conn = conn;
  if (bytes.len)
    memcpy(sending->bytes, bytes.ptr, bytes.len);
  uv_buf_t piece = uv_buf_init(sending->bytes, (unsigned)bytes.len);
  if (uv_write(&sending->write, (uv_stream_t *)&conn->tcp, &piece, 1, on_sent) != 0)
    xfree(sending);
}

static void on_dribble(uv_idle_t *idle) {
  struct server_conn *conn = idle->data;
  if (conn->slow.len == 0) {
    uv_idle_stop(idle);
    return;
  }
  char byte = conn->slow.ptr[0];
  buf_consume(&conn->slow, 1);
  server_send(conn, (struct str){&byte, 1});
}

void server_dribble(struct server_conn *conn, struct str bytes) {
  buf_add_str(&conn->slow, bytes);
  uv_idle_start(&conn->dribbler, on_dribble);
}

void server_reply(struct server_conn *conn, int status, const char *headers, const char *body) {
  struct arena arena = {0};
  server_send(conn, arena_printf(&arena, "HTTP/1.1 %d Whatever\r\nContent-Length: %zu\r\n%s\r\n%s",
                                 status, strlen(body), headers, body));
  arena_dispose(&arena);
}

void server_begin_chunks(struct server_conn *conn) {
  server_send(conn, STR("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n"));
}

void server_chunk(struct server_conn *conn, const char *text) {
  struct arena arena = {0};
  server_send(conn, arena_printf(&arena, "%zx\r\n%s\r\n", strlen(text), text));
  arena_dispose(&arena);
}

void server_end_chunks(struct server_conn *conn) {
  server_send(conn, STR("0\r\n\r\n"));
}

void server_hang_up(struct server_conn *conn) {
  conn->hang_up = true;
  server_send(conn, STR(""));
}

// ---- requests ----

static struct str content_length_body(struct str all, size_t head_end, bool *ret_complete) {
  struct str rest = str_slice(all, 0, head_end), value;
  uint64_t len = 0;
  if (http_next_header(&rest, "Content-Length", &value))
    str_to_u64(value, &len);
  *ret_complete = all.len >= head_end + len;
  return str_slice(all, head_end, head_end + len);
}

static bool take_request(struct server_conn *conn) {
  struct str all = buf_str(&conn->in);
  const char *end = all.len ? memmem(all.ptr, all.len, "\r\n\r\n", 4) : NULL;
  if (!end)
    return false;
  size_t head_end = (size_t)(end - all.ptr) + 4;
  bool complete;
  struct str body = content_length_body(all, head_end, &complete);
  if (!complete)
    return false;
  struct arena arena = {0};
  struct server_request request = {.number = conn->server->requests++, .conn_number = conn->number};
  struct str head = arena_str(&arena, str_slice(all, 0, head_end));
  struct str rest = head;
  str_next(&rest, ' ', &request.method);
  str_next(&rest, ' ', &request.target);
  request.head = head;
  request.body = arena_str(&arena, body);
  buf_consume(&conn->in, head_end + body.len);
  conn->server->handler(conn, &request, conn->server->data);
  arena_dispose(&arena);
  return !conn->closing;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
  struct server_conn *conn = handle->data;
  (void)suggested;
  *ret = uv_buf_init(buf_reserve(&conn->in, 4096), 4096);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf) {
  struct server_conn *conn = stream->data;
  (void)buf;
  if (got < 0) {
    conn_close(conn);
    return;
  }
  conn->in.len += (size_t)got;
  while (take_request(conn)) {}
}

static void on_connection(uv_stream_t *listener, int status) {
  struct server *server = listener->data;
  assert_int_equal(status, 0);
  struct server_conn *conn = XNEW(struct server_conn);
  conn->server = server;
  conn->number = server->conns++;
  buf_init(&conn->in, 32u << 20);
  buf_init(&conn->slow, 32u << 20);
  uv_tcp_init(server->loop, &conn->tcp);
  uv_idle_init(server->loop, &conn->dribbler);
  conn->tcp.data = conn->dribbler.data = conn;
  conn->handles = 2;
  assert_int_equal(uv_accept(listener, (uv_stream_t *)&conn->tcp), 0);
  uv_tcp_nodelay(&conn->tcp, 1);
  conn->next = server->list;
  if (conn->next)
    conn->next->prev = conn;
  server->list = conn;
  server->open_conns++;
  uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read);
}

static void server_open(struct server *server, uv_loop_t *loop, server_handler_fn handler,
                        void *data) {
  struct sockaddr_in address;
  int len = sizeof address;
  *server = (struct server){.loop = loop, .handler = handler, .data = data};
  uv_tcp_init(loop, &server->listener);
  server->listener.data = server;
  uv_ip4_addr("127.0.0.1", 0, &address);
  assert_int_equal(uv_tcp_bind(&server->listener, (struct sockaddr *)&address, 0), 0);
  assert_int_equal(uv_listen((uv_stream_t *)&server->listener, 64, on_connection), 0);
  uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &len);
  server->port = (address.sin_port >> 8) | (address.sin_port & 0xff) << 8;
}

// ---- the fixture ----

// Repeats, so that no turn of the loop waits long after its callback has run.
static void on_watchdog(uv_timer_t *timer) {
  struct fixture *fixture = timer->data;
  fixture->timed_out = ++fixture->ticks > 1000;
}

void fixture_open(struct fixture *fixture, server_handler_fn handler, void *data) {
  memset(fixture, 0, sizeof *fixture);
  signal(SIGPIPE, SIG_IGN); // as main does
  assert_int_equal(uv_loop_init(&fixture->loop), 0);
  server_open(&fixture->server, &fixture->loop, handler, data);
  uv_timer_init(&fixture->loop, &fixture->watchdog);
  fixture->watchdog.data = fixture;
  fixture->data = data;
  fixture->http = http_client_new(&fixture->loop);
  fixture->config.server = fixture_url(fixture, &fixture->config.arena, "");
  fixture->config.ns = STR("default");
  fixture->kube = kube_client_new(fixture->http, &fixture->config, "unit-test");
}

void fixture_close(struct fixture *fixture) {
  http_client_close(fixture->http, NULL, NULL);
  uv_close((uv_handle_t *)&fixture->server.listener, NULL);
  uv_close((uv_handle_t *)&fixture->watchdog, NULL);
  while (fixture->server.list)
    conn_close(fixture->server.list);
  uv_run(&fixture->loop, UV_RUN_DEFAULT);
  kube_client_free(fixture->kube);
  kube_config_dispose(&fixture->config);
  assert_int_equal(uv_loop_close(&fixture->loop), 0);
}

void fixture_run_until(struct fixture *fixture, const bool *flag) {
  fixture->timed_out = false;
  fixture->ticks = 0;
  uv_timer_start(&fixture->watchdog, on_watchdog, 10, 10);
  while (!*flag && !fixture->timed_out)
    uv_run(&fixture->loop, UV_RUN_ONCE);
  uv_timer_stop(&fixture->watchdog);
  assert_false(fixture->timed_out);
}

struct str fixture_url(struct fixture *fixture, struct arena *arena, const char *path) {
  return arena_printf(arena, "http://127.0.0.1:%d%s", fixture->server.port, path);
}
