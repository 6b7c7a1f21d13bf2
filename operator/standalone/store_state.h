// SPDX-License-Identifier: Apache-2.0
// What the files store*.c share: they alone know SQLite. Not for others.
#pragma once

#include "operator/standalone/store.h"

#include <sqlite3.h>

// What an object was at revision ?4: its row, if that has not changed since; else the state before
// its first change since, unless that one made it.
#define STORE_FIRST                                                                                \
  "WITH first AS (SELECT min(revision) AS revision FROM history"                                   \
  " WHERE revision > ?4 AND resource = ?1 GROUP BY namespace, name) "

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
  XX(UPDATE, "UPDATE objects SET revision = ?5, body = ?6 WHERE resource = ?1 AND namespace = ?2"  \
             " AND name = ?3 AND uid = ?4")                                                        \
  XX(DELETE, "DELETE FROM objects WHERE resource = ?1 AND namespace = ?2 AND name = ?3")           \
  XX(DISOWN, "DELETE FROM owners WHERE resource = ?1 AND namespace = ?2 AND name = ?3")            \
  XX(OWN, "INSERT OR IGNORE INTO owners(owner, resource, namespace, name) VALUES(?4, ?1, ?2, ?3)") \
  XX(LOG, "INSERT INTO history(resource, namespace, name, revision, type, body, prev)"             \
          " VALUES(?1, ?2, ?3, ?4, ?5, ?6, (SELECT body FROM objects"                              \
          " WHERE resource = ?1 AND namespace = ?2 AND name = ?3))")                               \
  XX(GET, "SELECT resource, namespace, name, uid, revision, body FROM objects"                     \
          " WHERE resource = ?1 AND namespace = ?2 AND name = ?3")                                 \
  XX(HAS_UID, "SELECT 1 FROM objects WHERE uid = ?1")                                              \
  XX(LIST, "SELECT resource, namespace, name, uid, revision, body FROM objects"                    \
           " WHERE resource = ?1 AND (namespace, name) > (?2, ?3) ORDER BY namespace, name")       \
  XX(LIST_NS, "SELECT resource, namespace, name, uid, revision, body FROM objects"                 \
              " WHERE resource = ?1 AND namespace = ?2 AND name > ?3 ORDER BY name")               \
  XX(LIST_AT,                                                                                      \
     STORE_FIRST "SELECT resource, namespace, name, uid, revision, body FROM objects"              \
                 " WHERE resource = ?1 AND (namespace, name) > (?2, ?3) AND revision <= ?4"        \
                 " UNION ALL SELECT h.resource, h.namespace, h.name, '', 0, h.prev"                \
                 " FROM history h JOIN first ON h.revision = first.revision"                       \
                 " WHERE h.type <> 1 AND (h.namespace, h.name) > (?2, ?3)"                         \
                 " ORDER BY namespace, name")                                                      \
  XX(LIST_AT_NS,                                                                                   \
     STORE_FIRST "SELECT resource, namespace, name, uid, revision, body FROM objects"              \
                 " WHERE resource = ?1 AND namespace = ?2 AND name > ?3 AND revision <= ?4"        \
                 " UNION ALL SELECT h.resource, h.namespace, h.name, '', 0, h.prev"                \
                 " FROM history h JOIN first ON h.revision = first.revision"                       \
                 " WHERE h.type <> 1 AND h.namespace = ?2 AND h.name > ?3"                         \
                 " ORDER BY name")                                                                 \
  XX(COUNT, "SELECT count(*) FROM objects WHERE resource = ?1 AND (namespace, name) > (?2, ?3)")   \
  XX(COUNT_NS,                                                                                     \
     "SELECT count(*) FROM objects WHERE resource = ?1 AND namespace = ?2 AND name > ?3")          \
  XX(OWNED, "SELECT resource, namespace, name FROM owners WHERE owner = ?1")                       \
  XX(IN_NS, "SELECT resource, namespace, name FROM objects WHERE namespace = ?1")                  \
  XX(ORPHANS, "SELECT DISTINCT resource, namespace, name FROM owners WHERE ?1 = ?1"                \
              " AND NOT EXISTS (SELECT 1 FROM objects WHERE uid = owner)")                         \
  XX(HISTORY, "SELECT resource, namespace, name, revision, type, body, prev FROM history"          \
              " WHERE revision > ?2 AND resource = ?1 ORDER BY revision LIMIT ?3")                 \
  XX(SIZES, "SELECT revision, length(body) + coalesce(length(prev), 0) FROM history"               \
            " ORDER BY revision")                                                                  \
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

struct store {
  sqlite3 *db;
  sqlite3_stmt *statements[SQL_COUNT_OF];
  int64_t revision, committed_revision, marked_revision;
  int64_t compacted, committed_compacted;
  int64_t exact; // lists are possible as of this revision and later ones
  int64_t bytes, committed_bytes, marked_bytes; // of the history
  bool open, marked;                            // a transaction; a savepoint in it
  bool lost; // SQLite took the transaction back by itself: nothing of it may be committed
};

// Sets the error in words for whoever runs the machine. RC_IO.
int store_fail(struct store *store, struct err *err, const char *what);
// Ready to bind; NULL only when SQLite cannot prepare (a damaged file).
sqlite3_stmt *store_statement(struct store *store, enum statement which);
void store_bind_str(sqlite3_stmt *stmt, int index, struct str s);
void store_bind_key(sqlite3_stmt *stmt, struct store_key key);
struct str store_column_str(sqlite3_stmt *stmt, int column);
struct store_key store_column_key(sqlite3_stmt *stmt);
// Steps a statement that gives no rows. stmt may be NULL: it could not be prepared.
int store_step(struct store *store, sqlite3_stmt *stmt, struct err *err, const char *what);
int store_begin(struct store *store, struct err *err);
int store_set_meta(struct store *store, const char *key, int64_t value, struct err *err);
int store_measure(struct store *store, struct err *err); // sets `bytes`
