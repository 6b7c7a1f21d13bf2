// SPDX-License-Identifier: Apache-2.0
// Which objects a Rollout is about, as terms: those it names anywhere in its spec or status, those
// that say they are its own, and the routes that share a host with one it names. Pure.
#pragma once

#include "manifests/text/json.h"
#include "operator/effect/term_index.h"

struct term_set {
  uint64_t *items; // in the arena
  size_t count, capacity;
};

// An object of that name | an object that belongs to the Rollout `name` | a route for that host.
uint64_t reference_name(struct str ns, struct str name);
uint64_t reference_owner(struct str ns, struct str rollout);
uint64_t reference_host(struct str full_host);

// What a Rollout is interested in, but for hosts: those are its routes'.
void reference_of_rollout(const struct json *rollout, struct arena *arena, struct term_set *set);
// What an object can be found by.
void reference_of_object(const struct json *object, struct arena *arena, struct term_set *set);
// The hosts of a VirtualService or a Gateway API route, and where the latter hangs: by what others
// find it. Nothing for other kinds.
void reference_of_route(const struct json *route, struct arena *arena, struct term_set *set);
// By what it finds those that may take its traffic first: those with a host of its own, and routes
// of the same parents for any host.
void reference_of_rivals(const struct json *route, struct arena *arena, struct term_set *set);
