// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/judge_server.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/exposition.h"
#include "manifests/source/file.h"
#include "operator/effect/http_daemon.h"
#include "operator/effect/judge_answer.h"

#include <microhttpd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BODY_MAX (64u << 10)
#define TOKEN_MAX 4096u
#define TOKEN_MIN 16u
#define CONNECTIONS_MAX 512u
#define CONNECTION_TIMEOUT_S 15u
#define CONNECTION_MEMORY (32u << 10)

struct judge_server {
  struct judge_server_options options;
  struct http_daemon daemon;
  uint64_t answered[6]; // by first digit of the status
};

struct request { // one connection's request under way
  struct buf body;
};

static enum MHD_Result reply(struct judge_server *server, struct MHD_Connection *connection,
                             int status, const char *type, struct str text) {
  struct MHD_Response *response =
      MHD_create_response_from_buffer(text.len, (void *)(uintptr_t)text.ptr, MHD_RESPMEM_MUST_COPY);
  MHD_add_response_header(response, "Content-Type", type);
  if (status == MHD_HTTP_UNAUTHORIZED)
    MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
  enum MHD_Result done = MHD_queue_response(connection, (unsigned)status, response);
  MHD_destroy_response(response);
  server->answered[status / 100 % 6]++;
  return done;
}

static enum MHD_Result refuse(struct judge_server *server, struct MHD_Connection *connection,
                              int status, struct str why) {
  struct arena arena;
  arena_init(&arena);
  struct json *json = json_new_object(&arena);
  json_put_string(&arena, json, "error", why);
  enum MHD_Result done =
      reply(server, connection, status, "application/json", json_text(&arena, json));
  arena_dispose(&arena);
  return done;
}

// --- the token ---

int judge_token_read(struct str file, struct arena *arena, struct str *ret_token, struct err *err) {
  struct stat found;
  struct str path = arena_str(arena, file);
  if (stat(path.ptr, &found) == 0 && (found.st_mode & 077) != 0)
    return err_set(err, RC_DENIED, "%s can be read by others than its owner: chmod 600 it",
                   path.ptr);
  int rc = file_read(path.ptr, TOKEN_MAX, arena, ret_token, err);
  if (rc != RC_OK)
    return rc;
  *ret_token = str_trim(*ret_token);
  if (ret_token->len < TOKEN_MIN)
    return err_set(err, RC_INVALID, "%s holds no token of at least %u bytes", path.ptr, TOKEN_MIN);
  return RC_OK;
}

// Takes the same time wherever they differ.
static bool is_same(struct str a, struct str b) {
  unsigned char differs = a.len != b.len;
  for (size_t i = 0; i < b.len; i++)
    differs |= (unsigned char)((a.len ? a.ptr[i % a.len] : 0) ^ b.ptr[i]);
  return !differs;
}

static bool is_allowed(struct judge_server *server, struct MHD_Connection *connection,
                       struct str in_body, struct arena *arena) {
  struct str token, given = in_body, prefix = STR("Bearer ");
  if (judge_token_read(server->options.token_file, arena, &token, NULL) != RC_OK)
    return false;
  const char *header =
      MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
  if (header && str_starts(str_of(header), prefix))
    given = str_trim(str_slice(str_of(header), prefix.len, strlen(header)));
  return is_same(given, token);
}

// --- the calls ---

static enum MHD_Result answer(struct judge_server *server, struct MHD_Connection *connection,
                              const struct judge_call *call, struct arena *arena) {
  const struct verdict *verdict = NULL;
  struct err err = {0};
  struct str body;
  if (judge_service_ask(server->options.service, call->run, call->params, call->count, &verdict,
                        &err) != RC_OK)
    return refuse(server, connection, judge_answer_error(&err), str_of(err.msg));
  int status = judge_answer(call, verdict, arena, &body);
  return reply(server, connection, status,
               call->role == JUDGE_ARGO ? "application/json" : "text/plain; charset=utf-8", body);
}

struct query {
  struct json *json;
  struct arena *arena;
};

static enum MHD_Result on_argument(void *cls, enum MHD_ValueKind kind, const char *key,
                                   const char *value) {
  struct query *query = cls;
  (void)kind;
  json_put_string(query->arena, query->json, key, str_of(value ? value : ""));
  return query->json->count <= JUDGE_PARAMS_MAX ? MHD_YES : MHD_NO;
}

static enum MHD_Result call(struct judge_server *server, struct MHD_Connection *connection,
                            const char *url, bool get, struct str text) {
  struct arena arena;
  struct err err = {0};
  struct judge_call call = {0};
  struct json *body = NULL;
  enum MHD_Result done;
  arena_init(&arena);
  bool flagger = strcmp(url, "/v1/flagger") == 0;
  int rc = RC_OK;
  if (get) {
    body = json_new_object(&arena);
    struct query query = {body, &arena};
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, on_argument, &query);
  } else {
    rc = json_parse(text, &arena, &body, &err);
  }
  struct str in_body = flagger ? json_path_string(body, "metadata.token") : STR_NULL;
  // Nobody without the token learns what is wrong with a request.
  if (!is_allowed(server, connection, in_body, &arena)) {
    done = refuse(server, connection, MHD_HTTP_UNAUTHORIZED, STR("a bearer token is needed"));
    arena_dispose(&arena);
    return done;
  }
  if (rc == RC_OK)
    rc = flagger ? judge_call_flagger(body, &arena, &call, &err)
                 : judge_call_argo(body, &arena, &call, &err);
  done = rc == RC_OK ? answer(server, connection, &call, &arena)
                     : refuse(server, connection, MHD_HTTP_BAD_REQUEST, str_of(err.msg));
  arena_dispose(&arena);
  return done;
}

static enum MHD_Result metrics(struct judge_server *server, struct MHD_Connection *connection) {
  static const char *const CLASSES[] = {"", "1xx", "2xx", "3xx", "4xx", "5xx"};
  struct buf out;
  buf_init(&out, 1u << 20);
  exposition_family(&out, "serin_judge_runs", "gauge", "Runs that are kept.");
  exposition_sample(&out, "serin_judge_runs", NULL, 0,
                    (double)judge_service_count(server->options.service));
  exposition_family(&out, "serin_judge_answers_total", "counter", "Answers, by class of status.");
  for (size_t i = 2; i < ARRAY_LEN(CLASSES); i++) {
    struct exposition_label label = {"class", str_of(CLASSES[i])};
    exposition_sample(&out, "serin_judge_answers_total", &label, 1, (double)server->answered[i]);
  }
  enum MHD_Result done =
      reply(server, connection, MHD_HTTP_OK, EXPOSITION_CONTENT_TYPE, buf_str(&out));
  buf_dispose(&out);
  return done;
}

static enum MHD_Result dispatch(struct judge_server *server, struct MHD_Connection *connection,
                                const char *url, const char *method, struct request *request) {
  bool get = strcmp(method, "GET") == 0, post = strcmp(method, "POST") == 0;
  bool argo = strcmp(url, "/v1/argo") == 0, flagger = strcmp(url, "/v1/flagger") == 0;
  if (request->body.failed)
    return refuse(server, connection, MHD_HTTP_CONTENT_TOO_LARGE, STR("the body is too large"));
  if (get && strcmp(url, "/healthz") == 0)
    return reply(server, connection, MHD_HTTP_OK, "text/plain; charset=utf-8", STR("ok\n"));
  if (get && strcmp(url, "/metrics") == 0)
    return metrics(server, connection);
  if (!argo && !flagger)
    return refuse(server, connection, MHD_HTTP_NOT_FOUND,
                  STR("there are /v1/argo, /v1/flagger, /healthz and /metrics"));
  if (!post && !(get && argo))
    return refuse(server, connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                  flagger ? STR("POST only") : STR("POST or GET only"));
  return call(server, connection, url, get, buf_str(&request->body));
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state) {
  (void)version;
  struct request *request = *state;
  if (!request) {
    *state = request = XNEW(struct request);
    buf_init(&request->body, BODY_MAX);
    http_daemon_progress(connection);
    return MHD_YES;
  }
  if (*upload_size) {
    (void)buf_add_str(&request->body, (struct str){upload, *upload_size});
    *upload_size = 0;
    return MHD_YES;
  }
  return dispatch(cls, connection, url, method, request);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code) {
  (void)cls, (void)code;
  struct request *request = *state;
  if (!request)
    return;
  http_daemon_progress(connection);
  buf_dispose(&request->body);
  xfree(request);
  *state = NULL;
}

// --- opening and closing ---

int judge_server_open(const struct judge_server_options *options, struct judge_server **ret_server,
                      struct err *err) {
  int fd = http_daemon_listen(options->address, options->port, CONNECTIONS_MAX, err);
  if (fd < 0)
    return RC_IO;
  struct judge_server *server = XNEW(struct judge_server);
  server->options = *options;
  struct MHD_Daemon *mhd = MHD_start_daemon(
      MHD_USE_EPOLL, 0, NULL, NULL, handle, server, MHD_OPTION_LISTEN_SOCKET, fd,
      MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
      CONNECTION_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
      MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION,
      http_daemon_on_connection, &server->daemon, MHD_OPTION_END);
  if (!http_daemon_open(&server->daemon, options->loop, mhd, CONNECTIONS_MAX)) {
    close(fd);
    xfree(server);
    return err_set(err, RC_IO, "the server cannot be started");
  }
  *ret_server = server;
  return RC_OK;
}

int judge_server_port(const struct judge_server *server) {
  return http_daemon_port(&server->daemon);
}

static void on_closed(struct http_daemon *daemon) {
  xfree(container_of(daemon, struct judge_server, daemon));
}

void judge_server_close(struct judge_server *server) {
  if (server)
    http_daemon_close(&server->daemon, on_closed);
}
