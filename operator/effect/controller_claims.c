// SPDX-License-Identifier: Apache-2.0
// Which Rollouts drive the same route or Deployment: an index, so that ten thousand Rollouts of one
// namespace need not be compared with each other. A term that two objects share by chance gives a
// rival that is none: the plan looks at what they name (plan_claims.c).
#include "manifests/base/alloc.h"
#include "operator/effect/controller_parts.h"

static size_t terms_of(const struct json *rollout, uint64_t terms[CLAIMS_MAX]) {
  struct str keys[CLAIMS_MAX];
  struct arena arena = {0};
  size_t count = claims_of(rollout, &arena, keys), distinct = 0;
  for (size_t i = 0; i < count; i++) {
    size_t at = 0;
    terms[distinct] = str_hash(keys[i]);
    while (terms[at] != terms[distinct])
      at++;
    distinct += at == distinct;
  }
  arena_dispose(&arena);
  return distinct;
}

static bool claims_are(const struct release *release, const uint64_t *terms, size_t count) {
  uint64_t term;
  size_t at = 0;
  for (struct term_owned it = term_owned(&release->claims); term_owned_each(&it, &term); at++)
    if (at == count || terms[at] != term)
      return false;
  return at == count;
}

static void wake_rivals(const struct release *release) {
  uint64_t term;
  for (struct term_owned it = term_owned(&release->claims); term_owned_each(&it, &term);) {
    struct release *other;
    for (struct term_iter at = term_begin(&release->controller->claims, term);
         (other = term_each(&at));)
      if (other != release)
        release_due(other, 0); // perhaps it has it now, or no longer
  }
}

void claims_update(struct release *release, const struct json *rollout) {
  uint64_t terms[CLAIMS_MAX];
  size_t count = rollout ? terms_of(rollout, terms) : 0;
  if (claims_are(release, terms, count))
    return;
  wake_rivals(release);
  term_index_set(&release->controller->claims, &release->claims, release, terms, count);
  wake_rivals(release);
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
  const struct release **others = NULL, *other;
  size_t rivals = 0, capacity = 0, count = 0;
  uint64_t term;
  for (struct term_owned it = term_owned(&release->claims); term_owned_each(&it, &term);)
    for (struct term_iter at = term_begin(&controller->claims, term); (other = term_each(&at));)
      if (other != release && !is_listed(others, rivals, other)) {
        const struct release **to =
            arena_push(arena, (void **)&others, &rivals, &capacity, sizeof(struct release *));
        *to = other;
      }
  const struct json **items = ARENA_ARRAY(arena, const struct json *, rivals + 1);
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
  struct arena arena = {0};
  struct str key = claims_key(kube_namespace(object), controller->resources[which].kind,
                              kube_name(object), &arena);
  struct release *release;
  for (struct term_iter at = term_begin(&controller->claims, str_hash(key));
       (release = term_each(&at));)
    foreign_writer_note(release, json_path_string(object, "metadata.lastWriter"));
  arena_dispose(&arena);
}
