// SPDX-License-Identifier: Apache-2.0
// `serin judge` as an HTTP server (libmicrohttpd on the caller's loop, without threads):
//   POST /v1/argo, GET /v1/argo?run=...   what Argo Rollouts' web metric provider polls
//   POST /v1/flagger                      what a Flagger webhook calls
//   GET  /healthz, /metrics               without a token
// Everything a caller chooses has a cap, every wait a deadline.
#pragma once

#include "manifests/base/err.h"
#include "operator/effect/judge_service.h"

struct judge_server;

struct judge_server_options {
  uv_loop_t *loop;
  struct judge_service *service; // must outlive the server
  struct str address;            // IPv4
  int port;                      // 0: any
  struct str token_file;         // read at each request, so that a new token counts at once
};

int judge_server_open(const struct judge_server_options *options, struct judge_server **ret_server,
                      struct err *err);
int judge_server_port(const struct judge_server *server);
void judge_server_close(struct judge_server *server); // NULL is fine
// The token of a file that only its owner can read; RC_DENIED when others can, too.
int judge_token_read(struct str file, struct arena *arena, struct str *ret_token, struct err *err);
