// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_http.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/limits.h"
#include "manifests/base/log.h"
#include "manifests/base/rng.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

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
  bool started, too_large;
  struct buf body;
  struct rest_reply reply;
  struct request *next_waiting;
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
  struct MHD_Daemon *daemon;
  uv_loop_t *loop;
  uv_poll_t poll;
  uv_timer_t timer;
  int open_handles;
  struct request *waiting; // for the commit
  struct stream *streams;
  size_t stream_count;
  bool again; // something was resumed: MHD must run once more
  bool running, closing;
  struct rng rng;
};

static void run(struct api_http *http);

// --- Streams

static void resume(struct stream *stream) {
  if (!stream->suspended)
    return;
  stream->suspended = false;
  stream->request->http->again = true;
  MHD_resume_connection(stream->request->connection);
}

static void stream_wake(void *data) {
  struct request *request = data;
  if (request->stream)
    resume(request->stream);
}

static void on_hangup(uv_poll_t *poll, int status, int events) {
  (void)status, (void)events; // an error is a hang-up, too
  struct stream *stream = poll->data;
  uv_poll_stop(poll);
  if (!stream->request)
    return;
  struct api_http *http = stream->request->http;
  stream->gone = true;
  resume(stream);
  run(http);
}

static void on_stream_timer(uv_timer_t *timer) {
  struct stream *stream = timer->data;
  if (!stream->request)
    return;
  struct api_http *http = stream->request->http;
  if (stream->request->watch)
    watch_end(stream->request->watch);
  else
    resume(stream);
  run(http);
}

static void on_stream_closed(uv_handle_t *handle) {
  struct stream *stream = handle->data;
  if (--stream->open_handles == 0)
    xfree(stream);
}

static void stream_close(struct stream *stream) {
  stream->request->http->stream_count--;
  *stream->link = stream->next;
  if (stream->next)
    stream->next->link = stream->link;
  stream->request = NULL;
  uv_close((uv_handle_t *)&stream->timer, on_stream_closed);
  uv_close((uv_handle_t *)&stream->poll, on_stream_closed);
}

static int stream_open(struct request *request, int64_t first_ms, int64_t repeat_ms) {
  struct api_http *http = request->http;
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  if (!info)
    return RC_INTERNAL;
  struct stream *stream = XNEW(struct stream);
  if (uv_poll_init(http->loop, &stream->poll, info->connect_fd)) {
    xfree(stream);
    return RC_INTERNAL;
  }
  uv_timer_init(http->loop, &stream->timer);
  stream->open_handles = 2;
  stream->poll.data = stream->timer.data = stream;
  stream->request = request;
  request->stream = stream;
  stream->next = http->streams;
  stream->link = &http->streams;
  if (stream->next)
    stream->next->link = &stream->next;
  http->streams = stream;
  http->stream_count++;
  uv_poll_start(&stream->poll, UV_DISCONNECT, on_hangup);
  uv_timer_start(&stream->timer, on_stream_timer, (uint64_t)first_ms, (uint64_t)repeat_ms);
  return RC_OK;
}

// Called by MHD when the connection can take more.
static ssize_t read_stream(void *data, uint64_t position, char *to, size_t max) {
  (void)position;
  struct request *request = data;
  struct stream *stream = request->stream;
  if (stream->gone || request->http->closing)
    return MHD_CONTENT_READER_END_WITH_ERROR;
  ptrdiff_t got = request->watch ? watch_read(request->watch, to, max)
                                 : api_log_read(request->reply.log, to, max);
  if (got < 0)
    return MHD_CONTENT_READER_END_OF_STREAM;
  if (got == 0) {
    stream->suspended = true;
    MHD_suspend_connection(request->connection);
  }
  return got;
}

// --- Replies

static void add_headers(struct request *request, struct MHD_Response *response) {
  const struct rest_reply *reply = &request->reply;
  (void)MHD_add_response_header(response, "Content-Type", reply->content_type);
  (void)MHD_add_response_header(response, "Cache-Control",
                                reply->cache_control ? reply->cache_control : "no-cache, private");
  if (request->call.fault.retry_after)
    (void)MHD_add_response_header(response, "Retry-After", "1");
  for (size_t i = 0; i < request->call.warning_count; i++) {
    struct str text = request->call.warnings[i].text;
    struct buf value;
    buf_init(&value, 8192);
    buf_add_z(&value, "299 - ");
    json_write_string(&value,
                      text); // a quoted-string with the same escapes for quotes and backslashes
    (void)MHD_add_response_header(response, "Warning", buf_z(&value));
    buf_dispose(&value);
  }
}

static enum MHD_Result queue(struct request *request, struct MHD_Response *response) {
  if (!response)
    return MHD_NO;
  add_headers(request, response);
  request->state = REQUEST_SENDING;
  enum MHD_Result result =
      MHD_queue_response(request->connection, (unsigned)request->reply.status, response);
  MHD_destroy_response(response);
  return result;
}

static enum MHD_Result send_body(struct request *request) {
  struct buf *body = &request->reply.body;
  struct MHD_Response *response =
      body->len ? MHD_create_response_from_buffer_with_free_callback(body->len, body->ptr, xfree)
                : MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
  if (body->len && response)
    *body = (struct buf){.max = body->max}; // the response owns the bytes
  return queue(request, response);
}

static enum MHD_Result fail_stream(struct request *request) {
  if (!request->call.fault.code)
    (void)api_fail(&request->call, 500, "InternalError", "the connection cannot be watched");
  rest_fault(&request->call, &request->reply);
  return send_body(request);
}

static enum MHD_Result send_stream(struct request *request) {
  struct api_http *http = request->http;
  struct rest_reply *reply = &request->reply;
  if (http->stream_count >= API_HTTP_STREAMS) {
    (void)api_fail(&request->call, 429, "TooManyRequests", "more than %u watches",
                   API_HTTP_STREAMS);
    request->call.fault.retry_after = 1;
    return fail_stream(request);
  }
  int64_t life_ms =
      API_HTTP_WATCH_MIN_MS + (int64_t)rng_below(&http->rng, API_HTTP_WATCH_SPREAD_MS);
  if (reply->kind == REST_REPLY_WATCH) {
    if (reply->timeout_ms)
      life_ms = reply->timeout_ms;
    if (watch_open(http->api->hub, &request->call, &reply->watch, stream_wake, request,
                   &request->watch) ||
        stream_open(request, life_ms, 0))
      return fail_stream(request);
  } else if (stream_open(request, API_LOG_POLL_MS, API_LOG_POLL_MS)) {
    return fail_stream(request);
  }
  return queue(request, MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1024, read_stream,
                                                          request, NULL));
}

static enum MHD_Result send_reply(struct request *request) {
  return request->reply.kind == REST_REPLY_BODY ? send_body(request) : send_stream(request);
}

// --- Requests

static struct str header(struct request *request, const char *name) {
  const char *value = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
  return value ? arena_strz(&request->arena, value) : STR("");
}

static void handle(struct request *request, const char *method) {
  struct api_http *http = request->http;
  struct rest_request rest = {.method = str_of(method),
                              .url = request->url,
                              .accept = header(request, "Accept"),
                              .content_type = header(request, "Content-Type"),
                              .user_agent = header(request, "User-Agent"),
                              .body = buf_str(&request->body)};
  rest.user = auth_check(http->auth, header(request, "Authorization"));
  request->call = (struct api_call){.arena = &request->arena,
                                    .user = rest.user,
                                    .user_agent = rest.user_agent,
                                    .now_ms = clock_wall_ms()};
  if (request->too_large) {
    (void)api_fail(&request->call, 413, "RequestEntityTooLarge", "the body is larger than %u bytes",
                   LIMIT_HTTP_BODY_BYTES);
    request->reply = (struct rest_reply){0};
    buf_init(&request->reply.body, 1u << 16);
    rest_fault(&request->call, &request->reply);
  } else {
    rest_handle(http->api, &request->call, &rest, &request->reply);
  }
  buf_dispose(&request->body);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **state) {
  struct api_http *http = data;
  struct request *request = *state;
  (void)url, (void)version;
  if (!request)
    return MHD_NO;
  if (!request->started) { // the headers are complete
    request->started = true;
    request->connection = connection;
    return MHD_YES;
  }
  if (*upload_len) {
    if (buf_add(&request->body, upload, *upload_len))
      request->too_large = true;
    *upload_len = 0;
    return MHD_YES;
  }
  if (request->state == REQUEST_READY)
    return send_reply(request);
  if (request->state != REQUEST_READING)
    return MHD_YES;
  handle(request, method);
  // What was written, or read of what was written, is not told before the commit.
  if (!store_is_dirty(http->api->store))
    return send_reply(request);
  request->state = REQUEST_WAITING;
  request->next_waiting = http->waiting;
  http->waiting = request;
  MHD_suspend_connection(connection);
  return MHD_YES;
}

static void *on_uri(void *data, const char *uri, struct MHD_Connection *connection) {
  struct request *request = XNEW(struct request);
  (void)connection;
  request->http = data;
  arena_init(&request->arena);
  buf_init(&request->body, LIMIT_HTTP_BODY_BYTES);
  request->url = arena_strz(&request->arena, uri);
  return request;
}

static void on_completed(void *data, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code) {
  struct api_http *http = data;
  struct request *request = *state;
  (void)connection, (void)code;
  if (!request)
    return;
  *state = NULL;
  for (struct request **link = &http->waiting; *link; link = &(*link)->next_waiting) {
    if (*link == request) {
      *link = request->next_waiting;
      break;
    }
  }
  if (request->stream)
    stream_close(request->stream);
  watch_close(request->watch);
  api_log_close(request->reply.log);
  buf_dispose(&request->reply.body);
  buf_dispose(&request->body);
  arena_dispose(&request->arena);
  xfree(request);
}

// --- The turn

static void commit(struct api_http *http) {
  struct api *api = http->api;
  struct err err;
  if (store_is_dirty(api->store)) {
    int rc = store_compact(api->store, STORE_HISTORY, &err);
    if (!rc)
      rc = store_commit(api->store, &err);
    if (rc) {
      LOG(LOG_ERROR, "commit failed; its requests are answered with 500", LOG_Z("error", err.msg));
      watch_forget(api->hub, 0);
      api->definitions_changed = true;
      for (struct request *request = http->waiting; request; request = request->next_waiting) {
        (void)api_fail(&request->call, 500, "InternalError", "%s", err.msg);
        rest_fault(&request->call, &request->reply);
      }
    } else {
      watch_publish(api->hub);
    }
  }
  while (http->waiting) {
    struct request *request = http->waiting;
    http->waiting = request->next_waiting;
    request->state = REQUEST_READY;
    http->again = true;
    MHD_resume_connection(request->connection);
  }
}

static void on_timeout(uv_timer_t *timer) {
  run(timer->data);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  (void)status, (void)events;
  run(poll->data);
}

static void run(struct api_http *http) {
  if (http->running || http->closing)
    return;
  http->running = true;
  // Bounded: a stream of work gives way to the loop's timers after a few rounds.
  for (int round = 0; round < 16; round++) {
    http->again = false;
    (void)MHD_run(http->daemon);
    commit(http);
    if (!http->again)
      break;
  }
  MHD_UNSIGNED_LONG_LONG wait_ms;
  if (http->again)
    uv_timer_start(&http->timer, on_timeout, 0, 0);
  else if (MHD_get_timeout(http->daemon, &wait_ms) == MHD_YES)
    uv_timer_start(&http->timer, on_timeout, wait_ms, 0);
  else
    uv_timer_stop(&http->timer);
  http->running = false;
}

void api_http_turn(struct api_http *http) {
  run(http);
}

__attribute__((format(printf, 2, 0))) static void on_mhd_log(void *data, const char *format,
                                                             va_list args) {
  char line[512];
  (void)data;
  int len = vsnprintf(line, sizeof(line), format, args);
  if (len > 0)
    LOG(LOG_DEBUG, "http", LOG_S("text", str_trim(str_of(line))));
}

int api_http_open(uv_loop_t *loop, struct api *api, const struct auth *auth, const struct pki *pki,
                  int listen_fd, struct api_http **ret_http, struct err *err) {
  struct api_http *http = XNEW(struct api_http);
  http->api = api;
  http->auth = auth;
  http->loop = loop;
  rng_init(&http->rng, (uint64_t)clock_mono_us());
  http->daemon = MHD_start_daemon(
      MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
      on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL, MHD_OPTION_LISTEN_SOCKET,
      listen_fd, MHD_OPTION_HTTPS_MEM_KEY, pki->key_pem.ptr, MHD_OPTION_HTTPS_MEM_CERT,
      pki->cert_pem.ptr, MHD_OPTION_HTTPS_PRIORITIES, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2",
      MHD_OPTION_CONNECTION_LIMIT, API_HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      (size_t)API_HTTP_POOL_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, API_HTTP_IDLE_S,
      MHD_OPTION_URI_LOG_CALLBACK, on_uri, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
      MHD_OPTION_END);
  const union MHD_DaemonInfo *info =
      http->daemon ? MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
  if (!info) {
    if (http->daemon)
      MHD_stop_daemon(http->daemon);
    xfree(http);
    return err_set(err, RC_INTERNAL, "cannot start the HTTPS server (log level debug says more)");
  }
  uv_poll_init(loop, &http->poll, info->epoll_fd);
  uv_timer_init(loop, &http->timer);
  http->poll.data = http->timer.data = http;
  http->open_handles = 2;
  uv_poll_start(&http->poll, UV_READABLE, on_readable);
  run(http);
  *ret_http = http;
  return RC_OK;
}

static void on_closed(uv_handle_t *handle) {
  struct api_http *http = handle->data;
  if (--http->open_handles == 0)
    xfree(http);
}

void api_http_close(struct api_http *http) {
  if (!http || http->closing)
    return;
  // Requests that wait for a commit get it; streams are told to end. Suspended connections must not
  // be left: MHD refuses to stop with them.
  watch_end_all(http->api->hub);
  run(http);
  http->closing = true;
  for (struct stream *stream = http->streams; stream; stream = stream->next)
    resume(stream);
  for (int round = 0; round < 3; round++)
    (void)MHD_run(http->daemon);
  uv_poll_stop(&http->poll);
  uv_close((uv_handle_t *)&http->poll, on_closed);
  uv_close((uv_handle_t *)&http->timer, on_closed);
  MHD_stop_daemon(http->daemon);
}
