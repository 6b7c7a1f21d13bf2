// SPDX-License-Identifier: Apache-2.0
// The history of the store: what watches resume from, its bounds, and whole copies.
#include "operator/standalone/store_state.h"

#include <fcntl.h>
#include <unistd.h>

int store_history(struct store *store, struct str resource, int64_t revision, size_t limit,
                  store_event_fn fn, void *context, struct err *err) {
  if (revision < store->compacted)
    return err_set(err, RC_EXPIRED, "too old resource version: %lld (%lld)", (long long)revision,
                   (long long)store->compacted);
  sqlite3_stmt *stmt = store_statement(store, SQL_HISTORY);
  if (!stmt)
    return store_fail(store, err, "reading history");
  store_bind_str(stmt, 1, resource);
  sqlite3_bind_int64(stmt, 2, revision);
  sqlite3_bind_int64(stmt, 3, (int64_t)limit);
  int step;
  while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
    struct store_event event = {.key = store_column_key(stmt),
                                .revision = sqlite3_column_int64(stmt, 3),
                                .type = (enum store_event_type)sqlite3_column_int(stmt, 4),
                                .body = store_column_str(stmt, 5),
                                .prev = store_column_str(stmt, 6)};
    if (!fn(&event, context))
      break;
  }
  int rc =
      step == SQLITE_ROW || step == SQLITE_DONE ? RC_OK : store_fail(store, err, "reading history");
  sqlite3_reset(stmt);
  return rc;
}

int store_measure(struct store *store, struct err *err) {
  sqlite3_stmt *stmt = store_statement(store, SQL_SIZES);
  int step;
  if (!stmt)
    return store_fail(store, err, "measuring the history");
  store->bytes = 0;
  while ((step = sqlite3_step(stmt)) == SQLITE_ROW)
    store->bytes += sqlite3_column_int64(stmt, 1);
  int rc = step == SQLITE_DONE ? RC_OK : store_fail(store, err, "measuring the history");
  sqlite3_reset(stmt);
  return rc;
}

// The revision up to which the older half of the bytes lies.
static int64_t middle(struct store *store) {
  sqlite3_stmt *stmt = store_statement(store, SQL_SIZES);
  int64_t bytes = 0, revision = 0;
  while (stmt && bytes < store->bytes / 2 && sqlite3_step(stmt) == SQLITE_ROW) {
    revision = sqlite3_column_int64(stmt, 0);
    bytes += sqlite3_column_int64(stmt, 1);
  }
  if (stmt)
    sqlite3_reset(stmt);
  return revision;
}

int store_compact(struct store *store, int64_t keep, struct err *err) {
  int64_t to = store->revision - keep;
  bool large = store->bytes > STORE_HISTORY_BYTES;
  if (!large && to < store->compacted + STORE_HISTORY_SLACK)
    return RC_OK;
  if (large) {
    int64_t half = middle(store);
    to = half > to ? half : to;
  }
  bool own = !store->open;
  int rc = store_begin(store, err);
  if (!rc) {
    sqlite3_stmt *stmt = store_statement(store, SQL_COMPACT);
    if (stmt)
      sqlite3_bind_int64(stmt, 1, to);
    rc = store_step(store, stmt, err, "compacting");
  }
  if (!rc)
    rc = store_set_meta(store, "compacted", to, err);
  if (!rc)
    store->compacted = to;
  if (!rc)
    rc = store_measure(store, err);
  if (!rc && own)
    rc = store_commit(store, err);
  return rc;
}

int store_leap(struct store *store, struct err *err) {
  int rc = store_begin(store, err);
  if (rc)
    return rc;
  store->revision += STORE_LEAP;
  store->compacted = store->revision;
  sqlite3_stmt *stmt = store_statement(store, SQL_COMPACT);
  if (!stmt)
    return store_fail(store, err, "compacting");
  sqlite3_bind_int64(stmt, 1, store->revision);
  rc = store_step(store, stmt, err, "compacting");
  store->bytes = 0;
  if (!rc)
    rc = store_set_meta(store, "compacted", store->compacted, err);
  return rc ? rc : store_commit(store, err);
}

int store_backup(struct store *store, const char *path, struct err *err) {
  sqlite3 *to = NULL;
  int rc = RC_OK;
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return err_errno(err, "cannot make %s", path);
  close(fd);
  if (sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
    rc = err_set(err, RC_IO, "cannot open %s: %s", path, sqlite3_errmsg(to));
  } else {
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", store->db, "main");
    if (backup)
      (void)sqlite3_backup_step(backup, -1);
    if (!backup || sqlite3_backup_finish(backup) != SQLITE_OK)
      rc = err_set(err, RC_IO, "cannot copy the store to %s: %s", path, sqlite3_errmsg(to));
  }
  sqlite3_close(to);
  return rc;
}
