// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/kube_call.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/limits.h"
#include "manifests/source/kube_path.h"
#include "manifests/source/kube_status.h"

#include <uv.h>

#define AS_TABLE "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
#define RETRY_MAX_MS 10000 // one wait for a busy server
#define PAGE_MIN                                                                                   \
  20 // a page whose reply is over a limit is asked for again in smaller ones, down to this

struct kube_client *kube_client_new(struct http_client *http, const struct kube_config *config,
                                    const char *user_agent) {
  struct kube_client *client = XNEW(struct kube_client);
  client->http = http;
  client->config = config;
  client->user_agent = xstrdup(user_agent);
  client->credentials = kube_credentials_new(http_client_loop(http), config);
  return client;
}

void kube_client_free(struct kube_client *client) {
  if (!client)
    return;
  kube_credentials_free(client->credentials);
  xfree(client->user_agent);
  xfree(client);
}

struct http_client *kube_client_http(struct kube_client *client) {
  return client->http;
}

const struct kube_config *kube_client_config(const struct kube_client *client) {
  return client->config;
}

void kube_client_be_patient(struct kube_client *client, int64_t ms) {
  client->patience_ms = ms;
}

static void on_call_closed(uv_handle_t *handle) {
  xfree(container_of((uv_timer_t *)handle, struct kube_call, timer));
}

void kube_call_free(struct kube_call *call) {
  arena_dispose(&call->arena);
  arena_dispose(&call->result_arena);
  arena_dispose(&call->item_arena);
  list_stream_dispose(&call->items);
  if (call->timer.loop)
    uv_close((uv_handle_t *)&call->timer, on_call_closed);
  else
    xfree(call);
}

// ---- sending ----

static void on_http_done(struct http_op *http, const struct http_reply *reply,
                         const struct err *err);

static void on_http_chunk(struct http_op *http, int status, struct str bytes) {
  struct kube_call *call = container_of(http, struct kube_call, http);
  (void)status;
  call->chunk(call->op, bytes);
}

static void on_list_chunk(struct http_op *http, int status, struct str bytes) {
  struct kube_call *call = container_of(http, struct kube_call, http);
  (void)status;
  if (call->fault.rc || call->canceled)
    return;
  if (list_stream_feed(&call->items, bytes, &call->fault) != RC_OK)
    http_cancel(http);
}

static int send_now(struct kube_call *call, struct err *err) {
  struct kube_client *client = call->client;
  const struct kube_config *config = client->config;
  const struct kube_request *asked = &call->request;
  struct http_header headers[] = {
      {STR("Accept"), call->is_raw      ? STR("*/*")
                      : asked->as_table ? STR(AS_TABLE)
                                        : STR("application/json")},
      {STR("User-Agent"), str_of(client->user_agent)},
      {STR("Content-Type"), str_of(kube_path_content_type(asked))},
  };
  struct http_request request = {
      .method = kube_path_method(asked->verb),
      .url = arena_printf(&call->arena, "%.*s%.*s", STR_ARG(config->server), STR_ARG(call->asked)),
      .headers = headers,
      .header_count = call->body.len ? 3 : 2,
      .body = call->body,
      .deadline_ms = asked->deadline_ms,
  };
  call->shown = kube_credentials_fill(client->credentials, &request);
  if (call->each) { // silence ends it, not length
    request.idle_ms = asked->deadline_ms > 0 ? asked->deadline_ms : HTTP_DEADLINE_MS;
    list_stream_reset(&call->items);
    return http_stream(client->http, &request, &call->http, on_list_chunk, on_http_done, err);
  }
  if (!call->chunk)
    return http_start(client->http, &request, &call->http, on_http_done, err);
  request.idle_ms = call->idle_ms;
  return http_stream(client->http, &request, &call->http, on_http_chunk, on_http_done, err);
}

static void end(struct kube_call *call, struct kube_reply *reply, const struct err *err);

static void on_credentials(struct credential_wait *wait, const struct err *err) {
  struct kube_call *call = container_of(wait, struct kube_call, wait);
  struct kube_reply answer = {0};
  struct err failure = {0};
  call->waiting = false;
  if (!err && send_now(call, &failure) == RC_OK)
    return;
  end(call, &answer, err ? err : &failure);
}

int kube_call_ask(struct kube_call *call, struct str path, struct err *err) {
  call->asked = path;
  if (!kube_credentials_must_wait(call->client->credentials))
    return send_now(call, err);
  call->waiting = true;
  kube_credentials_wait(call->client->credentials, &call->wait, on_credentials);
  return RC_OK;
}

int kube_call_page(struct kube_call *call, struct str token, struct err *err) {
  struct str query = kube_path_query(&call->arena, &call->request, NULL, call->page, token);
  return kube_call_ask(
      call, arena_printf(&call->arena, "%.*s%.*s", STR_ARG(call->path), STR_ARG(query)), err);
}

// ---- replies ----

static void end(struct kube_call *call, struct kube_reply *reply, const struct err *err) {
  reply->rc = err ? err->rc : RC_OK;
  reply->err = err;
  reply->arena = &call->result_arena;
  call->op->call = NULL;
  call->done(call->op, reply);
  kube_call_free(call);
}

// Puts a page to what came before and asks for the next. *ret_more: the call goes on.
static int next_page(struct kube_call *call, struct json *page, bool *ret_more, struct err *err) {
  struct str token = arena_str(&call->arena, json_path_string(page, "metadata.continue"));
  if (!call->list || call->each) {
    call->list = page;
  } else {
    const char *field = json_get(call->list, "rows") ? "rows" : "items"; // of a Table
    struct json *items = json_need_array(&call->result_arena, call->list, field);
    struct json *next;
    for (struct json *item = json_get(page, field) ? json_get(page, field)->child : NULL; item;
         item = next) {
      next = item->next;
      item->next = NULL;
      json_append(items, item);
    }
    json_put(&call->result_arena, call->list, "metadata", json_get(page, "metadata"));
  }
  int rc = token.len ? kube_call_page(call, token, err) : RC_OK;
  *ret_more = token.len && rc == RC_OK;
  return rc;
}

// A list that expired between two pages, or whose page was too large, starts over. True when it
// does.
static bool start_over(struct kube_call *call, int rc) {
  bool expired = rc == RC_EXPIRED && call->list && !call->restarted;
  bool too_large = rc == RC_LIMIT && call->page > PAGE_MIN && !call->each;
  if (call->request.verb != KUBE_LIST || call->is_raw || (!expired && !too_large))
    return false;
  if (expired)
    call->restarted = true;
  else
    call->page = call->page / 4 < PAGE_MIN ? PAGE_MIN : call->page / 4;
  call->list = NULL;
  arena_reset(&call->result_arena);
  if (call->each)
    call->each(call->op, NULL, NULL);
  return kube_call_page(call, STR_NULL, NULL) == RC_OK;
}

// ---- another try ----

// Nothing of such a request was done, and nothing of its reply was handed on.
static bool shows_again(struct kube_call *call, int rc) {
  bool refused = rc == RC_UNAUTHORIZED || rc == RC_DENIED;
  if (!refused || call->shown_again || call->canceled ||
      !kube_credentials_refused(call->client->credentials, call->shown))
    return false;
  call->shown_again = true;
  return kube_call_ask(call, call->asked, NULL) == RC_OK;
}

static void on_pause_over(uv_timer_t *timer) {
  struct kube_call *call = container_of(timer, struct kube_call, timer);
  struct kube_reply answer = {0};
  struct err err = {0};
  call->pausing = false;
  if (call->canceled)
    err_set(&err, RC_CANCELED, "%.*s: canceled", STR_ARG(call->path));
  else if (kube_call_ask(call, call->asked, &err) == RC_OK)
    return;
  end(call, &answer, &err);
}

static bool waits_for_busy_server(struct kube_call *call, const struct http_reply *reply,
                                  const struct json *body) {
  bool busy = reply->status == 429 ||
              (reply->status == 503 && http_reply_header(reply, "Retry-After").len > 0);
  int64_t ms = kube_status_retry_after_ms(reply, body);
  ms = ms < 1000 ? 1000 : ms > RETRY_MAX_MS ? RETRY_MAX_MS : ms;
  if (!busy || call->canceled || ms > call->patience_left_ms)
    return false;
  call->patience_left_ms -= ms;
  call->pausing = true;
  if (!call->timer.loop)
    uv_timer_init(http_client_loop(call->client->http), &call->timer);
  uv_timer_start(&call->timer, on_pause_over, (uint64_t)ms, 0);
  return true;
}

static struct str what(struct kube_call *call) {
  return arena_printf(&call->arena, "%s %.*s", kube_path_method(call->request.verb),
                      STR_ARG(call->path));
}

static int read_reply(struct kube_call *call, const struct http_reply *http,
                      struct kube_reply *reply, struct err *err) {
  bool is_ok = http->status >= 200 && http->status < 300;
  struct err parse_err = {0};
  int rc = RC_OK;
  if (is_ok && call->each)
    rc = list_stream_end(&call->items, &call->result_arena, &reply->object, &parse_err);
  else if (http->body.len && !(is_ok && call->chunk))
    rc = json_parse(http->body, &call->result_arena, &reply->object, &parse_err);
  if (is_ok && rc && !call->is_raw) {
    *err = parse_err;
    return err_wrap(err, rc, "%.*s: the reply is not JSON", STR_ARG(what(call)));
  }
  rc = kube_status_check(http, reply->object, what(call), err);
  if (rc == RC_UNAUTHORIZED)
    err_wrap(err, rc, "%.*s does not accept the credentials of %.*s",
             STR_ARG(call->client->config->server), STR_ARG(call->client->config->origin));
  return rc;
}

static void on_http_done(struct http_op *http, const struct http_reply *reply,
                         const struct err *err) {
  struct kube_call *call = container_of(http, struct kube_call, http);
  struct kube_reply answer = {0};
  if (err && call->fault.rc)
    err = &call->fault;
  if (err) {
    // A certificate of ours that the server does not take any more ends the connection.
    if (err->rc == RC_UNAVAILABLE || err->rc == RC_IO)
      kube_credentials_reread(call->client->credentials);
    if (!start_over(call, err->rc) && !(err->rc == RC_DENIED && shows_again(call, err->rc)))
      end(call, &answer, err);
    return;
  }
  struct err failure = {0};
  int rc = read_reply(call, reply, &answer, &failure);
  if (rc && (start_over(call, rc) || (reply->status == 401 && shows_again(call, rc)) ||
             waits_for_busy_server(call, reply, answer.object)))
    return;
  bool is_list = call->request.verb == KUBE_LIST && !call->is_raw;
  bool more = false;
  if (rc == RC_OK && is_list)
    rc = next_page(call, answer.object, &more, &failure);
  if (more)
    return;
  if (rc == RC_OK && is_list)
    answer.object = call->list;
  answer.http_status = reply->status;
  answer.reason = rc ? json_get_string(answer.object, "reason") : STR_NULL;
  answer.retry_after_ms = kube_status_retry_after_ms(reply, answer.object);
  answer.text = reply->body;
  answer.head = reply->head;
  end(call, &answer, rc ? &failure : NULL);
}

void kube_cancel(struct kube_op *op) {
  struct kube_call *call = op->call;
  if (!call)
    return;
  call->canceled = true;
  if (call->waiting)
    kube_credentials_cancel(call->client->credentials, &call->wait);
  else if (call->pausing)
    uv_timer_start(&call->timer, on_pause_over, 0, 0);
  else
    http_cancel(&call->http);
}

bool kube_is_running(const struct kube_op *op) {
  return op->call != NULL;
}

struct json *kube_take(const struct kube_reply *reply, struct arena *arena) {
  *arena = *reply->arena;
  arena_init(reply->arena);
  return reply->object;
}
