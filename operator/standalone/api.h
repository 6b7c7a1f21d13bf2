// SPDX-License-Identifier: Apache-2.0
// The state of the embedded API server that its verbs share. One loop, no locks.
#pragma once

#include "operator/standalone/api_call.h"
#include "operator/standalone/api_kinds.h"
#include "operator/standalone/api_object.h"
#include "operator/standalone/store.h"
#include "operator/standalone/watch.h"

struct api {
  struct store *store;
  struct watch_hub *hub;
  struct api_kinds *kinds;  // made by api_prepare
  const char *data;         // DATA, without a slash at the end
  struct api_user user;     // whom the one token stands for
  bool definitions_changed; // since the last api_refresh; also after writes were taken back
  struct buf openapi_index; // /openapi/v3, which takes all documents to make; empty: not made yet
  struct str started;       // part of /version's answer: none yet
};

#define API_NAMESPACE_DEFAULT "default"
#define API_NAMESPACE_SYSTEM "serin-system"

// Knows the kinds, and makes the namespaces every server has, when they are absent; commits.
int api_prepare(struct api *api, struct err *err);
// Before each request: the kinds are those of the definitions as they are now.
void api_refresh(struct api *api);
void api_dispose(struct api *api); // what api_prepare made

// The object as json; RC_NOT_FOUND without a fault set. ret_row may be NULL.
int api_load(struct api *api, struct api_call *call, struct store_key key, struct json **ret_object,
             struct store_row *ret_row);
// Stores `object` (ordered by api_ordered) with the next revision, or removes it (STORE_DELETED:
// its last state), and records the event for the watches. old: the state before or NULL. Sets the
// revision in `object`. The only place that writes.
int api_store(struct api *api, struct api_call *call, enum store_event_type type,
              const struct kind_desc *kind, struct json *object, const struct json *old);
