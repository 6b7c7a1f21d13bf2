// SPDX-License-Identifier: Apache-2.0
// What a route does beside choosing a destination: time-out, retries, headers, rewrite, redirect,
// direct response.
#include "manifests/text/base64.h"
#include "proxy/header_format.h"
#include "manifests/kinds/regex.h"
#include "proxy/table_parts.h"

#include <string.h>

static bool action_retries(struct builder *builder, const struct part_place *place,
                           const struct vs_retries *from, struct retry_policy *policy) {
  struct err err;
  *policy = retry_policy_default();
  if (!from)
    return true;
  // A block without attempts turns retries off.
  policy->attempts = from->attempts > 0 ? (uint32_t)from->attempts : 0;
  policy->per_try_timeout_ms = from->per_try_timeout_ms;
  if (from->backoff_ms > 0)
    policy->backoff_ms = from->backoff_ms;
  policy->ignore_previous_given = from->has_retry_ignore_previous_hosts;
  policy->remote_localities = from->has_retry_remote_localities && from->retry_remote_localities;
  if (from->has_retry_ignore_previous_hosts)
    policy->ignore_previous_hosts = from->retry_ignore_previous_hosts;
  if (from->retry_on.len == 0)
    return true;
  policy->on = 0;
  if (retry_policy_parse_on(policy, from->retry_on, &err) == 0)
    return true;
  table_finding(builder, FINDING_ERROR, place->object,
                table_place(builder, place, ".retries.retryOn"), "retry-on", "%s", err.msg);
  return false;
}

// What goes into a request line, a Host or a Location must not end it: no spaces, no control
// characters.
static bool action_check_text(struct builder *builder, const struct part_place *place,
                              const char *below, struct str text) {
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.ptr[i];
    if (c > 0x20 && c != 0x7f)
      continue;
    table_finding(builder, FINDING_ERROR, place->object, table_place(builder, place, below),
                  "bad-text", "expected no spaces and control characters, found byte 0x%02x", c);
    return false;
  }
  return true;
}

static bool action_is_host(struct str name) {
  return str_eq(name, STR("host")) || str_eq(name, STR(":authority"));
}

static bool action_header(struct builder *builder, const struct part_place *place,
                          const char *below, struct str text, struct table_header *header,
                          struct str *ret_host) {
  struct err err;
  if (action_is_host(header->name)) {
    // A rewrite of the host, literal as in Istio; set comes before add and wins.
    if (!action_check_text(builder, place, below, text))
      return false;
    if (ret_host->len == 0)
      *ret_host = arena_str(builder->arena, text);
    return true;
  }
  if (header_format_compile(builder->arena, text, HEADER_FORMAT_PERCENT, header, &err) == 0)
    return true;
  table_finding(builder, FINDING_ERROR, place->object, table_place(builder, place, below),
                "header-format", "%s", err.msg);
  return false;
}

static bool action_headers(struct builder *builder, const struct part_place *place,
                           const char *below, const char *op, const struct string_map *from,
                           struct table_header_ops *ops, struct str *ret_host) {
  struct table_header *headers = ARENA_ARRAY(builder->arena, struct table_header, from->count);
  size_t count = 0;
  bool ok = true;
  for (size_t i = 0; i < from->count; i++) {
    struct table_header header = {.name = table_lower(builder->arena, from->items[i].key)};
    const char *at =
        arena_printf(&builder->scratch, "%s.%s.%.*s", below, op, STR_ARG(from->items[i].key)).ptr;
    ok = action_header(builder, place, at, from->items[i].value, &header, ret_host) && ok;
    if (action_is_host(header.name))
      continue;
    ops->format_count += header.format != NULL;
    if (ops->format_count > HEAD_FIELDS_MAX) {
      table_finding(builder, FINDING_ERROR, place->object, table_place(builder, place, at),
                    "header-format", "expected at most %u computed headers", HEAD_FIELDS_MAX);
      return false;
    }
    headers[count++] = header;
  }
  if (strcmp(op, "set") == 0) {
    ops->set = headers;
    ops->set_count = count;
  } else {
    ops->add = headers;
    ops->add_count = count;
  }
  return ok;
}

bool table_make_headers(struct builder *builder, const struct part_place *place, const char *below,
                        const struct vs_header_ops *ops, struct table_header_ops *ret_ops,
                        struct str *ret_host) {
  struct str *remove = ARENA_ARRAY(builder->arena, struct str, ops->remove_count);
  for (size_t i = 0; i < ops->remove_count; i++)
    remove[i] = table_lower(builder->arena, ops->remove[i]);
  ret_ops->remove = remove;
  ret_ops->remove_count = ops->remove_count;
  bool ok = action_headers(builder, place, below, "set", &ops->set, ret_ops, ret_host);
  return action_headers(builder, place, below, "add", &ops->add, ret_ops, ret_host) && ok;
}

static bool action_rewrite(struct builder *builder, const struct part_place *place,
                           const struct vs_rewrite *from, struct table_rewrite *rewrite) {
  if (!from)
    return true;
  rewrite->has_uri = from->uri.len > 0;
  rewrite->uri = arena_str(builder->arena, from->uri);
  if (from->authority.len)
    rewrite->authority = arena_str(builder->arena, from->authority);
  bool ok = action_check_text(builder, place, ".rewrite.uri", from->uri);
  ok = action_check_text(builder, place, ".rewrite.authority", from->authority) && ok;
  if (!from->uri_regex_rewrite)
    return ok;
  const char *below = ".rewrite.uriRegexRewrite";
  rewrite->substitution = arena_str(builder->arena, from->uri_regex_rewrite->rewrite);
  rewrite->regex = table_regex(builder, place, below, from->uri_regex_rewrite->match, false);
  if (rewrite->regex && !regex_substitution_ok(rewrite->regex, rewrite->substitution)) {
    table_finding(builder, FINDING_ERROR, place->object, table_place(builder, place, below),
                  "regex", "\"%.*s\" uses a group that the pattern does not have",
                  STR_ARG(rewrite->substitution));
    return false;
  }
  return action_check_text(builder, place, below, rewrite->substitution) && rewrite->regex && ok;
}

static bool action_redirect(struct builder *builder, const struct part_place *place,
                            const struct vs_redirect *from, struct table_redirect *redirect) {
  struct arena *arena = builder->arena;
  redirect->has_uri = from->uri.len > 0;
  redirect->has_prefix = !redirect->has_uri && from->prefix_rewrite.len > 0;
  redirect->uri = arena_str(arena, redirect->has_prefix ? from->prefix_rewrite : from->uri);
  redirect->authority = arena_str(arena, from->authority);
  redirect->scheme = table_lower(arena, from->scheme);
  redirect->port = (uint16_t)from->port;
  redirect->port_from_request = from->derive_port == VS_FROM_REQUEST_PORT;
  redirect->port_protocol_default = from->derive_port == VS_FROM_PROTOCOL_DEFAULT;
  redirect->status = from->redirect_code ? (int)from->redirect_code : 301;
  const struct str texts[] = {redirect->uri, redirect->authority, redirect->scheme};
  bool ok = true;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    ok = action_check_text(builder, place, ".redirect", texts[i]) && ok;
  return ok;
}

static bool action_is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool action_reply(struct builder *builder, const struct part_place *place,
                         const struct vs_direct_response *from, struct table_route *route) {
  route->action = TABLE_REPLY;
  route->reply_status = (int)from->status;
  route->reply_body = STR("");
  if (!from->body)
    return true;
  if (!from->body->bytes.ptr) {
    route->reply_body = arena_str(builder->arena, from->body->string);
    return true;
  }
  if (base64_decode(from->body->bytes, builder->arena, &route->reply_body))
    return true;
  table_finding(builder, FINDING_ERROR, place->object,
                table_place(builder, place, ".directResponse.body.bytes"), "base64",
                "expected base64");
  return false;
}

bool table_make_action(struct builder *builder, const struct part_place *place,
                       const struct vs_http *http, struct table_route *route) {
  struct str host = STR("");
  route->action = TABLE_FORWARD;
  route->timeout_ms = http->has_timeout_ms ? http->timeout_ms : 0;
  bool ok = action_retries(builder, place, http->retries, &route->retry);
  if (http->headers) {
    ok = table_make_headers(builder, place, ".headers.request", &http->headers->request,
                            &route->request_headers, &host) &&
         ok;
    struct str ignored = STR("");
    ok = table_make_headers(builder, place, ".headers.response", &http->headers->response,
                            &route->response_headers, &ignored) &&
         ok;
  }
  route->rewrite.authority = host;
  ok = table_make_filters(builder, place, http, route) && ok;
  ok = action_rewrite(builder, place, http->rewrite, &route->rewrite) && ok;
  if (http->redirect) {
    // A status that no proxy redirects with leaves a route without an action, as in Istio: 404 NR.
    ok = action_redirect(builder, place, http->redirect, &route->redirect) && ok;
    if (action_is_redirect(route->redirect.status))
      route->action = TABLE_REDIRECT;
    return ok;
  }
  if (http->direct_response)
    return action_reply(builder, place, http->direct_response, route) && ok;
  return ok;
}
