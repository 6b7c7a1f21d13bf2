// SPDX-License-Identifier: Apache-2.0
// The verbs of the Kubernetes API on json trees, asynchronous. Errors are mapped from Status
// objects. Used by the operator, the runtime, the proxy and the CLI; none of them can tell which
// server answers.
#pragma once

#include "manifests/source/http_client.h"
#include "manifests/source/kube_config.h"
#include "manifests/text/json.h"

struct kube_client;
struct kube_call; // one running request: kube_call.h

#define KUBE_PAGE 500 // objects a list asks for at once

// What a request is about. Make one from a kind's table with kube_resource_of (kube_resource.h), or
// by hand:
// {"apps", "v1", "Deployment", "deployments", true}. group is "" for the core kinds.
struct kube_resource {
  const char *group, *version, *kind, *plural;
  bool namespaced;
};

enum kube_verb { KUBE_GET, KUBE_LIST, KUBE_CREATE, KUBE_UPDATE, KUBE_PATCH, KUBE_DELETE };

enum kube_patch { KUBE_PATCH_MERGE, KUBE_PATCH_JSON, KUBE_PATCH_STRATEGIC, KUBE_PATCH_APPLY };

struct kube_request {
  enum kube_verb verb;
  const struct kube_resource *resource; // must outlive the request
  struct str ns;                        // empty: all namespaces (lists), or a cluster-scoped object
  struct str name;
  const char *subresource; // "status", "scale", or NULL
  enum kube_patch patch;
  const struct json *body; // create, update, patch; delete: DeleteOptions or NULL (background)
  // Writes.
  const char *field_manager; // NULL: none sent
  bool force;                // apply: take fields over from other managers
  bool dry_run;
  const char *field_validation; // "Strict", "Warn", "Ignore" or NULL
  bool as_table;                // get and list: a meta.k8s.io Table instead of the objects
  // Lists. All pages are fetched and joined to one List; a 410 in the middle starts over once.
  struct str label_selector, field_selector;
  int64_t page;        // 0: KUBE_PAGE
  int64_t deadline_ms; // of each request; 0: HTTP_DEADLINE_MS
};

// Valid only inside the callback, but for what the callback takes over with kube_take.
struct kube_reply {
  int rc; // RC_OK or the code of err
  const struct err
      *err;          // NULL when rc is RC_OK; the message is the server's own where there is one
  int http_status;   // 0 when there was no reply
  struct str reason; // of the Status: "AlreadyExists", "Conflict", "Expired", ...; may be empty
  int64_t retry_after_ms;
  struct json *object; // the object, the List or the Status; NULL when the reply was not JSON
  struct arena *arena; // where `object` lives
  struct str text;     // the reply as it came (of the last page)
  struct str head;     // its header lines (Warning: ...)
};

// Embedded by the caller; stays until `done`, which may free or reuse it.
struct kube_op {
  struct kube_call *call; // NULL when nothing runs
};

// Exactly once, from the loop, never from inside a function of this file.
typedef void (*kube_done_fn)(struct kube_op *op, const struct kube_reply *reply);
typedef void (*kube_chunk_fn)(struct kube_op *op, struct str bytes);
// An item of a list, in an arena that is emptied after the call. NULL: the list starts over, what
// came before does not count. From inside the operation may be canceled.
typedef void (*kube_item_fn)(struct kube_op *op, struct json *item, struct arena *arena);

// Both arguments must outlive the client. user_agent: "serin-operator" and the like; also the field
// manager's name where a request names none and the server wants one. Credentials that the server
// refuses (401), or a handshake that fails, are fetched anew and shown once more before a request
// fails.
struct kube_client *kube_client_new(struct http_client *http, const struct kube_config *config,
                                    const char *user_agent);
// A busy server's 429 or 503 with Retry-After is waited for and asked again, up to `ms` in all for
// each request (0, as at first: never; the reply says retry_after_ms). For commands: who plans
// anew anyway should not.
void kube_client_be_patient(struct kube_client *client, int64_t ms);
// After the last `done`.
void kube_client_free(struct kube_client *client);
struct http_client *kube_client_http(struct kube_client *client);
const struct kube_config *kube_client_config(const struct kube_client *client);

// Everything in the request but `resource` is copied. Codes of the reply: RC_NOT_FOUND, RC_EXISTS
// (409 AlreadyExists), RC_CONFLICT, RC_EXPIRED (410), RC_INVALID (422), RC_PARSE (400), RC_TOO_MANY
// (429), RC_DENIED, RC_UNAUTHORIZED, RC_UNAVAILABLE, RC_TIMEOUT, RC_CANCELED, ...; rc_is_retryable
// says the rest.
int kube_start(struct kube_client *client, const struct kube_request *request, struct kube_op *op,
               kube_done_fn done, struct err *err);
// KUBE_LIST of any length: items are handed out one by one as they come, so that neither the text
// nor the tree of the list is held. The reply's object is the last page without its items.
int kube_list(struct kube_client *client, const struct kube_request *request, struct kube_op *op,
              kube_item_fn each, kube_done_fn done, struct err *err);
// A GET of any path ("/version", "/openapi/v3"), whole.
int kube_start_raw(struct kube_client *client, struct str path, int64_t deadline_ms,
                   struct kube_op *op, kube_done_fn done, struct err *err);
// A GET of any path as a stream (watches, followed logs). idle_ms as in http_request.
int kube_stream(struct kube_client *client, struct str path, int64_t idle_ms, struct kube_op *op,
                kube_chunk_fn chunk, kube_done_fn done, struct err *err);
void kube_cancel(struct kube_op *op);
bool kube_is_running(const struct kube_op *op);

// Inside `done`: makes the object the caller's. *arena must be fresh; dispose it later.
struct json *kube_take(const struct kube_reply *reply, struct arena *arena);

// "/apis/apps/v1/namespaces/x/deployments/name/status"; name and ns may be empty.
struct str kube_path(struct arena *arena, const struct kube_resource *resource, struct str ns,
                     struct str name, const char *subresource);

// metadata.name, namespace, resourceVersion, uid of an object; empty when absent.
struct str kube_name(const struct json *object);
struct str kube_namespace(const struct json *object);
struct str kube_revision(const struct json *object);
struct str kube_uid(const struct json *object);
// "namespace/name", or "name" without a namespace.
struct str kube_key(struct arena *arena, const struct json *object);
