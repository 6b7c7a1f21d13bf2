// SPDX-License-Identifier: Apache-2.0
// The server of these tests keeps one Lease (and one namespace) with a revision, as an API server
// would.
#include "manifests/base/bug.h"
#include "manifests/source/kube_lease.h"
#include "manifests/text/json_patch.h"
#include "tests/unit/source/support_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct world {
  struct fixture fixture;
  struct arena arena;
  struct json *lease; // NULL: absent
  int revision, writes, deletes;
  bool namespace_exists, fails, done, closed;
  struct buf log;
  const char *until;
};

static void answer_lease(struct world *world, struct server_conn *conn) {
  struct json *metadata = json_need_object(&world->arena, world->lease, "metadata");
  json_put_string(&world->arena, metadata, "resourceVersion",
                  arena_printf(&world->arena, "%d", world->revision));
  server_reply(conn, 200, "", json_text(&world->arena, world->lease).ptr);
}

static void write_lease(struct world *world, struct server_conn *conn, struct json *lease) {
  world->lease = lease;
  world->revision++;
  world->writes++;
  answer_lease(world, conn);
}

static void handle(struct server_conn *conn, const struct server_request *request, void *data) {
  struct world *world = data;
  struct json *body = NULL;
  bool is_create = str_eq_z(request->method, "POST");
  if (request->body.len)
    assert_int_equal(json_parse(request->body, &world->arena, &body, NULL), RC_OK);
  if (world->fails) {
    server_reply(conn, 503, "", "{}");
  } else if (str_starts(request->target, STR("/api/v1/namespaces"))) {
    world->namespace_exists = true;
    server_reply(conn, 201, "", "{}");
  } else if (str_eq_z(request->method, "DELETE")) {
    world->deletes++;
    server_reply(conn, 200, "", "{}");
  } else if ((is_create && !world->namespace_exists) || (!is_create && !world->lease)) {
    server_reply(conn, 404, "", "{\"kind\":\"Status\",\"reason\":\"NotFound\"}");
  } else if (is_create) {
    write_lease(world, conn, body);
  } else if (str_eq_z(request->method, "PUT")) {
    if (!str_eq(kube_revision(body), kube_revision(world->lease)))
      server_reply(conn, 409, "", "{\"kind\":\"Status\",\"reason\":\"Conflict\"}");
    else
      write_lease(world, conn, body);
  } else if (str_eq_z(request->method, "PATCH")) {
    write_lease(world, conn, json_merge_patch(&world->arena, world->lease, body));
  } else {
    answer_lease(world, conn);
  }
}

static void note(struct world *world, const char *what) {
  buf_add_z(&world->log, what);
  if (strstr(buf_z(&world->log), world->until))
    world->done = true;
}

static void on_started(void *data) {
  note(data, "started ");
}
static void on_stopped(void *data) {
  note(data, "stopped ");
}
static void on_observed(struct str holder, void *data) {
  struct world *world = data;
  buf_addf(&world->log, "[%.*s] ", STR_ARG(holder));
}
static void on_closed(void *data) {
  struct world *world = data;
  world->closed = true;
}

static void world_open(struct world *world, const char *until) {
  memset(world, 0, sizeof *world);
  world->namespace_exists = true;
  world->until = until;
  buf_init(&world->log, 65536);
  fixture_open(&world->fixture, handle, world);
}

static void world_close(struct world *world) {
  fixture_close(&world->fixture);
  arena_dispose(&world->arena);
  buf_dispose(&world->log);
}

static struct kube_election *elect(struct world *world, const char *identity) {
  struct kube_election *election;
  struct kube_election_options options = {.ns = STR("serin-system"),
                                          .name = STR("operator"),
                                          .identity = str_of(identity),
                                          .lease_ms = 1000,
                                          .renew_deadline_ms = 300,
                                          .retry_ms = 20,
                                          .started = on_started,
                                          .stopped = on_stopped,
                                          .observed = on_observed,
                                          .data = world};
  assert_int_equal(kube_election_open(world->fixture.kube, &options, &election, NULL), RC_OK);
  return election;
}

static struct str holder(const struct world *world) {
  return json_path_string(world->lease, "spec.holderIdentity");
}

static void test_the_first_one_leads_and_gives_back(void **state) {
  (void)state;
  struct world world;
  world_open(&world, "started");
  struct kube_election *election = elect(&world, "a");
  fixture_run_until(&world.fixture, &world.done);
  assert_true(kube_election_is_leader(election));
  assert_true(str_eq_z(holder(&world), "a"));
  int writes = world.writes;
  while (world.writes < writes + 2) // renewed
    uv_run(&world.fixture.loop, UV_RUN_ONCE);
  assert_int_equal(json_int(json_path(world.lease, "spec.leaseTransitions"), -1), 0);
  kube_election_close(election, on_closed, &world);
  fixture_run_until(&world.fixture, &world.closed);
  assert_true(str_eq_z(holder(&world), ""));
  assert_string_equal(buf_z(&world.log), "[a] started ");
  world_close(&world);
}

static void test_another_holder_is_waited_for_by_our_clock(void **state) {
  (void)state;
  struct world world;
  world_open(&world, "started");
  // Its renewTime is long ago: that must not matter.
  json_parse(STR("{\"metadata\":{\"name\":\"operator\",\"namespace\":\"serin-system\"},"
                 "\"spec\":{\"holderIdentity\":\"b\",\"renewTime\":\"2001-01-01T00:00:00Z\","
                 "\"leaseTransitions\":4}}"),
             &world.arena, &world.lease, NULL);
  uv_update_time(&world.fixture.loop); // the clock that its timers go by, in whole milliseconds
  uint64_t began = uv_now(&world.fixture.loop);
  struct kube_election *election = elect(&world, "a");
  fixture_run_until(&world.fixture, &world.done);
  assert_true(uv_now(&world.fixture.loop) - began >= 1000); // lease_ms, never sooner
  assert_int_equal(json_int(json_path(world.lease, "spec.leaseTransitions"), -1), 5);
  assert_string_equal(buf_z(&world.log), "[b] [a] started ");
  kube_election_close(election, NULL, NULL);
  world_close(&world);
}

static void test_a_leader_that_cannot_renew_stops(void **state) {
  (void)state;
  struct world world;
  world_open(&world, "started");
  struct kube_election *election = elect(&world, "a");
  fixture_run_until(&world.fixture, &world.done);
  world.done = false;
  world.until = "stopped";
  world.fails = true;
  fixture_run_until(&world.fixture, &world.done);
  assert_false(kube_election_is_leader(election));
  world.done = false;
  world.until = "stopped started";
  world.fails = false;
  fixture_run_until(&world.fixture, &world.done);
  kube_election_close(election, NULL, NULL);
  world_close(&world);
}

static void test_a_taken_lease_ends_leading(void **state) {
  (void)state;
  struct world world;
  world_open(&world, "started");
  struct kube_election *election = elect(&world, "a");
  fixture_run_until(&world.fixture, &world.done);
  json_put_z(&world.arena, json_get(world.lease, "spec"), "holderIdentity", "b");
  world.revision++;
  json_put_string(&world.arena, json_get(world.lease, "metadata"), "resourceVersion",
                  arena_printf(&world.arena, "%d", world.revision));
  world.done = false;
  world.until = "stopped";
  fixture_run_until(&world.fixture, &world.done);
  assert_true(str_eq_z(holder(&world), "b"));
  kube_election_close(election, NULL, NULL);
  world_close(&world);
}

static void test_publishing_makes_what_is_missing(void **state) {
  (void)state;
  struct world world;
  world_open(&world, "-");
  world.namespace_exists = false;
  struct json *labels = json_new_object(&world.arena);
  json_put_z(&world.arena, labels, "serin.dev/component", "proxy");
  struct kube_publish_options options = {.ns = STR("serin-system"),
                                         .name = STR("serin-proxy-a"),
                                         .holder = STR("a"),
                                         .labels = labels,
                                         .period_ms = 20,
                                         .data = &world};
  struct kube_publish *publish;
  assert_int_equal(kube_publish_open(world.fixture.kube, &options, &publish, NULL), RC_OK);
  while (world.writes < 2)
    uv_run(&world.fixture.loop, UV_RUN_ONCE);
  kube_publish_set(publish, "serin.dev/serving", STR("{\"a\":\"1\"}"));
  const char *path = "metadata.annotations";
  while (!json_get(json_path(world.lease, path), "serin.dev/serving"))
    uv_run(&world.fixture.loop, UV_RUN_ONCE);
  assert_true(str_eq_z(json_get_string(json_path(world.lease, path), "serin.dev/serving"),
                       "{\"a\":\"1\"}"));
  assert_true(str_eq_z(
      json_get_string(json_path(world.lease, "metadata.labels"), "serin.dev/component"), "proxy"));
  assert_int_equal(json_int(json_path(world.lease, "spec.leaseDurationSeconds"), 0), 10);
  kube_publish_close(publish, on_closed, &world);
  fixture_run_until(&world.fixture, &world.closed);
  assert_int_equal(world.deletes, 1);
  world_close(&world);
}

static void test_a_lease_in_other_hands_is_left(void **state) {
  (void)state;
  struct world world;
  world_open(&world, "-");
  struct kube_publish_options options = {.ns = STR("serin-system"),
                                         .name = STR("serin-proxy-a"),
                                         .holder = STR("a"),
                                         .period_ms = 20,
                                         .data = &world};
  struct kube_publish *publish;
  assert_int_equal(kube_publish_open(world.fixture.kube, &options, &publish, NULL), RC_OK);
  while (world.writes < 1)
    uv_run(&world.fixture.loop, UV_RUN_ONCE);
  kube_publish_leave(publish);
  kube_publish_close(publish, on_closed, &world);
  fixture_run_until(&world.fixture, &world.closed);
  assert_int_equal(world.deletes, 0);
  assert_non_null(world.lease);
  world_close(&world);
}

static void test_times_that_would_let_two_lead_are_refused(void **state) {
  (void)state;
  static const struct {
    int64_t lease_ms, renew_ms, retry_ms;
    const char *says;
  } cases[] = {{1000, 1000, 10, "must be longer"},
               {1000, 500, 420, "1.2 times"},
               {9000, 0, 0, "must be longer"},
               {0, 0, 9000, "1.2 times"}};
  struct world world;
  world_open(&world, "never");
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct kube_election *election;
    struct err err = {0};
    struct kube_election_options options = {.ns = STR("n"),
                                            .name = STR("l"),
                                            .identity = STR("i"),
                                            .lease_ms = cases[i].lease_ms,
                                            .renew_deadline_ms = cases[i].renew_ms,
                                            .retry_ms = cases[i].retry_ms};
    assert_int_equal(kube_election_open(world.fixture.kube, &options, &election, &err), RC_USAGE);
    assert_non_null(strstr(err.msg, cases[i].says));
  }
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_times_that_would_let_two_lead_are_refused),
      cmocka_unit_test(test_the_first_one_leads_and_gives_back),
      cmocka_unit_test(test_another_holder_is_waited_for_by_our_clock),
      cmocka_unit_test(test_a_leader_that_cannot_renew_stops),
      cmocka_unit_test(test_a_taken_lease_ends_leading),
      cmocka_unit_test(test_publishing_makes_what_is_missing),
      cmocka_unit_test(test_a_lease_in_other_hands_is_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
