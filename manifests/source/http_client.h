// SPDX-License-Identifier: Apache-2.0
// An HTTP/1.1 client on a libuv loop, with connection reuse, TLS and streams. http_client.c is the
// only file that knows libcurl. Used by the Kubernetes client, metric queries and probes. It never
// logs: URLs may be shown by its caller, credentials never leave it. Redirects are not followed.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/err.h"

struct sockaddr;
struct uv_loop_s;
struct http_client;
struct http_transfer; // one running request: http_client_parts.h

#define HTTP_DEADLINE_MS 30000      // when a request names none
#define HTTP_HEAD_MAX (64u << 10)   // all header lines of one reply
#define HTTP_REFUSAL_MAX (1u << 20) // body of a stream's reply that is not 2xx

struct http_header {
  struct str name, value;
};

// PEM texts; all empty means the system's certificates.
struct http_tls {
  struct str ca_pem;            // trust only this
  struct str cert_pem, key_pem; // our own certificate, for client authentication
  bool insecure;                // do not verify the server at all
  struct str server_name;       // what the certificate must say; empty: the URL's host
};

// Whether a connection to this address may be opened. Asked for each address that the URL's host
// resolves to, at the moment of connecting: what the name means later, or elsewhere, is of no help.
typedef bool (*http_may_connect_fn)(const struct sockaddr *address, void *data);

struct http_request {
  const char *method; // NULL: GET
  struct str url;     // http:// or https://
  const struct http_header *headers;
  size_t header_count;
  struct str body;
  struct str bearer;         // sent as "Authorization: Bearer ..."
  struct str user, password; // basic authentication, when user is not empty
  struct http_tls tls;
  struct str proxy;    // URL of a proxy; empty: the environment's (none for this machine)
  int64_t deadline_ms; // whole replies: until the end; streams: until the head of the reply. 0:
                       // HTTP_DEADLINE_MS
  int64_t idle_ms;     // streams: longest silence after the head; 0: no bound
  size_t max_reply;    // cap on the body of a whole reply; 0: LIMIT_HTTP_REPLY_BYTES
  // When set, the request gets a connection of its own, and goes through no proxy of the
  // environment's. A refused address counts as one that cannot be reached. Not beside `proxy`,
  // which resolves names itself.
  http_may_connect_fn may_connect;
  void *may_connect_data; // valid until `done`
};

// Valid only inside the callback that gets it.
struct http_reply {
  int status;      // any: a 500 is a reply too
  struct str head; // the header lines of the final reply, without the status line
  struct str body; // empty for a stream that was 2xx
};

// The storage of one request, embedded by the caller, recovered with container_of. It must stay
// until `done` has been called; `done` may free or reuse it.
struct http_op {
  struct http_transfer *transfer; // NULL when nothing runs
};

// Called exactly once for a request that started, from the loop, never from inside a function of
// this file. err is NULL when there is a reply; otherwise reply is NULL and err->rc is RC_CANCELED,
// RC_TIMEOUT, RC_LIMIT (reply over its cap), RC_UNAVAILABLE (no connection, closed early),
// RC_DENIED (the server's certificate is not trusted) or RC_IO. A stream that breaks off after its
// head ends with an err, too.
typedef void (*http_done_fn)(struct http_op *op, const struct http_reply *reply,
                             const struct err *err);
// Bytes of a stream's 2xx reply, as they come. A stream's other replies are collected for `done`.
// New requests may be started and any may be canceled from inside.
typedef void (*http_chunk_fn)(struct http_op *op, int status, struct str bytes);
typedef void (*http_closed_fn)(void *data);

struct http_client *http_client_new(struct uv_loop_s *loop);
// Cancels what runs (each `done` is called), then frees the client and calls `closed` (may be
// NULL). Idempotent until then. An idle client does not keep the loop alive.
void http_client_close(struct http_client *client, http_closed_fn closed, void *data);

// "libcurl/7.88.1 OpenSSL/3.0.15 ...", for version texts.
const char *http_client_library(void);
struct uv_loop_s *http_client_loop(const struct http_client *client);

// Starts a request; everything in it is copied. Non-zero (RC_USAGE for a bad URL or header): no
// callback.
int http_start(struct http_client *client, const struct http_request *request, struct http_op *op,
               http_done_fn done, struct err *err);
// The same for a reply that is handed on in chunks (a watch, a followed log).
int http_stream(struct http_client *client, const struct http_request *request, struct http_op *op,
                http_chunk_fn chunk, http_done_fn done, struct err *err);
// `done` follows with RC_CANCELED (or its own end, when that was already decided). No more chunks
// come. Nothing when the op does not run.
void http_cancel(struct http_op *op);
bool http_is_running(const struct http_op *op);

// The (first) value of a header, case-insensitive; empty when absent.
struct str http_reply_header(const struct http_reply *reply, const char *name);
// Walks all values of one name: struct str rest = reply->head; while (http_next_header(&rest,
// "Warning", &v))
bool http_next_header(struct str *rest, const char *name, struct str *ret_value);
// The host of a URL as the client reads it, in lower case and without a dot at its end; an IPv6
// address in brackets. Empty: it has none.
struct str http_url_host(struct arena *arena, struct str url);
// %XX for everything that may not stand in one part of a path or a query.
struct str http_escape(struct arena *arena, struct str text);
