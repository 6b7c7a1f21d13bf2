// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/pod.h"
#include "manifests/kinds/rollout.h"
#include "manifests/text/time.h"
#include "operator/standalone/json_query.h"
#include "operator/standalone/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct json *parse(struct arena *arena, const char *text) {
  struct json *json = NULL;
  assert_int_equal(json_parse(str_of(text), arena, &json, NULL), 0);
  return json;
}

static void ages_read_as_kubectl_prints_them(void **state) {
  (void)state;
  static const struct {
    int64_t seconds;
    const char *text;
  } cases[] = {{-5, "0s"},          {0, "0s"},          {119, "119s"},
               {120, "2m"},         {125, "2m5s"},      {600, "10m"},
               {179 * 60, "179m"},  {3 * 3600, "3h"},   {3 * 3600 + 1200, "3h20m"},
               {10 * 3600, "10h"},  {47 * 3600, "47h"}, {48 * 3600, "2d"},
               {51 * 3600, "2d3h"}, {8 * 86400, "8d"},  {800 * 86400, "2y70d"}};
  struct arena arena;
  arena_init(&arena);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    assert_string_equal(table_age(&arena, 0, cases[i].seconds * 1000).ptr, cases[i].text);
  arena_dispose(&arena);
}

static void paths_find_values(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  const struct json *json = parse(&arena, "{\"a\":{\"b\":[{\"type\":\"X\",\"v\":\"1\"},{\"type\":"
                                          "\"Ready\",\"v\":\"2\"}],\"c.d\":\"3\"}}");
  static const struct {
    const char *path, *value;
  } cases[] = {{".a.b[0].v", "1"},
               {".a.b[?(@.type==\"Ready\")].v", "2"},
               {".a.b[?(@.type=='Ready')].v", "2"},
               {"{.a['c.d']}", "3"},
               {".a.c\\.d", "3"},
               {"$.a.b[*].v", "1"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    if (!str_eq_z(json_string(json_query(json, str_of(cases[i].path))), cases[i].value))
      fail_msg("%s", cases[i].path);
  static const char *const none[] = {".a.x",           ".a.b[7]", ".a.b[-1]", ".a.b[", ".a.b[?(",
                                     ".a.b[?(@.type=", ".a..b",   "[",        ".a['"};
  for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
    if (json_query(json, str_of(none[i])))
      fail_msg("%s gives something", none[i]);
  arena_dispose(&arena);
}

static struct str cell(struct arena *arena, const struct kind_desc *kind, const char *object,
                       const char *column) {
  int64_t now_ms;
  assert_true(time_parse(STR("2026-01-01T01:00:00Z"), &now_ms));
  struct json *table = table_new(kind, "meta.k8s.io/v1", true, arena);
  table_add(table, kind, parse(arena, object), TABLE_NONE, now_ms, arena);
  const struct json *cells = json_get(json_get(table, "rows")->child, "cells");
  size_t index = 0;
  JSON_EACH(item, json_get(table, "columnDefinitions")) {
    if (str_eq_z(json_get_string(item, "name"), column))
      return json_is(json_at(cells, index), JSON_STRING) ? json_string(json_at(cells, index))
                                                         : json_text(arena, json_at(cells, index));
    index++;
  }
  fail_msg("no column %s", column);
  return STR("");
}

static void pods_show_what_keeps_them(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
#define POD(meta, status)                                                                          \
  "{\"metadata\":{\"name\":\"p\",\"creationTimestamp\":\"2026-01-01T00:55:00Z\"" meta              \
  "},\"spec\":{\"containers\":[{\"name\":\"c\"},{\"name\":\"d\"}],\"initContainers\":[{\"name\":"  \
  "\"i\"}]},\"status\":" status "}"
  static const struct {
    const char *object, *column, *value;
  } cases[] = {
      {POD("",
           "{\"phase\":\"Running\",\"containerStatuses\":[{\"ready\":true},{\"ready\":false}]}"),
       "Ready", "1/2"},
      {POD("", "{\"phase\":\"Running\"}"), "Status", "Running"},
      {POD("", "{\"phase\":\"Running\"}"), "Age", "5m"},
      {POD("", "{\"phase\":\"Pending\",\"containerStatuses\":[{\"state\":{\"waiting\":{\"reason\":"
               "\"ErrImageNotMapped\"}}}]}"),
       "Status", "ErrImageNotMapped"},
      {POD("", "{\"phase\":\"Failed\",\"containerStatuses\":[{\"state\":{\"terminated\":{"
               "\"exitCode\":3}}}]}"),
       "Status", "ExitCode:3"},
      {POD("", "{\"phase\":\"Pending\",\"initContainerStatuses\":[{\"state\":{\"running\":{}}}]}"),
       "Status", "Init:0/1"},
      {POD(",\"deletionTimestamp\":\"2026-01-01T00:59:00Z\"", "{\"phase\":\"Running\"}"), "Status",
       "Terminating"},
      {POD("", "{\"containerStatuses\":[{\"restartCount\":2,\"lastState\":{\"terminated\":{"
               "\"finishedAt\":\"2026-01-01T00:59:00Z\"}}}]}"),
       "Restarts", "2 (60s ago)"},
      {POD("", "{}"), "IP", "<none>"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct str have = cell(&arena, &pod_kind, cases[i].object, cases[i].column);
    if (!str_eq_z(have, cases[i].value))
      fail_msg("%s: %.*s, not %s", cases[i].column, STR_ARG(have), cases[i].value);
  }
  arena_dispose(&arena);
}

static void custom_kinds_use_their_columns(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  assert_true(rollout_kind.column_count > 0);
  struct str have =
      cell(&arena, &rollout_kind,
           "{\"metadata\":{\"name\":\"r\"},\"status\":{\"phase\":\"Paused\"}}", "Name");
  assert_true(str_eq_z(have, "r"));
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ages_read_as_kubectl_prints_them),
      cmocka_unit_test(paths_find_values),
      cmocka_unit_test(pods_show_what_keeps_them),
      cmocka_unit_test(custom_kinds_use_their_columns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
