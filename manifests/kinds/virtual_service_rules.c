// SPDX-License-Identifier: Apache-2.0
// Rules of the policies of an HTTP route (virtual_service_check.h).
#include "manifests/kinds/header_command.h"
#include "manifests/kinds/regex_form.h"
#include "manifests/kinds/retry_on.h"
#include "manifests/kinds/virtual_service_check.h"
#include "manifests/schema/format.h"

static bool vs_is_host(struct str name) {
  return str_eq_nocase(name, STR("host")) || str_eq_z(name, ":authority");
}

static void check_pairs(const struct string_map *map, const char *name, struct check *check) {
  for (size_t i = 0; i < map->count; i++) {
    struct str key = map->items[i].key, value = map->items[i].value;
    struct err err;
    const char *field = arena_printf(check->arena, "%s.%.*s", name, STR_ARG(key)).ptr;
    if (!str_eq_z(key, ":authority") && !format_token.is_valid(key))
      check_error(check, "bad-value", field, "is not a header name (%s)", format_token.expected);
    if (!format_header_value.is_valid(value))
      check_error(check, "bad-value", field, "expected %s", format_header_value.expected);
    else if (!vs_is_host(key) && header_command_check(value, &err))
      check_error(check, "header-format", field, "%s", err.msg);
    if (header_is_of_connection(key))
      check_warn(check, "no-effect", field, "is made by the proxy itself, from the message");
  }
}

void vs_check_header_ops(const void *object, struct check *check) {
  const struct vs_header_ops *ops = object;
  check_pairs(&ops->set, "set", check);
  check_pairs(&ops->add, "add", check);
}

static void check_no_host(const struct string_map *map, const char *name, struct check *check) {
  for (size_t i = 0; i < map->count; i++)
    if (vs_is_host(map->items[i].key))
      check_error(
          check, "bad-value",
          arena_printf(check->arena, "response.%s.%.*s", name, STR_ARG(map->items[i].key)).ptr,
          "a response has no host to change");
}

void vs_check_headers(const void *object, struct check *check) {
  const struct vs_headers *headers = object;
  const struct vs_header_ops *request = &headers->request;
  check_no_host(&headers->response.set, "set", check);
  check_no_host(&headers->response.add, "add", check);
  for (size_t i = 0; i < request->remove_count; i++)
    if (vs_is_host(request->remove[i]))
      check_warn(check, "no-effect", check_index(check, "request.remove", i, ""),
                 "a request without a host is none; it stays");
}

// What goes into a request line, a Host or a Location must not end it.
static void check_line(struct str text, const char *field, struct check *check) {
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.ptr[i];
    if (c > 0x20 && c != 0x7f)
      continue;
    check_error(check, "bad-value", field, "must have no spaces and control characters");
    return;
  }
}

void vs_check_redirect(const void *object, struct check *check) {
  const struct vs_redirect *redirect = object;
  check_line(redirect->uri, "uri", check);
  check_line(redirect->prefix_rewrite, "prefixRewrite", check);
  check_line(redirect->authority, "authority", check);
  check_line(redirect->scheme, "scheme", check);
  if (!redirect->uri.len && !redirect->authority.len && !redirect->scheme.len && !redirect->port &&
      !redirect->derive_port && !redirect->prefix_rewrite.len)
    check_error(check, "required", "",
                "one of uri, prefixRewrite, authority, scheme and port is required");
  if (redirect->uri.len && redirect->prefix_rewrite.len)
    check_error(check, "one-of", "prefixRewrite", "only one of uri and prefixRewrite may be given");
  if (redirect->port && redirect->derive_port)
    check_error(check, "one-of", "derivePort", "only one of port and derivePort may be given");
  int64_t code = redirect->redirect_code;
  if (code && (code < 300 || code > 399))
    check_error(check, "out-of-range", "redirectCode", "expected 300 to 399, found %lld",
                (long long)code);
  else if (code && code != 301 && code != 302 && code != 303 && code != 307 && code != 308)
    check_warn(check, "unsupported", "redirectCode",
               "%lld is no redirect that proxies make; use 301, 302, 303, 307 or 308",
               (long long)code);
}

void vs_check_direct_response(const void *object, struct check *check) {
  const struct vs_direct_response *direct = object;
  if (!direct->body)
    return;
  if (direct->body->string.ptr && direct->body->bytes.ptr)
    check_error(check, "one-of", "body", "only one of string and bytes may be given");
  if (direct->body->string.len > 100000 || direct->body->bytes.len > 133336)
    check_warn(check, "large-body", "body", "is larger than 100 kB");
}

void vs_check_rewrite(const void *object, struct check *check) {
  const struct vs_rewrite *rewrite = object;
  const struct vs_regex_rewrite *regex = rewrite->uri_regex_rewrite;
  check_line(rewrite->uri, "uri", check);
  check_line(rewrite->authority, "authority", check);
  if (regex)
    check_line(regex->rewrite, "uriRegexRewrite.rewrite", check);
  if (!rewrite->uri.len && !rewrite->authority.len && !regex)
    check_error(check, "required", "", "one of uri, authority and uriRegexRewrite is required");
  if (!regex)
    return;
  if (rewrite->uri.len)
    check_error(check, "one-of", "uriRegexRewrite",
                "only one of uri and uriRegexRewrite may be given");
  if (!regex->match.len || !regex->rewrite.ptr)
    check_error(check, "required", "uriRegexRewrite", "match and rewrite are both required");
  const char *fault = regex_form_fault(regex->match);
  if (fault)
    check_error(check, "bad-regex", "uriRegexRewrite.match", "is not an RE2 regular expression: %s",
                fault);
  fault = regex_form_rewrite_fault(regex->match, regex->rewrite);
  if (fault)
    check_error(check, "bad-value", "uriRegexRewrite.rewrite", "cannot be used: %s", fault);
}

void vs_check_retries(const void *object, struct check *check) {
  const struct vs_retries *retries = object;
  if (retries->attempts == 0 && (retries->per_try_timeout_ms || retries->retry_on.len ||
                                 retries->has_retry_remote_localities))
    check_error(check, "no-effect", "attempts",
                "0 (or not given) turns retries off, so nothing else may be set here");
  struct str rest = retries->retry_on, token;
  while (retries->retry_on.len && str_next(&rest, ',', &token)) {
    if (retry_on_is_known(token))
      continue;
    if (retry_on_is_known(str_trim(token)))
      check_error(check, "bad-value", "retryOn", "has a space beside \"%.*s\": remove it",
                  STR_ARG(str_trim(token)));
    else if (retry_on_nearest(token))
      check_error(check, "bad-value", "retryOn",
                  "\"%.*s\" is not a retry condition; did you mean \"%s\"?",
                  STR_ARG(str_slice(token, 0, 80)), retry_on_nearest(token));
    else
      check_error(check, "bad-value", "retryOn",
                  "\"%.*s\" is neither a retry condition nor a status code",
                  STR_ARG(str_slice(token, 0, 80)));
  }
}

void vs_check_percentage(const void *object, struct check *check) {
  const struct vs_percentage *percentage = object;
  if (percentage->value > 0 && percentage->value < 0.0001)
    check_error(check, "out-of-range", "value", "is finer than 0.0001");
}

void vs_check_delay(const void *object, struct check *check) {
  const struct vs_delay *delay = object;
  if (delay->exponential_delay_ms)
    check_error(check, "unsupported", "exponentialDelay", "is not supported; use fixedDelay");
  else if (!delay->has_fixed_delay_ms)
    check_error(check, "required", "fixedDelay", "is required");
  if (!delay->percentage && !delay->has_percent)
    check_warn(check, "no-effect", "", "without percentage no request is delayed");
}

void vs_check_abort(const void *object, struct check *check) {
  const struct vs_abort *abort = object;
  if (abort->http2_error.len)
    check_error(check, "unsupported", "http2Error",
                "is not supported; use httpStatus or grpcStatus");
  else if (abort->has_http_status && abort->grpc_status.len)
    check_error(check, "one-of", "grpcStatus",
                "only one of httpStatus and grpcStatus may be given");
  else if (!abort->has_http_status && !abort->grpc_status.len)
    check_warn(check, "no-effect", "", "without httpStatus or grpcStatus nothing is aborted");
  if (abort->grpc_status.len && !grpc_status_is_known(abort->grpc_status))
    check_error(check, "bad-value", "grpcStatus",
                "expected a gRPC status such as UNAVAILABLE, found \"%.*s\"",
                STR_ARG(str_slice(abort->grpc_status, 0, 80)));
  if (!abort->percentage)
    check_warn(check, "no-effect", "", "without percentage no request is aborted");
}

void vs_check_fault(const void *object, struct check *check) {
  const struct vs_fault *fault = object;
  if (!fault->delay && !fault->abort)
    check_error(check, "required", "", "one of delay and abort is required");
}

static bool is_cors_method(struct str method) {
  static const char *const methods[] = {"GET",    "HEAD",    "POST",    "PUT",   "PATCH",
                                        "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"};
  for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
    if (str_eq_z(method, methods[i]))
      return true;
  return false;
}

static void check_names(const struct str *names, size_t count, const char *field,
                        struct check *check) {
  for (size_t i = 0; i < count; i++)
    if (!format_token.is_valid(names[i]))
      check_error(check, "bad-value", check_index(check, field, i, ""), "is not a header name");
}

void vs_check_cors(const void *object, struct check *check) {
  const struct vs_cors *cors = object;
  for (size_t i = 0; i < cors->allow_methods_count; i++)
    if (!is_cors_method(cors->allow_methods[i]))
      check_error(check, "bad-value", check_index(check, "allowMethods", i, ""),
                  "expected GET, HEAD, POST, PUT, PATCH, DELETE, CONNECT, OPTIONS, TRACE or *");
  check_names(cors->allow_headers, cors->allow_headers_count, "allowHeaders", check);
  check_names(cors->expose_headers, cors->expose_headers_count, "exposeHeaders", check);
  if (cors->max_age_ms % 1000)
    check_error(check, "bad-value", "maxAge", "must be whole seconds");
  for (size_t i = 0; i < cors->allow_origins_count; i++) {
    const struct string_match *origin = &cors->allow_origins[i];
    if (!origin->exact.len && !origin->prefix.len && !origin->regex.len)
      check_error(check, "required", check_index(check, "allowOrigins", i, ""),
                  "one of exact, prefix and regex is required");
  }
}
