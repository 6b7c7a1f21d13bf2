// SPDX-License-Identifier: Apache-2.0
// One running request of a client: kube_start.c makes it, kube_client.c sees it through.
#pragma once

#include "manifests/source/kube_client.h"
#include "manifests/source/kube_credentials.h"
#include "manifests/source/list_stream.h"

#include <uv.h>

struct kube_client {
  struct http_client *http;
  const struct kube_config *config;
  char *user_agent;
  struct kube_credentials *credentials;
  int64_t patience_ms;
};

struct kube_call {
  struct kube_client *client;
  struct kube_op *op;
  kube_done_fn done;
  kube_chunk_fn chunk;
  kube_item_fn each;
  struct list_stream items; // of kube_list
  struct arena item_arena;
  struct err fault; // found in the items; the request is then canceled
  struct http_op http;
  struct credential_wait wait; // for the credentials
  uv_timer_t timer;            // the wait for a busy server
  bool waiting, pausing, canceled, shown_again;
  int64_t patience_left_ms;
  uint64_t shown;     // which credentials
  struct str asked;   // path and query of the request that runs
  struct arena arena; // the request
  struct kube_request request;
  bool is_raw;
  struct str path;           // with the query, but for lists
  struct str body;           // as text
  struct arena result_arena; // the reply
  struct json *list;         // pages so far
  int64_t page;
  int64_t idle_ms; // streams
  bool restarted;
};

void kube_call_free(struct kube_call *call);
// Sends it, to this path with its query, once there are credentials to show.
int kube_call_ask(struct kube_call *call, struct str path, struct err *err);
// The page of a list that begins at this token; empty: the first.
int kube_call_page(struct kube_call *call, struct str token, struct err *err);
