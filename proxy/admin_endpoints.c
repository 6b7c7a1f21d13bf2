// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin_endpoints.h"

#include "manifests/base/bug.h"
#include "manifests/base/exposition.h"
#include "manifests/base/log.h"
#include "manifests/base/rc.h"

#include <string.h>

static const char text_type[] = "text/plain; charset=utf-8";
static const char json_type[] = "application/json";

typedef void (*answer_fn)(const struct admin_host *host, const struct admin_query *query,
                          struct admin_reply *reply);

static void fail(struct admin_reply *reply, unsigned status, const char *text) {
  reply->status = status;
  reply->type = text_type;
  buf_reset(&reply->body);
  (void)buf_add_z(&reply->body, text);
}

static void say(struct admin_reply *reply, const char *text) {
  (void)buf_add_z(&reply->body, text);
}

static bool is_format(const struct admin_query *query, const char *format) {
  return query->format && strcmp(query->format, format) == 0;
}

static void get_ready(const struct admin_host *host, const struct admin_query *query,
                      struct admin_reply *reply) {
  (void)query;
  switch (host->state(host->ctx)) {
  case ADMIN_LIVE: say(reply, "LIVE\n"); return;
  case ADMIN_PRE_INITIALIZING: fail(reply, 503, "PRE_INITIALIZING\n"); return;
  case ADMIN_DRAINING: fail(reply, 503, "DRAINING\n"); return;
  }
}

// Alive is whoever can say so.
static void get_live(const struct admin_host *host, const struct admin_query *query,
                     struct admin_reply *reply) {
  (void)host, (void)query;
  say(reply, "ok\n");
}

static void get_metrics(const struct admin_host *host, const struct admin_query *query,
                        struct admin_reply *reply) {
  (void)query;
  reply->type = EXPOSITION_CONTENT_TYPE;
  host->metrics(host->ctx, &reply->stream);
}

static void get_stats(const struct admin_host *host, const struct admin_query *query,
                      struct admin_reply *reply) {
  if (is_format(query, "prometheus")) {
    get_metrics(host, query, reply);
    return;
  }
  if (query->format && !is_format(query, "json") && !is_format(query, "text")) {
    fail(reply, 400, "format: expected text, json or prometheus\n");
    return;
  }
  static const char *const types[] = {"All", "Counters", "Gauges", "Histograms", "TextReadouts"};
  bool known = !query->type;
  for (size_t i = 0; i < ARRAY_LEN(types); i++)
    known = known || strcmp(query->type, types[i]) == 0;
  if (!known) {
    fail(reply, 400, "type: expected All, Counters, Gauges, Histograms or TextReadouts\n");
    return;
  }
  if (is_format(query, "json"))
    reply->type = json_type;
  if (host->stats(host->ctx, query, &reply->stream) != 0)
    fail(reply, 400, "filter: not a regular expression\n");
}

static void dump(const struct admin_host *host, const struct admin_query *query,
                 struct admin_reply *reply,
                 int (*what)(void *ctx, const struct admin_query *query, struct buf *out)) {
  int rc = what(host->ctx, query, &reply->body);
  if (rc == RC_NOT_FOUND)
    fail(reply, 404, "resource: expected routes or endpoints\n");
  else if (rc == RC_UNAVAILABLE)
    fail(reply, 503, "no configuration has been read yet\n");
  else if (rc != 0)
    fail(reply, 500, "the answer is too long\n");
}

static void get_clusters(const struct admin_host *host, const struct admin_query *query,
                         struct admin_reply *reply) {
  reply->type = is_format(query, "json") ? json_type : text_type;
  dump(host, query, reply, host->clusters);
}

static void get_listeners(const struct admin_host *host, const struct admin_query *query,
                          struct admin_reply *reply) {
  reply->type = is_format(query, "json") ? json_type : text_type;
  dump(host, query, reply, host->listeners);
}

static void get_config_dump(const struct admin_host *host, const struct admin_query *query,
                            struct admin_reply *reply) {
  reply->type = json_type;
  dump(host, query, reply, host->config_dump);
}

static void get_server_info(const struct admin_host *host, const struct admin_query *query,
                            struct admin_reply *reply) {
  (void)query;
  reply->type = json_type;
  (void)host->server_info(host->ctx, &reply->body);
}

static void get_memory(const struct admin_host *host, const struct admin_query *query,
                       struct admin_reply *reply) {
  (void)query;
  reply->type = json_type;
  (void)host->memory(host->ctx, &reply->body);
}

static void get_certs(const struct admin_host *host, const struct admin_query *query,
                      struct admin_reply *reply) {
  (void)host, (void)query;
  reply->type = json_type;
  say(reply, "{\"certificates\":[]}\n"); // listeners speak no TLS
}

static void get_init_dump(const struct admin_host *host, const struct admin_query *query,
                          struct admin_reply *reply) {
  (void)query;
  reply->type = json_type;
  bool waits = host->state(host->ctx) == ADMIN_PRE_INITIALIZING;
  say(reply, "{\"unready_targets_dumps\":[");
  say(reply, waits ? "{\"name\":\"configuration\",\"target_names\":[\"first table\"]}" : "");
  say(reply, "]}\n");
}

static void get_hot_restart_version(const struct admin_host *host, const struct admin_query *query,
                                    struct admin_reply *reply) {
  (void)host, (void)query;
  say(reply, "serin.1\n"); // of the messages of a hand-over
}

static void get_runtime(const struct admin_host *host, const struct admin_query *query,
                        struct admin_reply *reply) {
  (void)host, (void)query;
  reply->type = json_type;
  say(reply, "{\"layers\":[],\"entries\":{}}\n"); // behaviour comes from objects and options
}

static void get_contention(const struct admin_host *host, const struct admin_query *query,
                           struct admin_reply *reply) {
  (void)host, (void)query;
  say(reply, "Workers share no lock: there is no contention to trace.\n");
}

static void post_drain(const struct admin_host *host, const struct admin_query *query,
                       struct admin_reply *reply) {
  if (query->skip_exit && !query->graceful) {
    fail(reply, 400, "skip_exit needs graceful\n");
    return;
  }
  host->drain(host->ctx, query->graceful, query->skip_exit);
  say(reply, "OK\n");
}

static void post_quit(const struct admin_host *host, const struct admin_query *query,
                      struct admin_reply *reply) {
  (void)query;
  host->quit(host->ctx);
  say(reply, "OK\n");
}

static void post_fail(const struct admin_host *host, const struct admin_query *query,
                      struct admin_reply *reply) {
  (void)query;
  host->set_health(host->ctx, false);
  say(reply, "OK\n");
}

static void post_ok(const struct admin_host *host, const struct admin_query *query,
                    struct admin_reply *reply) {
  (void)query;
  host->set_health(host->ctx, true);
  say(reply, "OK\n");
}

static void post_reset(const struct admin_host *host, const struct admin_query *query,
                       struct admin_reply *reply) {
  (void)query;
  host->reset_counters(host->ctx);
  say(reply, "OK\n");
}

static void post_runtime(const struct admin_host *host, const struct admin_query *query,
                         struct admin_reply *reply) {
  (void)host, (void)query;
  fail(reply, 503, "there is no runtime layer to modify\n");
}

static void post_logging(const struct admin_host *host, const struct admin_query *query,
                         struct admin_reply *reply) {
  (void)host;
  enum log_level level;
  if (!query->level || !log_parse_level(str_of(query->level), &level)) {
    fail(reply, 400, "expected ?level=debug, info, warn or error\n");
    return;
  }
  log_set_level(level);
  say(reply, "OK\n");
}

static void get_help(const struct admin_host *host, const struct admin_query *query,
                     struct admin_reply *reply);

static const struct endpoint {
  const char *path;
  bool changes; // POST only
  answer_fn answer;
  const char *help;
} endpoints[] = {
    {"/", false, get_help, "this list"},
    {"/help", false, get_help, "this list"},
    {"/ready", false, get_ready, "LIVE, or 503 and the state"},
    {"/healthz", false, get_live, "200 while the process lives"},
    {"/healthz/live", false, get_live, "the same"},
    {"/healthz/ready", false, get_ready, "as /ready"},
    {"/server_info", false, get_server_info, "version, state, uptime, options (JSON)"},
    {"/metrics", false, get_metrics, "Prometheus metrics"},
    {"/stats/prometheus", false, get_metrics, "the same"},
    {"/stats", false, get_stats,
     "counters; ?filter=REGEX ?usedonly ?type=Counters|Gauges|Histograms "
     "?format=text|json|prometheus"},
    {"/clusters", false, get_clusters, "endpoints and their numbers; ?format=json"},
    {"/listeners", false, get_listeners, "listening addresses; ?format=json"},
    {"/config_dump", false, get_config_dump, "what is enforced (JSON); ?resource=routes|endpoints"},
    {"/certs", false, get_certs, "certificates in use (JSON)"},
    {"/memory", false, get_memory, "memory in use (JSON)"},
    {"/init_dump", false, get_init_dump, "what the start waits for (JSON)"},
    {"/hot_restart_version", false, get_hot_restart_version, "of the hand-over protocol"},
    {"/runtime", false, get_runtime, "runtime values: none (JSON)"},
    {"/contention", false, get_contention, "lock contention: none"},
    {"/drain_listeners", true, post_drain,
     "stop accepting, answer what runs; ?graceful first says \"connection: close\" for the drain "
     "time, ?skip_exit only that"},
    {"/quitquitquit", true, post_quit, "drain and exit"},
    {"/healthcheck/fail", true, post_fail, "fail readiness, let clients reconnect elsewhere"},
    {"/healthcheck/ok", true, post_ok, "undo /healthcheck/fail"},
    {"/logging", true, post_logging, "?level=debug|info|warn|error"},
    {"/reset_counters", true, post_reset, "let the counters of /stats start at zero"},
    {"/runtime_modify", true, post_runtime, "refused: there is no runtime layer"},
};

static void get_help(const struct admin_host *host, const struct admin_query *query,
                     struct admin_reply *reply) {
  (void)host, (void)query;
  say(reply, "admin commands are:\n");
  for (size_t i = 0; i < ARRAY_LEN(endpoints); i++)
    (void)buf_addf(&reply->body, "  %-20s %s%s\n", endpoints[i].path,
                   endpoints[i].changes ? "(POST) " : "", endpoints[i].help);
}

void admin_answer(const struct admin_host *host, const struct admin_request *request,
                  struct admin_reply *reply) {
  bool get = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
  reply->status = 200;
  reply->type = text_type;
  for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
    const struct endpoint *endpoint = &endpoints[i];
    if (strcmp(endpoint->path, request->path) != 0)
      continue;
    if (endpoint->changes && strcmp(request->method, "POST") != 0)
      fail(reply, 400, "this changes something: use POST\n");
    else if (!endpoint->changes && !get)
      fail(reply, 405, "use GET\n");
    else if (endpoint->changes && !request->is_local)
      fail(reply, 403, "only from this machine\n");
    else if (endpoint->changes && request->is_from_browser)
      fail(reply, 403, "not from a browser\n");
    else
      endpoint->answer(host, &request->query, reply);
    return;
  }
  fail(reply, 404, "unknown path; see /help\n");
}
