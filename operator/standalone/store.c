// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/alloc.h"
#include "manifests/base/limits.h"
#include "operator/standalone/store_state.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char *const statement_sql[] = {
#define XX(name, sql) sql,
    STATEMENTS(XX)
#undef XX
};

static const char schema_1[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE objects(resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,"
    " uid TEXT NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL);"
    "CREATE UNIQUE INDEX objects_key ON objects(resource, namespace, name);"
    "CREATE INDEX objects_uid ON objects(uid);"
    "CREATE INDEX objects_namespace ON objects(namespace);"
    "CREATE TABLE owners(owner TEXT NOT NULL, resource TEXT NOT NULL, namespace TEXT NOT NULL,"
    " name TEXT NOT NULL, PRIMARY KEY(owner, resource, namespace, name)) WITHOUT ROWID;"
    "CREATE INDEX owners_key ON owners(resource, namespace, name);"
    "CREATE TABLE history(revision INTEGER PRIMARY KEY, type INTEGER NOT NULL, resource TEXT NOT "
    "NULL,"
    " namespace TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, prev TEXT);"
    "INSERT INTO meta VALUES('revision', 0), ('compacted', 0);"
    "PRAGMA user_version = 1;";

// From now on the history holds the state before each change, and a list of the past can be made.
static const char schema_2[] =
    "INSERT INTO meta SELECT 'exact', value FROM meta WHERE key = 'revision';"
    "PRAGMA user_version = 2;";

// upgrades[n] turns schema n into n + 1; run in one transaction at open.
static const char *const upgrades[STORE_SCHEMA] = {schema_1, schema_2};

int store_fail(struct store *store, struct err *err, const char *what) {
  int code = sqlite3_errcode(store->db) & 0xff;
  const char *hint = "";
  if (code == SQLITE_FULL)
    hint = "; free some space, nothing else is needed";
  else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
    hint = "; the file is damaged: `serin restore FILE` puts a backup in its place";
  // After some errors, a full disk among them, SQLite has undone the whole transaction already.
  if (store->open && sqlite3_get_autocommit(store->db))
    store->lost = true;
  return err_set(err, RC_IO, "the store: %s: %s%s", what, sqlite3_errmsg(store->db), hint);
}

static int execute(struct store *store, const char *sql, struct err *err) {
  if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
    return store_fail(store, err, "a statement failed");
  return RC_OK;
}

sqlite3_stmt *store_statement(struct store *store, enum statement which) {
  sqlite3_stmt **slot = &store->statements[which];
  if (!*slot && sqlite3_prepare_v3(store->db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                                   slot, NULL) != SQLITE_OK)
    return NULL;
  return *slot;
}

void store_bind_str(sqlite3_stmt *stmt, int index, struct str s) {
  sqlite3_bind_text64(stmt, index, s.ptr ? s.ptr : "", s.len, SQLITE_STATIC, SQLITE_UTF8);
}

void store_bind_key(sqlite3_stmt *stmt, struct store_key key) {
  store_bind_str(stmt, 1, key.resource);
  store_bind_str(stmt, 2, key.ns);
  store_bind_str(stmt, 3, key.name);
}

struct str store_column_str(sqlite3_stmt *stmt, int column) {
  const void *ptr = sqlite3_column_text(stmt, column);
  return (struct str){ptr, (size_t)sqlite3_column_bytes(stmt, column)};
}

struct store_key store_column_key(sqlite3_stmt *stmt) {
  return (struct store_key){store_column_str(stmt, 0), store_column_str(stmt, 1),
                            store_column_str(stmt, 2)};
}

int store_step(struct store *store, sqlite3_stmt *stmt, struct err *err, const char *what) {
  if (!stmt)
    return store_fail(store, err, what);
  int step = sqlite3_step(stmt);
  int rc = step == SQLITE_DONE || step == SQLITE_ROW ? RC_OK : store_fail(store, err, what);
  sqlite3_reset(stmt);
  sqlite3_clear_bindings(stmt);
  return rc;
}

static int get_meta(struct store *store, const char *key, int64_t *ret_value, struct err *err) {
  sqlite3_stmt *stmt = store_statement(store, SQL_GET_META);
  if (!stmt)
    return store_fail(store, err, "reading its state");
  store_bind_str(stmt, 1, str_of(key));
  int rc = sqlite3_step(stmt) == SQLITE_ROW ? RC_OK : store_fail(store, err, "reading its state");
  if (!rc)
    *ret_value = sqlite3_column_int64(stmt, 0);
  sqlite3_reset(stmt);
  return rc;
}

int store_set_meta(struct store *store, const char *key, int64_t value, struct err *err) {
  sqlite3_stmt *stmt = store_statement(store, SQL_SET_META);
  if (!stmt)
    return store_fail(store, err, "writing its state");
  store_bind_str(stmt, 1, str_of(key));
  sqlite3_bind_int64(stmt, 2, value);
  return store_step(store, stmt, err, "writing its state");
}

static int schema_version(struct store *store, int *ret_version, struct err *err) {
  sqlite3_stmt *stmt = NULL;
  if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &stmt, NULL) != SQLITE_OK)
    return store_fail(store, err, "not a Serin store");
  int rc = sqlite3_step(stmt) == SQLITE_ROW ? RC_OK : store_fail(store, err, "not a Serin store");
  *ret_version = sqlite3_column_int(stmt, 0);
  sqlite3_finalize(stmt);
  return rc;
}

static int upgrade(struct store *store, struct err *err) {
  int version = 0;
  int rc = schema_version(store, &version, err);
  if (rc)
    return rc;
  if (version > STORE_SCHEMA)
    return err_set(err, RC_UNSUPPORTED,
                   "the store was written by a newer Serin (schema %d; this one knows up to %d)",
                   version, STORE_SCHEMA);
  if (version == STORE_SCHEMA)
    return RC_OK;
  rc = execute(store, "BEGIN EXCLUSIVE", err);
  for (; !rc && version < STORE_SCHEMA; version++)
    rc = execute(store, upgrades[version], err);
  if (rc) {
    (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
  }
  return execute(store, "COMMIT", err);
}

// Small caches: the objects of one machine fit, and the process stays small.
static const char pragmas[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -1024;"
    "PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 8388608;"
    "PRAGMA wal_autocheckpoint = 2000;"
    "PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON";

// What is damaged is found before anything is answered from it.
static int check(struct store *store, struct err *err) {
  sqlite3_stmt *stmt = NULL;
  if (sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &stmt, NULL) != SQLITE_OK)
    return store_fail(store, err, "cannot be checked");
  int step = sqlite3_step(stmt), rc = RC_OK;
  struct str word = step == SQLITE_ROW ? store_column_str(stmt, 0) : STR("");
  if (step != SQLITE_ROW)
    rc = store_fail(store, err, "cannot be checked");
  else if (!str_eq(word, STR("ok")))
    rc = err_set(err, RC_IO,
                 "the store: the file is damaged (%.*s): `serin restore FILE` puts a backup in its "
                 "place",
                 STR_ARG(str_slice(word, 0, 300)));
  sqlite3_finalize(stmt);
  return rc;
}

int store_open(const char *path, struct store **ret_store, struct err *err) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return err_errno(err, "cannot open the store %s", path);
  close(fd);
  struct store *store = XNEW(struct store);
  int rc = RC_OK;
  if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
      SQLITE_OK)
    rc = store_fail(store, err, "cannot be opened");
  if (!rc)
    rc = execute(store, pragmas, err);
  if (!rc)
    rc = check(store, err);
  if (!rc)
    rc = upgrade(store, err);
  if (!rc)
    rc = get_meta(store, "revision", &store->revision, err);
  if (!rc)
    rc = get_meta(store, "compacted", &store->compacted, err);
  if (!rc)
    rc = get_meta(store, "exact", &store->exact, err);
  if (!rc)
    rc = store_measure(store, err);
  if (rc) {
    store_close(store);
    return rc;
  }
  store->committed_revision = store->revision;
  store->committed_compacted = store->compacted;
  store->committed_bytes = store->bytes;
  *ret_store = store;
  return RC_OK;
}

void store_close(struct store *store) {
  if (!store)
    return;
  for (size_t i = 0; i < SQL_COUNT_OF; i++)
    sqlite3_finalize(store->statements[i]);
  sqlite3_close(store->db);
  xfree(store);
}

int64_t store_revision(const struct store *store) {
  return store->revision;
}

int64_t store_compacted(const struct store *store) {
  return store->compacted;
}

bool store_is_dirty(const struct store *store) {
  return store->open;
}

int store_begin(struct store *store, struct err *err) {
  if (store->lost)
    return err_set(err, RC_IO, "the store: an earlier write of this turn failed");
  if (store->open)
    return RC_OK;
  int rc = store_step(store, store_statement(store, SQL_BEGIN), err, "beginning a transaction");
  store->open = rc == RC_OK;
  return rc;
}

static void rollback(struct store *store) {
  if (!sqlite3_get_autocommit(store->db))
    (void)store_step(store, store_statement(store, SQL_ROLLBACK), NULL, "");
  store->open = store->marked = store->lost = false;
  store->revision = store->committed_revision;
  store->compacted = store->committed_compacted;
  store->bytes = store->committed_bytes;
}

void store_rollback(struct store *store) {
  if (store->open)
    rollback(store);
}

static int put_owners(struct store *store, const struct store_write *write, struct err *err) {
  sqlite3_stmt *stmt = store_statement(store, SQL_DISOWN);
  if (!stmt)
    return store_fail(store, err, "writing owners");
  store_bind_key(stmt, write->key);
  int rc = store_step(store, stmt, err, "writing owners");
  for (size_t i = 0; !rc && i < write->owner_count && write->type != STORE_DELETED; i++) {
    stmt = store_statement(store, SQL_OWN);
    if (!stmt)
      return store_fail(store, err, "writing owners");
    store_bind_key(stmt, write->key);
    store_bind_str(stmt, 4, write->owners[i]);
    rc = store_step(store, stmt, err, "writing owners");
  }
  return rc;
}

static int put_row(struct store *store, enum statement which, const struct store_write *write,
                   int64_t revision, struct err *err) {
  sqlite3_stmt *stmt = store_statement(store, which);
  if (!stmt)
    return store_fail(store, err, "writing an object");
  store_bind_key(stmt, write->key);
  if (which != SQL_DELETE) {
    store_bind_str(stmt, 4, write->uid);
    sqlite3_bind_int64(stmt, 5, revision);
    store_bind_str(stmt, 6, write->body);
  }
  return store_step(store, stmt, err, "writing an object");
}

static int put_object(struct store *store, const struct store_write *write, int64_t revision,
                      struct err *err) {
  if (write->type == STORE_DELETED)
    return put_row(store, SQL_DELETE, write, revision, err);
  // Most writes change an object that stays itself: no index is touched then.
  int rc = put_row(store, SQL_UPDATE, write, revision, err);
  return rc || sqlite3_changes(store->db) > 0 ? rc
                                              : put_row(store, SQL_UPSERT, write, revision, err);
}

static int put_history(struct store *store, const struct store_write *write, int64_t revision,
                       struct err *err) {
  sqlite3_stmt *stmt = store_statement(store, SQL_LOG);
  if (!stmt)
    return store_fail(store, err, "writing history");
  store_bind_key(stmt, write->key);
  sqlite3_bind_int64(stmt, 4, revision);
  sqlite3_bind_int(stmt, 5, (int)write->type);
  store_bind_str(stmt, 6, write->body);
  return store_step(store, stmt, err, "writing history");
}

int store_put(struct store *store, const struct store_write *write, struct err *err) {
  if (write->body.len > LIMIT_OBJECT_BYTES)
    return err_set(err, RC_LIMIT, "the object has %zu bytes; at most %u are stored",
                   write->body.len, LIMIT_OBJECT_BYTES);
  int rc = store_begin(store, err);
  int64_t revision = store->revision + 1;
  if (!rc)
    rc = put_history(store, write, revision, err); // first: it keeps the state before
  if (!rc)
    rc = put_object(store, write, revision, err);
  if (!rc)
    rc = put_owners(store, write, err);
  if (!rc) {
    store->revision = revision;
    store->bytes += 2 * (int64_t)write->body.len; // about: the state before is as large
  }
  return rc;
}

int store_mark(struct store *store, struct err *err) {
  int rc = store_begin(store, err);
  if (!rc)
    rc = store_step(store, store_statement(store, SQL_MARK), err, "marking");
  store->marked = rc == RC_OK;
  store->marked_revision = store->revision;
  store->marked_bytes = store->bytes;
  return rc;
}

int store_keep(struct store *store, struct err *err) {
  store->marked = false;
  return store_step(store, store_statement(store, SQL_KEEP), err, "keeping");
}

void store_undo(struct store *store) {
  if (!store->marked || store->lost)
    return;
  (void)store_step(store, store_statement(store, SQL_UNDO), NULL, "");
  (void)store_keep(store, NULL);
  store->revision = store->marked_revision;
  store->bytes = store->marked_bytes;
}

int store_commit(struct store *store, struct err *err) {
  if (!store->open)
    return RC_OK;
  int rc = store->lost ? store_begin(store, err) : RC_OK;
  if (!rc && store->revision != store->committed_revision)
    rc = store_set_meta(store, "revision", store->revision, err);
  if (!rc)
    rc = store_step(store, store_statement(store, SQL_COMMIT), err, "committing");
  if (rc) {
    rollback(store);
    return rc;
  }
  store->open = store->marked = false;
  store->committed_revision = store->revision;
  store->committed_compacted = store->compacted;
  store->committed_bytes = store->bytes;
  return RC_OK;
}
