// SPDX-License-Identifier: Apache-2.0
// tests/golden/cli/<what>_<case>.json is what goes in, .txt beside it is what the user reads.
// REFRESH=1 in the environment writes the texts anew.
#include "manifests/base/bug.h"
#include "manifests/kinds/rollout.h"
#include "manifests/schema/decode.h"
#include "manifests/source/directory_scan.h"
#include "manifests/source/file.h"
#include "manifests/text/time.h"
#include "operator/cli/apply_merge.h"
#include "operator/cli/describe_text.h"
#include "operator/cli/plan_text.h"
#include "operator/cli/proxy_config_text.h"
#include "operator/cli/rollout_text.h"
#include "operator/cli/table_text.h"
#include "operator/cli/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define FOLDER SERIN_SOURCE_DIR "/tests/golden/cli"
#define FILE_MAX (1u << 20)

static int64_t now_of(const struct json *in) {
  int64_t ms = 0;
  (void)time_parse(json_get_string(in, "now"), &ms);
  return ms;
}

static const struct rollout *rollout_of(const struct json *in, struct arena *arena) {
  struct decode_options options = {.unknown = UNKNOWN_IGNORE, .skip_checks = true};
  void *rollout = NULL;
  (void)kind_decode(&rollout_kind, json_get(in, "rollout"), &options, arena, NULL, &rollout);
  assert_non_null(rollout);
  return rollout;
}

static struct tree_workload workload_of(const struct json *pair) {
  return (struct tree_workload){.is_known = pair != NULL,
                                .wanted = json_int(json_at(pair, 0), 0),
                                .ready = json_int(json_at(pair, 1), 0)};
}

static struct tree_view view_of(const struct json *in, struct arena *arena) {
  return (struct tree_view){.rollout = rollout_of(in, arena),
                            .stable = workload_of(json_get(in, "stable")),
                            .canary = workload_of(json_get(in, "canary")),
                            .now_ms = now_of(in),
                            .width = (size_t)json_int(json_get(in, "width"), 0),
                            .color = json_is_true(json_get(in, "color")),
                            .ascii = json_is_true(json_get(in, "ascii"))};
}

// No line may be wider than the terminal: it would wrap, and redrawing would go wrong.
static void check_width(struct str text, size_t width, bool color) {
  struct str line;
  while (width && !color && str_next(&text, '\n', &line))
    assert_true(table_text_width(line) <= width);
}

static void write_tree(const struct json *in, struct arena *arena, struct buf *out) {
  struct tree_view view = view_of(in, arena);
  tree_write(&view, arena, out);
  check_width(buf_str(out), view.width, view.color);
  buf_addf(out, "exit code %d\n", tree_exit_code(view.rollout));
}

static void write_summary(const struct json *in, struct arena *arena, struct buf *out) {
  struct tree_view view = view_of(in, arena);
  struct str key, line = tree_summary(&view, arena, &key);
  buf_addf(out, "%.*s\nkey: %.*s\n", STR_ARG(line), STR_ARG(key));
}

static void write_history(const struct json *in, struct arena *arena, struct buf *out) {
  rollout_text_history(rollout_of(in, arena), now_of(in), arena, out);
}

static void write_explain(const struct json *in, struct arena *arena, struct buf *out) {
  rollout_text_explain(rollout_of(in, arena), now_of(in), arena, out);
}

static void write_plan(const struct json *in, struct arena *arena, struct buf *out) {
  plan_text_write(rollout_of(in, arena), NULL, arena, out);
}

static void write_apply(const struct json *in, struct arena *arena, struct buf *out) {
  struct json *live = json_get(in, "live"), *wanted = json_get(in, "wanted");
  struct json *patch = apply_patch(arena, live, wanted, json_is_true(json_get(in, "builtin")));
  json_write_pretty(out, patch);
}

static void write_describe(const struct json *in, struct arena *arena, struct buf *out) {
  describe_text(json_get(in, "object"), json_get(in, "events"), now_of(in), arena, out);
}

static void write_table(const struct json *in, struct arena *arena, struct buf *out) {
  struct str prefix = json_get_string(in, "prefix");
  struct table_view view = {.wide = json_is_true(json_get(in, "wide")),
                            .with_ns = json_is_true(json_get(in, "with_ns")),
                            .headers = true,
                            .name_prefix = prefix.ptr};
  assert_true(table_text_server(json_get(in, "table"), &view, arena, out));
}

static void write_proxy_config(const struct json *in, struct arena *arena, struct buf *out,
                               struct str name) {
  enum proxy_config_part part;
  assert_true(proxy_config_part_of(name, &part));
  proxy_config_text(part, in, arena, out);
}

static const struct {
  const char *prefix;
  void (*write)(const struct json *in, struct arena *arena, struct buf *out);
} writers[] = {
    {"tree_", write_tree},         {"summary_", write_summary}, {"history_", write_history},
    {"explain_", write_explain},   {"plan_", write_plan},       {"apply_", write_apply},
    {"describe_", write_describe}, {"table_", write_table},
};

static void write_case(struct str name, const struct json *in, struct arena *arena,
                       struct buf *out) {
  struct str proxy = STR("proxy-config_");
  if (str_starts(name, proxy)) {
    write_proxy_config(in, arena, out, str_slice(name, proxy.len, name.len));
    return;
  }
  for (size_t i = 0; i < ARRAY_LEN(writers); i++)
    if (str_starts(name, str_of(writers[i].prefix))) {
      writers[i].write(in, arena, out);
      return;
    }
  fail_msg("%.*s: no writer for this prefix", STR_ARG(name));
}

static void refresh(const char *path, struct str text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(text.ptr, 1, text.len, file), text.len);
  assert_int_equal(fclose(file), 0);
}

static bool run_case(struct str path) {
  struct arena arena = {0};
  struct err err = {0};
  struct str text, expected = STR("");
  struct json *in;
  struct buf out;
  buf_init(&out, FILE_MAX);
  struct str name = str_slice(path, sizeof FOLDER, path.len - 5);
  const char *golden = arena_printf(&arena, "%s/%.*s.txt", FOLDER, STR_ARG(name)).ptr;
  if (file_read(path.ptr, FILE_MAX, &arena, &text, &err) || json_parse(text, &arena, &in, &err))
    fail_msg("%.*s: %s", STR_ARG(name), err.msg);
  write_case(name, in, &arena, &out);
  if (getenv("REFRESH"))
    refresh(golden, buf_str(&out));
  (void)file_read(golden, FILE_MAX, &arena, &expected, NULL);
  bool same = str_eq(expected, buf_str(&out));
  if (!same)
    print_error("%s is not what comes out:\n%.*s\n", golden, STR_ARG(buf_str(&out)));
  buf_dispose(&out);
  arena_dispose(&arena);
  return same;
}

static void test_texts_are_as_recorded(void **state) {
  (void)state;
  struct arena arena = {0};
  struct directory_scan scan;
  size_t cases = 0, failed = 0;
  assert_int_equal(directory_scan(FOLDER, &arena, &scan, NULL), RC_OK);
  for (size_t i = 0; i < scan.file_count; i++) {
    failed += !run_case(scan.files[i]);
    cases++;
  }
  assert_true(cases > 20);
  assert_int_equal(failed, 0);
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts_are_as_recorded)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
