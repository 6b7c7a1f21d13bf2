// SPDX-License-Identifier: Apache-2.0
// A small HTTP server on the test's own loop that says what a script tells it, and the fixture
// around it: loop, server, client; its teardown demands that the loop closes clean.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/source/http_client.h"
#include "manifests/source/kube_client.h"

#include <uv.h>

struct server_conn;

struct server_request {
  struct str method, target, head, body;
  int number;      // of all requests, from 0
  int conn_number; // which connection it came on, from 0
};

typedef void (*server_handler_fn)(struct server_conn *conn, const struct server_request *request,
                                  void *data);

struct server {
  uv_loop_t *loop;
  uv_tcp_t listener;
  int port, requests, conns, open_conns;
  struct server_conn *list;
  server_handler_fn handler;
  void *data;
};

struct fixture {
  uv_loop_t loop;
  struct server server;
  struct http_client *http;
  struct kube_config config;
  struct kube_client *kube;
  uv_timer_t watchdog;
  bool timed_out;
  int ticks;
  void *data;
};

// Teardown closes what is left and fails unless uv_loop_close gives 0.
void fixture_open(struct fixture *fixture, server_handler_fn handler, void *data);
void fixture_close(struct fixture *fixture);
// Runs the loop until *flag, at most 10 s.
void fixture_run_until(struct fixture *fixture, const bool *flag);
struct str fixture_url(struct fixture *fixture, struct arena *arena, const char *path);

void server_send(struct server_conn *conn, struct str bytes);
// One byte a write, each in a loop turn of its own.
void server_dribble(struct server_conn *conn, struct str bytes);
void server_reply(struct server_conn *conn, int status, const char *headers, const char *body);
// The head of a chunked reply, its chunks, its end.
void server_begin_chunks(struct server_conn *conn);
void server_chunk(struct server_conn *conn, const char *text);
void server_end_chunks(struct server_conn *conn);
void server_hang_up(struct server_conn *conn); // after what was sent
