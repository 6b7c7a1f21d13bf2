// SPDX-License-Identifier: Apache-2.0
// Starts and cancellations only mark a transfer and queue it; a zero timer then acts on the queue.
// So no user callback runs inside a function of ours, and no libcurl function is entered from its
// own callbacks.
#include "manifests/source/http_client.h"
#include "manifests/base/alloc.h"
#include "manifests/base/buf.h"
#include "manifests/base/bug.h"
#include "manifests/base/limits.h"
#include "manifests/source/http_easy.h"

#include <curl/curl.h>
#include <uv.h>

#define IDLE_CONNECTIONS_MAX 64L
#define UPLOAD_BUFFER 16384L // libcurl's least; with TLS it is held for a request's head, too
#define STREAM_BUFFER 4096L

enum transfer_state { TRANSFER_WAITING, TRANSFER_RUNNING, TRANSFER_ENDING };

struct http_transfer {
  struct http_client *client;
  struct http_op *op;
  enum transfer_state state;
  struct http_easy curl;
  struct arena arena; // what the request brought
  struct str shown;   // "GET https://host/path", for messages
  struct buf head, body;
  http_chunk_fn chunk; // NULL: a whole reply
  http_done_fn done;
  int status;
  int64_t deadline_ms, idle_ms;
  struct err end; // why it ended early; rc 0: as libcurl says
  char curl_message[CURL_ERROR_SIZE];
  uv_timer_t timer; // the deadline, then the silence of a stream
  struct http_transfer *prev, *next;
  struct http_transfer *next_due;
  bool is_due;
};

struct http_socket {
  uv_poll_t poll;
  curl_socket_t fd;
  struct http_client *client;
};

struct http_client {
  uv_loop_t *loop;
  CURLM *multi;
  uv_timer_t curl_timer, soon;
  size_t handles; // open libuv handles, those of transfers and sockets too
  struct http_transfer *transfers;
  struct http_transfer *due, **due_tail;
  bool closing, torn_down;
  http_closed_fn closed;
  void *closed_data;
};

// ---- handles ----

static void handle_gone(struct http_client *client) {
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
  handle_gone(handle->data);
}

static void on_socket_closed(uv_handle_t *handle) {
  struct http_socket *sock = container_of(handle, struct http_socket, poll);
  struct http_client *client = sock->client;
  xfree(sock);
  handle_gone(client);
}

static void on_transfer_closed(uv_handle_t *handle) {
  struct http_transfer *transfer = container_of(handle, struct http_transfer, timer);
  struct http_client *client = transfer->client;
  xfree(transfer);
  handle_gone(client);
}

// ---- the end of a transfer ----

static void on_soon(uv_timer_t *timer);

static int curl_code_to_rc(CURLcode code) {
  switch ((int)code) {
  case CURLE_URL_MALFORMAT:
  case CURLE_UNSUPPORTED_PROTOCOL: return RC_USAGE;
  case CURLE_OPERATION_TIMEDOUT: return RC_TIMEOUT;
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_ISSUER_ERROR: return RC_DENIED;
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_CONNECT:
  case CURLE_GOT_NOTHING:
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
  case CURLE_PARTIAL_FILE:
  case CURLE_SSL_CONNECT_ERROR: return RC_UNAVAILABLE;
  default: return RC_IO;
  }
}

static void describe_curl_error(struct http_transfer *transfer, CURLcode code) {
  const char *what = transfer->curl_message[0] ? transfer->curl_message : curl_easy_strerror(code);
  err_set(&transfer->end, curl_code_to_rc(code), "%.*s: %s", STR_ARG(transfer->shown), what);
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
  if (code == CURLM_OK)
    return;
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
static void collect(struct http_client *client) {
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

// ---- libcurl's view of the loop ----

static void on_poll(uv_poll_t *poll, int status, int events) {
  struct http_socket *sock = container_of(poll, struct http_socket, poll);
  struct http_client *client = sock->client;
  int flags = 0, running;
  if (events & UV_READABLE)
    flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE)
    flags |= CURL_CSELECT_OUT;
  if (status < 0)
    flags |= CURL_CSELECT_ERR;
  curl_multi_socket_action(client->multi, sock->fd, flags, &running);
  collect(client);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data) {
  (void)easy;
  struct http_client *client = data;
  struct http_socket *sock = socket_data;
  if (what == CURL_POLL_REMOVE) {
    if (sock) {
      curl_multi_assign(client->multi, fd, NULL);
      uv_close((uv_handle_t *)&sock->poll, on_socket_closed);
    }
    return 0;
  }
  if (!sock) {
    sock = XNEW(struct http_socket);
    sock->fd = fd;
    sock->client = client;
    if (uv_poll_init_socket(client->loop, &sock->poll, fd) != 0) {
      xfree(sock);
      return -1;
    }
    client->handles++;
    curl_multi_assign(client->multi, fd, sock);
  }
  int events = what == CURL_POLL_IN    ? UV_READABLE
               : what == CURL_POLL_OUT ? UV_WRITABLE
                                       : UV_READABLE | UV_WRITABLE; // CURL_POLL_INOUT
  return uv_poll_start(&sock->poll, events, on_poll) == 0 ? 0 : -1;
}

static void on_curl_timeout(uv_timer_t *timer) {
  struct http_client *client = timer->data;
  int running;
  curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  collect(client);
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *data) {
  (void)multi;
  struct http_client *client = data;
  if (timeout_ms < 0)
    return uv_timer_stop(&client->curl_timer);
  return uv_timer_start(&client->curl_timer, on_curl_timeout, (uint64_t)timeout_ms, 0);
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
    if (is_streaming(transfer))
      watch_silence(transfer);
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
  client->multi = curl_multi_init();
  BUG_ON(!client->multi);
  curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
  curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
  curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
  curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
  curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS_MAX);
  uv_timer_init(loop, &client->curl_timer);
  uv_timer_init(loop, &client->soon);
  client->curl_timer.data = client->soon.data = client;
  client->handles = 2;
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
