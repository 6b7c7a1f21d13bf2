// SPDX-License-Identifier: Apache-2.0
#include "proxy/dump_route.h"

#include "manifests/text/duration.h"
#include "proxy/dump_filters.h"

static struct json *dump_string_match(struct arena *arena, const struct string_matcher *match) {
  struct json *item = json_new_object(arena);
  switch (match->kind) {
  case STRING_MATCH_NONE:
  case STRING_MATCH_PRESENT: break;
  case STRING_MATCH_EXACT: json_put_string(arena, item, "exact", match->value); break;
  case STRING_MATCH_PREFIX: json_put_string(arena, item, "prefix", match->value); break;
  case STRING_MATCH_PATH_PREFIX: json_put_string(arena, item, "pathPrefix", match->value); break;
  case STRING_MATCH_REGEX: json_put_string(arena, item, "regex", match->value); break;
  }
  return item;
}

static struct str dump_field_name(const struct field_match *field) {
  switch (field->source) {
  case FIELD_METHOD: return STR(":method");
  case FIELD_AUTHORITY: return STR(":authority");
  case FIELD_SCHEME: return STR(":scheme");
  case FIELD_PATH: return STR(":path");
  case FIELD_HEADER:
  case FIELD_QUERY: break;
  }
  return field->name;
}

static void dump_match(struct arena *arena, struct json *item, const struct match *match) {
  const struct {
    const char *name;
    const struct string_matcher *matcher;
  } parts[] = {{"uri", &match->uri},
               {"method", &match->method},
               {"authority", &match->authority},
               {"scheme", &match->scheme}};
  struct json *out = json_need_object(arena, item, "match");
  if (match->port)
    json_put_int(arena, out, "port", match->port);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    if (parts[i].matcher->kind != STRING_MATCH_NONE)
      json_put(arena, out, parts[i].name, dump_string_match(arena, parts[i].matcher));
  }
  if (match->uri.ignore_case)
    json_put_bool(arena, out, "ignoreUriCase", true);
  for (size_t i = 0; i < match->field_count; i++) {
    const struct field_match *field = &match->fields[i];
    const char *group = field->source == FIELD_QUERY ? "queryParams"
                        : field->inverted            ? "withoutHeaders"
                                                     : "headers";
    json_set(arena, json_need_object(arena, out, group), dump_field_name(field),
             dump_string_match(arena, &field->match));
  }
}

static void dump_retries(struct arena *arena, struct json *item, const struct retry_policy *retry) {
  struct json *out = json_need_object(arena, item, "retries");
  json_put_int(arena, out, "attempts", retry->attempts);
  if (retry->attempts == 0)
    return;
  struct json *on = json_need_array(arena, out, "retryOn");
  for (uint32_t bit = 1; bit; bit <<= 1) {
    const char *token = retry->on & bit ? retry_on_token((enum retry_on)bit) : NULL;
    if (token)
      json_append(on, json_new_z(arena, token));
  }
  for (size_t i = 0; i < retry->status_code_count; i++)
    json_append(on, json_new_string(arena, arena_printf(arena, "%u", retry->status_codes[i])));
  if (retry->per_try_timeout_ms)
    json_put_string(arena, out, "perTryTimeout", duration_format(arena, retry->per_try_timeout_ms));
  json_put_string(arena, out, "backoff", duration_format(arena, retry->backoff_ms));
}

static void dump_destinations(struct arena *arena, struct json *item,
                              const struct table_route *route) {
  struct json *list = json_need_array(arena, item, "route");
  for (size_t i = 0; i < route->destination_count; i++) {
    const struct table_destination *destination = &route->destinations[i];
    struct json *out = json_new_object(arena);
    json_put_string(arena, out, "host", destination->host);
    if (destination->subset.len)
      json_put_string(arena, out, "subset", destination->subset);
    if (destination->port)
      json_put_int(arena, out, "port", destination->port);
    json_put_int(arena, out, "weight", (int64_t)destination->weight);
    struct json *clusters = json_need_array(arena, out, "clusters");
    for (size_t j = 0; destination->by_port && j < destination->service->port_count; j++) {
      bool is_ours = destination->port == 0 || destination->fixed_port == j;
      if (is_ours && destination->by_port[j])
        json_append(clusters, json_new_string(arena, destination->by_port[j]->id));
    }
    json_append(list, out);
  }
  if (route->destination_count > 1)
    json_put_int(arena, item, "totalWeight", (int64_t)route->total_weight);
}

static void dump_redirect(struct arena *arena, struct json *item,
                          const struct table_redirect *redirect) {
  struct json *out = json_need_object(arena, item, "redirect");
  json_put_int(arena, out, "redirectCode", redirect->status);
  if (redirect->has_uri)
    json_put_string(arena, out, "uri", redirect->uri);
  if (redirect->has_prefix)
    json_put_string(arena, out, "prefixRewrite", redirect->uri);
  if (redirect->authority.len)
    json_put_string(arena, out, "authority", redirect->authority);
  if (redirect->scheme.len)
    json_put_string(arena, out, "scheme", redirect->scheme);
}

static void dump_rewrite(struct arena *arena, struct json *item,
                         const struct table_rewrite *rewrite) {
  if (!rewrite->has_uri && !rewrite->regex && !rewrite->authority.len)
    return;
  struct json *out = json_need_object(arena, item, "rewrite");
  if (rewrite->has_uri)
    json_put_string(arena, out, "uri", rewrite->uri);
  if (rewrite->regex)
    json_put_string(arena, out, "uriRegexRewrite", rewrite->substitution);
  if (rewrite->authority.len)
    json_put_string(arena, out, "authority", rewrite->authority);
}

struct json *dump_route(struct arena *arena, const struct table_route *route) {
  struct json *item = json_new_object(arena);
  json_put_string(arena, item, "name", route->name);
  dump_match(arena, item, &route->match);
  switch (route->action) {
  case TABLE_FORWARD:
    dump_destinations(arena, item, route);
    dump_rewrite(arena, item, &route->rewrite);
    if (route->timeout_ms)
      json_put_string(arena, item, "timeout", duration_format(arena, route->timeout_ms));
    dump_retries(arena, item, &route->retry);
    break;
  case TABLE_REDIRECT: dump_redirect(arena, item, &route->redirect); break;
  case TABLE_REPLY:
    json_put_int(arena, json_need_object(arena, item, "directResponse"), "status",
                 route->reply_status);
    break;
  }
  dump_filters(arena, item, route);
  return item;
}
