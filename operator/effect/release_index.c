// SPDX-License-Identifier: Apache-2.0
// An event of one object wakes the Rollouts that it is about, and a plan gets the objects it is
// about, however many there are of both. See reference.h for what "about" means.
#include "manifests/base/alloc.h"
#include "operator/effect/controller_parts.h"

#include <string.h>

struct object_entry { // an object of a watch
  struct term_list terms;
  bool is_route; // it has hosts: who shares one may be concerned
  uint32_t key_len;
  uint64_t selected; // number of the last selection it was in
  char key[];        // that of the map, too
};

static struct object_entry *entry_new(struct object_index *objects, struct str key) {
  struct object_entry *entry = xcalloc(1, sizeof *entry + key.len);
  entry->key_len = (uint32_t)key.len;
  memcpy(entry->key, key.ptr, key.len);
  map_put(&objects->by_key, (struct str){entry->key, key.len}, entry);
  return entry;
}

static void wake_terms(struct controller *controller, const struct term_list *terms) {
  uint64_t term;
  for (struct term_owned it = term_owned(terms); term_owned_each(&it, &term);) {
    struct release *release;
    for (struct term_iter at = term_begin(&controller->interests, term);
         (release = term_each(&at));)
      release_due(release, 0);
  }
}

// --- what a Rollout's routes are about ---

static void follow_routes(struct release *release) {
  struct controller *controller = release->controller;
  struct arena arena = {0};
  struct term_set set = {0};
  uint64_t term;
  for (struct term_owned it = term_owned(&release->names); term_owned_each(&it, &term);)
    for (int which = 0; which < WATCH_COUNT; which++) {
      const struct object_entry *entry;
      for (struct term_iter at = term_begin(&controller->objects[which].terms, term);
           (entry = term_each(&at));)
        if (entry->is_route)
          reference_of_rivals(kube_watch_get_key(controller->watches[which],
                                                 (struct str){entry->key, entry->key_len}),
                              &arena, &set);
    }
  term_index_set(&controller->interests, &release->routes, release, set.items, set.count);
  arena_dispose(&arena);
}

// The releases are gathered first: following changes the table that names them.
static void follow_from_route(struct controller *controller, const struct object_entry *entry) {
  struct arena arena = {0};
  struct release **releases = NULL, *release;
  size_t count = 0, capacity = 0;
  uint64_t term;
  for (struct term_owned it = term_owned(&entry->terms); term_owned_each(&it, &term);)
    for (struct term_iter at = term_begin(&controller->interests, term);
         (release = term_each(&at));) {
      struct release **to =
          arena_push(&arena, (void **)&releases, &count, &capacity, sizeof(struct release *));
      *to = release;
    }
  for (size_t i = 0; i < count; i++)
    follow_routes(releases[i]);
  arena_dispose(&arena);
}

// --- events ---

void index_rollout(struct release *release, const struct json *rollout) {
  struct arena arena = {0};
  struct term_set set = {0};
  reference_of_rollout(rollout, &arena, &set);
  term_index_set(&release->controller->interests, &release->names, release, set.items, set.count);
  arena_dispose(&arena);
  follow_routes(release);
}

void index_forget_rollout(struct release *release) {
  term_index_clear(&release->controller->interests, &release->names);
  term_index_clear(&release->controller->interests, &release->routes);
  term_index_clear(&release->controller->interests, &release->contents);
}

void index_object(struct controller *controller, enum controller_watch which, enum kube_event event,
                  struct str key, const struct json *object) {
  struct object_index *objects = &controller->objects[which];
  struct object_entry *entry = map_get(&objects->by_key, key);
  if (entry)
    wake_terms(controller, &entry->terms);
  if (event == KUBE_DELETED) {
    if (!entry)
      return;
    bool was_route = entry->is_route;
    entry->is_route = false;
    if (was_route)
      follow_from_route(controller, entry);
    term_index_clear(&objects->terms, &entry->terms);
    map_del(&objects->by_key, key);
    xfree(entry);
    return;
  }
  struct arena arena = {0};
  struct term_set set = {0};
  if (!entry)
    entry = entry_new(objects, key);
  reference_of_route(object, &arena, &set);
  entry->is_route = set.count > 0;
  set.count = 0;
  reference_of_object(object, &arena, &set);
  term_index_set(&objects->terms, &entry->terms, entry, set.items, set.count);
  arena_dispose(&arena);
  if (entry->is_route)
    follow_from_route(controller, entry);
  wake_terms(controller, &entry->terms);
}

void index_wake_named(struct controller *controller, struct str ns, struct str name) {
  struct release *release;
  for (struct term_iter at = term_begin(&controller->interests, reference_name(ns, name));
       (release = term_each(&at));)
    release_due(release, 0);
}

// --- what a plan gets ---

static void select_terms(const struct controller *controller, enum controller_watch which,
                         const struct term_list *terms, struct arena *arena,
                         struct object_selection *ret) {
  uint64_t term;
  for (struct term_owned it = term_owned(terms); term_owned_each(&it, &term);) {
    struct object_entry *entry;
    for (struct term_iter at = term_begin(&controller->objects[which].terms, term);
         (entry = term_each(&at));) {
      if (entry->selected == controller->selections)
        continue;
      entry->selected = controller->selections;
      const struct json *object =
          kube_watch_get_key(controller->watches[which], (struct str){entry->key, entry->key_len});
      if (!object)
        continue;
      const struct json **to = arena_push(arena, (void **)&ret->items, &ret->count, &ret->capacity,
                                          sizeof(const struct json *));
      *to = object;
    }
  }
}

struct object_selection index_select(const struct release *release, enum controller_watch which,
                                     struct arena *arena) {
  struct controller *controller = release->controller;
  struct object_selection selection = {0};
  controller->selections++;
  select_terms(controller, which, &release->names, arena, &selection);
  select_terms(controller, which, &release->routes, arena, &selection);
  return selection;
}

void index_init(struct controller *controller) {
  for (int which = 0; which < WATCH_COUNT; which++)
    controller->objects[which].by_key.borrows_keys = true;
}

void index_dispose(struct controller *controller) {
  for (int which = 0; which < WATCH_COUNT; which++) {
    struct object_index *objects = &controller->objects[which];
    struct map_iter it = map_begin(&objects->by_key);
    while (map_each(&it)) {
      struct object_entry *entry = it.value;
      term_index_clear(&objects->terms, &entry->terms);
      xfree(entry);
    }
    map_dispose(&objects->by_key);
    term_index_dispose(&objects->terms);
  }
  term_index_dispose(&controller->interests);
  term_index_dispose(&controller->claims);
}
