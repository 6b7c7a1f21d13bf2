// SPDX-License-Identifier: Apache-2.0
// HTTPS for the API server (tls_cert.h holds its certificate): libmicrohttpd driven from the libuv
// loop. Each turn runs what has arrived, commits once, and only then answers; watches are suspended
// connections that a commit wakes. The only file here that knows libmicrohttpd.
#pragma once

#include "operator/standalone/auth.h"
#include "operator/standalone/rest.h"

#include <uv.h>

struct api_http;

#define API_HTTP_CONNECTIONS 4096u       // at once
#define API_HTTP_UNTRUSTED 1024u         // of those, without a good token: above it the oldest goes
#define API_HTTP_STREAMS 2048u           // watches and followed logs at once
#define API_HTTP_STREAMS_USERS 1536u     // of those, of all but the components of `serin up`
#define API_HTTP_POOL_BYTES 32768u       // of each connection, headers included
#define API_HTTP_DRAIN_BYTES (64u << 20) // a longer body is not even thrown away
// How long a client may take.
#define API_HTTP_HEAD_MS 10000        // from the connection to the end of its first request's head
#define API_HTTP_BODY_MS 30000        // from there to the end of the body
#define API_HTTP_SEND_MS 60000        // to take an answer, or the next part of a stream
#define API_HTTP_IDLE_MS 300000       // between two requests, with a good token; else as for a head
#define API_HTTP_WATCH_MIN_MS 1800000 // a watch without timeoutSeconds lives 30 to 60 minutes
#define API_HTTP_WATCH_SPREAD_MS 1800000u
// Requests a second of one token, and how many may come at once after a pause.
#define API_HTTP_RATE 1000
#define API_HTTP_BURST 10000
#define API_HTTP_DENIED_RATE 50 // the same for all that have no good token together
#define API_HTTP_DENIED_BURST 200

struct api_http_options {
  int64_t rate, burst; // 0: the defaults above
};

// Takes over listen_fd. All pointers must outlive it.
int api_http_open(uv_loop_t *loop, struct api *api, const struct auth *auth,
                  const struct api_http_options *options, int listen_fd, struct api_http **ret_http,
                  struct err *err);
// Tokens were changed or time has passed: ends the streams of those that are not good any more.
void api_http_check_streams(struct api_http *http);
// Commits what was written outside of requests (the sweep) and wakes the watches.
void api_http_turn(struct api_http *http);
// Ends all streams and connections; memory goes when the loop has run its close callbacks.
void api_http_close(struct api_http *http);
