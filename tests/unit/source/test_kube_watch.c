// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "manifests/source/kube_watch.h"
#include "tests/unit/source/support_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct kube_resource things = {"", "v1", "ConfigMap", "configmaps", true};

#define OBJECT(ns, name, rv)                                                                       \
  "{\"metadata\":{\"namespace\":\"" ns "\",\"name\":\"" name "\",\"resourceVersion\":\"" rv        \
  "\",\"managedFields\":[{}]},\"data\":{\"rv\":\"" rv "\",\"big\":\"xxxxxxxx\"}}"
#define EVENT(type, ns, name, rv) "{\"type\":\"" type "\",\"object\":" OBJECT(ns, name, rv) "}\n"
#define LIST(rv, items)                                                                            \
  "{\"kind\":\"ConfigMapList\",\"metadata\":{\"resourceVersion\":\"" rv "\"},\"items\":[" items "]}"

enum act { ACT_LIST, ACT_STREAM, ACT_STREAM_END, ACT_DRIBBLE, ACT_STATUS, ACT_RESET };

struct step {         // what is asked and what is answered
  const char *expect; // part of the target
  enum act act;
  const char *text;
  int status;
};

struct run {
  struct fixture fixture;
  const struct step *steps;
  size_t count, at;
  struct buf log; // "+ns/name@rv " "~..." "-..." "S" "E:code"
  struct kube_watch *watch;
  bool finished, close_at_sync, trims;
  const char *until; // the log ends the run when it contains this
};

static void handle(struct server_conn *conn, const struct server_request *request, void *data) {
  struct run *run = data;
  if (run->at >= run->count)
    return; // silence
  const struct step *step = &run->steps[run->at++];
  if (!str_contains(request->target, str_of(step->expect)))
    print_error("step %zu: got %.*s\n", run->at - 1, STR_ARG(request->target));
  assert_true(str_contains(request->target, str_of(step->expect)));
  switch (step->act) {
  case ACT_LIST: server_reply(conn, 200, "", step->text); break;
  case ACT_STREAM:
  case ACT_STREAM_END:
    server_begin_chunks(conn);
    if (*step->text)
      server_chunk(conn, step->text);
    if (step->act == ACT_STREAM_END)
      server_end_chunks(conn);
    break;
  case ACT_DRIBBLE: {
    struct arena arena = {0};
    server_dribble(conn, arena_printf(&arena,
                                      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                      "%zx\r\n%s\r\n",
                                      strlen(step->text), step->text));
    arena_dispose(&arena);
    break;
  }
  case ACT_STATUS: server_reply(conn, step->status, "", step->text); break;
  case ACT_RESET: server_hang_up(conn); break;
  }
}

static void note(struct run *run) {
  if (run->until && strstr(buf_z(&run->log), run->until))
    run->finished = true;
}

static void on_event(struct kube_watch *watch, enum kube_event event, struct str key,
                     const struct json *object, const struct json *old, void *data) {
  struct run *run = data;
  (void)watch;
  assert_true((event == KUBE_ADDED) == (old == NULL));
  assert_null(json_path(object, "metadata.managedFields"));
  assert_string_equal(json_get_string(object, "kind").ptr, "ConfigMap");
  if (run->trims)
    assert_null(json_path(object, "data.big"));
  buf_addf(&run->log, "%c%.*s@%.*s ", "+~-"[event], STR_ARG(key),
           STR_ARG(json_path_string(object, "data.rv")));
  note(run);
}

static void on_synced(struct kube_watch *watch, void *data) {
  struct run *run = data;
  buf_add_z(&run->log, "S ");
  note(run);
  if (run->close_at_sync)
    kube_watch_close(watch, NULL, NULL);
}

static void on_error(struct kube_watch *watch, const struct err *err, void *data) {
  struct run *run = data;
  (void)watch;
  buf_addf(&run->log, "E:%s ", rc_name(err->rc));
  note(run);
}

static void trim(struct json *object, struct arena *arena, void *data) {
  (void)arena, (void)data;
  struct json *values = json_get(object, "data");
  if (values)
    json_remove(values, STR("big"));
}

static void run_open(struct run *run, const struct step *steps, size_t count, const char *until) {
  memset(run, 0, sizeof *run);
  run->steps = steps;
  run->count = count;
  run->until = until;
  buf_init(&run->log, 1u << 20);
  fixture_open(&run->fixture, handle, run);
}

static void run_watch(struct run *run) {
  struct err err;
  struct kube_watch_options options = {.resource = &things,
                                       .event = on_event,
                                       .synced = on_synced,
                                       .error = on_error,
                                       .trim = run->trims ? trim : NULL,
                                       .data = run};
  assert_int_equal(kube_watch_open(run->fixture.kube, &options, &run->watch, &err), RC_OK);
  fixture_run_until(&run->fixture, &run->finished);
}

static void run_close(struct run *run, const char *expected) {
  assert_string_equal(buf_z(&run->log), expected);
  if (!run->close_at_sync)
    kube_watch_close(run->watch, NULL, NULL);
  fixture_close(&run->fixture);
  buf_dispose(&run->log);
}

static void test_lists_then_watches_from_there(void **state) {
  (void)state;
  static const struct step steps[] = {
      {"/api/v1/configmaps?limit=500", ACT_LIST,
       LIST("7", OBJECT("a", "x", "3") "," OBJECT("b", "y", "5")), 0},
      {"watch=true&allowWatchBookmarks=true&resourceVersion=7&", ACT_STREAM,
       EVENT("MODIFIED", "a", "x", "8") EVENT("ADDED", "b", "z", "9")
           EVENT("DELETED", "b", "y", "10"),
       0},
  };
  struct run run;
  run_open(&run, steps, ARRAY_LEN(steps), "-b/y");
  run_watch(&run);
  assert_true(kube_watch_is_synced(run.watch));
  assert_int_equal(kube_watch_count(run.watch), 2);
  assert_non_null(kube_watch_get(run.watch, STR("a"), STR("x")));
  assert_null(kube_watch_get(run.watch, STR("b"), STR("y")));
  assert_true(str_eq_z(kube_watch_revision(run.watch), "10"));
  assert_true(kube_watch_age_ms(run.watch) >= 0);
  struct kube_watch_iter it = kube_watch_begin(run.watch);
  size_t seen = 0;
  while (kube_watch_each(&it))
    seen++;
  assert_int_equal(seen, 2);
  run_close(&run, "+a/x@3 +b/y@5 S ~a/x@8 +b/z@9 -b/y@5 ");
}

static void test_events_cut_at_every_byte(void **state) {
  (void)state;
  static const struct step steps[] = {
      {"limit=500", ACT_LIST, LIST("7", ""), 0},
      {"watch=true", ACT_DRIBBLE, EVENT("ADDED", "a", "x", "8") EVENT("MODIFIED", "a", "x", "9"),
       0},
  };
  struct run run;
  run_open(&run, steps, ARRAY_LEN(steps), "@9");
  run_watch(&run);
  run_close(&run, "S +a/x@8 ~a/x@9 ");
}

static void test_expired_lists_again_and_tells_the_differences(void **state) {
  (void)state;
  static const struct step steps[] = {
      {"limit=500", ACT_LIST, LIST("7", OBJECT("a", "same", "3") "," OBJECT("a", "gone", "4")), 0},
      {"resourceVersion=7", ACT_STREAM,
       "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\"}}"
       "\n",
       0},
      {"limit=500", ACT_LIST, LIST("20", OBJECT("a", "same", "3") "," OBJECT("a", "new", "15")), 0},
      {"resourceVersion=20", ACT_STREAM, "", 0},
  };
  struct run run;
  run_open(&run, steps, ARRAY_LEN(steps), "-a/gone");
  run_watch(&run);
  run_close(&run, "+a/same@3 +a/gone@4 S +a/new@15 -a/gone@4 ");
}

static void test_http_410_lists_again(void **state) {
  (void)state;
  static const struct step steps[] = {
      {"limit=500", ACT_LIST, LIST("7", ""), 0},
      {"resourceVersion=7", ACT_STATUS, "{\"kind\":\"Status\",\"code\":410}", 410},
      {"limit=500", ACT_LIST, LIST("9", OBJECT("a", "x", "9")), 0},
  };
  struct run run;
  run_open(&run, steps, ARRAY_LEN(steps), "+a/x");
  run_watch(&run);
  run_close(&run, "S +a/x@9 ");
}

static void test_a_broken_stream_goes_on_where_it_was(void **state) {
  (void)state;
  static const struct step steps[] = {
      {"limit=500", ACT_LIST, LIST("7", ""), 0},
      {"resourceVersion=7", ACT_STREAM_END,
       EVENT("ADDED", "a", "x", "8") "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{"
                                     "\"resourceVersion\":\"12\"}}}\n",
       0},
      {"resourceVersion=12", ACT_RESET, "", 0},
      {"resourceVersion=12", ACT_STREAM, EVENT("MODIFIED", "a", "x", "13"), 0},
  };
  struct run run;
  run_open(&run, steps, ARRAY_LEN(steps), "~a/x");
  run_watch(&run);
  // The clean end is routine; the reset comes twice, as libcurl tries a reused connection again by
  // itself.
  assert_non_null(strstr(buf_z(&run.log), "S +a/x@8 "));
  assert_non_null(strstr(buf_z(&run.log), "~a/x@13 "));
  kube_watch_close(run.watch, NULL, NULL);
  fixture_close(&run.fixture);
  buf_dispose(&run.log);
}

static void test_pages_are_joined_and_an_expired_token_starts_over(void **state) {
  (void)state;
#define PAGE(rv, token, items)                                                                     \
  "{\"metadata\":{\"resourceVersion\":\"" rv "\",\"continue\":\"" token "\"},\"items\":[" items "]}"
  static const struct step steps[] = {
      {"limit=500", ACT_LIST, PAGE("7", "t/1", OBJECT("a", "x", "1")), 0},
      {"continue=t%2F1", ACT_STATUS, "{\"kind\":\"Status\",\"reason\":\"Expired\"}", 410},
      {"configmaps?limit=500", ACT_LIST, PAGE("8", "t2", OBJECT("a", "x", "1")), 0},
      {"continue=t2", ACT_LIST, PAGE("8", "", OBJECT("a", "y", "2")), 0},
  };
  struct run run;
  run_open(&run, steps, ARRAY_LEN(steps), "S ");
  run_watch(&run);
  run_close(&run, "+a/x@1 +a/y@2 S ");
}

static void test_an_unknown_kind_counts_as_empty(void **state) {
  (void)state;
  static const struct step steps[] = {{"limit=500", ACT_STATUS, "404 page not found", 404}};
  struct run run;
  run_open(&run, steps, ARRAY_LEN(steps), "S ");
  run_watch(&run);
  assert_false(kube_watch_is_served(run.watch));
  assert_true(kube_watch_is_synced(run.watch));
  run_close(&run, "E:NOT_FOUND S ");
}

static void test_errors_are_told_once_and_tried_again(void **state) {
  (void)state;
  static const struct step steps[] = {
      {"limit=500", ACT_STATUS, "{}", 503},
      {"limit=500", ACT_STATUS, "{}", 503},
      {"limit=500", ACT_LIST, LIST("7", ""), 0},
  };
  struct run run;
  run_open(&run, steps, ARRAY_LEN(steps), "S ");
  run_watch(&run);
  run_close(&run, "E:UNAVAILABLE S ");
}

static void test_garbage_in_the_stream_lists_again(void **state) {
  (void)state;
  static const struct step steps[] = {
      {"limit=500", ACT_LIST, LIST("7", ""), 0},
      {"resourceVersion=7", ACT_STREAM, "{\"type\":\"ADDED\"}\n", 0},
      {"limit=500", ACT_LIST, LIST("9", OBJECT("a", "x", "9")), 0},
  };
  struct run run;
  run_open(&run, steps, ARRAY_LEN(steps), "+a/x");
  run_watch(&run);
  run_close(&run, "S E:PARSE +a/x@9 ");
}

static void test_trim_and_close_inside_a_callback(void **state) {
  (void)state;
  static const struct step steps[] = {{"limit=500", ACT_LIST, LIST("7", OBJECT("a", "x", "3")), 0}};
  struct run run;
  run_open(&run, steps, ARRAY_LEN(steps), "S ");
  run.trims = run.close_at_sync = true;
  run_watch(&run);
  run_close(&run, "+a/x@3 S ");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_lists_then_watches_from_there),
      cmocka_unit_test(test_events_cut_at_every_byte),
      cmocka_unit_test(test_expired_lists_again_and_tells_the_differences),
      cmocka_unit_test(test_http_410_lists_again),
      cmocka_unit_test(test_a_broken_stream_goes_on_where_it_was),
      cmocka_unit_test(test_pages_are_joined_and_an_expired_token_starts_over),
      cmocka_unit_test(test_an_unknown_kind_counts_as_empty),
      cmocka_unit_test(test_errors_are_told_once_and_tried_again),
      cmocka_unit_test(test_garbage_in_the_stream_lists_again),
      cmocka_unit_test(test_trim_and_close_inside_a_callback),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
