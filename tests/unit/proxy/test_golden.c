// SPDX-License-Identifier: Apache-2.0
// tests/golden/proxy/<case>/: *.yaml is the configuration, "requests" one request a line ("100x GET
// host /path name:value" counts where a hundred go; "@80 GET host /" asks the listener of port 80).
// What comes out is compared with decisions.golden and dump.golden; SERIN_REFRESH_GOLDEN=1 rewrites
// them.
#include "tests/unit/proxy/support_table.h"

#include "manifests/base/map.h"
#include "proxy/dump.h"
#include "proxy/gateway_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN_DIR SERIN_SOURCE_DIR "/tests/golden/proxy"

static struct str read_file(struct arena *arena, const char *path) {
  FILE *file = fopen(path, "rb");
  struct buf text;
  char part[4096];
  size_t got;
  if (!file)
    return STR_NULL;
  buf_init(&text, 8 << 20);
  while ((got = fread(part, 1, sizeof part, file)) > 0)
    (void)buf_add(&text, part, got);
  (void)fclose(file);
  struct str copy = arena_str(arena, buf_str(&text));
  buf_dispose(&text);
  return copy;
}

static void compare(struct arena *arena, const char *path, struct buf *got) {
  if (getenv("SERIN_REFRESH_GOLDEN")) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(got->ptr, 1, got->len, file), got->len);
    assert_int_equal(fclose(file), 0);
    return;
  }
  struct str want = read_file(arena, path);
  if (str_eq(want, buf_str(got)))
    return;
  size_t line = 1, i = 0;
  for (; i < want.len && i < got->len && want.ptr[i] == got->ptr[i]; i++)
    line += want.ptr[i] == '\n';
  while (i > 0 && got->ptr[i - 1] != '\n')
    i--;
  fail_msg("%s:%zu differs; from there on:\n%.*s", path, line,
           (int)(got->len - i > 600 ? 600 : got->len - i), got->ptr + i);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static void load(struct fixture *fixture, const char *dir) {
  struct dirent **entries;
  int count = scandir(dir, &entries, NULL, by_name);
  assert_true(count > 0);
  for (int i = 0; i < count; i++) {
    struct str name = str_of(entries[i]->d_name);
    struct str path = arena_printf(&fixture->arena, "%s/%s", dir, name.ptr);
    if (str_ends(name, STR(".yaml")))
      fixture_apply_text(fixture, read_file(&fixture->arena, path.ptr),
                         arena_str(&fixture->arena, name));
    free(entries[i]);
  }
  free(entries);
}

static void describe(struct buf *out, const struct route_decision *decision) {
  switch (decision->kind) {
  case ROUTE_FORWARD: (void)buf_addf(out, "%.*s", STR_ARG(decision->cluster_name)); break;
  case ROUTE_REPLY:
  case ROUTE_REDIRECT:
    (void)buf_addf(out, "%d %.*s (%.*s)", decision->reply.status,
                   STR_ARG(decision->reply.flag.len ? decision->reply.flag : STR("-")),
                   STR_ARG(decision->reply.details));
    break;
  }
  (void)buf_addf(out, " route=%.*s service=%.*s timeout=%lldms retries=%u",
                 STR_ARG(decision->route_name), STR_ARG(decision->service),
                 (long long)decision->timeout_ms, decision->retry->attempts);
}

static void decide(struct fixture *fixture, const struct proxy_table *table,
                   const struct table_listener *listener, const char *line, size_t times,
                   struct buf *out) {
  struct test_request *request = test_request_new(line);
  request->request.listener = listener;
  if (listener)
    request->request.listener_port = listener->port;
  struct route_worker worker;
  struct map seen; // text -> count
  map_init(&seen);
  route_worker_init(&worker, 1);
  route_worker_fit(&worker, table);
  for (size_t i = 0; i < times; i++) {
    struct route_decision decision;
    struct buf text;
    buf_init(&text, 4096);
    route_match(table, &request->request, &worker, &decision);
    describe(&text, &decision);
    size_t *count = map_get(&seen, buf_str(&text));
    if (!count) {
      count = ARENA_NEW(&fixture->arena, size_t);
      (void)map_put(&seen, buf_str(&text), count);
    }
    (*count)++;
    buf_dispose(&text);
  }
  struct map_iter it = map_begin(&seen);
  while (map_each(&it)) {
    if (times > 1)
      (void)buf_addf(out, "  %zux", *(size_t *)it.value);
    (void)buf_addf(out, "  -> %.*s\n", STR_ARG(it.key));
  }
  route_worker_dispose(&worker);
  map_dispose(&seen);
  test_request_free(request);
}

static void decide_all(struct fixture *fixture, const struct proxy_table *table, const char *dir,
                       struct buf *out) {
  struct str rest =
      read_file(&fixture->arena, arena_printf(&fixture->arena, "%s/requests", dir).ptr);
  struct str line;
  while (rest.len && str_next(&rest, '\n', &line)) {
    if (line.len == 0 || line.ptr[0] == '#')
      continue;
    (void)buf_addf(out, "%.*s\n", STR_ARG(line));
    const struct table_listener *listener = NULL;
    if (line.ptr[0] == '@') {
      uint64_t port;
      ptrdiff_t space = str_find_char(line, ' ');
      assert_true(str_to_u64(str_slice(line, 1, (size_t)space), &port));
      listener = table_find_listener(table, STR("127.0.0.1"), (uint16_t)port);
      assert_non_null(listener);
      line = str_slice(line, (size_t)space + 1, line.len);
    }
    uint64_t times = 1;
    ptrdiff_t mark = str_find_char(line, 'x');
    if (mark > 0 && str_to_u64(str_slice(line, 0, (size_t)mark), &times))
      line = str_slice(line, (size_t)mark + 2, line.len);
    decide(fixture, table, listener, arena_str(&fixture->arena, line).ptr, times, out);
  }
}

// Findings without their words, which belong to whoever found them.
static void describe_table(struct buf *out, const struct proxy_table *table) {
  for (size_t i = 0; i < table->source_count; i++)
    (void)buf_addf(out, "in force %.*s \"%.*s\"\n", STR_ARG(table->sources[i].key),
                   STR_ARG(table->sources[i].revision));
  for (size_t i = 0; i < table->findings.count; i++) {
    const struct finding *item = &table->findings.items[i];
    (void)buf_addf(out, "%s %.*s %.*s:%d %.*s\n", finding_level_name(item->level),
                   STR_ARG(item->id), STR_ARG(item->file), item->line, STR_ARG(item->path));
  }
  assert_int_equal(dump_listeners(out, table, false, NULL), 0);
  assert_int_equal(dump_routes(out, table), 0);
  const struct gateway_report *report = table->gateways;
  if (report->class_count + report->gateway_count + report->route_count) {
    struct arena arena;
    arena_init(&arena);
    const struct gateway_status_view view = {.table = table};
    assert_int_equal(json_write_pretty(out, gateway_status_all(&view, &arena)), 0);
    arena_dispose(&arena);
  }
  assert_int_equal(dump_clusters(out, table, true, NULL, NULL), 0);
}

static void run_case(const char *name) {
  struct fixture fixture;
  struct buf decisions, dump;
  fixture_init(&fixture);
  struct str dir = arena_printf(&fixture.arena, "%s/%s", GOLDEN_DIR, name);
  load(&fixture, dir.ptr);
  struct proxy_table *table = fixture_build(&fixture);
  buf_init(&decisions, 8 << 20);
  buf_init(&dump, 8 << 20);
  decide_all(&fixture, table, dir.ptr, &decisions);
  describe_table(&dump, table);
  compare(&fixture.arena, arena_printf(&fixture.arena, "%s/decisions.golden", dir.ptr).ptr,
          &decisions);
  compare(&fixture.arena, arena_printf(&fixture.arena, "%s/dump.golden", dir.ptr).ptr, &dump);
  buf_dispose(&decisions);
  buf_dispose(&dump);
  table_unref(table);
  fixture_dispose(&fixture);
}

static void golden_folders(void **state) {
  (void)state;
  struct dirent **entries;
  int count = scandir(GOLDEN_DIR, &entries, NULL, by_name), ran = 0;
  assert_true(count > 0);
  for (int i = 0; i < count; i++) {
    if (entries[i]->d_name[0] != '.') {
      run_case(entries[i]->d_name);
      ran++;
    }
    free(entries[i]);
  }
  free(entries);
  assert_true(ran >= 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(golden_folders)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
