// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/exposition.h"
#include "manifests/base/log.h"

#include <microhttpd.h>
#include <string.h>
#include <unistd.h>

#define REPLY_MAX (256u << 20)

struct admin {
  struct admin_host host;
  struct MHD_Daemon *daemon;
  uv_poll_t poll;
  uv_timer_t timer;
  unsigned open_handles;
};

struct reply {
  unsigned status;
  const char *type;
  struct buf body;
};

static const char text_type[] = "text/plain; charset=utf-8";
static const char json_type[] = "application/json";

static void fail(struct reply *reply, unsigned status, const char *text) {
  reply->status = status;
  reply->type = text_type;
  buf_reset(&reply->body);
  (void)buf_add_z(&reply->body, text);
}

static bool wants_json(const struct admin_query *query) {
  return query->format && strcmp(query->format, "json") == 0;
}

static void get_ready(struct admin *admin, const struct admin_query *query, struct reply *reply) {
  (void)query;
  switch (admin->host.state(admin->host.ctx)) {
  case ADMIN_LIVE: (void)buf_add_z(&reply->body, "LIVE\n"); return;
  case ADMIN_PRE_INITIALIZING: fail(reply, 503, "PRE_INITIALIZING\n"); return;
  case ADMIN_DRAINING: fail(reply, 503, "DRAINING\n"); return;
  }
}

static void get_metrics(struct admin *admin, const struct admin_query *query, struct reply *reply) {
  (void)query;
  reply->type = EXPOSITION_CONTENT_TYPE;
  if (admin->host.metrics(admin->host.ctx, &reply->body) != 0)
    fail(reply, 500, "the metrics are too long\n");
}

static void get_stats(struct admin *admin, const struct admin_query *query, struct reply *reply) {
  if (query->format && strcmp(query->format, "prometheus") == 0) {
    get_metrics(admin, query, reply);
    return;
  }
  if (query->format) {
    fail(reply, 400, "format: expected prometheus\n");
    return;
  }
  if (admin->host.stats(admin->host.ctx, query, &reply->body) != 0)
    fail(reply, 500, "the counters are too long\n");
}

static void dump(struct admin *admin, const struct admin_query *query, struct reply *reply,
                 int (*what)(void *ctx, const struct admin_query *query, struct buf *out)) {
  int rc = what(admin->host.ctx, query, &reply->body);
  if (rc == RC_NOT_FOUND)
    fail(reply, 404, "resource: expected routes or endpoints\n");
  else if (rc == RC_UNAVAILABLE)
    fail(reply, 503, "no configuration has been read yet\n");
  else if (rc != 0)
    fail(reply, 500, "the answer is too long\n");
}

static void get_clusters(struct admin *admin, const struct admin_query *query,
                         struct reply *reply) {
  reply->type = wants_json(query) ? json_type : text_type;
  dump(admin, query, reply, admin->host.clusters);
}

static void get_listeners(struct admin *admin, const struct admin_query *query,
                          struct reply *reply) {
  reply->type = wants_json(query) ? json_type : text_type;
  dump(admin, query, reply, admin->host.listeners);
}

static void get_config_dump(struct admin *admin, const struct admin_query *query,
                            struct reply *reply) {
  reply->type = json_type;
  dump(admin, query, reply, admin->host.config_dump);
}

static void get_server_info(struct admin *admin, const struct admin_query *query,
                            struct reply *reply) {
  (void)query;
  reply->type = json_type;
  (void)admin->host.server_info(admin->host.ctx, &reply->body);
}

static void post_drain(struct admin *admin, const struct admin_query *query, struct reply *reply) {
  (void)query;
  admin->host.drain(admin->host.ctx);
  (void)buf_add_z(&reply->body, "OK\n");
}

static void post_quit(struct admin *admin, const struct admin_query *query, struct reply *reply) {
  (void)query;
  admin->host.quit(admin->host.ctx);
  (void)buf_add_z(&reply->body, "OK\n");
}

static void post_fail(struct admin *admin, const struct admin_query *query, struct reply *reply) {
  (void)query;
  admin->host.set_health(admin->host.ctx, false);
  (void)buf_add_z(&reply->body, "OK\n");
}

static void post_ok(struct admin *admin, const struct admin_query *query, struct reply *reply) {
  (void)query;
  admin->host.set_health(admin->host.ctx, true);
  (void)buf_add_z(&reply->body, "OK\n");
}

static void post_logging(struct admin *admin, const struct admin_query *query,
                         struct reply *reply) {
  (void)admin;
  enum log_level level;
  if (!query->filter || !log_parse_level(str_of(query->filter), &level)) {
    fail(reply, 400, "expected ?level=debug, info, warn or error\n");
    return;
  }
  log_set_level(level);
  (void)buf_add_z(&reply->body, "OK\n");
}

static void get_help(struct admin *admin, const struct admin_query *query, struct reply *reply);

static const struct endpoint {
  const char *path;
  bool changes; // POST only
  void (*answer)(struct admin *admin, const struct admin_query *query, struct reply *reply);
  const char *help;
} endpoints[] = {
    {"/", false, get_help, "this list"},
    {"/help", false, get_help, "this list"},
    {"/ready", false, get_ready, "LIVE, or 503 and the state"},
    {"/server_info", false, get_server_info, "version, state, uptime (JSON)"},
    {"/metrics", false, get_metrics, "Prometheus metrics"},
    {"/stats/prometheus", false, get_metrics, "the same"},
    {"/stats", false, get_stats, "counters as text; ?filter=TEXT ?usedonly ?format=prometheus"},
    {"/clusters", false, get_clusters, "endpoints and their numbers; ?format=json"},
    {"/listeners", false, get_listeners, "listening addresses; ?format=json"},
    {"/config_dump", false, get_config_dump, "what is enforced (JSON); ?resource=routes|endpoints"},
    {"/drain_listeners", true, post_drain, "stop accepting, answer what runs"},
    {"/quitquitquit", true, post_quit, "drain and exit"},
    {"/healthcheck/fail", true, post_fail, "fail readiness, let clients reconnect elsewhere"},
    {"/healthcheck/ok", true, post_ok, "undo /healthcheck/fail"},
    {"/logging", true, post_logging, "?level=debug|info|warn|error"},
};

static void get_help(struct admin *admin, const struct admin_query *query, struct reply *reply) {
  (void)admin, (void)query;
  for (size_t i = 0; i < ARRAY_LEN(endpoints); i++)
    (void)buf_addf(&reply->body, "  %-20s %s%s\n", endpoints[i].path,
                   endpoints[i].changes ? "(POST) " : "", endpoints[i].help);
}

static const char *argument(struct MHD_Connection *connection, const char *name) {
  return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

// A page in somebody's browser must not drain a proxy on that machine.
static bool is_from_browser(struct MHD_Connection *connection) {
  return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Origin") ||
         MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Sec-Fetch-Site");
}

static void answer(struct admin *admin, struct MHD_Connection *connection, const char *url,
                   const char *method, struct reply *reply) {
  struct admin_query query = {
      .resource = argument(connection, "resource"),
      .format = argument(connection, "format"),
      .filter = argument(connection, "filter"),
      .used_only =
          MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "usedonly") != NULL};
  if (!query.filter)
    query.filter = argument(connection, "level");
  bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
  for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
    if (strcmp(endpoints[i].path, url) != 0)
      continue;
    if (endpoints[i].changes && strcmp(method, "POST") != 0)
      fail(reply, 400, "this changes something: use POST\n");
    else if (!endpoints[i].changes && !get)
      fail(reply, 405, "use GET\n");
    else if (endpoints[i].changes && is_from_browser(connection))
      fail(reply, 403, "not from a browser\n");
    else
      endpoints[i].answer(admin, &query, reply);
    return;
  }
  fail(reply, 404, "unknown path; see /help\n");
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state) {
  static const char seen; // its address marks a request whose head was seen
  (void)version, (void)data;
  union {
    const void *in;
    void *out;
  } mark = {&seen};
  if (*state != mark.out) {
    *state = mark.out;
    return MHD_YES;
  }
  if (*size > 0) { // bodies mean nothing here
    *size = 0;
    return MHD_YES;
  }
  struct reply reply = {.status = 200, .type = text_type};
  buf_init(&reply.body, REPLY_MAX);
  answer(cls, connection, url, method, &reply);
  struct MHD_Response *response = MHD_create_response_from_buffer(
      reply.body.len, reply.body.ptr ? reply.body.ptr : mark.out, MHD_RESPMEM_MUST_COPY);
  buf_dispose(&reply.body);
  if (!response)
    return MHD_NO;
  (void)MHD_add_response_header(response, "Content-Type", reply.type);
  (void)MHD_add_response_header(response, "Cache-Control", "no-store");
  enum MHD_Result result = MHD_queue_response(connection, reply.status, response);
  MHD_destroy_response(response);
  return result;
}

static void on_timer(uv_timer_t *timer);

static void work(struct admin *admin) {
  MHD_UNSIGNED_LONG_LONG wait;
  (void)MHD_run(admin->daemon);
  if (MHD_get_timeout(admin->daemon, &wait) == MHD_YES)
    (void)uv_timer_start(&admin->timer, on_timer, wait, 0);
  else
    (void)uv_timer_stop(&admin->timer);
}

static void on_timer(uv_timer_t *timer) {
  work(container_of(timer, struct admin, timer));
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  (void)status, (void)events;
  work(container_of(poll, struct admin, poll));
}

int admin_open(uv_loop_t *loop, int fd, const struct admin_host *host, struct admin **ret_admin,
               struct err *err) {
  struct admin *admin = XNEW(struct admin);
  admin->host = *host;
  admin->daemon =
      MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, admin, MHD_OPTION_LISTEN_SOCKET,
                       fd, MHD_OPTION_CONNECTION_LIMIT, 64u, MHD_OPTION_CONNECTION_TIMEOUT, 30u,
                       MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(32u << 10), MHD_OPTION_END);
  if (!admin->daemon) {
    (void)close(fd);
    xfree(admin);
    return err_set(err, RC_IO, "cannot start the admin server");
  }
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(admin->daemon, MHD_DAEMON_INFO_EPOLL_FD);
  (void)uv_poll_init(loop, &admin->poll, info->epoll_fd);
  (void)uv_timer_init(loop, &admin->timer);
  (void)uv_poll_start(&admin->poll, UV_READABLE, on_poll);
  admin->open_handles = 2;
  *ret_admin = admin;
  return 0;
}

static void on_handle_closed(struct admin *admin) {
  if (--admin->open_handles == 0)
    xfree(admin);
}

static void on_poll_closed(uv_handle_t *handle) {
  on_handle_closed(container_of(handle, struct admin, poll));
}

static void on_timer_closed(uv_handle_t *handle) {
  on_handle_closed(container_of(handle, struct admin, timer));
}

void admin_close(struct admin *admin) {
  if (!admin)
    return;
  uv_close((uv_handle_t *)&admin->poll, on_poll_closed);
  uv_close((uv_handle_t *)&admin->timer, on_timer_closed);
  MHD_stop_daemon(admin->daemon);
  admin->daemon = NULL;
}
