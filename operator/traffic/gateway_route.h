// SPDX-License-Identifier: Apache-2.0
// What HTTPRoute and GRPCRoute have in common: backendRefs with weights in rules, parents that say
// whether they serve the route. Pure; private to operator/traffic.
#pragma once

#include "operator/traffic/router_row.h"

#define GATEWAY_WEIGHT_MAX 1000000 // as the schema of backendRefs says

extern const char *const gateway_route_sections[], *const gateway_route_guards[];

enum route_side gateway_route_side_of(const struct route_target *target, const struct json *item,
                                      struct arena *arena);
bool gateway_route_is_named(const struct route_target *target, const struct route *route);
struct json *gateway_route_make(const struct route_target *target, const struct json *like,
                                struct str name, struct arena *arena);
struct str gateway_route_side_text(const struct route_target *target, struct arena *arena);
const char *gateway_route_refusal(const struct route_target *target, struct arena *arena,
                                  struct str *ret_message);
enum route_word gateway_route_word(const struct route_target *target, bool ours_too);

// Whether the older route `other` takes requests of one of our rules: they share a parent and a
// hostname, and `same_match` finds a match of theirs equal to one of ours. `same_match` gets NULL
// for a rule without matches.
bool gateway_route_takes_first(const struct route_target *target, const struct json *other,
                               bool (*same_match)(const struct json *a, const struct json *b),
                               struct arena *arena);
// Lists of headers (or query parameters) that match the same: [{type, name, value}], any order.
bool gateway_route_same_values(const struct json *a, const struct json *b, bool names_any_case);

// What the rows of all of them have in common.
#define GATEWAY_ROUTE_ROW                                                                          \
  .sections = gateway_route_sections, .list = "backendRefs", .weight_max = GATEWAY_WEIGHT_MAX,     \
  .lone_weight = 1, .weight = 1, .wants_names = true, .orders_by_namespace = true,                 \
  .side_of = gateway_route_side_of, .is_named = gateway_route_is_named,                            \
  .guards = gateway_route_guards, .make = gateway_route_make, .name_field = "name",                \
  .side_text = gateway_route_side_text, .route_text = "rule", .refusal = gateway_route_refusal,    \
  .word = gateway_route_word
