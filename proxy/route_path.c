// SPDX-License-Identifier: Apache-2.0
// Redirects and rewrites of route.h: what a request's path, authority or Location becomes.
#include "manifests/base/bug.h"
#include "proxy/host.h"
#include "proxy/route.h"
#include "proxy/route_path.h"

#include <string.h>

// ReplacePrefixMatch of the Gateway API (docs/dataplane.md 4.4): element by element, so that a '/'
// at the end of prefix or replacement makes no difference. Never an empty path.
static void route_replace_elements(struct str path, struct str prefix, struct str with,
                                   struct buf *out) {
  struct str rest = str_slice(path, prefix.len <= 1 ? 0 : prefix.len, path.len);
  while (with.len > 0 && with.ptr[with.len - 1] == '/')
    with.len--;
  (void)buf_add_str(out, with);
  if (with.len == 0 && (rest.len == 0 || rest.ptr[0] != '/'))
    (void)buf_add_char(out, '/');
  // "/foo" under "/": the whole path is what stands behind the prefix; "/" alone adds nothing.
  if (!(prefix.len <= 1 && with.len > 0 && str_eq(rest, STR("/"))))
    (void)buf_add_str(out, rest);
}

// `path` with what the route's uri matched replaced by `with`; a plain substitution of text, as
// VirtualService has it.
static void route_replace_matched(const struct table_route *route, struct str path, struct str with,
                                  struct buf *out) {
  const struct string_matcher *uri = &route->match.uri;
  size_t matched = path.len; // exact and regex match all of it
  if (uri->kind == STRING_MATCH_PATH_PREFIX) {
    route_replace_elements(path, uri->value, with, out);
    return;
  }
  if (uri->kind == STRING_MATCH_PREFIX)
    matched = uri->value.len;
  else if (uri->kind == STRING_MATCH_NONE || uri->kind == STRING_MATCH_PRESENT)
    matched = path.len && path.ptr[0] == '/' ? 1 : 0; // as the prefix "/"
  (void)buf_add_str(out, with);
  (void)buf_add_str(out, str_slice(path, matched, path.len));
}

size_t route_header_ops(const struct route_decision *decision, bool of_response,
                        const struct table_header_ops *ret_ops[2]) {
  const struct table_route *route = decision->route;
  const struct table_destination *destination = decision->destination;
  size_t count = 0;
  const struct table_header_ops *own = !destination  ? NULL
                                       : of_response ? &destination->response_headers
                                                     : &destination->request_headers;
  bool destination_first = route && route->is_weighted;
  if (own && destination_first)
    ret_ops[count++] = own;
  if (route)
    ret_ops[count++] = of_response ? &route->response_headers : &route->request_headers;
  if (own && !destination_first)
    ret_ops[count++] = own;
  return count;
}

struct str route_authority(const struct route_decision *decision) {
  if (decision->kind != ROUTE_FORWARD || !decision->route)
    return STR("");
  if (decision->route->rewrite.authority.len)
    return decision->route->rewrite.authority;
  return decision->destination ? decision->destination->authority : STR("");
}

bool route_has_rewrite(const struct route_decision *decision) {
  if (decision->kind != ROUTE_FORWARD || !decision->route)
    return false;
  return decision->route->rewrite.has_uri || decision->route->rewrite.regex;
}

bool route_path_fits(const struct route_decision *decision, const struct route_request *request,
                     struct route_worker *worker) {
  const struct table_route *route = decision->route;
  struct buf *out = &worker->path;
  buf_reset(out);
  if (route->rewrite.regex) {
    if (regex_replace(route->rewrite.regex, request->path, route->rewrite.substitution,
                      &worker->regex, out) == REGEX_LIMIT)
      return false;
  } else if (route->rewrite.is_whole) {
    (void)buf_add_str(out, route->rewrite.uri);
  } else {
    route_replace_matched(route, request->path, route->rewrite.uri, out);
  }
  return !out->failed && out->len <= request->path.len + ROUTE_REWRITE_GROWTH;
}

// An empty path is no path: "/" is what RFC 9112 writes for it. Nor is one without a slash in
// front: what a client wrote there ("http://...") would be read as another host.
static void route_make_absolute(struct buf *path) {
  bool fine = path->len == 0 || path->ptr[0] == '/' || str_eq(buf_str(path), STR("*"));
  if (fine || buf_add_char(path, '/') != 0)
    return;
  memmove(path->ptr + 1, path->ptr, path->len - 1);
  path->ptr[0] = '/';
}

void route_rewrite(const struct route_decision *decision, const struct route_request *request,
                   struct route_worker *worker, struct str *ret_path, struct str *ret_original) {
  struct buf *original = &worker->original;
  buf_reset(original);
  (void)buf_add_str(original, request->path);
  if (request->query.ptr) {
    (void)buf_add_char(original, '?');
    (void)buf_add_str(original, request->query);
  }
  *ret_original = buf_str(original);
  *ret_path = request->path;
  if (!route_has_rewrite(decision))
    return;
  BUG_ON(!route_path_fits(decision, request, worker));
  route_make_absolute(&worker->path);
  *ret_path = worker->path.len ? buf_str(&worker->path) : STR("/");
}

static uint16_t route_default_port(struct str scheme) {
  return str_eq(scheme, STR("https")) ? 443 : str_eq(scheme, STR("http")) ? 80 : 0;
}

// The port to write, 0 for none.
static uint16_t route_redirect_port(const struct table_redirect *redirect,
                                    const struct route_request *request, struct str scheme,
                                    uint16_t asked) {
  uint16_t port = 0;
  bool same_scheme = str_eq(scheme, request->scheme);
  if (redirect->port)
    port = redirect->port;
  else if (redirect->port_from_request)
    port = request->listener_port;
  else if (redirect->port_protocol_default)
    port = 0;
  else if (same_scheme && redirect->authority.len == 0)
    return asked; // as the client wrote it, even a default one
  else if (redirect->authority.len == 0 && asked != 80 && asked != 443)
    port = asked;
  return port == route_default_port(scheme) ? 0 : port;
}

int route_location(const struct route_decision *decision, const struct route_request *request,
                   struct buf *out) {
  const struct table_route *route = decision->route;
  const struct table_redirect *redirect = &route->redirect;
  struct str scheme = redirect->scheme.len ? redirect->scheme : request->scheme;
  struct str name, authority;
  uint16_t asked;
  host_split(request->authority, &name, &asked);
  // The name as it was written, brackets included.
  authority = asked ? str_slice(request->authority, 0,
                                (size_t)(name.ptr - request->authority.ptr) + name.len +
                                    (request->authority.ptr[0] == '[' ? 1 : 0))
                    : request->authority;
  if (redirect->authority.len)
    authority = redirect->authority;
  (void)buf_add_str(out, scheme);
  (void)buf_add_z(out, "://");
  (void)buf_add_str(out, authority);
  uint16_t port = route_redirect_port(redirect, request, scheme, asked);
  if (port)
    (void)buf_addf(out, ":%u", port);
  if (redirect->has_uri)
    (void)buf_add_str(out, redirect->uri);
  else if (redirect->has_prefix)
    route_replace_matched(route, request->path, redirect->uri, out);
  else
    (void)buf_add_str(out, request->path);
  bool has_own_query = redirect->has_uri && str_find_char(redirect->uri, '?') >= 0;
  if (request->query.ptr && !has_own_query) {
    (void)buf_add_char(out, '?');
    (void)buf_add_str(out, request->query);
  }
  return out->failed ? RC_LIMIT : 0;
}
