// SPDX-License-Identifier: Apache-2.0
// Replies of the API server on their way into libmicrohttpd.
#include "manifests/base/alloc.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "operator/standalone/api_http_state.h"

static void add_headers(struct request *request, struct MHD_Response *response) {
  const struct rest_reply *reply = &request->reply;
  (void)MHD_add_response_header(response, "Content-Type", reply->content_type);
  (void)MHD_add_response_header(response, "Cache-Control",
                                reply->cache_control ? reply->cache_control : "no-cache, private");
  if (reply->etag.len)
    (void)MHD_add_response_header(response, "ETag", reply->etag.ptr);
  if (request->call.fault.retry_after) {
    char seconds[16];
    (void)snprintf(seconds, sizeof seconds, "%d", request->call.fault.retry_after);
    (void)MHD_add_response_header(response, "Retry-After", seconds);
  }
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

// Who changed what, and who was refused. Never a body, and no header but these.
static void note(const struct request *request) {
  const struct auth_role *role = request->user.role;
  int status = request->reply.status;
  bool refused = status == 401 || status == 403 || status == 429;
  bool changes = !request->is_read && !(role && role->component);
  if (!refused && !changes)
    return;
  LOG(refused ? LOG_WARN : LOG_INFO, "request", LOG_S("user", request->user.name),
      LOG_S("method", request->rest.method), LOG_S("path", str_slice(request->url, 0, 300)),
      LOG_I("status", status), LOG_S("agent", str_slice(request->rest.user_agent, 0, 100)));
}

static enum MHD_Result queue(struct request *request, struct MHD_Response *response) {
  if (!response)
    return MHD_NO;
  add_headers(request, response);
  if (!request->unnoted)
    note(request);
  http_guard_expect(request->guarded, API_HTTP_SEND_MS);
  request->state = REQUEST_SENDING;
  enum MHD_Result result =
      MHD_queue_response(request->connection, (unsigned)request->reply.status, response);
  MHD_destroy_response(response);
  return result;
}

enum MHD_Result api_http_send_body(struct request *request) {
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
  return api_http_send_body(request);
}

static enum MHD_Result send_stream(struct request *request) {
  struct api_http *http = request->http;
  struct rest_reply *reply = &request->reply;
  bool component = request->user.role->component;
  if (http->stream_count >= API_HTTP_STREAMS ||
      (!component && api_stream_count(http) >= API_HTTP_STREAMS_USERS)) {
    (void)api_fail(&request->call, 429, "TooManyRequests", "more than %u watches",
                   component ? API_HTTP_STREAMS : API_HTTP_STREAMS_USERS);
    request->call.fault.retry_after = 1;
    return fail_stream(request);
  }
  int64_t life_ms =
      API_HTTP_WATCH_MIN_MS + (int64_t)rng_below(&http->rng, API_HTTP_WATCH_SPREAD_MS);
  if (reply->kind == REST_REPLY_WATCH) {
    if (reply->timeout_ms)
      life_ms = reply->timeout_ms;
    if (watch_open(http->api->hub, &request->call, &reply->watch, api_stream_wake, request,
                   &request->watch) ||
        api_stream_open(request, life_ms, 0))
      return fail_stream(request);
  } else if (api_stream_open(request, API_LOG_POLL_MS, API_LOG_POLL_MS)) {
    return fail_stream(request);
  }
  return queue(request, MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, api_stream_read,
                                                          request, NULL));
}

enum MHD_Result api_http_reply(struct request *request) {
  return request->reply.kind == REST_REPLY_BODY ? api_http_send_body(request)
                                                : send_stream(request);
}
