// SPDX-License-Identifier: Apache-2.0
// HTTPS for the API server: libmicrohttpd driven from the libuv loop. Each turn runs what has
// arrived, commits once, and only then answers; watches are suspended connections that a commit
// wakes. The only file here that knows libmicrohttpd.
#pragma once

#include "operator/standalone/auth.h"
#include "operator/standalone/pki.h"
#include "operator/standalone/rest.h"

#include <uv.h>

struct api_http;

#define API_HTTP_CONNECTIONS 768u     // at once
#define API_HTTP_STREAMS 512u         // watches and followed logs at once
#define API_HTTP_POOL_BYTES 32768u    // of each connection, headers included
#define API_HTTP_IDLE_S 600u          // silence after which a connection is closed
#define API_HTTP_WATCH_MIN_MS 1800000 // a watch without timeoutSeconds lives 30 to 60 minutes
#define API_HTTP_WATCH_SPREAD_MS 1800000u

// Takes over listen_fd. All pointers must outlive it.
int api_http_open(uv_loop_t *loop, struct api *api, const struct auth *auth, const struct pki *pki,
                  int listen_fd, struct api_http **ret_http, struct err *err);
// Commits what was written outside of requests (the sweep) and wakes the watches.
void api_http_turn(struct api_http *http);
// Ends all streams and connections; memory goes when the loop has run its close callbacks.
void api_http_close(struct api_http *http);
