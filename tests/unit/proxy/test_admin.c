// SPDX-License-Identifier: Apache-2.0
// Who may do what on the admin port, and what is answered.
#include "proxy/admin_endpoints.h"

#include "manifests/base/bug.h"
#include "manifests/base/rc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct world {
  enum admin_state state;
  int drains, graceful, skipped, quits, resets;
  bool healthy;
};

static enum admin_state state_of(void *ctx) {
  return ((struct world *)ctx)->state;
}
static int some_text(void *ctx, const struct admin_query *query, struct buf *out) {
  (void)ctx;
  if (query->resource && strcmp(query->resource, "nothing") == 0)
    return RC_NOT_FOUND;
  return buf_add_z(out, query->format ? "{}" : "text");
}
static int some_info(void *ctx, struct buf *out) {
  (void)ctx;
  return buf_add_z(out, "{}");
}
static bool no_piece(void *ctx, struct buf *out) {
  (void)ctx, (void)out;
  return false;
}
static void metrics(void *ctx, struct admin_stream *ret_stream) {
  *ret_stream = (struct admin_stream){.next = no_piece, .ctx = ctx};
}
static int stats(void *ctx, const struct admin_query *query, struct admin_stream *ret_stream) {
  if (query->filter && query->filter[0] == '(')
    return RC_INVALID;
  metrics(ctx, ret_stream);
  return 0;
}
static void drain(void *ctx, bool graceful, bool skip_exit) {
  struct world *world = ctx;
  world->drains++;
  world->graceful += graceful;
  world->skipped += skip_exit;
}
static void quit(void *ctx) {
  ((struct world *)ctx)->quits++;
}
static void set_health(void *ctx, bool ok) {
  ((struct world *)ctx)->healthy = ok;
}
static void reset_counters(void *ctx) {
  ((struct world *)ctx)->resets++;
}

static unsigned ask_as(struct world *world, struct admin_request request, const char *expected) {
  const struct admin_host host = {state_of,   metrics,        stats,     some_text, some_text,
                                  some_text,  some_info,      some_info, drain,     quit,
                                  set_health, reset_counters, world};
  struct admin_reply reply = {0};
  buf_init(&reply.body, ADMIN_REPLY_MAX);
  admin_answer(&host, &request, &reply);
  if (expected)
    assert_non_null(strstr(buf_z(&reply.body), expected));
  assert_non_null(reply.type);
  buf_dispose(&reply.body);
  return reply.status;
}

static unsigned ask(struct world *world, const char *method, const char *path,
                    const char *expected) {
  return ask_as(world, (struct admin_request){.path = path, .method = method, .is_local = true},
                expected);
}

static const char *const changing[] = {"/drain_listeners", "/quitquitquit",   "/healthcheck/fail",
                                       "/healthcheck/ok",  "/reset_counters", "/logging",
                                       "/runtime_modify"};

static void what_changes_something_is_post_from_here_only(void **state) {
  struct world world = {.healthy = true};
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(changing); i++) {
    assert_int_equal(ask(&world, "GET", changing[i], "use POST"), 400);
    assert_int_equal(ask(&world, "PUT", changing[i], NULL), 400);
    struct admin_request far = {.path = changing[i], .method = "POST"};
    assert_int_equal(ask_as(&world, far, "only from this machine"), 403);
    struct admin_request page = {
        .path = changing[i], .method = "POST", .is_local = true, .is_from_browser = true};
    assert_int_equal(ask_as(&world, page, "browser"), 403);
  }
  assert_int_equal(world.drains + world.quits + world.resets, 0);
  assert_true(world.healthy);
}

static void posts_do_what_they_say(void **state) {
  struct world world = {.healthy = true};
  (void)state;
  assert_int_equal(ask(&world, "POST", "/healthcheck/fail", "OK"), 200);
  assert_false(world.healthy);
  assert_int_equal(ask(&world, "POST", "/healthcheck/ok", "OK"), 200);
  assert_true(world.healthy);
  assert_int_equal(ask(&world, "POST", "/reset_counters", "OK"), 200);
  assert_int_equal(world.resets, 1);
  assert_int_equal(ask(&world, "POST", "/quitquitquit", "OK"), 200);
  assert_int_equal(world.quits, 1);
  assert_int_equal(ask(&world, "POST", "/drain_listeners", "OK"), 200);
  struct admin_request slow = {.path = "/drain_listeners",
                               .method = "POST",
                               .is_local = true,
                               .query = {.graceful = true, .skip_exit = true}};
  assert_int_equal(ask_as(&world, slow, "OK"), 200);
  slow.query.graceful = false;
  assert_int_equal(ask_as(&world, slow, "graceful"), 400);
  assert_int_equal(world.drains, 2);
  assert_int_equal(world.graceful, 1);
  assert_int_equal(world.skipped, 1);
  assert_int_equal(ask(&world, "POST", "/logging", "level"), 400);
  assert_int_equal(ask(&world, "POST", "/runtime_modify", NULL), 503);
}

static void readiness_follows_the_state(void **state) {
  struct world world = {.state = ADMIN_PRE_INITIALIZING};
  (void)state;
  assert_int_equal(ask(&world, "GET", "/ready", "PRE_INITIALIZING"), 503);
  assert_int_equal(ask(&world, "GET", "/init_dump", "first table"), 200);
  assert_int_equal(ask(&world, "GET", "/healthz", "ok"), 200);
  world.state = ADMIN_LIVE;
  assert_int_equal(ask(&world, "GET", "/ready", "LIVE"), 200);
  assert_int_equal(ask(&world, "HEAD", "/healthz/ready", NULL), 200);
  world.state = ADMIN_DRAINING;
  assert_int_equal(ask(&world, "GET", "/healthz/ready", "DRAINING"), 503);
}

static void queries_are_checked(void **state) {
  struct world world = {0};
  struct admin_request request = {.path = "/stats", .method = "GET"};
  (void)state;
  assert_int_equal(ask_as(&world, request, NULL), 200);
  request.query.filter = "(";
  assert_int_equal(ask_as(&world, request, "regular expression"), 400);
  request.query = (struct admin_query){.format = "html"};
  assert_int_equal(ask_as(&world, request, "format"), 400);
  request.query = (struct admin_query){.type = "Numbers"};
  assert_int_equal(ask_as(&world, request, "type"), 400);
  request.query = (struct admin_query){.format = "prometheus"};
  assert_int_equal(ask_as(&world, request, NULL), 200);
  request = (struct admin_request){
      .path = "/config_dump", .method = "GET", .query = {.resource = "nothing"}};
  assert_int_equal(ask_as(&world, request, "resource"), 404);
  assert_int_equal(ask(&world, "GET", "/nothing", "/help"), 404);
  assert_int_equal(ask(&world, "POST", "/stats", "use GET"), 405);
  assert_int_equal(ask(&world, "GET", "/help", "/drain_listeners     (POST)"), 200);
  static const char *const known[] = {"/",
                                      "/certs",
                                      "/memory",
                                      "/runtime",
                                      "/contention",
                                      "/hot_restart_version",
                                      "/server_info",
                                      "/listeners",
                                      "/clusters",
                                      "/metrics",
                                      "/stats/prometheus"};
  for (size_t i = 0; i < ARRAY_LEN(known); i++)
    assert_int_equal(ask(&world, "GET", known[i], NULL), 200);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_changes_something_is_post_from_here_only),
      cmocka_unit_test(posts_do_what_they_say),
      cmocka_unit_test(readiness_follows_the_state),
      cmocka_unit_test(queries_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
