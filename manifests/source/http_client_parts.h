// SPDX-License-Identifier: Apache-2.0
// What http_client.c and http_loop.c share.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/source/http_client.h"
#include "manifests/source/http_easy.h"

#include <curl/curl.h>
#include <uv.h>

enum transfer_state { TRANSFER_WAITING, TRANSFER_RUNNING, TRANSFER_ENDING };

struct http_transfer {
  struct http_client *client;
  struct http_op *op;
  enum transfer_state state;
  struct http_easy curl;
  struct arena arena; // what the request brought
  struct str shown;   // "GET https://host/path", for messages
  struct buf head, body;
  http_chunk_fn chunk; // NULL: a whole reply
  http_done_fn done;
  int status;
  int64_t deadline_ms, idle_ms;
  struct err end; // why it ended early; rc 0: as libcurl says
  char curl_message[CURL_ERROR_SIZE];
  uv_timer_t timer; // the deadline, then the silence of a stream
  struct http_transfer *prev, *next;
  struct http_transfer *next_due;
  bool is_due, is_added;
};

struct http_client {
  uv_loop_t *loop;
  CURLM *multi;
  uv_timer_t curl_timer, soon;
  size_t handles; // open libuv handles, those of transfers and sockets too
  struct http_transfer *transfers;
  size_t running; // transfers that libcurl has
  struct http_transfer *due, **due_tail;
  bool closing, torn_down;
  http_closed_fn closed;
  void *closed_data;
};

// One of the client's libuv handles is closed; the last one takes the client with it.
void http_client_handle_gone(struct http_client *client);
// Ends the transfers that libcurl is done with.
void http_client_collect(struct http_client *client);
// Makes libcurl's side of the client, and its timer: libcurl then sees the loop's sockets and time.
void http_loop_open(struct http_client *client);
// After `running` changed: how many connections libcurl keeps.
void http_loop_fit(struct http_client *client);
