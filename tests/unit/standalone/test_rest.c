// SPDX-License-Identifier: Apache-2.0
// The API server without sockets: requests in, replies and watch events out, on a store in a
// temporary folder.
#include "operator/standalone/api.h"
#include "operator/standalone/api_delete.h"
#include "operator/standalone/auth_role.h"
#include "operator/standalone/rest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define MAPS "/api/v1/namespaces/default/configmaps"

struct fixture {
  char dir[64], path[96];
  struct api api;
  struct arena arena; // of replies
};

static int setup(void **state) {
  static struct fixture f;
  static const struct str groups[] = {{"system:masters", 14}};
  memset(&f, 0, sizeof(f));
  snprintf(f.dir, sizeof(f.dir), "/tmp/serin-rest-XXXXXX");
  if (!mkdtemp(f.dir))
    return -1;
  snprintf(f.path, sizeof(f.path), "%s/store.db", f.dir);
  arena_init(&f.arena);
  f.api.user = (struct api_user){.name = STR("alice"),
                                 .groups = groups,
                                 .group_count = 1,
                                 .role = auth_role_find(STR("admin"))};
  f.api.data = f.dir;
  *state = &f;
  if (store_open(f.path, &f.api.store, NULL))
    return -1;
  f.api.hub = watch_hub_new(f.api.store);
  return api_prepare(&f.api, NULL);
}

static int teardown(void **state) {
  struct fixture *f = *state;
  static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm"};
  char path[128];
  watch_hub_free(f->api.hub);
  api_dispose(&f->api);
  store_close(f->api.store);
  arena_dispose(&f->arena);
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
    unlink(path);
  }
  return rmdir(f->dir);
}

// Commits, as the HTTP side does at the end of a turn.
static void turn(struct fixture *f) {
  assert_int_equal(store_commit(f->api.store, NULL), 0);
  watch_publish(f->api.hub);
}

static int send(struct fixture *f, const char *method, const char *url, const char *type,
                const char *body, struct json **ret_json) {
  struct api_call call = {.arena = &f->arena,
                          .user = &f->api.user,
                          .user_agent = STR("test/1"),
                          .now_ms = 1700000000000};
  struct rest_request request = {.method = str_of(method),
                                 .url = str_of(url),
                                 .content_type = str_of(type),
                                 .accept = STR("application/json"),
                                 .user_agent = STR("test/1"),
                                 .body = str_of(body),
                                 .user = &f->api.user};
  struct rest_reply reply;
  struct json *json = NULL;
  rest_handle(&f->api, &call, &request, &reply);
  assert_int_equal(reply.kind, REST_REPLY_BODY);
  assert_int_equal(json_parse(buf_str(&reply.body), &f->arena, &json, NULL), 0);
  buf_dispose(&reply.body);
  if (ret_json)
    *ret_json = json;
  return reply.status;
}

static int merge(struct fixture *f, const char *url, const char *patch) {
  return send(f, "PATCH", url, "application/merge-patch+json", patch, NULL);
}

static int post(struct fixture *f, const char *name, const char *color) {
  struct str body = arena_printf(
      &f->arena, "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"color\":\"%s\"}}}", name, color);
  return send(f, "POST", MAPS, "", body.ptr, NULL);
}

static void wake(void *data) {
  ++*(int *)data;
}

static struct watch *watch_from(struct fixture *f, int64_t revision, const char *labels,
                                int *woken) {
  struct api_call call = {.arena = &f->arena, .user = &f->api.user};
  struct watch_options options = {.kind = api_kind_of(f->api.kinds, STR("configmaps")),
                                  .version = STR("v1"),
                                  .revision = revision};
  struct watch *watch = NULL;
  assert_int_equal(selector_parse_labels(str_of(labels), &f->arena, &options.filter.labels, NULL),
                   0);
  assert_int_equal(watch_open(f->api.hub, &call, &options, wake, woken, &watch), 0);
  return watch;
}

// "ADDED a, DELETED a, " of what can be read now.
static const char *read_events(struct fixture *f, struct watch *watch) {
  struct buf bytes;
  struct str text = STR(""), rest, line;
  char block[7]; // small, so that events are cut anywhere
  ptrdiff_t got;
  buf_init(&bytes, 8u << 20);
  while ((got = watch_read(watch, block, sizeof(block))) > 0)
    buf_add(&bytes, block, (size_t)got);
  rest = arena_str(&f->arena, buf_str(&bytes));
  while (rest.len && str_next(&rest, '\n', &line) && line.len) {
    struct json *event = NULL;
    assert_int_equal(json_parse(line, &f->arena, &event, NULL), 0);
    struct str type = json_get_string(event, "type"),
               name = json_path_string(event, "object.metadata.name");
    text = arena_printf(&f->arena, "%.*s%.*s %.*s, ", STR_ARG(text), STR_ARG(type), STR_ARG(name));
  }
  buf_dispose(&bytes);
  return text.len ? text.ptr : "";
}

static void nothing_is_told_before_the_commit(void **state) {
  struct fixture *f = *state;
  int woken = 0;
  struct watch *watch = watch_from(f, store_revision(f->api.store), "", &woken);
  assert_int_equal(post(f, "a", "red"), 201);
  assert_true(store_is_dirty(f->api.store));
  assert_int_equal(woken, 0);
  assert_string_equal(read_events(f, watch), "");
  turn(f);
  assert_int_equal(woken, 1);
  assert_string_equal(read_events(f, watch), "ADDED a, ");
  watch_close(watch);
}

static void a_refused_write_leaves_no_event(void **state) {
  struct fixture *f = *state;
  int woken = 0;
  struct watch *watch = watch_from(f, store_revision(f->api.store), "", &woken);
  struct json *status;
  assert_int_equal(post(f, "a", "red"), 201);
  assert_int_equal(post(f, "a", "red"), 409);
  assert_int_equal(send(f, "POST", MAPS, "", "{\"metadata\":{\"name\":\"B\"}}", &status), 422);
  assert_true(str_contains(json_get_string(status, "message"), STR("ConfigMap \"B\" is invalid")));
  turn(f);
  assert_string_equal(read_events(f, watch), "ADDED a, ");
  watch_close(watch);
}

static void selectors_see_what_enters_and_leaves(void **state) {
  struct fixture *f = *state;
  int woken = 0;
  int64_t start = store_revision(f->api.store);
  struct watch *live = watch_from(f, start, "color in (red)", &woken);
  post(f, "a", "blue");
  merge(f, MAPS "/a", "{\"metadata\":{\"labels\":{\"color\":\"red\"}}}");
  merge(f, MAPS "/a", "{\"data\":{\"k\":\"v\"}}");
  turn(f);
  merge(f, MAPS "/a", "{\"metadata\":{\"labels\":null}}");
  merge(f, MAPS "/a", "{\"data\":{\"k\":\"w\"}}");
  turn(f);
  struct watch *later = watch_from(f, start, "color in (red)", &woken);
  assert_string_equal(read_events(f, live), "ADDED a, MODIFIED a, DELETED a, ");
  assert_string_equal(read_events(f, later), "ADDED a, MODIFIED a, DELETED a, ");
  watch_close(live);
  watch_close(later);
}

static void a_watch_that_is_not_read_is_bounded_and_complete(void **state) {
  struct fixture *f = *state;
  int woken = 0;
  struct watch *watch = watch_from(f, store_revision(f->api.store), "", &woken);
  char *pad = calloc(1, 60001);
  memset(pad, 'x', 60000);
  post(f, "a", "red");
  for (int i = 0; i < 20; i++) {
    struct str patch = arena_printf(&f->arena, "{\"data\":{\"n\":\"%d\",\"pad\":\"%s\"}}", i, pad);
    assert_int_equal(merge(f, MAPS "/a", patch.ptr), 200);
    turn(f);
  }
  free(pad);
  const char *events = read_events(f, watch);
  size_t count = 0;
  for (const char *at = events; (at = strstr(at, "MODIFIED")) != NULL; at++)
    count++;
  assert_int_equal(count, 20);
  assert_string_equal(read_events(f, watch), "");
  watch_close(watch);
}

static void bookmarks_only_for_those_who_asked(void **state) {
  struct fixture *f = *state;
  int woken = 0;
  struct watch *plain = watch_from(f, store_revision(f->api.store), "", &woken);
  watch_bookmark_all(f->api.hub);
  assert_string_equal(read_events(f, plain), "");
  assert_int_equal(woken, 0);
  watch_close(plain);
}

static void without_a_user_only_health_answers(void **state) {
  struct fixture *f = *state;
  static const struct {
    const char *url;
    int status;
  } cases[] = {{"/livez", 200}, {"/readyz", 200}, {"/version", 200}, {"/apis", 401},
               {MAPS, 401},     {"/nope", 401},   {"/%", 401}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct api_call call = {.arena = &f->arena};
    struct rest_request request = {.method = STR("GET"), .url = str_of(cases[i].url)};
    struct rest_reply reply;
    rest_handle(&f->api, &call, &request, &reply);
    buf_dispose(&reply.body);
    if (reply.status != cases[i].status)
      fail_msg("%s: %d", cases[i].url, reply.status);
  }
}

static void the_user_is_stamped_and_cannot_be_claimed(void **state) {
  struct fixture *f = *state;
  struct json *made;
  const char *body = "{\"apiVersion\":\"serin.dev/v1alpha1\",\"kind\":\"RolloutAction\","
                     "\"metadata\":{\"name\":\"x\",\"annotations\":{\"serin.dev/"
                     "user\":\"mallory\"}},\"spec\":{\"rollout\":\"r\",\"verb\":\"abort\"}}";
  const char *actions = "/apis/serin.dev/v1alpha1/namespaces/default/rolloutactions";
  assert_int_equal(send(f, "POST", actions, "", body, &made), 201);
  const struct json *annotations = json_path(made, "metadata.annotations");
  assert_true(str_eq_z(json_get_string(annotations, "serin.dev/user"), "alice"));
  struct str one = arena_printf(&f->arena, "%s/x", actions);
  merge(f, one.ptr, "{\"metadata\":{\"annotations\":{\"serin.dev/user\":\"mallory\"}}}");
  assert_int_equal(send(f, "GET", one.ptr, "", "", &made), 200);
  annotations = json_path(made, "metadata.annotations");
  assert_true(str_eq_z(json_get_string(annotations, "serin.dev/user"), "alice"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#define EVENTS "/api/v1/namespaces/default/events"
#define MINUTE_MS (60 * 1000)

static int sweep_and_get_event(struct fixture *f, int64_t now_ms) {
  struct json *json;
  assert_int_equal(delete_sweep(&f->api, now_ms, NULL), 0);
  turn(f);
  return send(f, "GET", EVENTS "/e", "", "", &json);
}

static void an_event_lives_an_hour_from_its_last_write(void **state) {
  struct fixture *f = *state;
  struct json *json;
  const int64_t written_ms = 1700000000000; // as send() says
  assert_int_equal(send(f, "POST", EVENTS, "application/json",
                        "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"e\"},"
                        "\"involvedObject\":{\"namespace\":\"default\"},\"lastTimestamp\":\"2001-"
                        "01-01T00:00:00Z\"}",
                        &json),
                   201);
  turn(f);
  assert_int_equal(sweep_and_get_event(f, written_ms + 59 * MINUTE_MS), 200);
  assert_int_equal(sweep_and_get_event(f, written_ms + 61 * MINUTE_MS), 404);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(nothing_is_told_before_the_commit),
      TEST(a_refused_write_leaves_no_event),
      TEST(selectors_see_what_enters_and_leaves),
      TEST(a_watch_that_is_not_read_is_bounded_and_complete),
      TEST(bookmarks_only_for_those_who_asked),
      TEST(without_a_user_only_health_answers),
      TEST(the_user_is_stamped_and_cannot_be_claimed),
      TEST(an_event_lives_an_hour_from_its_last_write),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
