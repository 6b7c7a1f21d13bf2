// SPDX-License-Identifier: Apache-2.0
// The head of a request or a response in a form that no protocol version owns: pseudo fields,
// header fields with lower-case names, and how long the body is. Filled by a codec (http1.c),
// changed by the proxy's own rules (head_rules.c), written by a codec. Views point into the
// reader's buffer or into the exchange's scratch memory; a head owns nothing. Pure.
#pragma once

#include "manifests/base/str.h"

#define HEAD_BYTES_MAX (60u * 1024) // of one head on the wire, as Envoy's default
#define HEAD_FIELDS_MAX 100u        // that a peer may send, as Envoy's default
#define HEAD_FIELDS_ROOM 160u       // with those we add ourselves
#define HEAD_FIELDS_FIRST 24u       // as many as most heads have

#define HEAD_FIELDS_OWN 8u // of these, what no configuration can use up

#define HEAD_LENGTH_UNKNOWN                                                                        \
  (-1) // a body whose end shows only when it comes (chunked, until close, h2)

// Names that the proxy acts on, in the order of their lengths. XX(enumerator, name, what it is)
#define HEAD_NAME_MAP(XX)                                                                          \
  XX(TE, "te", HEAD_IS_HOP)                                                                        \
  XX(VIA, "via", 0)                                                                                \
  XX(DATE, "date", 0)                                                                              \
  XX(HOST, "host", HEAD_IS_CRITICAL)                                                               \
  XX(EXPECT, "expect", 0)                                                                          \
  XX(SERVER, "server", 0)                                                                          \
  XX(TRAILER, "trailer", HEAD_IS_HOP)                                                              \
  XX(UPGRADE, "upgrade", HEAD_IS_HOP)                                                              \
  XX(CONNECTION, "connection", HEAD_IS_HOP)                                                        \
  XX(KEEP_ALIVE, "keep-alive", HEAD_IS_HOP)                                                        \
  XX(USER_AGENT, "user-agent", 0)                                                                  \
  XX(GRPC_STATUS, "grpc-status", 0)                                                                \
  XX(CONTENT_TYPE, "content-type", 0)                                                              \
  XX(X_REQUEST_ID, "x-request-id", 0)                                                              \
  XX(CONTENT_LENGTH, "content-length", HEAD_IS_CRITICAL)                                           \
  XX(HTTP2_SETTINGS, "http2-settings", HEAD_IS_HOP)                                                \
  XX(X_FORWARDED_FOR, "x-forwarded-for", HEAD_IS_CRITICAL)                                         \
  XX(PROXY_CONNECTION, "proxy-connection", HEAD_IS_HOP)                                            \
  XX(X_ENVOY_RETRY_ON, "x-envoy-retry-on", HEAD_IS_CONTROL)                                        \
  XX(X_ENVOY_INTERNAL, "x-envoy-internal", HEAD_IS_CONTROL)                                        \
  XX(X_FORWARDED_HOST, "x-forwarded-host", HEAD_IS_CRITICAL)                                       \
  XX(X_FORWARDED_PORT, "x-forwarded-port", HEAD_IS_CRITICAL)                                       \
  XX(TRANSFER_ENCODING, "transfer-encoding", HEAD_IS_HOP)                                          \
  XX(X_FORWARDED_PROTO, "x-forwarded-proto", HEAD_IS_CRITICAL)                                     \
  XX(X_ENVOY_MAX_RETRIES, "x-envoy-max-retries", HEAD_IS_CONTROL)                                  \
  XX(X_ENVOY_ATTEMPT_COUNT, "x-envoy-attempt-count", HEAD_IS_CONTROL)                              \
  XX(X_ENVOY_RETRY_GRPC_ON, "x-envoy-retry-grpc-on", HEAD_IS_CONTROL)                              \
  XX(X_ENVOY_EXTERNAL_ADDRESS, "x-envoy-external-address", HEAD_IS_CONTROL)                        \
  XX(X_ENVOY_SERVICE_TIME, "x-envoy-upstream-service-time", 0)                                     \
  XX(X_ENVOY_TIMEOUT, "x-envoy-upstream-rq-timeout-ms", HEAD_IS_CONTROL)                           \
  XX(X_ENVOY_RETRIABLE_CODES, "x-envoy-retriable-status-codes", HEAD_IS_CONTROL)                   \
  XX(X_ENVOY_RETRIABLE_NAMES, "x-envoy-retriable-header-names", HEAD_IS_CONTROL)                   \
  XX(X_ENVOY_EXPECTED_TIMEOUT, "x-envoy-expected-rq-timeout-ms", HEAD_IS_CONTROL)                  \
  XX(X_ENVOY_ALT_STAT_NAME, "x-envoy-upstream-alt-stat-name", HEAD_IS_CONTROL)                     \
  XX(X_ENVOY_HEDGE, "x-envoy-hedge-on-per-try-timeout", HEAD_IS_CONTROL)                           \
  XX(X_ENVOY_PER_TRY_TIMEOUT, "x-envoy-upstream-rq-per-try-timeout-ms", HEAD_IS_CONTROL)           \
  XX(X_ENVOY_TIMEOUT_ALT, "x-envoy-upstream-rq-timeout-alt-response", HEAD_IS_CONTROL)

enum head_name {
  HEAD_OTHER,
#define XX(name, text, flags) HEAD_##name,
  HEAD_NAME_MAP(XX)
#undef XX
      HEAD_NAME_COUNT
};
_Static_assert(HEAD_NAME_COUNT <= 64, "head.present has a bit for each");

enum {
  HEAD_IS_HOP = 1,      // belongs to one hop: never forwarded
  HEAD_IS_CRITICAL = 2, // may not be named by a Connection header
  HEAD_IS_CONTROL = 4,  // read by the proxy, never forwarded
};

struct head_field {
  struct str name; // lower case
  struct str value;
  enum head_name id;
};

// Not to be copied: it may point into itself.
struct head {
  struct str method;    // requests
  struct str authority; // requests: Host or :authority, as sent
  struct str path;      // requests: normalised, without query and fragment; "*" for OPTIONS *
  struct str query;     // requests: without '?'; STR_NULL when there is none
  int status;           // responses
  int minor;            // of HTTP/1.x
  int64_t length;       // bytes of the body, or HEAD_LENGTH_UNKNOWN
  bool is_head;         // the method is HEAD
  bool is_idempotent;   // RFC 9110 9.2.2
  bool expects_continue;
  bool wants_upgrade; // an Upgrade header named by Connection
  bool is_connect;    // the method is CONNECT
  bool keep_alive;    // the peer would go on with the connection
  bool names_fields;  // Connection names fields: they belong to this hop, too
  uint64_t present;   // 1 << enum head_name of every field; a removed one may still be in it
  unsigned count;
  unsigned room;
  struct head_field *fields; // `first`, or for more an array of HEAD_FIELDS_ROOM, which it keeps
  struct head_field first[HEAD_FIELDS_FIRST];
};

void head_init(struct head *head);
void head_dispose(struct head *head);
// As after head_init, without giving back memory.
void head_reset(struct head *head);
// How many of the first bytes are a token of RFC 9110 5.6.2; they are lowered in place.
size_t head_lower_token(char *text, size_t len);
// Appends a field that a peer sent. The caller keeps to HEAD_FIELDS_MAX.
void head_add_lower(struct head *head, struct str lower_name, struct str value);
// Appends a field. There is room for what the proxy adds itself beyond what a peer may send.
void head_add(struct head *head, enum head_name id, struct str value);
// The same for any lower-case name, from a configuration; false when the head is full.
bool head_add_name(struct head *head, struct str lower_name, struct str value);
// The first field of that name, or NULL.
struct head_field *head_find(struct head *head, enum head_name id);
const struct head_field *head_find_name(const struct head *head, struct str lower_name);
unsigned head_count(const struct head *head, enum head_name id);
void head_remove(struct head *head, enum head_name id);
void head_remove_name(struct head *head, struct str lower_name);
bool head_has_flagged(const struct head *head, unsigned flags);
void head_remove_flagged(struct head *head, unsigned flags); // HEAD_IS_* bits
void head_set(struct head *head, enum head_name id,
              struct str value); // all of that name become one

struct str head_name_text(enum head_name id);
unsigned head_name_flags(enum head_name id); // HEAD_IS_* bits
// Sets the fields of `head` that follow from its method; false when nobody knows that method.
bool head_classify_method(struct head *head);
// The known name that `text` is in any case; HEAD_OTHER for all else.
enum head_name head_name_find(struct str text);
// Whether a comma-separated list has the token, in any case.
bool head_list_has(struct str list, struct str token);
// Whether a request's TE header asks for trailers behind the response.
bool head_takes_trailers(const struct head *head);
// Whether the text is a token of RFC 9110 5.6.2.
bool head_is_token(struct str text);
// Whether the text may stand as Host or :authority: a name, IPv4 or [IPv6], with or without a port.
bool head_authority_is_valid(struct str authority);
