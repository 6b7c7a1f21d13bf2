// SPDX-License-Identifier: Apache-2.0
// config over a real folder and a real loop: first table, change, broken change, removal, end.
#include "proxy/config.h"

#include "manifests/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEADLINE_MS 10000

struct run {
  uv_loop_t loop;
  struct proxy_config *config;
  struct proxy_table *table; // newest published
  size_t published;
  bool closed;
  char dir[64];
};

static void on_publish(void *ctx, struct proxy_table *table) {
  struct run *run = ctx;
  table_unref(run->table);
  run->table = table;
  run->published++;
}

static void on_closed(void *ctx) {
  struct run *run = ctx;
  run->closed = true;
}

static void write_file(const struct run *run, const char *name, const char *text) {
  char path[128], temporary[128];
  (void)snprintf(path, sizeof path, "%s/%s", run->dir, name);
  (void)snprintf(temporary, sizeof temporary, "%s/.%s.tmp", run->dir, name);
  FILE *file = fopen(temporary, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(rename(temporary, path), 0);
}

static void remove_file(const struct run *run, const char *name) {
  char path[128];
  (void)snprintf(path, sizeof path, "%s/%s", run->dir, name);
  assert_int_equal(unlink(path), 0);
}

static void on_tick(uv_timer_t *timer) {
  (void)timer;
}

// Turns the loop until the condition holds; fails after the deadline.
static void until(struct run *run, bool (*condition)(const struct run *run)) {
  uv_timer_t tick;
  int64_t end = clock_mono_ms() + DEADLINE_MS;
  assert_int_equal(uv_timer_init(&run->loop, &tick), 0);
  assert_int_equal(uv_timer_start(&tick, on_tick, 5, 5), 0);
  while (!condition(run) && clock_mono_ms() < end)
    (void)uv_run(&run->loop, UV_RUN_ONCE);
  uv_close((uv_handle_t *)&tick, NULL);
  (void)uv_run(&run->loop, UV_RUN_NOWAIT);
  assert_true(condition(run));
}

static int64_t status(const struct run *run) {
  for (size_t i = 0; run->table && i < run->table->host_count; i++) {
    const struct table_host *host = &run->table->hosts[i];
    if (str_eq(host->name, STR("a.example.com")))
      return host->routes[0].reply_status;
  }
  return 0;
}

static bool is_200(const struct run *run) {
  return status(run) == 200;
}
static bool is_201(const struct run *run) {
  return status(run) == 201;
}
static bool is_gone(const struct run *run) {
  return run->table && status(run) == 0;
}
static bool is_closed(const struct run *run) {
  return run->closed;
}
static bool has_errors(const struct run *run) {
  return run->table && run->table->findings.errors > 0;
}

static struct run *start(void) {
  struct run *run = calloc(1, sizeof *run);
  assert_non_null(run);
  assert_int_equal(uv_loop_init(&run->loop), 0);
  (void)snprintf(run->dir, sizeof run->dir, "/tmp/serin-config-XXXXXX");
  assert_non_null(mkdtemp(run->dir));
  return run;
}

static void open_config(struct run *run) {
  struct err err = {0};
  const struct config_options options = {
      .manifests = run->dir,
      .settings = {.name = STR("test"), .namespace_ = STR("serin-system")},
  };
  if (config_open(&run->loop, &options, on_publish, run, &run->config, &err))
    fail_msg("%s", err.msg);
  assert_int_equal(run->published, 0); // never from inside
  assert_false(config_is_ready(run->config));
}

static void stop(struct run *run) {
  if (run->config) {
    config_close(run->config, on_closed, run);
    until(run, is_closed);
  }
  table_unref(run->table);
  (void)uv_run(&run->loop, UV_RUN_NOWAIT);
  assert_int_equal(uv_loop_close(&run->loop), 0);
  assert_int_equal(rmdir(run->dir), 0);
  free(run);
}

#define VS(status)                                                                                 \
  "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\n"                \
  "spec: {hosts: [a.example.com], http: [{directResponse: {status: " status "}}]}\n"

static void a_changed_folder_becomes_a_new_table(void **state) {
  (void)state;
  struct run *run = start();
  write_file(run, "a.yaml", VS("200"));
  open_config(run);
  until(run, is_200);
  assert_true(config_is_ready(run->config));
  assert_int_equal(run->table->version, 1);
  assert_ptr_equal(config_table(run->config), run->table);
  write_file(run, "a.yaml", VS("201"));
  until(run, is_201);
  assert_true(run->table->version > 1);
  config_confirm(run->config, run->table->version); // no Lease without an API: nothing to do
  remove_file(run, "a.yaml");
  until(run, is_gone);
  stop(run);
}

static void what_breaks_leaves_the_last_good_table(void **state) {
  (void)state;
  struct run *run = start();
  write_file(run, "a.yaml", VS("200"));
  open_config(run);
  until(run, is_200);
  write_file(run, "a.yaml", VS("soon")); // a wrong type
  until(run, has_errors);
  assert_true(is_200(run));
  write_file(run, "a.yaml", VS("201"));
  until(run, is_201);
  assert_false(has_errors(run));
  write_file(run, "a.yaml", "kind: [\n"); // no YAML
  until(run, has_errors);
  assert_true(is_201(run));
  remove_file(run, "a.yaml");
  stop(run);
}

static void an_empty_folder_is_a_table_too(void **state) {
  (void)state;
  struct run *run = start();
  open_config(run);
  until(run, is_gone);
  assert_int_equal(run->table->host_count, 0);
  stop(run);
}

static void no_folder_is_an_error_without_callbacks(void **state) {
  (void)state;
  struct run *run = start();
  struct err err = {0};
  const struct config_options options = {.manifests = "/nonexistent/serin"};
  assert_int_not_equal(config_open(&run->loop, &options, on_publish, run, &run->config, &err), 0);
  assert_true(str_contains(str_of(err.msg), STR("/nonexistent/serin")));
  (void)uv_run(&run->loop, UV_RUN_DEFAULT);
  assert_int_equal(run->published, 0);
  stop(run);
}

static void a_table_outlives_its_source(void **state) {
  (void)state;
  struct run *run = start();
  write_file(run, "a.yaml", VS("200"));
  open_config(run);
  until(run, is_200);
  remove_file(run, "a.yaml");
  config_close(run->config, on_closed, run);
  until(run, is_closed);
  run->config = NULL;
  assert_true(is_200(run)); // a request may still hold it
  stop(run);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_changed_folder_becomes_a_new_table),
      cmocka_unit_test(what_breaks_leaves_the_last_good_table),
      cmocka_unit_test(an_empty_folder_is_a_table_too),
      cmocka_unit_test(no_folder_is_an_error_without_callbacks),
      cmocka_unit_test(a_table_outlives_its_source),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
