// SPDX-License-Identifier: Apache-2.0
#include "proxy/head_trailers.h"

#include "manifests/base/bug.h"

static const struct str forbidden[] = {
    // framing and the hop
    STR("content-length"),
    STR("transfer-encoding"),
    STR("connection"),
    STR("keep-alive"),
    STR("proxy-connection"),
    STR("te"),
    STR("trailer"),
    STR("upgrade"),
    STR("http2-settings"),
    // routing and who the client is
    STR("host"),
    STR("via"),
    STR("forwarded"),
    STR("server"),
    STR("x-request-id"),
    STR("x-real-ip"),
    STR("x-original-url"),
    STR("x-rewrite-url"),
    STR("x-http-method-override"),
    // authentication and state
    STR("authorization"),
    STR("proxy-authorization"),
    STR("proxy-authenticate"),
    STR("proxy-authentication-info"),
    STR("www-authenticate"),
    STR("authentication-info"),
    STR("cookie"),
    STR("set-cookie"),
    // controls of the request and of the answer
    STR("age"),
    STR("cache-control"),
    STR("date"),
    STR("expect"),
    STR("expires"),
    STR("location"),
    STR("max-forwards"),
    STR("pragma"),
    STR("range"),
    STR("retry-after"),
    STR("vary"),
    STR("warning"),
};

// Whole families: how to read the content, conditions, what proxies say about the client.
static const struct str forbidden_prefixes[] = {
    STR("content-"),
    STR("if-"),
    STR("x-forwarded-"),
    STR("x-envoy-"),
};

bool head_trailer_is_allowed(struct str name) {
  for (size_t i = 0; i < ARRAY_LEN(forbidden_prefixes); i++) {
    if (str_starts(name, forbidden_prefixes[i]))
      return false;
  }
  for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
    if (str_eq(name, forbidden[i]))
      return false;
  }
  return true;
}

bool head_trailers_add(struct head_trailers *trailers, struct str name, struct str value) {
  if (!head_trailer_is_allowed(name))
    return true;
  if (trailers->count >= HEAD_TRAILERS_MAX)
    return false;
  trailers->fields[trailers->count++] = (struct head_field){name, value, HEAD_OTHER};
  return true;
}

const struct head_field *head_trailers_find(const struct head_trailers *trailers, struct str name) {
  for (unsigned i = 0; trailers && i < trailers->count; i++) {
    if (str_eq(trailers->fields[i].name, name))
      return &trailers->fields[i];
  }
  return NULL;
}
