// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/store.h"
#include "manifests/base/alloc.h"
#include "manifests/base/limits.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

// The statements, prepared at first use.
#define STATEMENTS(XX)                                                                             \
  XX(BEGIN, "BEGIN IMMEDIATE")                                                                     \
  XX(COMMIT, "COMMIT")                                                                             \
  XX(ROLLBACK, "ROLLBACK")                                                                         \
  XX(MARK, "SAVEPOINT request")                                                                    \
  XX(KEEP, "RELEASE request")                                                                      \
  XX(UNDO, "ROLLBACK TO request")                                                                  \
  XX(UPSERT, "INSERT INTO objects(resource, namespace, name, uid, revision, body)"                 \
             " VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(resource, namespace, name)"              \
             " DO UPDATE SET uid = ?4, revision = ?5, body = ?6")                                  \
  XX(DELETE, "DELETE FROM objects WHERE resource = ?1 AND namespace = ?2 AND name = ?3")           \
  XX(DISOWN, "DELETE FROM owners WHERE resource = ?1 AND namespace = ?2 AND name = ?3")            \
  XX(OWN, "INSERT OR IGNORE INTO owners(owner, resource, namespace, name) VALUES(?4, ?1, ?2, ?3)") \
  XX(LOG, "INSERT INTO history(resource, namespace, name, revision, type, body, prev)"             \
          " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)")                                                   \
  XX(GET, "SELECT resource, namespace, name, uid, revision, body FROM objects"                     \
          " WHERE resource = ?1 AND namespace = ?2 AND name = ?3")                                 \
  XX(HAS_UID, "SELECT 1 FROM objects WHERE uid = ?1")                                              \
  XX(LIST, "SELECT resource, namespace, name, uid, revision, body FROM objects"                    \
           " WHERE resource = ?1 AND (namespace, name) > (?2, ?3) ORDER BY namespace, name")       \
  XX(LIST_NS, "SELECT resource, namespace, name, uid, revision, body FROM objects"                 \
              " WHERE resource = ?1 AND namespace = ?2 AND name > ?3 ORDER BY name")               \
  XX(COUNT, "SELECT count(*) FROM objects WHERE resource = ?1 AND (namespace, name) > (?2, ?3)")   \
  XX(COUNT_NS,                                                                                     \
     "SELECT count(*) FROM objects WHERE resource = ?1 AND namespace = ?2 AND name > ?3")          \
  XX(OWNED, "SELECT resource, namespace, name FROM owners WHERE owner = ?1")                       \
  XX(IN_NS, "SELECT resource, namespace, name FROM objects WHERE namespace = ?1")                  \
  XX(ORPHANS, "SELECT DISTINCT resource, namespace, name FROM owners WHERE ?1 = ?1"                \
              " AND NOT EXISTS (SELECT 1 FROM objects WHERE uid = owner)")                         \
  XX(HISTORY, "SELECT resource, namespace, name, revision, type, body, prev FROM history"          \
              " WHERE revision > ?2 AND resource = ?1 ORDER BY revision LIMIT ?3")                 \
  XX(COMPACT, "DELETE FROM history WHERE revision <= ?1")                                          \
  XX(SET_META,                                                                                     \
     "INSERT INTO meta(key, value) VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = ?2")      \
  XX(GET_META, "SELECT value FROM meta WHERE key = ?1")

enum statement {
#define XX(name, sql) SQL_##name,
  STATEMENTS(XX)
#undef XX
      SQL_COUNT_OF
};

static const char *const statement_sql[] = {
#define XX(name, sql) sql,
    STATEMENTS(XX)
#undef XX
};

struct store {
  sqlite3 *db;
  sqlite3_stmt *statements[SQL_COUNT_OF];
  int64_t revision, committed_revision, marked_revision;
  int64_t compacted, committed_compacted;
  bool open, marked; // a transaction; a savepoint in it
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

// upgrades[n] turns schema n into n + 1; run in one transaction at open.
static const char *const upgrades[STORE_SCHEMA] = {schema_1};

static int fail(struct store *store, struct err *err, const char *what) {
  return err_set(err, RC_IO, "the store: %s: %s", what, sqlite3_errmsg(store->db));
}

static int execute(struct store *store, const char *sql, struct err *err) {
  if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
    return fail(store, err, "a statement failed");
  return RC_OK;
}

// Ready to bind; NULL only when SQLite cannot prepare (a damaged file).
static sqlite3_stmt *statement(struct store *store, enum statement which) {
  sqlite3_stmt **slot = &store->statements[which];
  if (!*slot && sqlite3_prepare_v3(store->db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                                   slot, NULL) != SQLITE_OK)
    return NULL;
  return *slot;
}

static void bind_str(sqlite3_stmt *stmt, int index, struct str s) {
  sqlite3_bind_text64(stmt, index, s.ptr ? s.ptr : "", s.len, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_key(sqlite3_stmt *stmt, struct store_key key) {
  bind_str(stmt, 1, key.resource);
  bind_str(stmt, 2, key.ns);
  bind_str(stmt, 3, key.name);
}

static struct str column_str(sqlite3_stmt *stmt, int column) {
  const void *ptr = sqlite3_column_text(stmt, column);
  return (struct str){ptr, (size_t)sqlite3_column_bytes(stmt, column)};
}

static struct store_key column_key(sqlite3_stmt *stmt) {
  return (struct store_key){column_str(stmt, 0), column_str(stmt, 1), column_str(stmt, 2)};
}

// Steps a statement that gives no rows.
static int run(struct store *store, sqlite3_stmt *stmt, struct err *err, const char *what) {
  if (!stmt)
    return fail(store, err, what);
  int step = sqlite3_step(stmt);
  int rc = step == SQLITE_DONE || step == SQLITE_ROW ? RC_OK : fail(store, err, what);
  sqlite3_reset(stmt);
  sqlite3_clear_bindings(stmt);
  return rc;
}

static int get_meta(struct store *store, const char *key, int64_t *ret_value, struct err *err) {
  sqlite3_stmt *stmt = statement(store, SQL_GET_META);
  if (!stmt)
    return fail(store, err, "reading its state");
  bind_str(stmt, 1, str_of(key));
  int rc = sqlite3_step(stmt) == SQLITE_ROW ? RC_OK : fail(store, err, "reading its state");
  if (!rc)
    *ret_value = sqlite3_column_int64(stmt, 0);
  sqlite3_reset(stmt);
  return rc;
}

static int set_meta(struct store *store, const char *key, int64_t value, struct err *err) {
  sqlite3_stmt *stmt = statement(store, SQL_SET_META);
  if (!stmt)
    return fail(store, err, "writing its state");
  bind_str(stmt, 1, str_of(key));
  sqlite3_bind_int64(stmt, 2, value);
  return run(store, stmt, err, "writing its state");
}

static int schema_version(struct store *store, int *ret_version, struct err *err) {
  sqlite3_stmt *stmt = NULL;
  if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &stmt, NULL) != SQLITE_OK)
    return fail(store, err, "not a Serin store");
  int rc = sqlite3_step(stmt) == SQLITE_ROW ? RC_OK : fail(store, err, "not a Serin store");
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
    "PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF";

int store_open(const char *path, struct store **ret_store, struct err *err) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return err_errno(err, "cannot open the store %s", path);
  close(fd);
  struct store *store = XNEW(struct store);
  int rc = RC_OK;
  if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
      SQLITE_OK)
    rc = fail(store, err, "cannot be opened");
  if (!rc)
    rc = execute(store, pragmas, err);
  if (!rc)
    rc = upgrade(store, err);
  if (!rc)
    rc = get_meta(store, "revision", &store->revision, err);
  if (!rc)
    rc = get_meta(store, "compacted", &store->compacted, err);
  if (rc) {
    store_close(store);
    return rc;
  }
  store->committed_revision = store->revision;
  store->committed_compacted = store->compacted;
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

static int begin(struct store *store, struct err *err) {
  if (store->open)
    return RC_OK;
  int rc = run(store, statement(store, SQL_BEGIN), err, "beginning a transaction");
  store->open = rc == RC_OK;
  return rc;
}

static void rollback(struct store *store) {
  (void)run(store, statement(store, SQL_ROLLBACK), NULL, "");
  store->open = store->marked = false;
  store->revision = store->committed_revision;
  store->compacted = store->committed_compacted;
}

void store_rollback(struct store *store) {
  if (store->open)
    rollback(store);
}

static int put_owners(struct store *store, const struct store_write *write, struct err *err) {
  sqlite3_stmt *stmt = statement(store, SQL_DISOWN);
  if (!stmt)
    return fail(store, err, "writing owners");
  bind_key(stmt, write->key);
  int rc = run(store, stmt, err, "writing owners");
  for (size_t i = 0; !rc && i < write->owner_count && write->type != STORE_DELETED; i++) {
    stmt = statement(store, SQL_OWN);
    if (!stmt)
      return fail(store, err, "writing owners");
    bind_key(stmt, write->key);
    bind_str(stmt, 4, write->owners[i]);
    rc = run(store, stmt, err, "writing owners");
  }
  return rc;
}

static int put_object(struct store *store, const struct store_write *write, int64_t revision,
                      struct err *err) {
  sqlite3_stmt *stmt = statement(store, write->type == STORE_DELETED ? SQL_DELETE : SQL_UPSERT);
  if (!stmt)
    return fail(store, err, "writing an object");
  bind_key(stmt, write->key);
  if (write->type != STORE_DELETED) {
    bind_str(stmt, 4, write->uid);
    sqlite3_bind_int64(stmt, 5, revision);
    bind_str(stmt, 6, write->body);
  }
  return run(store, stmt, err, "writing an object");
}

static int put_history(struct store *store, const struct store_write *write, int64_t revision,
                       struct err *err) {
  sqlite3_stmt *stmt = statement(store, SQL_LOG);
  if (!stmt)
    return fail(store, err, "writing history");
  bind_key(stmt, write->key);
  sqlite3_bind_int64(stmt, 4, revision);
  sqlite3_bind_int(stmt, 5, (int)write->type);
  bind_str(stmt, 6, write->body);
  bind_str(stmt, 7, write->prev);
  return run(store, stmt, err, "writing history");
}

int store_put(struct store *store, const struct store_write *write, struct err *err) {
  if (write->body.len > LIMIT_OBJECT_BYTES)
    return err_set(err, RC_LIMIT, "the object has %zu bytes; at most %u are stored",
                   write->body.len, LIMIT_OBJECT_BYTES);
  int rc = begin(store, err);
  int64_t revision = store->revision + 1;
  if (!rc)
    rc = put_object(store, write, revision, err);
  if (!rc)
    rc = put_owners(store, write, err);
  if (!rc)
    rc = put_history(store, write, revision, err);
  if (!rc)
    store->revision = revision;
  return rc;
}

int store_mark(struct store *store, struct err *err) {
  int rc = begin(store, err);
  if (!rc)
    rc = run(store, statement(store, SQL_MARK), err, "marking");
  store->marked = rc == RC_OK;
  store->marked_revision = store->revision;
  return rc;
}

int store_keep(struct store *store, struct err *err) {
  store->marked = false;
  return run(store, statement(store, SQL_KEEP), err, "keeping");
}

void store_undo(struct store *store) {
  if (!store->marked)
    return;
  (void)run(store, statement(store, SQL_UNDO), NULL, "");
  (void)store_keep(store, NULL);
  store->revision = store->marked_revision;
}

int store_commit(struct store *store, struct err *err) {
  if (!store->open)
    return RC_OK;
  int rc = RC_OK;
  if (store->revision != store->committed_revision)
    rc = set_meta(store, "revision", store->revision, err);
  if (!rc)
    rc = run(store, statement(store, SQL_COMMIT), err, "committing");
  if (rc) {
    rollback(store);
    return rc;
  }
  store->open = store->marked = false;
  store->committed_revision = store->revision;
  store->committed_compacted = store->compacted;
  return RC_OK;
}

static struct store_row column_row(sqlite3_stmt *stmt) {
  return (struct store_row){.key = column_key(stmt),
                            .uid = column_str(stmt, 3),
                            .revision = sqlite3_column_int64(stmt, 4),
                            .body = column_str(stmt, 5)};
}

static struct store_key dup_key(struct arena *arena, struct store_key key) {
  return (struct store_key){arena_str(arena, key.resource), arena_str(arena, key.ns),
                            arena_str(arena, key.name)};
}

int store_get(struct store *store, struct store_key key, struct arena *arena,
              struct store_row *ret_row, struct err *err) {
  sqlite3_stmt *stmt = statement(store, SQL_GET);
  if (!stmt)
    return fail(store, err, "reading an object");
  bind_key(stmt, key);
  int step = sqlite3_step(stmt);
  int rc = RC_OK;
  if (step == SQLITE_ROW) {
    struct store_row row = column_row(stmt);
    *ret_row = (struct store_row){.key = dup_key(arena, row.key),
                                  .uid = arena_str(arena, row.uid),
                                  .revision = row.revision,
                                  .body = arena_str(arena, row.body)};
  } else if (step == SQLITE_DONE) {
    rc = err_set(err, RC_NOT_FOUND, "%.*s \"%.*s\" not found", STR_ARG(key.resource),
                 STR_ARG(key.name));
  } else {
    rc = fail(store, err, "reading an object");
  }
  sqlite3_reset(stmt);
  return rc;
}

bool store_has_uid(struct store *store, struct str uid) {
  sqlite3_stmt *stmt = statement(store, SQL_HAS_UID);
  if (!stmt)
    return false;
  bind_str(stmt, 1, uid);
  bool found = sqlite3_step(stmt) == SQLITE_ROW;
  sqlite3_reset(stmt);
  return found;
}

// Binds the range of a list: the whole resource, or one namespace of it.
static sqlite3_stmt *range(struct store *store, bool count, struct str resource, struct str ns,
                           struct store_key after) {
  bool all = ns.len == 0;
  sqlite3_stmt *stmt = count ? statement(store, all ? SQL_COUNT : SQL_COUNT_NS)
                             : statement(store, all ? SQL_LIST : SQL_LIST_NS);
  if (stmt)
    bind_key(stmt, (struct store_key){resource, all ? after.ns : ns, after.name});
  return stmt;
}

int store_list(struct store *store, struct str resource, struct str ns, struct store_key after,
               store_row_fn fn, void *context, struct err *err) {
  sqlite3_stmt *stmt = range(store, false, resource, ns, after);
  if (!stmt)
    return fail(store, err, "listing");
  int step;
  while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
    struct store_row row = column_row(stmt);
    if (!fn(&row, context))
      break;
  }
  int rc = step == SQLITE_ROW || step == SQLITE_DONE ? RC_OK : fail(store, err, "listing");
  sqlite3_reset(stmt);
  return rc;
}

int64_t store_count(struct store *store, struct str resource, struct str ns,
                    struct store_key after) {
  sqlite3_stmt *stmt = range(store, true, resource, ns, after);
  int64_t count = stmt && sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
  if (stmt)
    sqlite3_reset(stmt);
  return count;
}

static int collect_keys(struct store *store, enum statement which, struct str value,
                        struct arena *arena, struct store_key **ret_keys, size_t *ret_count,
                        struct err *err) {
  struct store_key *keys = NULL;
  size_t count = 0, capacity = 0;
  sqlite3_stmt *stmt = statement(store, which);
  if (!stmt)
    return fail(store, err, "looking up");
  bind_str(stmt, 1, value);
  int step;
  while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
    struct store_key *key = arena_push(arena, (void **)&keys, &count, &capacity, sizeof(*key));
    *key = dup_key(arena, column_key(stmt));
  }
  int rc = step == SQLITE_DONE ? RC_OK : fail(store, err, "looking up");
  sqlite3_reset(stmt);
  *ret_keys = keys;
  *ret_count = count;
  return rc;
}

int store_owned_by(struct store *store, struct str uid, struct arena *arena,
                   struct store_key **ret_keys, size_t *ret_count, struct err *err) {
  return collect_keys(store, SQL_OWNED, uid, arena, ret_keys, ret_count, err);
}

int store_in_namespace(struct store *store, struct str ns, struct arena *arena,
                       struct store_key **ret_keys, size_t *ret_count, struct err *err) {
  return collect_keys(store, SQL_IN_NS, ns, arena, ret_keys, ret_count, err);
}

int store_orphans(struct store *store, struct arena *arena, struct store_key **ret_keys,
                  size_t *ret_count, struct err *err) {
  return collect_keys(store, SQL_ORPHANS, STR(""), arena, ret_keys, ret_count, err);
}

int store_history(struct store *store, struct str resource, int64_t revision, size_t limit,
                  store_event_fn fn, void *context, struct err *err) {
  if (revision < store->compacted)
    return err_set(err, RC_EXPIRED, "too old resource version: %lld (%lld)", (long long)revision,
                   (long long)store->compacted);
  sqlite3_stmt *stmt = statement(store, SQL_HISTORY);
  if (!stmt)
    return fail(store, err, "reading history");
  bind_str(stmt, 1, resource);
  sqlite3_bind_int64(stmt, 2, revision);
  sqlite3_bind_int64(stmt, 3, (int64_t)limit);
  int step;
  while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
    struct store_event event = {.key = column_key(stmt),
                                .revision = sqlite3_column_int64(stmt, 3),
                                .type = (enum store_event_type)sqlite3_column_int(stmt, 4),
                                .body = column_str(stmt, 5),
                                .prev = column_str(stmt, 6)};
    if (!fn(&event, context))
      break;
  }
  int rc = step == SQLITE_ROW || step == SQLITE_DONE ? RC_OK : fail(store, err, "reading history");
  sqlite3_reset(stmt);
  return rc;
}

int store_compact(struct store *store, int64_t keep, struct err *err) {
  int64_t to = store->revision - keep;
  if (to < store->compacted + STORE_HISTORY_SLACK)
    return RC_OK;
  bool own = !store->open;
  int rc = begin(store, err);
  sqlite3_stmt *stmt = rc ? NULL : statement(store, SQL_COMPACT);
  if (stmt) {
    sqlite3_bind_int64(stmt, 1, to);
    rc = run(store, stmt, err, "compacting");
  }
  if (!rc)
    rc = set_meta(store, "compacted", to, err);
  if (!rc)
    store->compacted = to;
  if (!rc && own)
    rc = store_commit(store, err);
  return rc;
}

int store_leap(struct store *store, struct err *err) {
  int rc = begin(store, err);
  if (rc)
    return rc;
  store->revision += STORE_LEAP;
  store->compacted = store->revision;
  sqlite3_stmt *stmt = statement(store, SQL_COMPACT);
  if (!stmt)
    return fail(store, err, "compacting");
  sqlite3_bind_int64(stmt, 1, store->revision);
  rc = run(store, stmt, err, "compacting");
  if (!rc)
    rc = set_meta(store, "compacted", store->compacted, err);
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
