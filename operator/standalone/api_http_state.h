// SPDX-License-Identifier: Apache-2.0
// What api_http.c and api_stream.c share. Not for others.
#pragma once

#include "manifests/base/rng.h"
#include "manifests/source/http_guard.h"
#include "operator/standalone/api_http.h"
#include "operator/standalone/api_memory.h"
#include "operator/standalone/rate_limit.h"

#include <microhttpd.h>

enum request_state {
  REQUEST_READING,
  REQUEST_WAITING, // suspended until the commit
  REQUEST_READY,   // the reply may be queued
  REQUEST_SENDING,
};

struct stream;

struct request {
  struct api_http *http;
  struct MHD_Connection *connection;
  enum request_state state;
  struct arena arena;
  struct api_call call;
  struct str url;
  bool started, too_large, is_read;
  bool unnoted; // not to be logged
  struct buf body;
  struct rest_reply reply;
  struct request *next_waiting;
  struct http_guarded *guarded;
  struct api_user user; // a copy: tokens may change meanwhile
  struct rest_request rest;
  struct watch *watch;
  struct stream *stream;
};

// The libuv side of a watch or a followed log: its descriptor is polled, because a suspended
// connection does not notice that its client left; the timer ends a watch, or looks at a log again.
struct stream {
  uv_poll_t poll;
  uv_timer_t timer;
  int open_handles;
  struct request *request; // NULL once the connection is done
  struct stream *next, **link;
  bool suspended, gone;
};

struct api_http {
  struct api *api;
  const struct auth *auth;
  struct http_guard guard;
  struct rate_limit rate, denied;
  struct MHD_Daemon *daemon;
  uv_loop_t *loop;
  uv_poll_t poll;
  uv_timer_t timer;
  struct api_memory memory;
  int open_handles;
  struct request *waiting; // for the commit
  struct stream *streams;
  size_t stream_count;
  bool again; // something was resumed: MHD must run once more
  bool running, closing;
  struct rng rng;
};

void api_http_run(struct api_http *http);

// api_http_reply.c
enum MHD_Result api_http_reply(struct request *request);
enum MHD_Result api_http_send_body(struct request *request);

// api_stream.c. A stream ends by its timer, its hang-up, or when its reader takes nothing for
// API_HTTP_SEND_MS.
int api_stream_open(struct request *request, int64_t first_ms, int64_t repeat_ms);
void api_stream_close(struct stream *stream);
void api_stream_wake(void *request);
void api_stream_resume(struct stream *stream);
// How many there are but those of components.
size_t api_stream_count(const struct api_http *http);
ssize_t api_stream_read(void *data, uint64_t position, char *to, size_t max);
