// SPDX-License-Identifier: Apache-2.0
// A copy of the objects of one kind, kept up to date by list and watch: lists in pages, watches
// with bookmarks, lists again after 410 (and reports only the differences), reconnects with a
// jittered back-off. Used by the operator, the runtime and the proxy. One process may hold many:
// each costs one connection.
#pragma once

#include "manifests/base/map.h"
#include "manifests/source/kube_client.h"

struct kube_watch;

enum kube_event { KUBE_ADDED, KUBE_MODIFIED, KUBE_DELETED };

// key: "ns/name" or "name". object: the new state, for DELETED the last one. old: the state before,
// NULL for ADDED (and as enum kube_keep and `without_old` say). Both are valid until the callback
// returns; the object of the cache until its next event. Inside, the watch may be read and closed.
typedef void (*kube_event_fn)(struct kube_watch *watch, enum kube_event event, struct str key,
                              const struct json *object, const struct json *old, void *data);
typedef void (*kube_watch_fn)(struct kube_watch *watch, void *data);
// Something went wrong and is tried again by itself; told at the first failure in a row, then at
// every tenth.
typedef void (*kube_watch_error_fn)(struct kube_watch *watch, const struct err *err, void *data);
// Cuts an object down to what its user needs, in place, before it is kept.
// What is added is in `arena`.
typedef void (*kube_trim_fn)(struct json *object, struct arena *arena, void *data);

// How objects are kept.
enum kube_keep {
  KUBE_KEEP_TREES, // as they are handed out
  // As packed text (text_pack.h), which takes a hundredth of a tree's memory. A tree is made when
  // one is asked for, and lives until the caller returns to the loop or calls kube_watch_cool: copy
  // what is kept longer.
  KUBE_KEEP_PACKED,
  // Only what tells a change from none, for who keeps what it needs itself: nothing can be read,
  // MODIFIED comes without the state before, and DELETED with a key alone.
  KUBE_KEEP_REVISIONS,
};

struct kube_watch_options {
  const struct kube_resource *resource; // must outlive the watch
  struct str ns;                        // empty: all namespaces
  struct str label_selector, field_selector;
  kube_trim_fn trim; // may be NULL; managedFields are always dropped
  // Our field manager: objects get a field metadata.lastWriter, the manager of the newest write
  // that is not older than ours. Empty when that is ours; NULL: no such field.
  const char *own_manager;
  enum kube_keep keep;
  bool without_old;    // packed: MODIFIED comes without the state before, and none is made
  kube_event_fn event; // may be NULL
  kube_watch_fn
      synced; // after the first complete list (all its ADDED came before); once; may be NULL
  kube_watch_fn
      changed; // after each batch of events (a list, or one read of the stream); may be NULL
  kube_watch_error_fn error; // may be NULL
  void *data;
  // A kind that we may not list (403) counts as one that is not there, as long as it was never
  // listed. For kinds without which the rest still works.
  bool may_be_forbidden;
  int64_t
      idle_ms; // silence after which the stream is given up; 0: 90 s (bookmarks come each minute)
};

// Starts at once. Non-zero only for a request that cannot be made at all.
int kube_watch_open(struct kube_client *client, const struct kube_watch_options *options,
                    struct kube_watch **ret_watch, struct err *err);
// No callback comes after it but `closed` (may be NULL), later, when the memory is gone.
// Idempotent.
void kube_watch_close(struct kube_watch *watch, void (*closed)(void *data), void *data);

bool kube_watch_is_synced(const struct kube_watch *watch);
// False when the server does not know the kind (404, or 403 as above): the watch then counts as
// synced and empty, and asks again every 30 s.
bool kube_watch_is_served(const struct kube_watch *watch);
// Milliseconds since the server was last heard from (event, bookmark or list); -1 before the first
// list.
int64_t kube_watch_age_ms(const struct kube_watch *watch);
struct str kube_watch_revision(const struct kube_watch *watch); // resourceVersion last seen
const struct kube_resource *kube_watch_resource(const struct kube_watch *watch);
size_t kube_watch_count(const struct kube_watch *watch);
// ns is empty for cluster-scoped kinds. NULL when absent.
const struct json *kube_watch_get(const struct kube_watch *watch, struct str ns, struct str name);
const struct json *kube_watch_get_key(const struct kube_watch *watch, struct str key);

// struct kube_watch_iter it = kube_watch_begin(w); while (kube_watch_each(&it)) use(it.key,
// it.object); No event may come in between (do not return to the loop).
struct kube_watch_iter {
  struct str key;
  const struct json *object;
  struct map_iter entries; // private
  const struct kube_watch *watch;
};
struct kube_watch_iter kube_watch_begin(const struct kube_watch *watch);
bool kube_watch_each(struct kube_watch_iter *iter);
// The trees of a packed watch go now. Not from inside a callback of it.
void kube_watch_cool(struct kube_watch *watch);
