// SPDX-License-Identifier: Apache-2.0
// RequestMirror and CORS of an HTTPRoute rule -> table_filters (docs/dataplane.md 4.4).
#include "manifests/base/buf.h"
#include "proxy/table_filters.h"
#include "proxy/table_gateways.h"

static uint32_t mirror_share(const struct route_mirror *mirror) {
  if (mirror->fraction && mirror->fraction->denominator > 0) {
    double share = (double)mirror->fraction->numerator / (double)mirror->fraction->denominator;
    return share >= 1 ? TABLE_SHARE_ALL : (uint32_t)(share * TABLE_SHARE_ALL + 0.5);
  }
  return mirror->has_percent ? (uint32_t)mirror->percent * (TABLE_SHARE_ALL / 100)
                             : TABLE_SHARE_ALL;
}

// One that leads nowhere is reported and left out: the traffic itself is not its business.
static void rule_mirror(struct builder *builder, const struct part_object *object, struct str place,
                        const struct route_mirror *from, struct table_mirror *mirrors,
                        struct table_filters *filters, struct http_made *made) {
  struct table_mirror *mirror = &mirrors[filters->mirror_count];
  *mirror = (struct table_mirror){.share = mirror_share(from)};
  mirror->destination.weight = 1;
  mirror->destination.subset = STR("");
  table_make_backend(builder, object, &from->backend_ref, place, &mirror->destination, made);
  if (mirror->share > 0 && mirror->destination.by_port)
    filters->mirror_count++;
}

static struct str cors_join(struct arena *arena, const struct str *items, size_t count) {
  struct str text = STR("");
  for (size_t i = 0; i < count; i++)
    text = TABLE_CONCAT(arena, text, i ? STR(",") : STR(""), items[i]);
  return text;
}

// "https://*.example.com": a '*' stands for any number of labels.
static bool cors_origin(struct builder *builder, struct str origin, struct string_matcher *match,
                        struct str *ret_fault) {
  struct buf pattern;
  match->kind = STRING_MATCH_EXACT;
  match->value = arena_str(builder->arena, origin);
  if (str_find_char(origin, '*') < 0)
    return true;
  buf_init(&pattern, 4096);
  for (size_t i = 0; i < origin.len; i++) {
    char c = origin.ptr[i];
    bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (c == '*')
      (void)buf_add_z(&pattern, "[^/:]+");
    else if (is_word || c == ':' || c == '/' || c == '-')
      (void)buf_add_char(&pattern, c);
    else
      (void)buf_addf(&pattern, "\\%c", c);
  }
  match->value = arena_str(builder->arena, buf_str(&pattern));
  buf_dispose(&pattern);
  return table_make_pattern(builder, match->value, match, ret_fault);
}

static bool rule_cors(struct builder *builder, const struct route_cors *from,
                      struct table_filters *filters, struct str *ret_fault) {
  struct arena *arena = builder->arena;
  struct table_cors *cors = ARENA_NEW(arena, struct table_cors);
  struct string_matcher *origins =
      ARENA_ARRAY(arena, struct string_matcher, from->allow_origins_count);
  cors->allow_credentials = from->has_allow_credentials && from->allow_credentials;
  cors->ignore_unmatched = true; // a preflight is answered here in any case
  cors->allow_methods = cors_join(arena, from->allow_methods, from->allow_methods_count);
  cors->allow_headers = cors_join(arena, from->allow_headers, from->allow_headers_count);
  cors->expose_headers = cors_join(arena, from->expose_headers, from->expose_headers_count);
  cors->echo_methods = str_eq(cors->allow_methods, STR("*"));
  cors->echo_headers = str_eq(cors->allow_headers, STR("*"));
  cors->max_age = arena_printf(arena, "%lld", (long long)from->max_age_s);
  cors->origins = origins;
  filters->cors = cors;
  for (size_t i = 0; i < from->allow_origins_count; i++) {
    if (str_eq(from->allow_origins[i], STR("*")))
      cors->any_origin = true;
    else if (!cors_origin(builder, from->allow_origins[i], &origins[cors->origin_count++],
                          ret_fault))
      return false;
  }
  return true;
}

bool table_make_rule_filters(struct builder *builder, const struct part_object *object, size_t rule,
                             const struct http_route_rule *declared, struct table_route *route,
                             struct http_made *made, struct str *ret_fault) {
  struct table_filters filters = {0};
  struct table_mirror *mirrors =
      ARENA_ARRAY(builder->arena, struct table_mirror, declared->filters_count + 1);
  bool ok = true;
  for (size_t i = 0; i < declared->filters_count; i++) {
    const struct route_filter *filter = &declared->filters[i];
    if (filter->request_mirror)
      rule_mirror(builder, object,
                  arena_printf(builder->arena, "spec.rules[%zu].filters[%zu]", rule, i),
                  filter->request_mirror, mirrors, &filters, made);
    if (filter->cors)
      ok = rule_cors(builder, filter->cors, &filters, ret_fault) && ok;
  }
  filters.mirrors = mirrors;
  if (filters.cors || filters.mirror_count)
    route->filters = arena_dup(builder->arena, &filters, sizeof filters);
  return ok;
}
