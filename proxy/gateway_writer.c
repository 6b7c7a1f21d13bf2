// SPDX-License-Identifier: Apache-2.0
#include "proxy/gateway_writer.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "manifests/base/map.h"
#include "manifests/kinds/gateway.h"
#include "manifests/kinds/gateway_class.h"
#include "manifests/kinds/http_route.h"
#include "manifests/source/kube_lease.h"
#include "manifests/source/kube_resource.h"
#include "proxy/gateway_status.h"

#include <stdlib.h>
#include <unistd.h>

#define WRITER_AGAIN_MS 2000
// What somebody else has overwritten is noticed by reading it again.
#define WRITER_CHECK_MS 60000

enum writer_kind { WRITER_CLASS, WRITER_GATEWAY, WRITER_ROUTE };
#define WRITER_KINDS 3

// One object whose status is ours.
struct writer_item {
  enum writer_kind kind;
  struct arena arena; // of the strings
  struct str namespace_, name;
  uint64_t wanted, written; // hashes of the status without times; written 0: not known
  size_t index;             // in the table's report; SIZE_MAX: not reported any more
};

struct gateway_writer {
  struct kube_client *client;
  struct gateway_writer_options options;
  struct arena arena;
  struct kube_resource resources[WRITER_KINDS];
  struct map items; // "kind/ns/name" -> struct writer_item
  struct proxy_table *table;
  struct kube_election *election; // NULL before there is anything to write
  struct kube_op op;
  struct writer_item *current; // what op is about; NULL: idle
  bool current_stale;          // it went while op ran
  uint64_t wanted;             // of `current` when it was begun
  uv_timer_t again;
  bool leads, is_waiting, is_closing; // waiting: before a failed write is tried again
  void (*closed)(void *data);
  void *closed_data;
};

static void writer_next(struct gateway_writer *writer);

static void writer_fail(struct gateway_writer *writer, const struct err *err) {
  if (writer->options.failed)
    writer->options.failed(err, writer->options.data);
}

// ---- what is wanted ----

static struct json *writer_status(const struct gateway_writer *writer,
                                  const struct writer_item *item, const struct json *old,
                                  int64_t now_ms, struct arena *arena) {
  const struct gateway_report *report = writer->table->gateways;
  const struct gateway_status_view view = {
      .table = writer->table, .listening = &writer->options.listening, .now_ms = now_ms};
  const struct gateway_report_route none = {0}; // our entries go
  switch (item->kind) {
  case WRITER_CLASS: return gateway_status_class(&view, &report->classes[item->index], old, arena);
  case WRITER_GATEWAY:
    return gateway_status_gateway(&view, &report->gateways[item->index], old, arena);
  case WRITER_ROUTE: break;
  }
  return gateway_status_route(&view, item->index == SIZE_MAX ? &none : &report->routes[item->index],
                              old, arena);
}

static void writer_want(struct gateway_writer *writer, enum writer_kind kind, struct str namespace_,
                        struct str name, size_t index) {
  struct arena scratch;
  arena_init(&scratch);
  struct str key =
      arena_printf(&scratch, "%d/%.*s/%.*s", (int)kind, STR_ARG(namespace_), STR_ARG(name));
  struct writer_item *item = map_get(&writer->items, key);
  if (!item) {
    item = XNEW(struct writer_item);
    arena_init(&item->arena);
    item->kind = kind;
    item->namespace_ = arena_str(&item->arena, namespace_);
    item->name = arena_str(&item->arena, name);
    (void)map_put(&writer->items, key, item);
  }
  item->index = index;
  item->wanted = str_hash(json_text(&scratch, writer_status(writer, item, NULL, 0, &scratch))) | 1;
  arena_dispose(&scratch);
}

static void item_free(struct writer_item *item) {
  arena_dispose(&item->arena);
  xfree(item);
}

// What is not reported any more: a route's entries of ours must go, the others are another
// controller's by now or deleted.
static void writer_sweep(struct gateway_writer *writer) {
  struct map_iter it = map_begin(&writer->items);
  while (map_each(&it)) {
    struct writer_item *item = it.value;
    if (item->index != SIZE_MAX)
      continue;
    if (item->kind == WRITER_ROUTE && writer->leads) {
      item->wanted = UINT64_MAX;
      if (item->written != UINT64_MAX)
        continue;
    }
    (void)map_del(&writer->items, it.key);
    if (item == writer->current)
      writer->current_stale = true;
    else
      item_free(item);
  }
}

static void writer_on_started(void *data) {
  struct gateway_writer *writer = data;
  writer->leads = true;
  struct map_iter it = map_begin(&writer->items);
  while (map_each(&it)) // another one may have written since
    ((struct writer_item *)it.value)->written = 0;
  LOG(LOG_INFO, "writes the status of the Gateway API's objects");
  writer_next(writer);
}

static void writer_on_stopped(void *data) {
  struct gateway_writer *writer = data;
  writer->leads = false;
}

// "serin-status-serin.dev-gateway-controller": one writer for each controller name.
static struct str writer_lease(struct gateway_writer *writer) {
  struct str controller = writer->table->gateways->controller;
  char *text = arena_dup(&writer->arena, controller.ptr, controller.len);
  for (size_t i = 0; i < controller.len; i++)
    text[i] = text[i] == '/' || text[i] == '_' ? '-' : text[i];
  return arena_printf(&writer->arena, "serin-status-%.*s", (int)controller.len, text);
}

static void writer_elect(struct gateway_writer *writer) {
  struct err err;
  const struct kube_election_options options = {
      .ns = writer->options.namespace_,
      .name = writer_lease(writer),
      .identity = arena_printf(&writer->arena, "%.*s_%ld_%llx", STR_ARG(writer->options.name),
                               (long)getpid(), (unsigned long long)clock_mono_us()),
      .started = writer_on_started,
      .stopped = writer_on_stopped,
      .data = writer,
  };
  if (kube_election_open(writer->client, &options, &writer->election, &err))
    writer_fail(writer, &err);
}

void gateway_writer_update(struct gateway_writer *writer, struct proxy_table *table) {
  const struct gateway_report *report = table->gateways;
  if (writer->is_closing || !report)
    return;
  struct proxy_table *old = writer->table;
  writer->table = table_ref(table);
  table_unref(old);
  struct map_iter it = map_begin(&writer->items);
  while (map_each(&it))
    ((struct writer_item *)it.value)->index = SIZE_MAX;
  for (size_t i = 0; i < report->class_count; i++)
    writer_want(writer, WRITER_CLASS, STR(""), report->classes[i].name, i);
  for (size_t i = 0; i < report->gateway_count; i++)
    writer_want(writer, WRITER_GATEWAY, report->gateways[i].namespace_, report->gateways[i].name,
                i);
  for (size_t i = 0; i < report->route_count; i++)
    writer_want(writer, WRITER_ROUTE, report->routes[i].namespace_, report->routes[i].name, i);
  writer_sweep(writer);
  if (!writer->election && map_count(&writer->items) > 0)
    writer_elect(writer);
  writer_next(writer);
}

// ---- one object after the other ----

static void writer_closed(struct gateway_writer *writer);

static void writer_on_again(uv_timer_t *timer) {
  struct gateway_writer *writer = timer->data;
  if (!writer->is_waiting) {
    struct map_iter it = map_begin(&writer->items);
    while (map_each(&it))
      ((struct writer_item *)it.value)->written = 0;
  }
  writer->is_waiting = false;
  writer_next(writer);
}

// The end of one object's turn.
static void writer_done(struct gateway_writer *writer, int rc, const struct err *err) {
  struct writer_item *item = writer->current;
  bool retry = false;
  writer->current = NULL;
  if (writer->current_stale)
    item_free(item);
  else if (rc == 0 || rc == RC_NOT_FOUND)
    item->written = writer->wanted;
  else if (rc != RC_CONFLICT)
    retry = true; // somebody was faster: read it again at once; else in a while
  writer->current_stale = false;
  if (writer->is_closing) {
    writer_closed(writer);
    return;
  }
  if (retry) {
    writer_fail(writer, err);
    writer->is_waiting = true;
    (void)uv_timer_start(&writer->again, writer_on_again, WRITER_AGAIN_MS, 0);
    return;
  }
  writer_next(writer);
}

static struct gateway_writer *writer_of(struct kube_op *op) {
  return container_of(op, struct gateway_writer, op);
}

static void writer_on_patched(struct kube_op *op, const struct kube_reply *reply) {
  writer_done(writer_of(op), reply->rc, reply->err);
}

// Whether all of `wanted` stands already.
static bool writer_stands(const struct json *old, const struct json *wanted) {
  for (const struct json *item = wanted->child; item; item = item->next) {
    if (!old || !json_equal(json_get_s(old, item->key), item))
      return false;
  }
  return true;
}

static int writer_patch(struct gateway_writer *writer, const struct json *object,
                        struct json *status, struct arena *arena, struct err *err) {
  const struct writer_item *item = writer->current;
  struct json *body = json_new_object(arena);
  // Only this version: what came in between is read first.
  json_put_string(arena, json_need_object(arena, body, "metadata"), "resourceVersion",
                  kube_revision(object));
  json_put(arena, body, "status", status);
  const struct kube_request request = {.verb = KUBE_PATCH,
                                       .resource = &writer->resources[item->kind],
                                       .ns = item->namespace_,
                                       .name = item->name,
                                       .subresource = "status",
                                       .patch = KUBE_PATCH_MERGE,
                                       .body = body,
                                       .field_manager = "serin-proxy"};
  return kube_start(writer->client, &request, &writer->op, writer_on_patched, err);
}

static void writer_on_read(struct kube_op *op, const struct kube_reply *reply) {
  struct gateway_writer *writer = writer_of(op);
  struct err err;
  if (reply->rc || writer->current_stale || writer->is_closing || !writer->leads) {
    writer_done(writer, reply->rc ? reply->rc : RC_CONFLICT, reply->err);
    return;
  }
  struct arena scratch;
  arena_init(&scratch);
  const struct json *old = json_get(reply->object, "status");
  writer->wanted = writer->current->wanted;
  struct json *status = writer_status(writer, writer->current, old, clock_wall_ms(), &scratch);
  int rc = 0;
  bool stands = writer_stands(old, status);
  if (!stands)
    rc = writer_patch(writer, reply->object, status, &scratch, &err);
  arena_dispose(&scratch);
  if (stands || rc)
    writer_done(writer, rc, &err);
}

static void writer_next(struct gateway_writer *writer) {
  struct err err;
  if (!writer->leads || writer->current || writer->is_closing || writer->is_waiting)
    return;
  struct map_iter it = map_begin(&writer->items);
  while (!writer->current && map_each(&it)) {
    struct writer_item *item = it.value;
    if (item->written != item->wanted)
      writer->current = item;
  }
  if (!writer->current) {
    (void)uv_timer_start(&writer->again, writer_on_again, WRITER_CHECK_MS, 0);
    return;
  }
  writer->wanted = writer->current->wanted;
  const struct kube_request request = {.verb = KUBE_GET,
                                       .resource = &writer->resources[writer->current->kind],
                                       .ns = writer->current->namespace_,
                                       .name = writer->current->name};
  int rc = kube_start(writer->client, &request, &writer->op, writer_on_read, &err);
  if (rc)
    writer_done(writer, rc, &err);
}

// ---- life ----

struct gateway_writer *gateway_writer_new(uv_loop_t *loop, struct kube_client *client,
                                          const struct gateway_writer_options *options) {
  struct gateway_writer *writer = XNEW(struct gateway_writer);
  arena_init(&writer->arena);
  map_init(&writer->items);
  writer->client = client;
  writer->options = *options;
  writer->options.name = arena_str(&writer->arena, options->name);
  writer->options.namespace_ = arena_str(&writer->arena, options->namespace_);
  writer->resources[WRITER_CLASS] = kube_resource_of(&gateway_class_kind, NULL);
  writer->resources[WRITER_GATEWAY] = kube_resource_of(&gateway_kind, NULL);
  writer->resources[WRITER_ROUTE] = kube_resource_of(&http_route_kind, NULL);
  BUG_ON(uv_timer_init(loop, &writer->again) != 0);
  writer->again.data = writer;
  return writer;
}

static void writer_on_timer_closed(uv_handle_t *handle) {
  struct gateway_writer *writer = handle->data;
  void (*closed)(void *) = writer->closed;
  void *closed_data = writer->closed_data;
  struct map_iter it = map_begin(&writer->items);
  while (map_each(&it))
    item_free(it.value);
  map_dispose(&writer->items);
  table_unref(writer->table);
  arena_dispose(&writer->arena);
  xfree(writer);
  if (closed)
    closed(closed_data);
}

static void writer_on_election_closed(void *data) {
  struct gateway_writer *writer = data;
  uv_close((uv_handle_t *)&writer->again, writer_on_timer_closed);
}

static void writer_closed(struct gateway_writer *writer) {
  if (writer->election)
    kube_election_close(writer->election, writer_on_election_closed, writer);
  else
    writer_on_election_closed(writer);
}

void gateway_writer_close(struct gateway_writer *writer, void (*closed)(void *data), void *data) {
  writer->is_closing = true;
  writer->leads = false;
  writer->closed = closed;
  writer->closed_data = data;
  if (writer->current)
    kube_cancel(&writer->op); // its end closes the rest
  else
    writer_closed(writer);
}
