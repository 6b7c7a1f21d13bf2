// SPDX-License-Identifier: Apache-2.0
// Which Rollouts name the same route or Deployment: an index, so that ten thousand Rollouts of one
// namespace need not be compared with each other.
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "operator/effect/controller_parts.h"
#include "operator/reconcile/claims.h"

#include <string.h>

struct claim { // of one object: who names it
  struct release **items;
  size_t count;
};

static void claim_add(struct controller *controller, struct str key, struct release *release) {
  struct claim *claim = map_get(&controller->claims, key);
  if (!claim) {
    claim = XNEW(struct claim);
    map_put(&controller->claims, key, claim);
  }
  for (size_t i = 0; i < claim->count; i++) {
    if (claim->items[i] == release)
      return;
    release_due(claim->items[i], 0);
  }
  claim->items = xrealloc(claim->items, (claim->count + 1) * sizeof(struct release *));
  claim->items[claim->count++] = release;
}

static void claim_remove(struct controller *controller, struct str key, struct release *release) {
  struct claim *claim = map_get(&controller->claims, key);
  size_t kept = 0;
  if (!claim)
    return;
  for (size_t i = 0; i < claim->count; i++)
    if (claim->items[i] != release) {
      release_due(claim->items[i], 0); // perhaps it has it now
      claim->items[kept++] = claim->items[i];
    }
  claim->count = kept;
  if (kept > 0)
    return;
  (void)map_del(&controller->claims, key);
  xfree(claim->items);
  xfree(claim);
}

static bool is_among(struct str key, const struct str *keys, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (str_eq(keys[i], key))
      return true;
  return false;
}

void claims_update(struct release *release, const struct json *rollout) {
  struct str old[CLAIMS_MAX], keys[CLAIMS_MAX];
  struct arena before = release->claims_arena;
  size_t old_count = release->claims_count, count;
  memcpy(old, release->claims, old_count * sizeof(*old));
  arena_init(&release->claims_arena);
  count = rollout ? claims_of(rollout, &release->claims_arena, keys) : 0;
  for (size_t i = 0; i < old_count; i++)
    if (!is_among(old[i], keys, count))
      claim_remove(release->controller, old[i], release);
  for (size_t i = 0; i < count; i++)
    if (!is_among(keys[i], old, old_count))
      claim_add(release->controller, keys[i], release);
  memcpy(release->claims, keys, count * sizeof(*keys));
  release->claims_count = count;
  arena_dispose(&before);
}

static bool is_listed(const struct release **items, size_t count, const struct release *item) {
  for (size_t i = 0; i < count; i++)
    if (items[i] == item)
      return true;
  return false;
}

const struct json *const *claims_rivals(const struct release *release, struct arena *arena,
                                        size_t *ret_count) {
  const struct controller *controller = release->controller;
  size_t room = 1, rivals = 0, count = 0;
  for (size_t i = 0; i < release->claims_count; i++) {
    const struct claim *claim = map_get(&controller->claims, release->claims[i]);
    room += claim ? claim->count : 0;
  }
  const struct release **others = ARENA_ARRAY(arena, const struct release *, room);
  const struct json **items = ARENA_ARRAY(arena, const struct json *, room);
  for (size_t i = 0; i < release->claims_count; i++) {
    const struct claim *claim = map_get(&controller->claims, release->claims[i]);
    for (size_t r = 0; claim && r < claim->count; r++)
      if (claim->items[r] != release && !is_listed(others, rivals, claim->items[r]))
        others[rivals++] = claim->items[r];
  }
  for (size_t i = 0; i < rivals; i++) {
    const struct json *rollout =
        kube_watch_get(controller->watches[WATCH_ROLLOUTS], others[i]->ns, others[i]->name);
    if (rollout)
      items[count++] = rollout;
  }
  *ret_count = count;
  return items;
}

void claims_rewritten(struct controller *controller, enum controller_watch which,
                      const struct json *object) {
  struct arena arena;
  arena_init(&arena);
  const struct claim *claim = map_get(
      &controller->claims, claims_key(kube_namespace(object), controller->resources[which].kind,
                                      kube_name(object), &arena));
  for (size_t i = 0; claim && i < claim->count; i++)
    foreign_writer_note(claim->items[i], json_path_string(object, "metadata.lastWriter"));
  arena_dispose(&arena);
}
