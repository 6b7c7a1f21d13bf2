// SPDX-License-Identifier: Apache-2.0
// list -> watch -> (the stream ends) watch again | (410, a fault in the stream) list again. One
// request or one timer runs at any time.
#include "manifests/source/kube_watch.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/rng.h"
#include "manifests/source/kept_object.h"
#include "manifests/source/kube_path.h"
#include "manifests/source/watch_cache.h"
#include "manifests/source/watch_lines.h"

#include <uv.h>

#define IDLE_MS 90000
#define STREAM_SECONDS 300 // the server ends a stream after this and up to as much again
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 10000
#define ABSENT_RETRY_MS 30000
#define SHORT_STREAM_MS 1000 // a stream that ends sooner counts as a failure
#define TELL_EVERY 10

enum watch_state { WATCH_PAUSED, WATCH_LISTING, WATCH_STREAMING };

struct kube_watch {
  struct kube_client *client;
  struct kube_watch_options options;
  struct kube_request request;
  struct arena arena; // of the options' strings
  enum watch_state state;
  struct kube_op op;
  uv_timer_t retry, cool; // cool: drops the trees of packed objects
  int timers;             // open ones
  struct watch_cache cache;
  struct watch_lines lines;
  struct arena scratch; // one event
  struct buf revision;
  bool needs_list, synced, served, told_absent, closing;
  bool batch_changed; // since the last `changed`
  unsigned failures;  // in a row
  int64_t heard_ms;   // steady clock; 0: never
  int64_t stream_started_ms;
  struct err stream_fault; // found in the stream, which is then canceled
  struct rng rng;
  void (*closed)(void *data);
  void *closed_data;
};

static void go(struct kube_watch *watch);

// ---- telling the user ----

static void emit(struct kube_watch *watch, struct watch_change *change) {
  if (change->happened && !watch->closing) {
    watch->batch_changed = true;
    if (watch->options.event)
      watch->options.event(watch, change->event, change->key, change->object,
                           change->event == KUBE_ADDED ? NULL : change->old, watch->options.data);
  }
  watch_change_dispose(change);
}

static void end_batch(struct kube_watch *watch) {
  if (watch->batch_changed && watch->options.changed && !watch->closing)
    watch->options.changed(watch, watch->options.data);
  watch->batch_changed = false;
}

static void become_synced(struct kube_watch *watch) {
  if (watch->synced || watch->closing)
    return;
  watch->synced = true;
  if (watch->options.synced)
    watch->options.synced(watch, watch->options.data);
}

static void tell_error(struct kube_watch *watch, const struct err *err) {
  if (watch->options.error && !watch->closing && watch->failures % TELL_EVERY == 1)
    watch->options.error(watch, err, watch->options.data);
}

// ---- waiting ----

static void on_retry(uv_timer_t *timer) {
  struct kube_watch *watch = container_of(timer, struct kube_watch, retry);
  go(watch);
}

static void pause_for(struct kube_watch *watch, int64_t ms) {
  watch->state = WATCH_PAUSED;
  if (!watch->closing)
    uv_timer_start(&watch->retry, on_retry, (uint64_t)ms, 0);
}

// Half of the doubling wait is fixed, half is chance, so that many clients do not come back at
// once.
static void pause_after_failure(struct kube_watch *watch, int64_t at_least_ms) {
  unsigned doublings = watch->failures > 0 ? watch->failures - 1 : 0;
  int64_t ms = doublings >= 7 ? BACKOFF_MAX_MS : (int64_t)BACKOFF_MIN_MS << doublings;
  ms = ms / 2 + (int64_t)rng_below(&watch->rng, (uint64_t)ms / 2 + 1);
  pause_for(watch, ms > at_least_ms ? ms : at_least_ms);
}

// ---- lists ----

static void set_revision(struct kube_watch *watch, struct str revision) {
  if (!revision.len)
    return;
  buf_reset(&watch->revision);
  buf_add_str(&watch->revision, revision);
}

static void prepare(struct kube_watch *watch, struct arena *arena, struct json *object) {
  kept_object_prepare(object, watch->options.resource, watch->options.own_manager, arena);
  if (watch->options.trim)
    watch->options.trim(object, arena, watch->options.data);
}

static void drop_unseen(struct kube_watch *watch) {
  struct map_iter it = map_begin(&watch->cache.entries);
  while (!watch->closing && map_each(&it)) {
    struct watch_entry *entry = it.value;
    if (entry->seen)
      continue;
    struct watch_change change = watch_cache_del(&watch->cache, watch_entry_key(entry));
    emit(watch, &change);
  }
}

static void unsee_all(struct kube_watch *watch) {
  struct map_iter it = map_begin(&watch->cache.entries);
  while (map_each(&it))
    ((struct watch_entry *)it.value)->seen = false;
}

static void on_list_item(struct kube_op *op, struct json *item, struct arena *arena) {
  struct kube_watch *watch = container_of(op, struct kube_watch, op);
  if (!item) {
    unsee_all(watch); // the list starts over
    return;
  }
  if (watch->closing || !kube_name(item).len)
    return;
  prepare(watch, arena, item);
  struct watch_change change = watch_cache_put(&watch->cache, item);
  emit(watch, &change);
}

static void list_absent(struct kube_watch *watch, const struct kube_reply *reply) {
  watch->served = false;
  unsee_all(watch);
  drop_unseen(watch);
  if (!watch->told_absent && watch->options.error && !watch->closing)
    watch->options.error(watch, reply->err, watch->options.data);
  watch->told_absent = true;
  become_synced(watch);
  end_batch(watch);
  pause_for(watch, ABSENT_RETRY_MS);
}

static void maybe_free(struct kube_watch *watch);

static void on_list(struct kube_op *op, const struct kube_reply *reply) {
  struct kube_watch *watch = container_of(op, struct kube_watch, op);
  watch->state = WATCH_PAUSED;
  if (watch->closing) {
    maybe_free(watch);
    return;
  }
  bool is_forbidden = reply->http_status == 403 && watch->options.may_be_forbidden;
  if (reply->http_status == 404 || (is_forbidden && (!watch->synced || !watch->served))) {
    list_absent(watch, reply);
    return;
  }
  if (reply->rc) {
    watch->failures++;
    tell_error(watch, reply->err);
    pause_after_failure(watch, reply->retry_after_ms);
    return;
  }
  watch->served = true;
  watch->told_absent = false;
  watch->needs_list = false;
  watch->failures = 0;
  watch->heard_ms = clock_mono_ms();
  drop_unseen(watch);
  set_revision(watch, kube_revision(reply->object));
  become_synced(watch);
  end_batch(watch);
  if (!watch->closing)
    go(watch);
}

// ---- the stream ----

static int on_error_event(struct kube_watch *watch, const struct json *status) {
  int64_t code = json_int(json_get(status, "code"), 0);
  struct str message = json_get_string(status, "message");
  watch->needs_list = true;
  return err_set(&watch->stream_fault, code == 410 ? RC_EXPIRED : RC_UNAVAILABLE,
                 "watch of %s: %.*s", watch->options.resource->plural, STR_ARG(message));
}

static int on_line(struct str line, void *data) {
  struct kube_watch *watch = data;
  struct watch_event event;
  arena_reset(&watch->scratch);
  if (watch->closing)
    return RC_CANCELED;
  int rc = watch_event_parse(line, &watch->scratch, &event, &watch->stream_fault);
  if (rc) {
    watch->needs_list = true; // what it said is lost
    return rc;
  }
  if (event.type == WATCH_ERROR)
    return on_error_event(watch, event.object);
  struct watch_change change = {0};
  if (event.type == WATCH_DELETED) {
    change = watch_cache_del(&watch->cache, kube_key(&watch->scratch, event.object));
  } else if (event.type != WATCH_BOOKMARK && kube_name(event.object).len) {
    prepare(watch, &watch->scratch, event.object);
    change = watch_cache_put(&watch->cache, event.object);
  }
  set_revision(watch, kube_revision(event.object));
  emit(watch, &change);
  return watch->closing ? RC_CANCELED : RC_OK;
}

static void on_chunk(struct kube_op *op, struct str bytes) {
  struct kube_watch *watch = container_of(op, struct kube_watch, op);
  watch->heard_ms = clock_mono_ms();
  watch->failures = 0;
  int rc = watch_lines_feed(&watch->lines, bytes, on_line, watch);
  end_batch(watch);
  arena_dispose(&watch->scratch); // silence follows, mostly
  if (rc == RC_OK || watch->closing)
    return;
  if (rc == RC_LIMIT) {
    watch->needs_list = true;
    err_set(&watch->stream_fault, rc, "watch of %s: an event is over the limit of a line",
            watch->options.resource->plural);
  }
  kube_cancel(op);
}

static void on_stream_end(struct kube_op *op, const struct kube_reply *reply) {
  struct kube_watch *watch = container_of(op, struct kube_watch, op);
  bool was_short = clock_mono_ms() - watch->stream_started_ms < SHORT_STREAM_MS;
  struct err fault = watch->stream_fault;
  watch->state = WATCH_PAUSED;
  watch->stream_fault.rc = RC_OK;
  watch_lines_reset(&watch->lines);
  if (watch->closing) {
    maybe_free(watch);
    return;
  }
  if (!fault.rc && reply->rc)
    fault = *reply->err;
  if (reply->http_status == 410 || reply->http_status == 404)
    watch->needs_list = true;
  bool is_routine = !fault.rc || fault.rc == RC_EXPIRED || (fault.rc == RC_TIMEOUT && !was_short);
  if (is_routine && !was_short) {
    go(watch);
    return;
  }
  watch->failures++;
  if (!is_routine)
    tell_error(watch, &fault);
  pause_after_failure(watch, reply->retry_after_ms);
}

// ---- driving ----

static int start_stream(struct kube_watch *watch, struct err *err) {
  int64_t seconds = STREAM_SECONDS + (int64_t)rng_below(&watch->rng, STREAM_SECONDS);
  int64_t idle_ms = watch->options.idle_ms > 0 ? watch->options.idle_ms : IDLE_MS;
  watch->stream_started_ms = clock_mono_ms();
  arena_dispose(&watch->scratch);
  struct str path =
      kube_path_watch(&watch->scratch, &watch->request, buf_str(&watch->revision), seconds);
  return kube_stream(watch->client, path, idle_ms, &watch->op, on_chunk, on_stream_end, err);
}

static int start_next(struct kube_watch *watch, struct err *err) {
  watch->state = watch->needs_list ? WATCH_LISTING : WATCH_STREAMING;
  if (watch->needs_list) {
    unsee_all(watch);
    return kube_list(watch->client, &watch->request, &watch->op, on_list_item, on_list, err);
  }
  return start_stream(watch, err);
}

static void go(struct kube_watch *watch) {
  struct err err;
  if (watch->closing || start_next(watch, &err) == RC_OK)
    return;
  watch->failures++;
  tell_error(watch, &err);
  pause_after_failure(watch, 0);
}

int kube_watch_open(struct kube_client *client, const struct kube_watch_options *options,
                    struct kube_watch **ret_watch, struct err *err) {
  struct kube_watch *watch = XNEW(struct kube_watch);
  watch->client = client;
  watch->options = *options;
  watch->request = (struct kube_request){
      .verb = KUBE_LIST,
      .resource = options->resource,
      .ns = arena_str(&watch->arena, options->ns),
      .label_selector = arena_str(&watch->arena, options->label_selector),
      .field_selector = arena_str(&watch->arena, options->field_selector),
  };
  watch->needs_list = watch->served = true;
  watch_cache_init(&watch->cache, options->keep, options->without_old);
  watch_lines_init(&watch->lines);
  buf_init(&watch->revision, 1024);
  rng_init(&watch->rng, uv_hrtime() ^ (uint64_t)(uintptr_t)watch);
  int rc = start_next(watch, err);
  if (rc) {
    arena_dispose(&watch->arena);
    xfree(watch);
    return rc;
  }
  uv_timer_init(http_client_loop(kube_client_http(client)), &watch->retry);
  uv_timer_init(http_client_loop(kube_client_http(client)), &watch->cool);
  watch->timers = 2;
  watch->retry.data = watch->cool.data = watch;
  *ret_watch = watch;
  return RC_OK;
}

static void maybe_free(struct kube_watch *watch) {
  if (watch->timers > 0 || kube_is_running(&watch->op))
    return;
  watch_cache_dispose(&watch->cache);
  watch_lines_dispose(&watch->lines);
  buf_dispose(&watch->revision);
  arena_dispose(&watch->scratch);
  arena_dispose(&watch->arena);
  void (*closed)(void *data) = watch->closed;
  void *data = watch->closed_data;
  xfree(watch);
  if (closed)
    closed(data);
}

static void on_timer_closed(uv_handle_t *handle) {
  struct kube_watch *watch = handle->data;
  watch->timers--;
  maybe_free(watch);
}

void kube_watch_close(struct kube_watch *watch, void (*closed)(void *data), void *data) {
  if (!watch || watch->closing)
    return;
  watch->closing = true;
  watch->closed = closed;
  watch->closed_data = data;
  kube_cancel(&watch->op);
  uv_close((uv_handle_t *)&watch->retry, on_timer_closed);
  uv_close((uv_handle_t *)&watch->cool, on_timer_closed);
}

// ---- reading ----

bool kube_watch_is_synced(const struct kube_watch *watch) {
  return watch->synced;
}

bool kube_watch_is_served(const struct kube_watch *watch) {
  return watch->served;
}

int64_t kube_watch_age_ms(const struct kube_watch *watch) {
  return watch->heard_ms ? clock_mono_ms() - watch->heard_ms : -1;
}

struct str kube_watch_revision(const struct kube_watch *watch) {
  return buf_str(&watch->revision);
}

const struct kube_resource *kube_watch_resource(const struct kube_watch *watch) {
  return watch->options.resource;
}

size_t kube_watch_count(const struct kube_watch *watch) {
  return map_count(&watch->cache.entries);
}

static void on_cool(uv_timer_t *timer) {
  struct kube_watch *watch = timer->data;
  watch_cache_cool(&watch->cache);
}

// Reading makes a tree of a packed object, which is no change of the watch for who reads.
static const struct json *tree_of(const struct kube_watch *watch, struct watch_entry *entry) {
  struct kube_watch *own = (struct kube_watch *)(uintptr_t)watch;
  if (!entry)
    return NULL;
  if (own->cache.keep == KUBE_KEEP_PACKED && !own->cache.warm && !own->closing)
    uv_timer_start(&own->cool, on_cool, 0, 0);
  return watch_cache_tree(&own->cache, entry);
}

const struct json *kube_watch_get_key(const struct kube_watch *watch, struct str key) {
  return tree_of(watch, watch_cache_get(&watch->cache, key));
}

const struct json *kube_watch_get(const struct kube_watch *watch, struct str ns, struct str name) {
  if (!ns.len)
    return kube_watch_get_key(watch, name);
  struct arena arena = {0};
  struct str key = arena_printf(&arena, "%.*s/%.*s", STR_ARG(ns), STR_ARG(name));
  const struct json *object = kube_watch_get_key(watch, key);
  arena_dispose(&arena);
  return object;
}

struct kube_watch_iter kube_watch_begin(const struct kube_watch *watch) {
  return (struct kube_watch_iter){.entries = map_begin(&watch->cache.entries), .watch = watch};
}

bool kube_watch_each(struct kube_watch_iter *iter) {
  if (!map_each(&iter->entries))
    return false;
  iter->key = iter->entries.key;
  iter->object = tree_of(iter->watch, iter->entries.value);
  return true;
}

void kube_watch_cool(struct kube_watch *watch) {
  watch_cache_cool(&watch->cache);
}
