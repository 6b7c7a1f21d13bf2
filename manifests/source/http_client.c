// SPDX-License-Identifier: Apache-2.0
// Starts and cancellations only mark a transfer and queue it; a zero timer then acts on the queue.
// So no user callback runs inside a function of ours, and no libcurl function is entered from its
// own callbacks.
#include "manifests/source/http_client.h"
#include "manifests/base/alloc.h"
#include "manifests/base/buf.h"
#include "manifests/base/bug.h"
#include "manifests/base/limits.h"
#include "manifests/source/http_client_parts.h"

#include <uv.h>

#define UPLOAD_BUFFER 16384L // libcurl's least; with TLS it is held for a request's head, too
#define STREAM_BUFFER 4096L

// ---- handles ----

void http_client_handle_gone(struct http_client *client) {
  client->handles--;
  if (client->handles > 0 || !client->torn_down)
    return;
  http_closed_fn closed = client->closed;
  void *data = client->closed_data;
  xfree(client);
  if (closed)
    closed(data);
}

static void on_client_timer_closed(uv_handle_t *handle) {
  http_client_handle_gone(handle->data);
}

static void on_transfer_closed(uv_handle_t *handle) {
  struct http_transfer *transfer = container_of(handle, struct http_transfer, timer);
  struct http_client *client = transfer->client;
  xfree(transfer);
  http_client_handle_gone(client);
}

// ---- the end of a transfer ----

static void on_soon(uv_timer_t *timer);

static void describe_curl_error(struct http_transfer *transfer, CURLcode code) {
  const char *what = transfer->curl_message[0] ? transfer->curl_message : curl_easy_strerror(code);
  err_set(&transfer->end, http_easy_rc(code), "%.*s: %s", STR_ARG(transfer->shown), what);
}

static void unlink_transfer(struct http_transfer *transfer) {
  if (transfer->prev)
    transfer->prev->next = transfer->next;
  else
    transfer->client->transfers = transfer->next;
  if (transfer->next)
    transfer->next->prev = transfer->prev;
}

// Calls `done` and gives everything back. Not from inside libcurl.
static void finish(struct http_transfer *transfer) {
  struct http_client *client = transfer->client;
  curl_multi_remove_handle(client->multi, transfer->curl.easy); // harmless when it was never added
  client->running -= transfer->is_added;
  http_loop_fit(client);
  curl_easy_cleanup(transfer->curl.easy);
  curl_slist_free_all(transfer->curl.headers);
  curl_slist_free_all(transfer->curl.connect_to);
  unlink_transfer(transfer);
  struct http_op *op = transfer->op;
  op->transfer = NULL;
  struct http_reply reply = {transfer->status, buf_str(&transfer->head), buf_str(&transfer->body)};
  if (transfer->end.rc)
    transfer->done(op, NULL, &transfer->end);
  else
    transfer->done(op, &reply, NULL);
  buf_dispose(&transfer->head);
  buf_dispose(&transfer->body);
  arena_dispose(&transfer->arena);
  uv_close((uv_handle_t *)&transfer->timer, on_transfer_closed);
  if (client->closing && !client->transfers)
    uv_timer_start(&client->soon, on_soon, 0, 0);
}

static void make_due(struct http_transfer *transfer) {
  struct http_client *client = transfer->client;
  if (transfer->is_due)
    return;
  transfer->is_due = true;
  transfer->next_due = NULL;
  *client->due_tail = transfer;
  client->due_tail = &transfer->next_due;
  uv_timer_start(&client->soon, on_soon, 0, 0);
}

static void run_due(struct http_transfer *transfer) {
  if (transfer->state == TRANSFER_ENDING) {
    finish(transfer);
    return;
  }
  transfer->state = TRANSFER_RUNNING;
  CURLMcode code = curl_multi_add_handle(transfer->client->multi, transfer->curl.easy);
  if (code == CURLM_OK) {
    transfer->is_added = true;
    transfer->client->running++;
    http_loop_fit(transfer->client);
    return;
  }
  transfer->state = TRANSFER_ENDING;
  err_set(&transfer->end, RC_INTERNAL, "%.*s: %s", STR_ARG(transfer->shown),
          curl_multi_strerror(code));
  finish(transfer);
}

// Once the last transfer is gone, libcurl goes, then our handles; the last one's callback frees the
// client.
static void tear_down(struct http_client *client) {
  client->torn_down = true;
  curl_multi_cleanup(client->multi);
  uv_close((uv_handle_t *)&client->curl_timer, on_client_timer_closed);
  uv_close((uv_handle_t *)&client->soon, on_client_timer_closed);
}

static void on_soon(uv_timer_t *timer) {
  struct http_client *client = timer->data;
  // Only what is due now: callbacks queue for the next turn, so that they cannot starve the loop.
  struct http_transfer *transfer = client->due;
  client->due = NULL;
  client->due_tail = &client->due;
  while (transfer) {
    struct http_transfer *next = transfer->next_due;
    transfer->is_due = false;
    run_due(transfer);
    transfer = next;
  }
  if (client->closing && !client->transfers && !client->torn_down)
    tear_down(client);
}

// Hands out what libcurl finished.
void http_client_collect(struct http_client *client) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(client->multi, &left))) {
    if (message->msg != CURLMSG_DONE)
      continue;
    struct http_transfer *transfer = NULL;
    CURLcode code = message->data.result; // the message dies with remove_handle
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
    if (transfer->state == TRANSFER_ENDING)
      continue; // canceled meanwhile; its turn comes
    transfer->state = TRANSFER_ENDING;
    if (code != CURLE_OK && !transfer->end.rc)
      describe_curl_error(transfer, code);
    finish(transfer);
  }
}

// ---- what a reply brings ----

static void on_transfer_timer(uv_timer_t *timer) {
  struct http_transfer *transfer = container_of(timer, struct http_transfer, timer);
  if (transfer->state == TRANSFER_ENDING)
    return; // its turn comes
  bool in_stream = transfer->chunk && transfer->status;
  int64_t ms = in_stream ? transfer->idle_ms : transfer->deadline_ms;
  err_set(&transfer->end, RC_TIMEOUT, "%.*s: %s within %.3g s", STR_ARG(transfer->shown),
          in_stream ? "nothing came" : "no complete answer", (double)ms / 1000);
  transfer->state = TRANSFER_ENDING;
  make_due(transfer);
}

static bool is_streaming(const struct http_transfer *transfer) {
  return transfer->chunk && transfer->status >= 200 && transfer->status < 300;
}

static void watch_silence(struct http_transfer *transfer) {
  if (transfer->idle_ms > 0)
    uv_timer_start(&transfer->timer, on_transfer_timer, (uint64_t)transfer->idle_ms, 0);
  else
    uv_timer_stop(&transfer->timer);
}

// A stream's request is sent when its reply begins; libcurl frees the buffer when its size is set.
static void drop_upload_buffer(struct http_transfer *transfer) {
  curl_easy_setopt(transfer->curl.easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
}

static size_t on_head_line(char *ptr, size_t size, size_t count, void *data) {
  struct http_transfer *transfer = data;
  struct str line = {ptr, size * count};
  if (str_starts(line, STR("HTTP/"))) { // an interim reply was before
    buf_reset(&transfer->head);
    return line.len;
  }
  if (buf_add_str(&transfer->head, line) != RC_OK) {
    err_set(&transfer->end, RC_LIMIT, "%.*s: the head of the reply is over %u bytes",
            STR_ARG(transfer->shown), HTTP_HEAD_MAX);
    return 0;
  }
  if (str_trim(line).len > 0)
    return line.len;
  long status = 0;
  curl_easy_getinfo(transfer->curl.easy, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 200 && transfer->state == TRANSFER_RUNNING) {
    transfer->status = (int)status;
    if (is_streaming(transfer)) {
      watch_silence(transfer);
      drop_upload_buffer(transfer);
    }
  }
  return line.len;
}

static size_t on_body(char *ptr, size_t size, size_t count, void *data) {
  struct http_transfer *transfer = data;
  struct str bytes = {ptr, size * count};
  if (transfer->state != TRANSFER_RUNNING)
    return 0;
  if (is_streaming(transfer)) {
    watch_silence(transfer);
    transfer->chunk(transfer->op, transfer->status, bytes);
    return bytes.len;
  }
  if (buf_add_str(&transfer->body, bytes) == RC_OK)
    return bytes.len;
  err_set(&transfer->end, RC_LIMIT, "%.*s: the reply is over %zu bytes", STR_ARG(transfer->shown),
          transfer->body.max);
  return 0;
}

// ---- starting ----

static void set_transfer(struct http_transfer *transfer) {
  CURL *easy = transfer->curl.easy;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, (char *)transfer);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->curl_message);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head_line);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, transfer->chunk ? 1L : 0L);
  // A stream holds its buffers as long as it runs, and most are silent most of the time.
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
  if (transfer->chunk)
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, STREAM_BUFFER);
}

static int start(struct http_client *client, const struct http_request *request, struct http_op *op,
                 http_chunk_fn chunk, http_done_fn done, struct err *err) {
  BUG_ON(op->transfer); // one op, one request at a time
  if (client->closing)
    return err_set(err, RC_CANCELED, "the HTTP client is closing");
  int rc = http_easy_check(request, err);
  if (rc)
    return rc;
  struct http_transfer *transfer = XNEW(struct http_transfer);
  arena_init(&transfer->arena);
  transfer->client = client;
  transfer->chunk = chunk;
  struct str url;
  bool is_loopback = false;
  rc = http_easy_read_url(&transfer->arena, request, &url, &transfer->shown, &is_loopback, err);
  if (rc) {
    arena_dispose(&transfer->arena);
    xfree(transfer);
    return rc;
  }
  transfer->op = op;
  transfer->done = done;
  transfer->idle_ms = request->idle_ms;
  transfer->deadline_ms = request->deadline_ms > 0 ? request->deadline_ms : HTTP_DEADLINE_MS;
  buf_init(&transfer->head, HTTP_HEAD_MAX);
  buf_init(&transfer->body, chunk                ? HTTP_REFUSAL_MAX
                            : request->max_reply ? request->max_reply
                                                 : LIMIT_HTTP_REPLY_BYTES);
  http_easy_init(&transfer->curl, &transfer->arena, request, url, is_loopback);
  set_transfer(transfer);
  uv_timer_init(client->loop, &transfer->timer);
  client->handles++;
  uv_timer_start(&transfer->timer, on_transfer_timer, (uint64_t)transfer->deadline_ms, 0);
  transfer->next = client->transfers;
  if (transfer->next)
    transfer->next->prev = transfer;
  client->transfers = transfer;
  op->transfer = transfer;
  make_due(transfer);
  return RC_OK;
}

int http_start(struct http_client *client, const struct http_request *request, struct http_op *op,
               http_done_fn done, struct err *err) {
  return start(client, request, op, NULL, done, err);
}

int http_stream(struct http_client *client, const struct http_request *request, struct http_op *op,
                http_chunk_fn chunk, http_done_fn done, struct err *err) {
  return start(client, request, op, chunk, done, err);
}

void http_cancel(struct http_op *op) {
  struct http_transfer *transfer = op->transfer;
  if (!transfer || transfer->state == TRANSFER_ENDING)
    return;
  err_set(&transfer->end, RC_CANCELED, "%.*s: canceled", STR_ARG(transfer->shown));
  transfer->state = TRANSFER_ENDING;
  make_due(transfer);
}

bool http_is_running(const struct http_op *op) {
  return op->transfer != NULL;
}

// ---- the client ----

struct http_client *http_client_new(struct uv_loop_s *loop) {
  static bool initialised;
  if (!initialised) {
    BUG_ON(curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK);
    initialised = true;
  }
  struct http_client *client = XNEW(struct http_client);
  client->loop = loop;
  client->due_tail = &client->due;
  http_loop_open(client);
  uv_timer_init(loop, &client->soon);
  client->soon.data = client;
  client->handles++;
  return client;
}

const char *http_client_library(void) {
  return curl_version();
}

struct uv_loop_s *http_client_loop(const struct http_client *client) {
  return client->loop;
}

void http_client_close(struct http_client *client, http_closed_fn closed, void *data) {
  if (!client || client->closing)
    return;
  client->closing = true;
  client->closed = closed;
  client->closed_data = data;
  for (struct http_transfer *transfer = client->transfers; transfer; transfer = transfer->next)
    http_cancel(transfer->op);
  if (!client->transfers) // not here: we may be inside a callback of libcurl's
    uv_timer_start(&client->soon, on_soon, 0, 0);
}
