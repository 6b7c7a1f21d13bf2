// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/buf.h"
#include "operator/standalone/store_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
  char dir[64], path[96];
  struct store *store;
  struct arena arena;
};

static int setup(void **state) {
  static struct fixture f;
  snprintf(f.dir, sizeof(f.dir), "/tmp/serin-store-XXXXXX");
  if (!mkdtemp(f.dir))
    return -1;
  snprintf(f.path, sizeof(f.path), "%s/store.db", f.dir);
  arena_init(&f.arena);
  *state = &f;
  return store_open(f.path, &f.store, NULL);
}

static int teardown(void **state) {
  struct fixture *f = *state;
  static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm", "copy.db"};
  store_close(f->store);
  arena_dispose(&f->arena);
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
    unlink(path);
  }
  return rmdir(f->dir);
}

static int put(struct fixture *f, enum store_event_type type, const char *name, const char *body) {
  struct str owner = STR("owner-uid");
  struct store_write write = {.type = type,
                              .key = {STR("pods"), STR("ns"), str_of(name)},
                              .uid = str_of(name),
                              .body = str_of(body),
                              .owners = &owner,
                              .owner_count = 1};
  return store_put(f->store, &write, NULL);
}

static void reopen(struct fixture *f) {
  store_close(f->store);
  f->store = NULL;
  assert_int_equal(store_open(f->path, &f->store, NULL), 0);
}

static void committed_writes_survive_and_uncommitted_do_not(void **state) {
  struct fixture *f = *state;
  struct store_row row;
  assert_int_equal(put(f, STORE_ADDED, "a", "{\"x\":1}"), 0);
  assert_int_equal(store_commit(f->store, NULL), 0);
  assert_int_equal(put(f, STORE_ADDED, "b", "{\"x\":2}"), 0);
  assert_true(store_is_dirty(f->store));
  reopen(f);
  assert_int_equal(store_revision(f->store), 1);
  assert_int_equal(store_get(f->store, (struct store_key){STR("pods"), STR("ns"), STR("a")},
                             &f->arena, &row, NULL),
                   0);
  assert_true(str_eq_z(row.body, "{\"x\":1}"));
  assert_int_equal(row.revision, 1);
  assert_int_equal(store_get(f->store, (struct store_key){STR("pods"), STR("ns"), STR("b")},
                             &f->arena, &row, NULL),
                   RC_NOT_FOUND);
  struct stat info;
  assert_int_equal(stat(f->path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0600);
}

static void an_undone_mark_leaves_nothing(void **state) {
  struct fixture *f = *state;
  assert_int_equal(put(f, STORE_ADDED, "a", "{}"), 0);
  assert_int_equal(store_mark(f->store, NULL), 0);
  assert_int_equal(put(f, STORE_ADDED, "b", "{}"), 0);
  assert_int_equal(store_revision(f->store), 2);
  store_undo(f->store);
  assert_int_equal(store_revision(f->store), 1);
  assert_false(store_has_uid(f->store, STR("b")));
  assert_int_equal(store_mark(f->store, NULL), 0);
  assert_int_equal(put(f, STORE_ADDED, "c", "{}"), 0);
  assert_int_equal(store_keep(f->store, NULL), 0);
  assert_int_equal(store_commit(f->store, NULL), 0);
  assert_true(store_has_uid(f->store, STR("a")));
  assert_true(store_has_uid(f->store, STR("c")));
  assert_int_equal(store_revision(f->store), 2);
}

struct seen {
  char text[256];
};

static bool note_row(const struct store_row *row, void *context) {
  struct seen *seen = context;
  size_t len = strlen(seen->text);
  snprintf(seen->text + len, sizeof(seen->text) - len, "%.*s ", STR_ARG(row->key.name));
  return true;
}

static bool note_event(const struct store_event *event, void *context) {
  struct seen *seen = context;
  size_t len = strlen(seen->text);
  snprintf(seen->text + len, sizeof(seen->text) - len, "%d:%d:%.*s ", (int)event->revision,
           (int)event->type, STR_ARG(event->key.name));
  return true;
}

static void lists_are_ordered_and_resume(void **state) {
  struct fixture *f = *state;
  struct seen all = {""}, rest = {""};
  put(f, STORE_ADDED, "b", "{}");
  put(f, STORE_ADDED, "a", "{}");
  put(f, STORE_ADDED, "c", "{}");
  assert_int_equal(
      store_list(f->store, STR("pods"), STR(""), (struct store_key){0}, note_row, &all, NULL), 0);
  assert_string_equal(all.text, "a b c ");
  struct store_key after = {.ns = STR("ns"), .name = STR("a")};
  assert_int_equal(store_list(f->store, STR("pods"), STR("ns"), after, note_row, &rest, NULL), 0);
  assert_string_equal(rest.text, "b c ");
  assert_int_equal(store_count(f->store, STR("pods"), STR("ns"), after), 2);
  assert_int_equal(store_count(f->store, STR("pods"), STR("other"), (struct store_key){0}), 0);
}

static void history_is_kept_across_restarts_and_compacted(void **state) {
  struct fixture *f = *state;
  struct seen seen = {""};
  put(f, STORE_ADDED, "a", "{}");
  put(f, STORE_MODIFIED, "a", "{}");
  put(f, STORE_DELETED, "a", "{}");
  store_commit(f->store, NULL);
  reopen(f);
  assert_int_equal(store_history(f->store, STR("pods"), 1, 10, note_event, &seen, NULL), 0);
  assert_string_equal(seen.text, "2:2:a 3:3:a ");
  for (int i = 0; i < STORE_HISTORY_SLACK + 10; i++)
    put(f, i ? STORE_MODIFIED : STORE_ADDED, "b", "{}");
  assert_int_equal(store_compact(f->store, 5, NULL), 0);
  store_commit(f->store, NULL);
  reopen(f);
  assert_int_equal(store_compacted(f->store), store_revision(f->store) - 5);
  assert_int_equal(store_history(f->store, STR("pods"), 1, 10, note_event, &seen, NULL),
                   RC_EXPIRED);
}

static void owners_and_orphans_are_found(void **state) {
  struct fixture *f = *state;
  struct store_key *keys;
  size_t count;
  put(f, STORE_ADDED, "a", "{}");
  put(f, STORE_ADDED, "b", "{}");
  assert_int_equal(store_owned_by(f->store, STR("owner-uid"), &f->arena, &keys, &count, NULL), 0);
  assert_int_equal(count, 2);
  assert_int_equal(store_orphans(f->store, &f->arena, &keys, &count, NULL), 0);
  assert_int_equal(count, 2); // nobody has the uid "owner-uid"
  put(f, STORE_DELETED, "a", "{}");
  assert_int_equal(store_owned_by(f->store, STR("owner-uid"), &f->arena, &keys, &count, NULL), 0);
  assert_int_equal(count, 1);
  assert_true(str_eq_z(keys[0].name, "b"));
  put(f, STORE_ADDED, "owner-uid", "{}");
  assert_int_equal(store_orphans(f->store, &f->arena, &keys, &count, NULL), 0);
  assert_int_equal(count, 0);
}

static void an_object_over_the_cap_is_refused(void **state) {
  struct fixture *f = *state;
  size_t len = (1536u << 10) + 1;
  char *big = calloc(1, len + 1);
  memset(big, 'x', len);
  assert_int_equal(put(f, STORE_ADDED, "big", big), RC_LIMIT);
  free(big);
}

static void a_backup_is_a_store(void **state) {
  struct fixture *f = *state;
  char path[128];
  struct store *copy = NULL;
  put(f, STORE_ADDED, "a", "{}");
  store_commit(f->store, NULL);
  snprintf(path, sizeof(path), "%s/copy.db", f->dir);
  assert_int_equal(store_backup(f->store, path, NULL), 0);
  assert_int_equal(store_open(path, &copy, NULL), 0);
  assert_true(store_has_uid(copy, STR("a")));
  assert_int_equal(store_revision(copy), 1);
  store_close(copy);
  snprintf(path, sizeof(path), "%s/copy.db-wal", f->dir);
  unlink(path);
  snprintf(path, sizeof(path), "%s/copy.db-shm", f->dir);
  unlink(path);
}

static void a_file_that_is_no_store_is_refused(void **state) {
  struct fixture *f = *state;
  struct err err = {.msg = ""};
  struct store *other = NULL;
  char path[128];
  snprintf(path, sizeof(path), "%s/copy.db", f->dir);
  FILE *file = fopen(path, "w");
  for (int i = 0; i < 1000; i++)
    fputs("this is not a database\n", file);
  fclose(file);
  assert_int_not_equal(store_open(path, &other, &err), 0);
  assert_true(strlen(err.msg) > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static bool add_name(const struct store_row *row, void *context) {
  struct buf *out = context;
  buf_addf(out, "%.*s=%.*s ", STR_ARG(row->key.name), STR_ARG(row->body));
  return true;
}

static const char *list_at(struct fixture *f, int64_t revision, const char *ns) {
  struct buf out;
  buf_init(&out, 65536);
  assert_int_equal(store_list_at(f->store, revision, STR("pods"), str_of(ns),
                                 (struct store_key){.ns = STR(""), .name = STR("")}, add_name, &out,
                                 NULL),
                   0);
  const char *text = arena_strz(&f->arena, out.len ? buf_z(&out) : "").ptr;
  buf_dispose(&out);
  return text;
}

static void the_past_can_be_listed(void **state) {
  struct fixture *f = *state;
  (void)put(f, STORE_ADDED, "a", "1");
  (void)put(f, STORE_ADDED, "b", "2");
  (void)put(f, STORE_MODIFIED, "a", "3");
  (void)put(f, STORE_DELETED, "b", "4");
  (void)put(f, STORE_ADDED, "b", "5");
  (void)put(f, STORE_MODIFIED, "b", "6");
  assert_int_equal(store_commit(f->store, NULL), 0);
  static const char *const past[] = {"",     "a=1 ",     "a=1 b=2 ", "a=3 b=2 ",
                                     "a=3 ", "a=3 b=5 ", "a=3 b=6 "};
  for (int64_t revision = 0; revision < 7; revision++) {
    assert_string_equal(list_at(f, revision, ""), past[revision]);
    assert_string_equal(list_at(f, revision, "ns"), past[revision]);
    assert_string_equal(list_at(f, revision, "other"), "");
  }
  (void)put(f, STORE_MODIFIED, "a", "7"); // not committed: the past does not move
  assert_string_equal(list_at(f, 6, ""), past[6]);
  store_rollback(f->store);
  assert_int_equal(store_revision(f->store), 6);
  reopen(f);
  assert_string_equal(list_at(f, 3, "ns"), past[3]);
  f->store->compacted = 4;
  struct err err;
  assert_int_equal(
      store_list_at(f->store, 3, STR("pods"), STR(""), (struct store_key){0}, add_name, NULL, &err),
      RC_EXPIRED);
}

// What a full disk does: SQLite takes the whole transaction back by itself.
static void a_full_disk_loses_the_turn_and_nothing_else(void **state) {
  struct fixture *f = *state;
  struct err err = {.msg = ""};
  struct store_row row;
  char *large = arena_alloc(&f->arena, 1000001);
  memset(large, 'x', 1000000);
  large[1000000] = 0;
  assert_int_equal(put(f, STORE_ADDED, "a", "1"), 0);
  assert_int_equal(store_commit(f->store, NULL), 0);
  assert_int_equal(sqlite3_exec(f->store->db, "PRAGMA max_page_count = 100", NULL, NULL, NULL), 0);
  assert_int_equal(put(f, STORE_ADDED, "b", "2"), 0);
  struct store_write write = {.type = STORE_ADDED,
                              .key = {STR("pods"), STR("ns"), STR("c")},
                              .uid = STR("c"),
                              .body = str_of(large)};
  assert_int_equal(store_put(f->store, &write, &err), RC_IO);
  assert_non_null(strstr(err.msg, "full"));
  assert_non_null(strstr(err.msg, "free some space"));
  // Whatever follows in this turn, nothing of it is stored: the first write is gone already.
  (void)put(f, STORE_ADDED, "d", "3");
  assert_int_equal(store_commit(f->store, &err), RC_IO);
  assert_int_equal(store_revision(f->store), 1);
  assert_int_equal(store_get(f->store, (struct store_key){STR("pods"), STR("ns"), STR("a")},
                             &f->arena, &row, NULL),
                   0);
  assert_int_equal(sqlite3_exec(f->store->db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL),
                   0);
  assert_int_equal(store_put(f->store, &write, &err), 0);
  assert_int_equal(store_commit(f->store, &err), 0);
  assert_int_equal(store_revision(f->store), 2);
  reopen(f);
  assert_int_equal(store_revision(f->store), 2);
}

static void a_history_of_large_objects_is_cut_by_bytes(void **state) {
  struct fixture *f = *state;
  char *large = arena_alloc(&f->arena, 1000001);
  memset(large, 'x', 1000000);
  large[1000000] = 0;
  for (int i = 0; i < 60; i++) {
    assert_int_equal(put(f, i ? STORE_MODIFIED : STORE_ADDED, "a", large), 0);
    assert_int_equal(store_compact(f->store, STORE_HISTORY, NULL), 0);
    assert_int_equal(store_commit(f->store, NULL), 0);
  }
  assert_true(store_compacted(f->store) > 10 && store_compacted(f->store) < 50);
  assert_true(f->store->bytes < STORE_HISTORY_BYTES);
}

static void a_damaged_file_is_refused(void **state) {
  struct fixture *f = *state;
  struct err err = {.msg = ""};
  struct store *store = NULL;
  for (int i = 0; i < 200; i++)
    (void)put(f, STORE_ADDED, arena_printf(&f->arena, "n%d", i).ptr, "{\"x\":1}");
  assert_int_equal(store_commit(f->store, NULL), 0);
  store_close(f->store);
  f->store = NULL;
  FILE *file = fopen(f->path, "r+");
  assert_non_null(file);
  assert_int_equal(fseek(file, 4096 * 3, SEEK_SET), 0);
  for (int i = 0; i < 4096 * 4; i++)
    (void)fputc(i * 7 % 251, file);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(store_open(f->path, &store, &err), RC_IO);
  assert_non_null(strstr(err.msg, "serin restore"));
  file = fopen(f->path, "w");
  (void)fputs("this is no database at all, and longer than a header has to be: so it is refused, "
              "whatever it was meant to be, with a word about what to do",
              file);
  (void)fclose(file);
  assert_int_equal(store_open(f->path, &store, &err), RC_IO);
  assert_non_null(strstr(err.msg, "serin restore"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(committed_writes_survive_and_uncommitted_do_not),
      TEST(an_undone_mark_leaves_nothing),
      TEST(lists_are_ordered_and_resume),
      TEST(history_is_kept_across_restarts_and_compacted),
      TEST(owners_and_orphans_are_found),
      TEST(an_object_over_the_cap_is_refused),
      TEST(a_backup_is_a_store),
      TEST(a_file_that_is_no_store_is_refused),
      TEST(the_past_can_be_listed),
      TEST(a_full_disk_loses_the_turn_and_nothing_else),
      TEST(a_history_of_large_objects_is_cut_by_bytes),
      TEST(a_damaged_file_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
