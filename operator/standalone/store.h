// SPDX-License-Identifier: Apache-2.0
// Where the embedded API server keeps its objects: one SQLite file (WAL, synchronous=FULL). the
// files store*.c alone know SQLite. Objects are JSON text; revisions are global and only ever grow;
// each write also leaves a row in a history log, so that watches can resume after a restart.
// Nothing is durable, and nothing may be answered, before store_commit. Not thread-safe. Used by
// the api_* files; knows nothing of kinds.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/err.h"

struct store;

struct store_key {
  struct str resource; // "pods", "rollouts.serin.dev"
  struct str ns;       // "" for cluster scope
  struct str name;
};

struct store_row {
  struct store_key key;
  int64_t revision;
  struct str uid;
  struct str body; // JSON text; carries the same revision in metadata.resourceVersion
};

enum store_event_type { STORE_ADDED = 1, STORE_MODIFIED = 2, STORE_DELETED = 3 };

struct store_event {
  enum store_event_type type;
  struct store_key key;
  int64_t revision;
  struct str body; // DELETED: the last state, with the deletion's revision
  struct str prev; // the state before; empty for ADDED
};

struct store_write {
  enum store_event_type type;
  struct store_key key;
  struct str uid, body;
  const struct str *owners; // uids of the owners
  size_t owner_count;
};

#define STORE_SCHEMA 2     // version of the tables, kept in the file
#define STORE_HISTORY 5000 // revisions of history that are kept
#define STORE_HISTORY_SLACK 500
#define STORE_HISTORY_BYTES (64 << 20) // above it the older half goes, however few revisions
#define STORE_LEAP 1000000

// Opens or makes the file (0600); upgrades older schemas, refuses newer ones.
int store_open(const char *path, struct store **ret_store, struct err *err);
// Uncommitted work is lost. NULL is fine.
void store_close(struct store *store);

int64_t store_revision(const struct store *store);  // of the latest write, committed or not
int64_t store_compacted(const struct store *store); // history up to and including this one is gone
bool store_is_dirty(const struct store *store);     // writes wait for store_commit

// One write (revision = store_revision + 1, which the body must carry already). Begins a
// transaction when none is open.
int store_put(struct store *store, const struct store_write *write, struct err *err);
// Marks where to return to. store_undo takes back all writes since the mark, their revisions too; a
// mark must be ended by one of the two, before the commit. Marks do not nest.
int store_mark(struct store *store, struct err *err);
int store_keep(struct store *store, struct err *err);
void store_undo(struct store *store);
// Makes all writes durable. On failure all of them are gone and the revision is back.
int store_commit(struct store *store, struct err *err);
void store_rollback(struct store *store); // takes back all since the last commit

// The row, in the arena; RC_NOT_FOUND when absent.
int store_get(struct store *store, struct store_key key, struct arena *arena,
              struct store_row *ret_row, struct err *err);
// Whether an object of that uid exists.
bool store_has_uid(struct store *store, struct str uid);

// Called per row; the row lives until the call returns. False ends the walk. Must not write to the
// store.
typedef bool (*store_row_fn)(const struct store_row *row, void *context);
// All of a resource in order of (namespace, name), strictly after `after` (empty names: from the
// start); ns "" is all.
int store_list(struct store *store, struct str resource, struct str ns, struct store_key after,
               store_row_fn fn, void *context, struct err *err);
// The same as of `revision`, if that is not too long ago: RC_EXPIRED before store_exact.
int store_list_at(struct store *store, int64_t revision, struct str resource, struct str ns,
                  struct store_key after, store_row_fn fn, void *context, struct err *err);
int64_t store_exact(const struct store *store); // the oldest revision that can be listed
// How many there are now strictly after `after`.
int64_t store_count(struct store *store, struct str resource, struct str ns,
                    struct store_key after);

// Keys of all objects that name `uid` as an owner; of all in a namespace. In the arena.
int store_owned_by(struct store *store, struct str uid, struct arena *arena,
                   struct store_key **ret_keys, size_t *ret_count, struct err *err);
int store_in_namespace(struct store *store, struct str ns, struct arena *arena,
                       struct store_key **ret_keys, size_t *ret_count, struct err *err);
// Keys of the objects of which at least one owner does not exist.
int store_orphans(struct store *store, struct arena *arena, struct store_key **ret_keys,
                  size_t *ret_count, struct err *err);

// History of one resource after `revision`, oldest first, at most `limit`; the event lives until
// the call returns. RC_EXPIRED when that history is compacted.
typedef bool (*store_event_fn)(const struct store_event *event, void *context);
int store_history(struct store *store, struct str resource, int64_t revision, size_t limit,
                  store_event_fn fn, void *context, struct err *err);
// Drops history but the newest `keep` revisions, once it is STORE_HISTORY_SLACK longer than that or
// larger than STORE_HISTORY_BYTES.
// Part of the open transaction, or one of its own.
int store_compact(struct store *store, int64_t keep, struct err *err);

// A consistent copy into a new file while the store is open.
int store_backup(struct store *store, const char *path, struct err *err);
// Jumps ahead by STORE_LEAP revisions and drops the history: after a restore, no revision a client
// may still hold can come to mean something else, and its watch is told 410. Commits.
int store_leap(struct store *store, struct err *err);
