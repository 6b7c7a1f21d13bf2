// SPDX-License-Identifier: Apache-2.0
// Reading the store: objects as they are, and as they were.
#include "operator/standalone/store_state.h"

static struct store_row column_row(sqlite3_stmt *stmt) {
  return (struct store_row){.key = store_column_key(stmt),
                            .uid = store_column_str(stmt, 3),
                            .revision = sqlite3_column_int64(stmt, 4),
                            .body = store_column_str(stmt, 5)};
}

static struct store_key dup_key(struct arena *arena, struct store_key key) {
  return (struct store_key){arena_str(arena, key.resource), arena_str(arena, key.ns),
                            arena_str(arena, key.name)};
}

int store_get(struct store *store, struct store_key key, struct arena *arena,
              struct store_row *ret_row, struct err *err) {
  sqlite3_stmt *stmt = store_statement(store, SQL_GET);
  if (!stmt)
    return store_fail(store, err, "reading an object");
  store_bind_key(stmt, key);
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
    rc = store_fail(store, err, "reading an object");
  }
  sqlite3_reset(stmt);
  return rc;
}

bool store_has_uid(struct store *store, struct str uid) {
  sqlite3_stmt *stmt = store_statement(store, SQL_HAS_UID);
  if (!stmt)
    return false;
  store_bind_str(stmt, 1, uid);
  bool found = sqlite3_step(stmt) == SQLITE_ROW;
  sqlite3_reset(stmt);
  return found;
}

// Binds the range of a list: the whole resource, or one namespace of it.
static sqlite3_stmt *range(struct store *store, enum statement all, enum statement one,
                           struct str resource, struct str ns, struct store_key after) {
  sqlite3_stmt *stmt = store_statement(store, ns.len ? one : all);
  if (stmt)
    store_bind_key(stmt, (struct store_key){resource, ns.len ? ns : after.ns, after.name});
  return stmt;
}

static int walk(struct store *store, sqlite3_stmt *stmt, store_row_fn fn, void *context,
                struct err *err) {
  int step;
  if (!stmt)
    return store_fail(store, err, "listing");
  while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
    struct store_row row = column_row(stmt);
    if (!fn(&row, context))
      break;
  }
  int rc = step == SQLITE_ROW || step == SQLITE_DONE ? RC_OK : store_fail(store, err, "listing");
  sqlite3_reset(stmt);
  return rc;
}

int store_list(struct store *store, struct str resource, struct str ns, struct store_key after,
               store_row_fn fn, void *context, struct err *err) {
  return walk(store, range(store, SQL_LIST, SQL_LIST_NS, resource, ns, after), fn, context, err);
}

int64_t store_exact(const struct store *store) {
  return store->exact > store->compacted ? store->exact : store->compacted;
}

int store_list_at(struct store *store, int64_t revision, struct str resource, struct str ns,
                  struct store_key after, store_row_fn fn, void *context, struct err *err) {
  if (revision >= store->revision)
    return store_list(store, resource, ns, after, fn, context, err);
  if (revision < store_exact(store))
    return err_set(err, RC_EXPIRED, "too old resource version: %lld (%lld)", (long long)revision,
                   (long long)store_exact(store));
  sqlite3_stmt *stmt = range(store, SQL_LIST_AT, SQL_LIST_AT_NS, resource, ns, after);
  if (stmt)
    sqlite3_bind_int64(stmt, 4, revision);
  return walk(store, stmt, fn, context, err);
}

int64_t store_count(struct store *store, struct str resource, struct str ns,
                    struct store_key after) {
  sqlite3_stmt *stmt = range(store, SQL_COUNT, SQL_COUNT_NS, resource, ns, after);
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
  sqlite3_stmt *stmt = store_statement(store, which);
  if (!stmt)
    return store_fail(store, err, "looking up");
  store_bind_str(stmt, 1, value);
  int step;
  while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
    struct store_key *key = arena_push(arena, (void **)&keys, &count, &capacity, sizeof(*key));
    *key = dup_key(arena, store_column_key(stmt));
  }
  int rc = step == SQLITE_DONE ? RC_OK : store_fail(store, err, "looking up");
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
