// SPDX-License-Identifier: Apache-2.0
// What a route does beside choosing a destination: time-out, retries, headers, rewrite, redirect,
// direct response.
#include "proxy/regex.h"
#include "proxy/table_parts.h"

#include "manifests/source/base64.h"

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

// "%%" is a percent sign; "%COMMAND%" is not enforced yet and makes the operation void rather than
// wrong.
static bool action_header_value(struct builder *builder, struct str text, struct str *ret_value) {
  char *out = arena_alloc(builder->arena, text.len + 1);
  size_t len = 0;
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] == '%' && (i + 1 == text.len || text.ptr[++i] != '%'))
      return false;
    if (text.ptr[i] == '\r' || text.ptr[i] == '\n' || text.ptr[i] == '\0')
      return false;
    out[len++] = text.ptr[i];
  }
  *ret_value = (struct str){out, len};
  return true;
}

static const struct table_header *action_headers(struct builder *builder,
                                                 const struct part_place *place, const char *below,
                                                 const char *op, const struct string_map *from,
                                                 size_t *ret_count, struct str *ret_host) {
  struct table_header *headers = ARENA_ARRAY(builder->arena, struct table_header, from->count);
  size_t count = 0;
  for (size_t i = 0; i < from->count; i++) {
    struct table_header header = {.name = table_lower(builder->arena, from->items[i].key)};
    if (!action_header_value(builder, from->items[i].value, &header.value)) {
      table_finding(
          builder, FINDING_WARNING, place->object,
          arena_printf(builder->arena, "%.*s.%s.%.*s", STR_ARG(table_place(builder, place, below)),
                       op, STR_ARG(from->items[i].key)),
          "not-enforced", "values with %%COMMAND%% are not written; this one is left out");
      continue;
    }
    bool is_host = str_eq(header.name, STR("host")) || str_eq(header.name, STR(":authority"));
    if (is_host && !action_check_text(builder, place, below, header.value))
      continue;
    if (is_host && ret_host->len == 0)
      *ret_host = header.value; // a rewrite of the host; set comes before add and wins
    if (!is_host)
      headers[count++] = header;
  }
  *ret_count = count;
  return headers;
}

void table_make_headers(struct builder *builder, const struct part_place *place, const char *below,
                        const struct vs_header_ops *ops, struct table_header_ops *ret_ops,
                        struct str *ret_host) {
  struct str *remove = ARENA_ARRAY(builder->arena, struct str, ops->remove_count);
  for (size_t i = 0; i < ops->remove_count; i++)
    remove[i] = table_lower(builder->arena, ops->remove[i]);
  ret_ops->remove = remove;
  ret_ops->remove_count = ops->remove_count;
  ret_ops->set =
      action_headers(builder, place, below, "set", &ops->set, &ret_ops->set_count, ret_host);
  ret_ops->add =
      action_headers(builder, place, below, "add", &ops->add, &ret_ops->add_count, ret_host);
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
    table_make_headers(builder, place, ".headers.request", &http->headers->request,
                       &route->request_headers, &host);
    struct str ignored = STR("");
    table_make_headers(builder, place, ".headers.response", &http->headers->response,
                       &route->response_headers, &ignored);
  }
  route->rewrite.authority = host;
  ok = action_rewrite(builder, place, http->rewrite, &route->rewrite) && ok;
  if (http->redirect) {
    route->action = TABLE_REDIRECT;
    return action_redirect(builder, place, http->redirect, &route->redirect) && ok;
  }
  if (http->direct_response)
    return action_reply(builder, place, http->direct_response, route) && ok;
  return ok;
}
