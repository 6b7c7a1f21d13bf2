// SPDX-License-Identifier: Apache-2.0
// What goes without a request: objects whose owners are gone, old Events.
#include "manifests/kinds/event.h"
#include "manifests/text/time.h"
#include "operator/standalone/api_delete_cascade.h"

#define EVENT_LIFE_MS (60 * 60 * 1000)

struct old_events {
  struct arena *arena;
  struct store_key *keys;
  size_t count, capacity;
  int64_t before_ms;
};

// A real server counts an Event's hour from its last write, whatever times are in it.
static int64_t last_written_ms(const struct json *object) {
  int64_t last_ms = 0, written_ms;
  (void)time_parse(api_meta_string(object, "creationTimestamp"), &last_ms);
  JSON_EACH(entry, json_path(object, "metadata.managedFields"))
    if (!time_parse(json_get_string(entry, "time"), &written_ms) && written_ms > last_ms)
      last_ms = written_ms;
  return last_ms;
}

static bool old_event(const struct store_row *row, void *context) {
  struct old_events *old = context;
  struct arena arena;
  struct json *event = NULL;
  arena_init(&arena);
  (void)json_parse(row->body, &arena, &event, NULL);
  if (last_written_ms(event) < old->before_ms) {
    struct store_key *key =
        arena_push(old->arena, (void **)&old->keys, &old->count, &old->capacity, sizeof(*key));
    *key = (struct store_key){STR("events"), arena_str(old->arena, row->key.ns),
                              arena_str(old->arena, row->key.name)};
  }
  arena_dispose(&arena);
  return old->count < 1000;
}

static int sweep_keys(struct cascade *c, const struct store_key *keys, size_t count,
                      bool check_owners) {
  int rc = RC_OK;
  for (size_t i = 0; !rc && i < count; i++) {
    const struct kind_desc *kind;
    struct json *object, *ignored;
    if (!cascade_load(c, keys[i], &kind, &object) || api_is_deleting(object))
      continue;
    rc = check_owners ? cascade_settle_owners(c, kind, object)
                      : cascade_delete(c, kind, object, -1, PROPAGATE_BACKGROUND, &ignored);
  }
  return rc;
}

int delete_sweep(struct api *api, int64_t now_ms, struct err *err) {
  api_refresh(api);
  struct arena arena;
  arena_init(&arena);
  struct api_call call = {.arena = &arena, .user = &api->user, .now_ms = now_ms};
  struct cascade cascade = {.api = api, .call = &call};
  struct old_events old = {.arena = &arena, .before_ms = now_ms - EVENT_LIFE_MS};
  struct store_key *orphans;
  size_t orphan_count = 0;
  int rc =
      store_list(api->store, STR("events"), STR(""), (struct store_key){0}, old_event, &old, err);
  if (!rc)
    rc = store_orphans(api->store, &arena, &orphans, &orphan_count, err);
  if (!rc && (old.count || orphan_count)) {
    size_t recorded = watch_recorded(api->hub);
    rc = cascade_begin(api, &call);
    if (!rc)
      rc = sweep_keys(&cascade, old.keys, old.count, false);
    if (!rc)
      rc = sweep_keys(&cascade, orphans, orphan_count, true);
    rc = cascade_end(api, &call, recorded, rc);
    if (rc)
      (void)err_set(err, rc, "sweep: %.*s", STR_ARG(call.fault.message));
  }
  arena_dispose(&arena);
  return rc;
}
