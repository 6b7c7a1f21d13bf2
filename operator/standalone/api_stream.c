// SPDX-License-Identifier: Apache-2.0
// Watches and followed logs: answers that stay open.
#include "manifests/base/alloc.h"
#include "manifests/base/clock.h"
#include "operator/standalone/api_http_state.h"

void api_stream_resume(struct stream *stream) {
  if (!stream->suspended)
    return;
  stream->suspended = false;
  stream->request->http->again = true;
  http_guard_expect(stream->request->guarded, API_HTTP_SEND_MS);
  MHD_resume_connection(stream->request->connection);
}

void api_stream_wake(void *data) {
  struct request *request = data;
  if (request->stream)
    api_stream_resume(request->stream);
}

static void on_hangup(uv_poll_t *poll, int status, int events) {
  (void)status, (void)events; // an error is a hang-up, too
  struct stream *stream = poll->data;
  uv_poll_stop(poll);
  if (!stream->request)
    return;
  struct api_http *http = stream->request->http;
  stream->gone = true;
  api_stream_resume(stream);
  api_http_run(http);
}

static void on_stream_timer(uv_timer_t *timer) {
  struct stream *stream = timer->data;
  if (!stream->request)
    return;
  struct api_http *http = stream->request->http;
  if (stream->request->watch)
    watch_end(stream->request->watch);
  else
    api_stream_resume(stream);
  api_http_run(http);
}

static void on_stream_closed(uv_handle_t *handle) {
  struct stream *stream = handle->data;
  if (--stream->open_handles == 0)
    xfree(stream);
}

void api_stream_close(struct stream *stream) {
  stream->request->http->stream_count--;
  *stream->link = stream->next;
  if (stream->next)
    stream->next->link = stream->link;
  stream->request = NULL;
  uv_close((uv_handle_t *)&stream->timer, on_stream_closed);
  uv_close((uv_handle_t *)&stream->poll, on_stream_closed);
}

int api_stream_open(struct request *request, int64_t first_ms, int64_t repeat_ms) {
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
ssize_t api_stream_read(void *data, uint64_t position, char *to, size_t max) {
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
  http_guard_expect(request->guarded, got ? API_HTTP_SEND_MS : 0);
  return got;
}

size_t api_stream_count(const struct api_http *http) {
  size_t count = 0;
  for (const struct stream *stream = http->streams; stream; stream = stream->next) {
    const struct auth_role *role = stream->request->user.role;
    count += !role || !role->component;
  }
  return count;
}

void api_http_check_streams(struct api_http *http) {
  int64_t now_ms = clock_wall_ms();
  for (struct stream *stream = http->streams; stream; stream = stream->next) {
    struct request *request = stream->request;
    if (auth_is_valid(http->auth, request->user.id, now_ms))
      continue;
    stream->gone = true;
    api_stream_resume(stream);
  }
  api_http_run(http);
}
