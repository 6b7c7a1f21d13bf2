// SPDX-License-Identifier: Apache-2.0
// Rules of an HTTPRoute -> routes with compiled matches, their filters and their ranks
// (docs/dataplane.md 4.2 to 4.5). What cannot be honoured is not skipped: the rule answers 500.
#include "proxy/header_format.h"
#include "manifests/kinds/regex.h"
#include "proxy/table_gateways.h"

bool table_make_pattern(struct builder *builder, struct str pattern, struct string_matcher *match,
                        struct str *ret_fault) {
  struct regex *regex = NULL;
  struct err err;
  if (regex_compile(pattern, true, &regex, &err)) {
    *ret_fault = arena_strz(builder->arena, err.msg);
    return false;
  }
  regex_link(&builder->table->regexes, regex);
  match->kind = STRING_MATCH_REGEX;
  match->regex = regex;
  return true;
}

static bool rule_path(struct builder *builder, const struct http_route_path_match *from,
                      struct string_matcher *match, struct route_rank *rank,
                      struct str *ret_fault) {
  struct str value = from->value.len ? from->value : STR("/");
  if (from->type == HTTP_ROUTE_PATH_REGEX) {
    match->value = arena_str(builder->arena, from->value);
    rank->path = ROUTE_RANK_REGEX;
    rank->path_len = from->value.len;
    return table_make_pattern(builder, match->value, match, ret_fault);
  }
  bool is_exact = from->type == HTTP_ROUTE_PATH_EXACT;
  while (!is_exact && value.len > 1 && value.ptr[value.len - 1] == '/')
    value.len--; // "/abc/" means "/abc"
  match->kind = is_exact ? STRING_MATCH_EXACT : STRING_MATCH_PATH_PREFIX;
  match->value = arena_str(builder->arena, value);
  rank->path = is_exact ? ROUTE_RANK_EXACT : ROUTE_RANK_PREFIX;
  rank->path_len = value.len;
  return true;
}

static bool rule_fields(struct builder *builder, const struct route_value_match *from, size_t count,
                        enum field_match_source source, struct field_match *fields,
                        struct str *ret_fault) {
  for (size_t i = 0; i < count; i++) {
    struct field_match *field = &fields[i];
    field->source = source;
    field->name = source == FIELD_HEADER ? table_lower(builder->arena, from[i].name)
                                         : arena_str(builder->arena, from[i].name);
    if (source == FIELD_HEADER && str_eq(field->name, STR("host")))
      field->source = FIELD_AUTHORITY;
    field->match.kind = STRING_MATCH_EXACT;
    field->match.value = arena_str(builder->arena, from[i].value);
    if (from[i].type == ROUTE_MATCH_REGEX &&
        !table_make_pattern(builder, field->match.value, &field->match, ret_fault))
      return false;
  }
  return true;
}

static bool rule_match(struct builder *builder, const struct http_route_match *from,
                       struct http_made_route *made, struct str *ret_fault) {
  struct match *match = &made->route.match;
  struct field_match *fields = ARENA_ARRAY(builder->arena, struct field_match,
                                           from->headers_count + from->query_params_count);
  match->fields = fields;
  match->field_count = from->headers_count + from->query_params_count;
  made->rank.has_method = from->method.len > 0;
  made->rank.headers = from->headers_count;
  made->rank.queries = from->query_params_count;
  if (from->method.len) {
    match->method.kind = STRING_MATCH_EXACT;
    match->method.value = arena_str(builder->arena, from->method);
  }
  return rule_path(builder, &from->path, &match->uri, &made->rank, ret_fault) &&
         rule_fields(builder, from->headers, from->headers_count, FIELD_HEADER, fields,
                     ret_fault) &&
         rule_fields(builder, from->query_params, from->query_params_count, FIELD_QUERY,
                     fields + from->headers_count, ret_fault);
}

// ---- filters ----

static const struct table_header *modifier_headers(struct builder *builder,
                                                   const struct route_header *from, size_t count,
                                                   size_t *ret_count, struct str *ret_host) {
  struct table_header *headers = ARENA_ARRAY(builder->arena, struct table_header, count);
  unsigned flags = builder->input->settings->literal_uuid ? 0 : HEADER_FORMAT_UUID;
  *ret_count = 0;
  for (size_t i = 0; i < count; i++) {
    struct table_header header = {.name = table_lower(builder->arena, from[i].name)};
    struct err err;
    if (str_eq(header.name, STR("host")))
      // Routing has used the Host; what is sent on may be another.
      *ret_host = arena_str(builder->arena, from[i].value);
    else if (header_format_compile(builder->arena, from[i].value, flags, &header,
                                   &err) == 0) // bytes that end a header were refused before
      headers[(*ret_count)++] = header;
  }
  return headers;
}

void table_make_modifier(struct builder *builder, const struct route_header_modifier *from,
                         struct table_header_ops *ops, struct str *ret_host) {
  struct str *remove = ARENA_ARRAY(builder->arena, struct str, from->remove_count);
  for (size_t i = 0; i < from->remove_count; i++)
    remove[i] = table_lower(builder->arena, from->remove[i]);
  ops->remove = remove;
  ops->remove_count = from->remove_count;
  ops->set = modifier_headers(builder, from->set, from->set_count, &ops->set_count, ret_host);
  ops->add = modifier_headers(builder, from->add, from->add_count, &ops->add_count, ret_host);
  for (size_t i = 0; i < ops->set_count; i++)
    ops->format_count += ops->set[i].format != NULL;
  for (size_t i = 0; i < ops->add_count; i++)
    ops->format_count += ops->add[i].format != NULL;
}

static void rule_rewrite(struct builder *builder, const struct route_url_rewrite *from,
                         struct table_rewrite *rewrite) {
  if (from->hostname.len)
    rewrite->authority = arena_str(builder->arena, from->hostname);
  if (!from->path)
    return;
  rewrite->has_uri = true;
  rewrite->is_whole = from->path->type == ROUTE_PATH_REPLACE_FULL;
  rewrite->uri = arena_str(builder->arena, rewrite->is_whole ? from->path->replace_full_path
                                                             : from->path->replace_prefix_match);
}

static void rule_redirect(struct builder *builder, const struct route_redirect *from,
                          struct table_route *route) {
  struct table_redirect *redirect = &route->redirect;
  route->action = TABLE_REDIRECT;
  redirect->status = (int)from->status_code;
  redirect->authority = arena_str(builder->arena, from->hostname);
  redirect->scheme = table_lower(builder->arena, from->scheme);
  redirect->port = (uint16_t)from->port;
  // Without a port: that of the scheme when there is one, else the listener's.
  redirect->port_protocol_default = from->scheme.len > 0;
  redirect->port_from_request = from->scheme.len == 0;
  redirect->uri = STR("");
  if (!from->path)
    return;
  redirect->has_uri = from->path->type == ROUTE_PATH_REPLACE_FULL;
  redirect->has_prefix = !redirect->has_uri;
  redirect->uri = arena_str(builder->arena, redirect->has_uri ? from->path->replace_full_path
                                                              : from->path->replace_prefix_match);
}

static const char *filter_name(enum route_filter_type type) {
  switch (type) {
  case ROUTE_FILTER_UNSET: break;
  case ROUTE_FILTER_REQUEST_HEADER: return "RequestHeaderModifier";
  case ROUTE_FILTER_RESPONSE_HEADER: return "ResponseHeaderModifier";
  case ROUTE_FILTER_MIRROR: return "RequestMirror";
  case ROUTE_FILTER_REDIRECT: return "RequestRedirect";
  case ROUTE_FILTER_URL_REWRITE: return "URLRewrite";
  case ROUTE_FILTER_CORS: return "CORS";
  case ROUTE_FILTER_EXTENSION_REF: return "ExtensionRef";
  }
  return "unknown";
}

static bool rule_filter(struct builder *builder, const struct route_filter *filter,
                        struct table_route *route, struct str *ret_fault) {
  struct str ignored = STR("");
  switch (filter->type) {
  case ROUTE_FILTER_REQUEST_HEADER:
    table_make_modifier(builder, filter->request_header_modifier, &route->request_headers,
                        &route->rewrite.authority);
    return true;
  case ROUTE_FILTER_RESPONSE_HEADER:
    table_make_modifier(builder, filter->response_header_modifier, &route->response_headers,
                        &ignored);
    return true;
  case ROUTE_FILTER_REDIRECT: rule_redirect(builder, filter->request_redirect, route); return true;
  case ROUTE_FILTER_URL_REWRITE:
    rule_rewrite(builder, filter->url_rewrite, &route->rewrite);
    return true;
  case ROUTE_FILTER_MIRROR:
  case ROUTE_FILTER_CORS: return true; // table_make_rule_filters
  case ROUTE_FILTER_UNSET:
  case ROUTE_FILTER_EXTENSION_REF: break;
  }
  *ret_fault =
      arena_printf(builder->arena, "filter %s is not known here", filter_name(filter->type));
  return false;
}

// Filters of a backend: the two header modifiers.
static bool rule_check_backend_filters(struct builder *builder, const struct http_route_rule *rule,
                                       struct str *ret_fault) {
  for (size_t i = 0; i < rule->backend_refs_count; i++) {
    for (size_t j = 0; j < rule->backend_refs[i].filters_count; j++) {
      enum route_filter_type type = rule->backend_refs[i].filters[j].type;
      if (type == ROUTE_FILTER_REQUEST_HEADER || type == ROUTE_FILTER_RESPONSE_HEADER)
        continue;
      *ret_fault =
          arena_printf(builder->arena, "filter %s is not known on a backend", filter_name(type));
      return false;
    }
  }
  return true;
}

// ---- time-outs and retries ----

static void rule_timeouts(const struct http_route_rule *rule, struct table_route *route) {
  route->retry = retry_policy_default();
  if (rule->retry) {
    const struct http_route_retry *from = rule->retry;
    struct retry_policy *policy = &route->retry;
    policy->attempts = from->has_attempts && from->attempts > 0 ? (uint32_t)from->attempts
                                                                : RETRY_DEFAULT_ATTEMPTS;
    // Connections that fail, break or take too long are tried again, too.
    policy->on = RETRY_DEFAULT_ON | RETRY_ON_RESET;
    for (size_t i = 0; i < from->codes_count && i < RETRY_STATUS_CODES_MAX; i++)
      policy->status_codes[policy->status_code_count++] = (uint16_t)from->codes[i];
    if (from->backoff_ms > 0)
      policy->backoff_ms = policy->backoff_least_ms = from->backoff_ms;
  }
  if (!rule->timeouts)
    return;
  if (rule->timeouts->has_request_ms)
    route->timeout_ms = rule->timeouts->request_ms;
  if (rule->timeouts->has_backend_request_ms)
    route->retry.per_try_timeout_ms = rule->timeouts->backend_request_ms;
}

// ---- rules ----

static void rule_answer(struct table_route *route, int status) {
  route->action = TABLE_REPLY;
  route->reply_status = status;
  route->reply_body = STR("");
}

static bool rule_action(struct builder *builder, const struct part_object *object, size_t index,
                        const struct http_route_rule *rule, struct table_route *route,
                        struct http_made *made, struct str *ret_fault) {
  route->action = TABLE_FORWARD;
  rule_timeouts(rule, route);
  bool ok = rule_check_backend_filters(builder, rule, ret_fault);
  for (size_t i = 0; ok && i < rule->filters_count; i++)
    ok = rule_filter(builder, &rule->filters[i], route, ret_fault);
  table_make_backends(builder, object, index, rule, route, made);
  ok = table_make_rule_filters(builder, object, index, rule, route, made, ret_fault) && ok;
  if (!ok || (route->action == TABLE_FORWARD && route->destination_count == 0))
    rule_answer(route, 500);
  return ok;
}

static void rule_drop(struct builder *builder, const struct part_object *object, size_t index,
                      struct str fault, struct http_made *made) {
  struct str text = arena_printf(builder->arena, "Dropped Rule %zu: %.*s", index, STR_ARG(fault));
  if (made->rules_dropped++ == 0)
    made->dropped = text;
  table_finding(builder, FINDING_WARNING, object,
                arena_printf(builder->arena, "spec.rules[%zu]", index), "unsupported-value",
                "%.*s; its requests are answered with 500", STR_ARG(fault));
}

static void rule_add(struct builder *builder, const struct part_object *object, size_t index,
                     const struct http_route_rule *rule, struct http_made *made) {
  struct table_route shared = {0};
  struct str fault = STR("");
  bool ok = rule_action(builder, object, index, rule, &shared, made, &fault);
  shared.name = rule->name.len ? TABLE_CONCAT(builder->arena, object->meta->namespace_, STR("."),
                                              object->meta->name, STR("."), rule->name)
                               : arena_printf(builder->arena, "%.*s.%.*s.%zu",
                                              STR_ARG(object->meta->namespace_),
                                              STR_ARG(object->meta->name), index);
  for (size_t i = 0; i < rule->matches_count; i++) {
    struct http_made_route *item = &made->items[made->count++];
    *item = (struct http_made_route){0};
    item->route = shared;
    item->rank = (struct route_rank){
        .created_ms = object->meta->creation_timestamp_ms,
        .route =
            TABLE_CONCAT(&builder->scratch, object->meta->namespace_, STR("/"), object->meta->name),
        .rule = (uint32_t)index,
        .match = (uint32_t)i,
    };
    if (rule_match(builder, &rule->matches[i], item, &fault))
      continue;
    made->count--; // a pattern that cannot be compiled matches nothing
    ok = false;
  }
  if (!ok)
    rule_drop(builder, object, index, fault, made);
}

struct http_made *table_make_http_route(struct builder *builder, const struct part_object *object) {
  const struct http_route *declared = object->from->object;
  struct http_made *made = ARENA_NEW(&builder->scratch, struct http_made);
  made->resolved = "ResolvedRefs";
  made->resolved_message = STR("All references are resolved");
  made->dropped = STR("");
  size_t matches = 0;
  for (size_t i = 0; i < declared->spec.rules_count; i++)
    matches += declared->spec.rules[i].matches_count;
  made->items = ARENA_ARRAY(&builder->scratch, struct http_made_route, matches);
  for (size_t i = 0; i < declared->spec.rules_count; i++)
    rule_add(builder, object, i, &declared->spec.rules[i], made);
  return made;
}
