// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/session.h"
#include "manifests/base/bug.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 30000 // with a server that says it is busy

bool session_is_kubectl(void) {
  return strcmp(program_invocation_short_name, "kubectl-serin") == 0;
}

int session_exit_code(int rc) {
  switch (rc) {
  case RC_OK: return EXIT_DONE;
  case RC_USAGE:
  case RC_PARSE:
  case RC_INVALID:
  case RC_LIMIT:
  case RC_UNSUPPORTED: return EXIT_USAGE;
  case RC_NOT_FOUND:
  case RC_UNAVAILABLE: return EXIT_NOT_FOUND;
  case RC_TIMEOUT: return EXIT_TIMED_OUT;
  default: return EXIT_FAILED;
  }
}

int session_fail(const char *command, const struct err *err) {
  struct buf text; // may repeat what a server said
  buf_init(&text, 2 * sizeof err->msg);
  (void)buf_add_visible(&text, str_of(err->msg), true);
  fprintf(stderr, "serin %s: %s\n", command, buf_z(&text));
  buf_dispose(&text);
  return session_exit_code(err->rc);
}

void session_open_bare(struct session *session, int64_t timeout_ms) {
  memset(session, 0, sizeof *session);
  BUG_ON(uv_loop_init(&session->loop) != 0);
  uv_timer_init(&session->loop, &session->timer);
  session->http = http_client_new(&session->loop);
  session->timeout_ms = timeout_ms;
}

int session_open(const struct common_options *common, const char *command,
                 struct session *session) {
  struct err err = {0};
  struct kube_config config;
  struct kube_config_lookup lookup = {
      .kubeconfig = common->kubeconfig.len ? common->kubeconfig.ptr : NULL,
      .context = common->context.len ? common->context.ptr : NULL,
      .as_kubectl = session_is_kubectl(),
  };
  if (kube_config_load(&lookup, &config, &err) != RC_OK)
    return session_fail(command, &err);
  session_open_bare(session, common->timeout_ms);
  session->config = config;
  session->kube = kube_client_new(session->http, &session->config, "serin-cli");
  kube_client_be_patient(session->kube, PATIENCE_MS);
  session->ns = common->ns.len ? common->ns : session->config.ns;
  return EXIT_DONE;
}

void session_close(struct session *session) {
  http_client_close(session->http, NULL, NULL);
  uv_close((uv_handle_t *)&session->timer, NULL);
  uv_run(&session->loop, UV_RUN_DEFAULT);
  kube_client_free(session->kube);
  kube_config_dispose(&session->config);
  BUG_ON(uv_loop_close(&session->loop) != 0);
}

static void on_expired(uv_timer_t *timer) {
  struct session *session = container_of(timer, struct session, timer);
  session->expired = true;
  uv_stop(&session->loop);
}

int session_run_until(struct session *session, const bool *flag, int64_t timeout_ms) {
  session->expired = false;
  uv_update_time(&session->loop);
  if (timeout_ms > 0)
    uv_timer_start(&session->timer, on_expired, (uint64_t)timeout_ms, 0);
  // A callback may raise the flag before the loop polls: whoever raises it also stops the loop.
  while (!*flag && !session->expired)
    uv_run(&session->loop, UV_RUN_DEFAULT);
  uv_timer_stop(&session->timer);
  return *flag ? RC_OK : RC_TIMEOUT;
}

void session_wake_after(struct session *session, int64_t ms) {
  uv_update_time(&session->loop);
  uv_timer_start(&session->timer, on_expired, (uint64_t)(ms > 0 ? ms : 0), 0);
}

// ---- calls ----

struct session_op {
  struct kube_op op;
  struct session *session;
  struct arena *arena;
  struct json *object;
  struct str text;
  int rc;
  struct err err;
  bool finished;
};

static void print_warnings(struct str head) {
  struct str value;
  while (http_next_header(&head, "Warning", &value)) { // 299 - "text"
    ptrdiff_t quote = str_find_char(value, '"');
    struct str text =
        quote < 0 ? value : str_slice(value, (size_t)quote + 1, value.len - (value.len > 0));
    struct buf shown;
    buf_init(&shown, 1u << 16);
    (void)buf_add_visible(&shown, text, false);
    fprintf(stderr, "warning: %s\n", buf_z(&shown));
    buf_dispose(&shown);
  }
}

static void on_done(struct kube_op *op, const struct kube_reply *reply) {
  struct session_op *call = container_of(op, struct session_op, op);
  print_warnings(reply->head);
  call->rc = reply->rc;
  if (reply->err)
    call->err = *reply->err;
  if (reply->rc == RC_OK && reply->object)
    call->object = json_dup(call->arena, reply->object);
  if (reply->rc == RC_OK)
    call->text = arena_str(call->arena, reply->text);
  call->finished = true;
  uv_stop(&call->session->loop);
}

static int explain_failure(const struct session *session, struct session_op *call,
                           struct err *err) {
  if (!err)
    return call->rc;
  *err = call->err;
  if (call->rc != RC_UNAVAILABLE && call->rc != RC_TIMEOUT)
    return call->rc;
  struct arena arena = {0};
  err_set(err, call->rc, "cannot reach %.*s: %s", STR_ARG(session_cluster(session, &arena)),
          call->err.msg);
  arena_dispose(&arena);
  return call->rc;
}

static int await(struct session *session, struct session_op *call, struct err *err) {
  (void)session_run_until(session, &call->finished, 0); // each request has its own deadline
  return call->rc ? explain_failure(session, call, err) : RC_OK;
}

int session_call(struct session *session, const struct kube_request *request, struct arena *arena,
                 struct json **ret_object, struct err *err) {
  struct session_op call = {.session = session, .arena = arena};
  struct kube_request timed = *request;
  if (!timed.deadline_ms)
    timed.deadline_ms = session->timeout_ms;
  int rc = kube_start(session->kube, &timed, &call.op, on_done, err);
  if (rc == RC_OK)
    rc = await(session, &call, err);
  if (rc == RC_OK && ret_object)
    *ret_object = call.object;
  return rc;
}

int session_get(struct session *session, const struct kube_resource *resource, struct str ns,
                struct str name, struct arena *arena, struct json **ret_object, struct err *err) {
  struct kube_request request = {.verb = KUBE_GET, .resource = resource, .ns = ns, .name = name};
  return session_call(session, &request, arena, ret_object, err);
}

int session_raw(struct session *session, struct str path, struct arena *arena, struct str *ret_text,
                struct err *err) {
  struct session_op call = {.session = session, .arena = arena};
  int rc = kube_start_raw(session->kube, path, session->timeout_ms, &call.op, on_done, err);
  if (rc == RC_OK)
    rc = await(session, &call, err);
  if (rc == RC_OK)
    *ret_text = call.text;
  return rc;
}

// ---- plain URLs ----

struct session_fetch_op {
  struct http_op op;
  struct session_op call;
};

static void on_fetched(struct http_op *op, const struct http_reply *reply, const struct err *err) {
  struct session_fetch_op *fetch = container_of(op, struct session_fetch_op, op);
  struct session_op *call = &fetch->call;
  if (err)
    call->rc = err->rc, call->err = *err;
  else if (reply->status != 200)
    call->rc =
        err_set(&call->err, rc_from_http(reply->status) ? rc_from_http(reply->status) : RC_IO,
                "HTTP %d: %.*s", reply->status, STR_ARG(str_slice(reply->body, 0, 200)));
  else
    call->text = arena_str(call->arena, reply->body);
  call->finished = true;
  uv_stop(&call->session->loop);
}

int session_fetch(struct session *session, struct str url, struct arena *arena,
                  struct str *ret_text, struct err *err) {
  struct session_fetch_op fetch = {.call = {.session = session, .arena = arena}};
  struct http_request request = {.url = url, .deadline_ms = session->timeout_ms};
  int rc = http_start(session->http, &request, &fetch.op, on_fetched, err);
  if (rc)
    return rc;
  (void)session_run_until(session, &fetch.call.finished, 0);
  if (fetch.call.rc) {
    *err = fetch.call.err;
    return fetch.call.rc;
  }
  *ret_text = fetch.call.text;
  return RC_OK;
}

// ---- words ----

struct str session_cluster(const struct session *session, struct arena *arena) {
  const struct kube_config *config = &session->config;
  if (config->context.len)
    return arena_printf(arena, "%.*s (context %.*s, from %.*s)", STR_ARG(config->server),
                        STR_ARG(config->context), STR_ARG(config->origin));
  return arena_printf(arena, "%.*s (%.*s)", STR_ARG(config->server), STR_ARG(config->origin));
}

void session_say_cluster(const struct session *session) {
  struct arena arena = {0};
  fprintf(stderr, "on %.*s\n", STR_ARG(session_cluster(session, &arena)));
  arena_dispose(&arena);
}
