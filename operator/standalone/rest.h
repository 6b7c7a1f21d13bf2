// SPDX-License-Identifier: Apache-2.0
// One request -> one reply, without sockets: routing, media types, verbs. Writes are answered only
// after the commit that the HTTP side makes at the end of the loop turn.
#pragma once

#include "operator/standalone/api.h"
#include "operator/standalone/api_log.h"
#include "operator/standalone/rest_path.h"

struct rest_request {
  struct str method, url;
  struct str accept, content_type, user_agent, if_none_match;
  struct str as_user, as_group, as_uid; // impersonation, which is refused
  struct str body;
  const struct api_user *user; // NULL: not authenticated
};

enum rest_reply_kind { REST_REPLY_BODY, REST_REPLY_WATCH, REST_REPLY_LOG };

struct rest_reply {
  enum rest_reply_kind kind;
  int status;
  const char *content_type;
  const char *cache_control;  // may be NULL
  struct str etag;            // empty: none
  struct buf body;            // the caller disposes of it
  struct watch_options watch; // REST_REPLY_WATCH: to be opened by the caller
  int64_t timeout_ms;         // of the watch; 0: none asked for
  struct api_log *log;        // REST_REPLY_LOG: the caller closes it
};

// call: fresh but for arena, user agent and time; its warnings belong into Warning headers.
void rest_handle(struct api *api, struct api_call *call, const struct rest_request *request,
                 struct rest_reply *ret_reply);
// Turns the call's fault into a reply (a failed commit, a watch that cannot be opened).
void rest_fault(struct api_call *call, struct rest_reply *reply);
