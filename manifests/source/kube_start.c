// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/limits.h"
#include "manifests/source/kube_call.h"
#include "manifests/source/kube_path.h"

static int on_item(struct str text, void *data) {
  struct kube_call *call = data;
  struct json *item;
  arena_reset(&call->item_arena);
  int rc = json_parse(text, &call->item_arena, &item, &call->fault);
  if (rc == RC_OK)
    call->each(call->op, item, &call->item_arena);
  return rc == RC_OK && call->canceled ? RC_CANCELED : rc;
}

static struct kube_call *call_new(struct kube_client *client, struct kube_op *op,
                                  kube_done_fn done) {
  BUG_ON(op->call); // one op, one request at a time
  struct kube_call *call = XNEW(struct kube_call);
  call->client = client;
  call->op = op;
  call->done = done;
  call->patience_left_ms = client->patience_ms;
  return call;
}

static int launch(struct kube_call *call, int rc) {
  if (rc)
    kube_call_free(call);
  else
    call->op->call = call;
  return rc;
}

static void copy_request(struct kube_call *call, const struct kube_request *request) {
  struct arena *arena = &call->arena;
  struct kube_request *copy = &call->request;
  *copy = *request;
  copy->ns = request->ns.len ? request->ns : kube_namespace(request->body);
  copy->name = request->name;
  if (!copy->name.len && (request->verb == KUBE_UPDATE || request->verb == KUBE_PATCH))
    copy->name = kube_name(request->body);
  copy->label_selector = arena_str(arena, request->label_selector);
  copy->field_selector = arena_str(arena, request->field_selector);
  call->page = request->page > 0 ? request->page : KUBE_PAGE;
  struct buf body;
  buf_init(&body, LIMIT_JSON_BYTES);
  if (request->body)
    json_write(&body, request->body);
  else if (request->verb == KUBE_DELETE)
    buf_add_z(&body, "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\","
                     "\"propagationPolicy\":\"Background\"}");
  call->body = arena_str(arena, buf_str(&body));
  buf_dispose(&body);
}

static int check_request(const struct kube_request *request, struct err *err) {
  bool needs_name = request->verb == KUBE_GET || request->verb == KUBE_UPDATE ||
                    request->verb == KUBE_PATCH || request->verb == KUBE_DELETE;
  bool needs_ns = request->resource->namespaced && request->verb != KUBE_LIST;
  if (needs_name && !request->name.len)
    return err_set(err, RC_USAGE, "%s of a %s without a name", kube_path_method(request->verb),
                   request->resource->kind);
  if (needs_ns && !request->ns.len)
    return err_set(err, RC_USAGE, "%s of %s \"%.*s\" without a namespace",
                   kube_path_method(request->verb), request->resource->kind,
                   STR_ARG(request->name));
  return RC_OK;
}

static int start(struct kube_call *call, const struct kube_request *request, struct err *err) {
  copy_request(call, request);
  int rc = check_request(&call->request, err);
  if (rc)
    return launch(call, rc);
  struct kube_request *copy = &call->request;
  struct str name = copy->verb == KUBE_CREATE || copy->verb == KUBE_LIST ? STR_NULL : copy->name;
  // A subresource of a new object ("pods/x/eviction") does carry the name.
  if (copy->verb == KUBE_CREATE && copy->subresource)
    name = copy->name;
  call->path = kube_path(&call->arena, copy->resource, copy->ns, name, copy->subresource);
  copy->body = NULL;
  copy->ns = copy->name = STR_NULL; // they are in the path
  if (copy->verb == KUBE_LIST)
    return launch(call, kube_call_page(call, STR_NULL, err));
  struct str query = kube_path_query(&call->arena, copy, call->client->user_agent, 0, STR_NULL);
  return launch(
      call,
      kube_call_ask(
          call, arena_printf(&call->arena, "%.*s%.*s", STR_ARG(call->path), STR_ARG(query)), err));
}

int kube_start(struct kube_client *client, const struct kube_request *request, struct kube_op *op,
               kube_done_fn done, struct err *err) {
  return start(call_new(client, op, done), request, err);
}

int kube_list(struct kube_client *client, const struct kube_request *request, struct kube_op *op,
              kube_item_fn each, kube_done_fn done, struct err *err) {
  BUG_ON(request->verb != KUBE_LIST);
  struct kube_call *call = call_new(client, op, done);
  call->each = each;
  list_stream_init(&call->items, on_item, call);
  return start(call, request, err);
}

int kube_start_raw(struct kube_client *client, struct str path, int64_t deadline_ms,
                   struct kube_op *op, kube_done_fn done, struct err *err) {
  struct kube_call *call = call_new(client, op, done);
  call->is_raw = true;
  call->request.deadline_ms = deadline_ms;
  call->path = arena_str(&call->arena, path);
  return launch(call, kube_call_ask(call, call->path, err));
}

int kube_stream(struct kube_client *client, struct str path, int64_t idle_ms, struct kube_op *op,
                kube_chunk_fn chunk, kube_done_fn done, struct err *err) {
  struct kube_call *call = call_new(client, op, done);
  call->is_raw = true;
  call->chunk = chunk;
  call->idle_ms = idle_ms;
  call->path = arena_str(&call->arena, path);
  return launch(call, kube_call_ask(call, call->path, err));
}
