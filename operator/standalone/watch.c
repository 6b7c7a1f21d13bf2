// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/watch_state.h"
#include "manifests/base/alloc.h"
#include "manifests/base/clock.h"

#include <string.h>

struct watch_hub *watch_hub_new(struct store *store) {
  struct watch_hub *hub = XNEW(struct watch_hub);
  hub->store = store;
  hub->published = store_revision(store);
  arena_init(&hub->arena);
  return hub;
}

void watch_hub_free(struct watch_hub *hub) {
  if (!hub)
    return;
  arena_dispose(&hub->arena);
  xfree(hub);
}

void watch_record(struct watch_hub *hub, enum store_event_type type, const struct kind_desc *kind,
                  int64_t revision, struct str body, struct str prev) {
  struct event *event =
      arena_push(&hub->arena, (void **)&hub->events, &hub->count, &hub->capacity, sizeof(*event));
  *event = (struct event){.type = type,
                          .kind = kind,
                          .revision = revision,
                          .body = arena_str(&hub->arena, body),
                          .prev = arena_str(&hub->arena, prev)};
}

size_t watch_recorded(const struct watch_hub *hub) {
  return hub->count;
}

void watch_forget(struct watch_hub *hub, size_t recorded) {
  if (hub->count > recorded)
    hub->count = recorded;
}

static void count_bytes(struct watch *watch) {
  watch->hub->bytes += watch->out.len - watch->counted;
  watch->counted = watch->out.len;
}

// Events of the turn, as far as there is room; the rest comes from the history.
static void feed_turn(struct watch *watch, int64_t revision) {
  struct watch_hub *hub = watch->hub;
  size_t i = 0;
  for (; i < hub->count && watch->out.len < WATCH_BUFFER_BYTES; i++) {
    watch_feed(watch, &hub->events[i], &hub->arena);
    watch->cursor = hub->events[i].revision;
  }
  if (i == hub->count)
    watch->cursor = revision;
  count_bytes(watch);
}

void watch_publish(struct watch_hub *hub) {
  int64_t revision = store_revision(hub->store);
  for (struct watch *watch = hub->watches, *next; watch; watch = next) {
    next = watch->next;
    if (watch->ended)
      continue;
    bool caught_up = watch->cursor == hub->published && !watch->initial &&
                     watch->out.len < WATCH_BUFFER_BYTES && hub->bytes < WATCH_TOTAL_BYTES;
    size_t had = watch->out.len;
    if (caught_up)
      feed_turn(watch, revision);
    if (watch->out.len > had || watch->cursor != revision)
      watch->wake(watch->data);
  }
  hub->published = revision;
  hub->events = NULL;
  hub->count = hub->capacity = 0;
  arena_reset(&hub->arena);
}

struct replay {
  struct watch *watch;
  struct arena arena;
  size_t count;
};

static bool replay_event(const struct store_event *stored, void *context) {
  struct replay *replay = context;
  if (stored->revision > replay->watch->hub->published)
    return false; // written in this turn, and perhaps taken back
  struct event event = {.type = stored->type,
                        .kind = replay->watch->options.kind,
                        .revision = stored->revision,
                        .body = stored->body,
                        .prev = stored->prev};
  watch_feed(replay->watch, &event, &replay->arena);
  replay->watch->cursor = stored->revision;
  replay->count++;
  arena_reset(&replay->arena);
  return replay->watch->out.len < WATCH_BUFFER_BYTES;
}

static void history_page(struct watch *watch) {
  struct watch_hub *hub = watch->hub;
  struct replay replay = {.watch = watch};
  struct err err;
  arena_init(&replay.arena);
  int rc = store_history(hub->store, watch->resource, watch->cursor, WATCH_HISTORY_PAGE,
                         replay_event, &replay, &err);
  arena_dispose(&replay.arena);
  if (rc == RC_EXPIRED)
    watch_write_error(watch, 410, "Expired", err.msg);
  else if (rc)
    watch_write_error(watch, 500, "InternalError", "the history cannot be read");
  else if (replay.count < WATCH_HISTORY_PAGE && watch->out.len < WATCH_BUFFER_BYTES)
    watch->cursor = hub->published;
}

struct initial {
  struct watch *watch;
  struct arena arena;
  bool stopped;
};

static bool initial_row(const struct store_row *row, void *context) {
  struct initial *initial = context;
  struct watch *watch = initial->watch;
  struct event event = {.type = STORE_ADDED,
                        .kind = watch->options.kind,
                        .revision = row->revision,
                        .body = row->body};
  watch_feed(watch, &event, &initial->arena);
  arena_reset(&initial->arena);
  initial->stopped = watch->out.len >= WATCH_BUFFER_BYTES;
  if (initial->stopped) {
    arena_reset(&watch->place);
    watch->after.ns = arena_str(&watch->place, row->key.ns);
    watch->after.name = arena_str(&watch->place, row->key.name);
  }
  return !initial->stopped;
}

static void initial_page(struct watch *watch) {
  struct initial initial = {.watch = watch};
  struct err err;
  arena_init(&initial.arena);
  int rc = store_list_at(watch->hub->store, watch->cursor, watch->resource,
                         watch->options.filter.ns, watch->after, initial_row, &initial, &err);
  arena_dispose(&initial.arena);
  if (rc == RC_EXPIRED)
    watch_write_error(watch, 410, "Expired", err.msg);
  else if (rc)
    watch_write_error(watch, 500, "InternalError", "the objects cannot be read");
  watch->initial = !rc && initial.stopped;
  if (!rc && !watch->initial && watch->options.initial_bookmark)
    watch_write_bookmark(watch, true);
}

// Feeds a watch that is behind.
static void catch_up(struct watch *watch) {
  while (watch->out.len == 0 && !watch->ended) {
    if (watch->initial)
      initial_page(watch);
    else if (watch->cursor < watch->hub->published)
      history_page(watch);
    else
      break;
  }
  count_bytes(watch);
}

static struct selector dup_selector(struct arena *arena, const struct selector *from) {
  struct selector to = {ARENA_ARRAY(arena, struct selector_term, from->count), from->count};
  for (size_t i = 0; i < from->count; i++) {
    const struct selector_term *term = &from->terms[i];
    to.terms[i] = (struct selector_term){.op = term->op,
                                         .key = arena_str(arena, term->key),
                                         .values = ARENA_ARRAY(arena, struct str, term->count),
                                         .count = term->count};
    for (size_t v = 0; v < term->count; v++)
      to.terms[i].values[v] = arena_str(arena, term->values[v]);
  }
  return to;
}

int watch_open(struct watch_hub *hub, struct api_call *call, const struct watch_options *options,
               void (*wake)(void *data), void *data, struct watch **ret_watch) {
  struct watch *watch = XNEW(struct watch);
  arena_init(&watch->arena);
  arena_init(&watch->place);
  buf_init(&watch->out, WATCH_BUFFER_BYTES + WATCH_EVENT_BYTES);
  watch->hub = hub;
  watch->options = *options;
  watch->options.version = arena_str(&watch->arena, options->version);
  watch->options.filter.ns = arena_str(&watch->arena, options->filter.ns);
  watch->options.filter.labels = dup_selector(&watch->arena, &options->filter.labels);
  watch->options.filter.fields = dup_selector(&watch->arena, &options->filter.fields);
  watch->resource = arena_str(&watch->arena, api_resource_name(&watch->arena, options->kind));
  watch->wake = wake;
  watch->data = data;
  watch->cursor = options->revision;
  watch->next = hub->watches;
  watch->link = &hub->watches;
  if (hub->watches)
    hub->watches->link = &watch->next;
  hub->watches = watch;
  hub->watch_count++;
  watch->initial = options->from_start;
  if (watch->initial)
    watch->cursor = hub->published;
  if (!options->from_start && options->revision < store_compacted(hub->store)) {
    struct str text =
        arena_printf(call->arena, "too old resource version: %lld (%lld)",
                     (long long)options->revision, (long long)store_compacted(hub->store));
    watch_write_error(watch, 410, "Expired", text.ptr);
  }
  *ret_watch = watch;
  return RC_OK;
}

void watch_close(struct watch *watch) {
  if (!watch)
    return;
  *watch->link = watch->next;
  if (watch->next)
    watch->next->link = watch->link;
  watch->hub->watch_count--;
  watch->hub->bytes -= watch->counted;
  buf_dispose(&watch->out);
  arena_dispose(&watch->place);
  arena_dispose(&watch->arena);
  xfree(watch);
}

ptrdiff_t watch_read(struct watch *watch, char *to, size_t max) {
  if (watch->out.len == 0)
    catch_up(watch);
  if (watch->out.failed)
    return -1; // an event over the cap: the client lists again
  if (watch->out.len == 0)
    return watch->ended ? -1 : 0;
  size_t left = watch->out.len - watch->sent, len = left < max ? left : max;
  memcpy(to, watch->out.ptr + watch->sent, len);
  watch->sent += len;
  if (watch->sent == watch->out.len) {
    buf_dispose(&watch->out); // most watches are idle most of the time
    watch->sent = 0;
    count_bytes(watch);
  }
  return (ptrdiff_t)len;
}

void watch_end(struct watch *watch) {
  watch->ended = true;
  watch->wake(watch->data);
}

void watch_bookmark_all(struct watch_hub *hub) {
  for (struct watch *watch = hub->watches; watch; watch = watch->next) {
    if (!watch->options.bookmarks || watch->ended || watch->out.len || watch->initial ||
        watch->cursor != hub->published)
      continue;
    watch_write_bookmark(watch, false);
    watch->wake(watch->data);
  }
}

void watch_end_all(struct watch_hub *hub) {
  for (struct watch *watch = hub->watches, *next; watch; watch = next) {
    next = watch->next;
    watch_end(watch);
  }
}

size_t watch_count(const struct watch_hub *hub) {
  return hub->watch_count;
}

bool watch_uses(const struct watch_hub *hub, const struct kind_desc *kind) {
  for (const struct watch *watch = hub->watches; watch; watch = watch->next)
    if (watch->options.kind == kind)
      return true;
  for (size_t i = 0; i < hub->count; i++)
    if (hub->events[i].kind == kind)
      return true;
  return false;
}

void watch_end_kind(struct watch_hub *hub, const struct kind_desc *kind) {
  for (struct watch *watch = hub->watches, *next; watch; watch = next) {
    next = watch->next;
    if (watch->options.kind == kind && !watch->ended)
      watch_end(watch);
  }
}

size_t watch_bytes(const struct watch_hub *hub) {
  return hub->bytes;
}
