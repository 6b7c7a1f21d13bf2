// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "manifests/source/directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>
#include <cmocka.h>

#define SERVICE(name, port)                                                                        \
  "apiVersion: v1\nkind: Service\nmetadata: {name: " name "}\nspec: {ports: [{port: " port "}]}\n"

static char dir[64];

static void path_of(char *path, size_t size, const char *name) {
  snprintf(path, size, "%s/%s", dir, name);
}

// As careful tools do it: a new file that takes the old one's place.
static void write_file(const char *name, const char *text) {
  char path[256], temporary[256];
  path_of(path, sizeof path, name);
  snprintf(temporary, sizeof temporary, "%s/.new", dir);
  FILE *file = fopen(temporary, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
  assert_int_equal(rename(temporary, path), 0);
}

static int open_dir(void **state) {
  (void)state;
  snprintf(dir, sizeof dir, "/tmp/unit-source-XXXXXX");
  return mkdtemp(dir) ? 0 : -1;
}

static int close_dir(void **state) {
  (void)state;
  static const char *const names[] = {"a.yaml",   "b.yml",        "sub/c.json", "link.yaml",
                                      "note.txt", ".hidden.yaml", "sub"};
  for (size_t i = 0; i < ARRAY_LEN(names); i++) {
    char path[256];
    path_of(path, sizeof path, names[i]);
    remove(path);
  }
  return rmdir(dir);
}

static void make_sub(void) {
  char path[256];
  path_of(path, sizeof path, "sub");
  assert_int_equal(mkdir(path, 0700), 0);
}

static void test_reads_what_counts(void **state) {
  (void)state;
  char path[256];
  make_sub();
  path_of(path, sizeof path, "link.yaml");
  assert_int_equal(symlink("/etc/hostname", path), 0);
  write_file("b.yml", SERVICE("web", "1") "---\n" SERVICE("web", "2"));
  write_file("a.yaml", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Namespace, "
                       "metadata: {name: team1}}\n- {apiVersion: v1, kind: Secret, metadata: "
                       "{name: s, namespace: team1}}\n");
  write_file("sub/c.json", "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{}}");
  write_file("note.txt", "kind: [");
  write_file(".hidden.yaml", "kind: [");
  struct directory_snapshot snapshot;
  struct err err = {0};
  assert_int_equal(directory_read(dir, &snapshot, &err), RC_OK);
  assert_int_equal(snapshot.count, 3);
  assert_string_equal(snapshot.objects[0].key.ptr, "Namespace/team1");
  assert_string_equal(snapshot.objects[1].key.ptr, "Secret/team1/s");
  assert_string_equal(snapshot.objects[2].key.ptr, "Service/default/web");
  assert_true(str_ends(snapshot.objects[2].file, STR("/b.yml")));
  assert_int_equal(json_int(json_path(snapshot.objects[2].json, "spec.ports.0.port"), 0), 1);
  assert_string_equal(json_path_string(snapshot.objects[2].json, "metadata.resourceVersion").ptr,
                      "1");
  assert_int_equal(snapshot.findings.errors, 2); // a second web, a Service without a name
  directory_snapshot_dispose(&snapshot);
  assert_int_equal(directory_read("/nonexistent", &snapshot, &err), RC_NOT_FOUND);
}

struct seen {
  int calls;
  int64_t revision;
  size_t count, errors;
  char first_rv[32];
  bool called, timed_out;
  int ticks;
};

static void on_changed(struct directory *directory, const struct directory_snapshot *snapshot,
                       void *data) {
  struct seen *seen = data;
  assert_ptr_equal(directory_snapshot(directory), snapshot);
  seen->calls++;
  seen->called = true;
  seen->revision = snapshot->revision;
  seen->count = snapshot->count;
  seen->errors = snapshot->findings.errors;
  if (snapshot->count)
    snprintf(seen->first_rv, sizeof seen->first_rv, "%s",
             json_path_string(snapshot->objects[0].json, "metadata.resourceVersion").ptr);
}

// Repeats, so that no turn of the loop waits long after its callback has run.
static void on_watchdog(uv_timer_t *timer) {
  struct seen *seen = timer->data;
  seen->timed_out = ++seen->ticks > 1000;
}

static uv_timer_t watchdog;

static void wait_call(uv_loop_t *loop, struct seen *seen) {
  seen->called = false;
  seen->ticks = 0;
  uv_timer_start(&watchdog, on_watchdog, 10, 10);
  while (!seen->called && !seen->timed_out)
    uv_run(loop, UV_RUN_ONCE);
  uv_timer_stop(&watchdog);
  assert_false(seen->timed_out);
}

static void test_follows_changes(void **state) {
  (void)state;
  uv_loop_t loop;
  struct seen seen = {0};
  struct directory *directory;
  struct err err = {0};
  uv_loop_init(&loop);
  uv_timer_init(&loop, &watchdog);
  watchdog.data = &seen;
  write_file("a.yaml", SERVICE("web", "1"));
  assert_int_equal(directory_open(&loop, dir, on_changed, &seen, &directory, &err), RC_OK);
  assert_int_equal(seen.calls, 0);
  wait_call(&loop, &seen);
  assert_int_equal(seen.count, 1);
  assert_int_equal(seen.revision, 1);
  write_file("b.yml", SERVICE("api", "1"));
  wait_call(&loop, &seen);
  assert_int_equal(seen.count, 2);
  assert_int_equal(seen.revision, 2);
  assert_string_equal(seen.first_rv, "1"); // that one did not change
  write_file("a.yaml", "kind: [");
  wait_call(&loop, &seen);
  assert_int_equal(seen.count, 2); // the last good version stays
  assert_int_equal(seen.errors, 1);
  assert_int_equal(seen.revision, 2);
  write_file("a.yaml", SERVICE("web", "2"));
  wait_call(&loop, &seen);
  assert_int_equal(seen.errors, 0);
  assert_int_equal(seen.revision, 3);
  assert_string_equal(seen.first_rv, "3");
  make_sub(); // a new folder is watched, too
  write_file("sub/c.json",
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"}}");
  wait_call(&loop, &seen);
  assert_int_equal(seen.count, 3);
  write_file("sub/c.json",
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"q\"}}");
  wait_call(&loop, &seen);
  assert_int_equal(seen.revision, 5);
  char path[256];
  path_of(path, sizeof path, "a.yaml");
  remove(path);
  wait_call(&loop, &seen);
  assert_int_equal(seen.count, 2);
  directory_close(directory, NULL, NULL);
  uv_close((uv_handle_t *)&watchdog, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_reads_what_counts, open_dir, close_dir),
      cmocka_unit_test_setup_teardown(test_follows_changes, open_dir, close_dir),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
