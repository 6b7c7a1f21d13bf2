// SPDX-License-Identifier: Apache-2.0
#include "manifests/cel/unify.h"

void cel_unifier_init(struct cel_unifier *unifier, struct arena *arena) {
  *unifier = (struct cel_unifier){.arena = arena};
}

const struct cel_type *cel_unify_open(struct cel_unifier *unifier) {
  struct cel_type *type = ARENA_NEW(unifier->arena, struct cel_type);
  *type = (struct cel_type){.kind = CEL_PARAM, .param = (unsigned)unifier->count};
  const struct cel_type **room = arena_push(unifier->arena, (void **)&unifier->found,
                                            &unifier->count, &unifier->capacity, sizeof *room);
  *room = NULL;
  return type;
}

static void learn(struct cel_unifier *u, unsigned param, const struct cel_type *type) {
  struct cel_lesson *room =
      arena_push(u->arena, (void **)&u->trail, &u->trail_count, &u->trail_capacity, sizeof *room);
  *room = (struct cel_lesson){param, u->found[param]};
  u->found[param] = type;
}

static bool is_any(const struct cel_type *type) {
  return type->kind == CEL_DYN || type->kind == CEL_ERROR;
}

// Whether `type` has the open type within itself: then nothing can be learned.
static bool occurs(const struct cel_unifier *u, unsigned param, const struct cel_type *type) {
  if (!type)
    return false;
  if (type->kind == CEL_PARAM)
    return type->param == param || occurs(u, param, u->found[type->param]);
  return occurs(u, param, type->a) || occurs(u, param, type->b);
}

static bool is_less_specific(const struct cel_type *a, const struct cel_type *b) {
  if (a->kind == CEL_DYN || a->kind == CEL_PARAM)
    return true;
  if (b->kind == CEL_DYN || b->kind == CEL_PARAM || a->kind != b->kind)
    return false;
  if (a->kind == CEL_TYPE || !a->a || !b->a)
    return a->kind != CEL_OBJECT || a == b;
  return is_less_specific(a->a, b->a) && (!a->b || is_less_specific(a->b, b->b));
}

const struct cel_type *cel_unify_general(const struct cel_type *a, const struct cel_type *b) {
  return is_less_specific(a, b) ? a : b;
}

static bool unify(struct cel_unifier *u, const struct cel_type *have, const struct cel_type *want);

// `open` is to be like `type`. *ret_bound: it is known, and differs.
static bool bind(struct cel_unifier *u, const struct cel_type *type, const struct cel_type *open,
                 bool *ret_bound) {
  *ret_bound = false;
  if (cel_type_equal(type, open))
    return true;
  const struct cel_type *known = u->found[open->param];
  if (!known) {
    if (occurs(u, open->param, type))
      return false;
    learn(u, open->param, type);
    return true;
  }
  if (cel_type_equal(type, known))
    return true;
  *ret_bound = true;
  if (!unify(u, type, known))
    return false;
  const struct cel_type *general = cel_unify_general(type, known);
  if (general != known && !occurs(u, open->param, general))
    learn(u, open->param, general);
  return true;
}

static bool takes_null(const struct cel_type *type) {
  switch ((int)type->kind) {
  case CEL_NULL:
  case CEL_OBJECT:
  case CEL_OPTIONAL:
  case CEL_DURATION:
  case CEL_TIMESTAMP:
  case CEL_URL:
  case CEL_IP:
  case CEL_CIDR:
  case CEL_QUANTITY:
  case CEL_SEMVER: return true;
  default: return false;
  }
}

static bool unify(struct cel_unifier *u, const struct cel_type *have, const struct cel_type *want) {
  bool bound;
  if (want->kind == CEL_PARAM) {
    if (bind(u, have, want, &bound))
      return true;
    if (bound)
      return false;
  }
  if (have->kind == CEL_PARAM)
    return bind(u, want, have, &bound);
  if (is_any(have) || is_any(want))
    return true;
  if (have->kind == CEL_NULL)
    return takes_null(want);
  if (want->kind == CEL_NULL)
    return takes_null(have);
  if (have->kind != want->kind)
    return false;
  switch ((int)have->kind) {
  case CEL_OBJECT: return have == want;
  case CEL_LIST:
  case CEL_OPTIONAL: return unify(u, have->a, want->a);
  case CEL_MAP: return unify(u, have->a, want->a) && unify(u, have->b, want->b);
  default: return true;
  }
}

bool cel_unify_all(struct cel_unifier *u, const struct cel_type *const *have,
                   const struct cel_type *const *want, size_t count) {
  size_t lessons = u->trail_count;
  for (size_t i = 0; i < count; i++) {
    if (unify(u, have[i], want[i]))
      continue;
    for (; u->trail_count > lessons; u->trail_count--) {
      const struct cel_lesson *last = &u->trail[u->trail_count - 1];
      u->found[last->param] = last->before;
    }
    return false;
  }
  return true;
}

bool cel_unify(struct cel_unifier *u, const struct cel_type *have, const struct cel_type *want) {
  return cel_unify_all(u, &have, &want, 1);
}

const struct cel_type *cel_unify_known(struct cel_unifier *u, const struct cel_type *type,
                                       bool close) {
  if (!type)
    return NULL;
  if (type->kind == CEL_PARAM) {
    const struct cel_type *found = u->found[type->param];
    if (found)
      return cel_unify_known(u, found, close);
    return close ? cel_simple(CEL_DYN) : type;
  }
  if (!type->a)
    return type;
  const struct cel_type *a = cel_unify_known(u, type->a, close);
  const struct cel_type *b = cel_unify_known(u, type->b, close);
  if (a == type->a && b == type->b)
    return type;
  struct cel_type *copy = arena_dup(u->arena, type, sizeof *type);
  copy->a = a;
  copy->b = b;
  return copy;
}
