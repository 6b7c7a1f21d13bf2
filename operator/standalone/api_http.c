// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/limits.h"
#include "manifests/base/log.h"
#include "operator/standalone/api_http_state.h"
#include "operator/standalone/tls_cert.h"

#include <stdio.h>
#include <string.h>

// --- Requests

static struct str header(struct request *request, const char *name) {
  const char *value = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
  return value ? arena_strz(&request->arena, value) : STR("");
}

static void begin_call(struct request *request) {
  request->call = (struct api_call){.arena = &request->arena,
                                    .user = request->rest.user,
                                    .user_agent = request->rest.user_agent,
                                    .now_ms = clock_wall_ms()};
}

// The head is complete: who asks is known before anything of the body is read.
static void begin(struct request *request, struct MHD_Connection *connection, const char *method) {
  struct api_http *http = request->http;
  request->started = true;
  request->connection = connection;
  request->guarded =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
  request->rest = (struct rest_request){.method = arena_strz(&request->arena, method),
                                        .url = request->url,
                                        .accept = header(request, "Accept"),
                                        .content_type = header(request, "Content-Type"),
                                        .user_agent = header(request, "User-Agent"),
                                        .if_none_match = header(request, "If-None-Match"),
                                        .as_user = header(request, "Impersonate-User"),
                                        .as_group = header(request, "Impersonate-Group"),
                                        .as_uid = header(request, "Impersonate-Uid")};
  request->is_read =
      str_eq_z(request->rest.method, "GET") || str_eq_z(request->rest.method, "HEAD");
  const struct api_user *user =
      auth_check(http->auth, header(request, "Authorization"), clock_wall_ms());
  if (user) {
    request->user = *user;
    request->user.name = arena_str(&request->arena, user->name);
    request->user.ns = arena_str(&request->arena, user->ns);
    request->user.groups =
        arena_dup(&request->arena, user->groups, user->group_count * sizeof *user->groups);
    for (size_t i = 0; i < user->group_count; i++)
      ((struct str *)(uintptr_t)request->user.groups)[i] =
          arena_str(&request->arena, user->groups[i]);
    request->rest.user = &request->user;
    http_guard_trust(request->guarded);
  }
  begin_call(request);
  http_guard_expect(request->guarded, API_HTTP_BODY_MS);
}

static void refuse(struct request *request) {
  buf_dispose(&request->reply.body);
  request->reply = (struct rest_reply){0};
  buf_init(&request->reply.body, 1u << 16);
  rest_fault(&request->call, &request->reply);
}

// Components are never kept waiting; watches do not use up what other requests have.
static bool is_too_fast(struct request *request) {
  struct api_http *http = request->http;
  const struct api_user *user = request->rest.user;
  int64_t now_ms = clock_mono_ms(), wait_ms = 0;
  if (user && !user->role->component) {
    bool watch = request->is_read && str_contains(request->url, STR("watch="));
    wait_ms = rate_limit_take(&http->rate, watch ? user->id ^ (1ull << 63) : user->id, now_ms);
  } else if (!user && request->reply.status == 401) {
    wait_ms = rate_limit_take(&http->denied, 1, now_ms);
    request->unnoted = wait_ms > 0; // a flood must not fill the log
  }
  if (wait_ms == 0)
    return false;
  (void)api_fail(&request->call, 429, "TooManyRequests",
                 "Too many requests, please try again later.");
  request->call.fault.retry_after = (int)((wait_ms + 999) / 1000);
  return true;
}

static void handle(struct request *request) {
  struct api_http *http = request->http;
  if (request->rest.user && is_too_fast(request)) {
    refuse(request);
  } else if (request->too_large && request->rest.user) {
    (void)api_fail(&request->call, 413, "RequestEntityTooLarge",
                   "Request entity too large: limit is %u", LIMIT_HTTP_BODY_BYTES);
    refuse(request);
  } else {
    request->rest.body = buf_str(&request->body);
    rest_handle(http->api, &request->call, &request->rest, &request->reply);
    request->rest.body = STR_NULL;
  }
  if (!request->rest.user && is_too_fast(request))
    refuse(request);
  buf_dispose(&request->body);
}

// A large body that nobody will look at is not read: the answer comes first, and the connection
// closes. A small one is: a client that still sends may not notice an answer.
static bool is_hopeless(struct request *request) {
  uint64_t length = 0;
  struct str text = header(request, "Content-Length");
  bool user = request->rest.user;
  if (text.len && !str_to_u64(text, &length))
    length = UINT64_MAX;
  if (length > LIMIT_HTTP_BODY_BYTES || !user)
    request->body.max = 0; // what comes is thrown away
  return length > (user ? API_HTTP_DRAIN_BYTES : API_HTTP_POOL_BYTES);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **state) {
  struct api_http *http = data;
  struct request *request = *state;
  (void)url, (void)version;
  if (!request)
    return MHD_NO;
  if (!request->started) {
    begin(request, connection, method);
    if (!is_hopeless(request))
      return MHD_YES;
    request->too_large = true;
    handle(request);
    return api_http_reply(request);
  }
  if (*upload_len) {
    if (buf_add(&request->body, upload, *upload_len))
      request->too_large = true;
    *upload_len = 0;
    return MHD_YES;
  }
  if (request->state == REQUEST_READY)
    return api_http_reply(request);
  if (request->state != REQUEST_READING)
    return MHD_YES;
  handle(request);
  // What was written, or read of what was written, is not told before the commit.
  if (!store_is_dirty(http->api->store))
    return api_http_reply(request);
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

static void on_connection(void *data, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code) {
  struct api_http *http = data;
  if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
    http_guard_remove(*context);
    return;
  }
  int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
  *context = http_guard_add(&http->guard, fd, API_HTTP_HEAD_MS);
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
    api_stream_close(request->stream);
  watch_close(request->watch);
  api_log_close(request->reply.log);
  buf_dispose(&request->reply.body);
  buf_dispose(&request->body);
  if (request->guarded)
    http_guard_expect(request->guarded, request->rest.user ? API_HTTP_IDLE_MS : API_HTTP_HEAD_MS);
  arena_dispose(&request->arena);
  xfree(request);
  api_memory_used(&http->memory);
}

// --- The turn

// All writes of the turn are gone, and whoever read has read what never was: reads are made again.
static void undo_turn(struct api_http *http, const struct err *err) {
  LOG(LOG_ERROR, "nothing could be stored; the writes are answered with 500",
      LOG_Z("error", err->msg));
  watch_forget(http->api->hub, 0);
  http->api->definitions_changed = true;
  for (struct request *request = http->waiting; request; request = request->next_waiting) {
    api_log_close(request->reply.log);
    request->reply.log = NULL;
    if (request->is_read) {
      buf_dispose(&request->reply.body);
      begin_call(request);
      rest_handle(http->api, &request->call, &request->rest, &request->reply);
    } else {
      (void)api_fail(&request->call, 500, "InternalError", "%s", err->msg);
      refuse(request);
    }
  }
}

static void commit(struct api_http *http) {
  struct api *api = http->api;
  struct err err;
  if (store_is_dirty(api->store)) {
    int rc = store_compact(api->store, STORE_HISTORY, &err);
    if (!rc)
      rc = store_commit(api->store, &err);
    else
      store_rollback(api->store);
    if (rc)
      undo_turn(http, &err);
    else
      watch_publish(api->hub);
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
  api_http_run(timer->data);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  (void)status, (void)events;
  api_http_run(poll->data);
}

void api_http_run(struct api_http *http) {
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
  api_http_run(http);
}

__attribute__((format(printf, 2, 0))) static void on_mhd_log(void *data, const char *format,
                                                             va_list args) {
  char line[512];
  (void)data;
  int len = vsnprintf(line, sizeof(line), format, args);
  if (len > 0)
    LOG(LOG_DEBUG, "http", LOG_S("text", str_trim(str_of(line))));
}

static struct MHD_Daemon *start(struct api_http *http, int listen_fd) {
  return MHD_start_daemon(
      MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
      on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL, MHD_OPTION_LISTEN_SOCKET,
      listen_fd, MHD_OPTION_HTTPS_CERT_CALLBACK, tls_cert_callback(), MHD_OPTION_HTTPS_PRIORITIES,
      tls_priorities, MHD_OPTION_CONNECTION_LIMIT, API_HTTP_CONNECTIONS,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)API_HTTP_POOL_BYTES,
      MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(API_HTTP_IDLE_MS / 1000 + 60),
      MHD_OPTION_URI_LOG_CALLBACK, on_uri, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
      MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_END);
}

int api_http_open(uv_loop_t *loop, struct api *api, const struct auth *auth,
                  const struct api_http_options *options, int listen_fd, struct api_http **ret_http,
                  struct err *err) {
  struct api_http *http = XNEW(struct api_http);
  http->api = api;
  http->auth = auth;
  http->loop = loop;
  rng_init(&http->rng, (uint64_t)clock_mono_us());
  rate_limit_init(&http->rate, options->rate ? options->rate : API_HTTP_RATE,
                  options->burst ? options->burst : API_HTTP_BURST);
  rate_limit_init(&http->denied, API_HTTP_DENIED_RATE, API_HTTP_DENIED_BURST);
  http->daemon = start(http, listen_fd);
  const union MHD_DaemonInfo *info =
      http->daemon ? MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
  if (!info) {
    if (http->daemon)
      MHD_stop_daemon(http->daemon);
    xfree(http);
    return err_set(err, RC_INTERNAL, "cannot start the HTTPS server (log level debug says more)");
  }
  http_guard_open(&http->guard, loop, API_HTTP_UNTRUSTED);
  uv_poll_init(loop, &http->poll, info->epoll_fd);
  uv_timer_init(loop, &http->timer);
  http->poll.data = http->timer.data = http;
  api_memory_open(&http->memory, loop, api->kinds);
  http->open_handles = 4;
  uv_poll_start(&http->poll, UV_READABLE, on_readable);
  api_http_run(http);
  *ret_http = http;
  return RC_OK;
}

static void on_part_closed(void *data) {
  struct api_http *http = data;
  if (--http->open_handles == 0)
    xfree(http);
}

static void on_closed(uv_handle_t *handle) {
  on_part_closed(handle->data);
}

void api_http_close(struct api_http *http) {
  if (!http || http->closing)
    return;
  // Requests that wait for a commit get it; streams are told to end. Suspended connections must not
  // be left: MHD refuses to stop with them.
  watch_end_all(http->api->hub);
  api_http_run(http);
  http->closing = true;
  for (struct stream *stream = http->streams; stream; stream = stream->next)
    api_stream_resume(stream);
  for (int round = 0; round < 3; round++)
    (void)MHD_run(http->daemon);
  uv_poll_stop(&http->poll);
  uv_close((uv_handle_t *)&http->poll, on_closed);
  uv_close((uv_handle_t *)&http->timer, on_closed);
  http->memory.timer.data = http;
  uv_close((uv_handle_t *)&http->memory.timer, on_closed);
  MHD_stop_daemon(http->daemon);
  http_guard_close(&http->guard, on_part_closed, http);
}
