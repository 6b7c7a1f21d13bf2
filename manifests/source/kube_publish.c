// SPDX-License-Identifier: Apache-2.0
// Leases that tell something: a merge patch each period; a create when there is nothing to patch
// yet.
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/limits.h"
#include "manifests/source/kube_lease.h"
#include "manifests/text/time.h"

#include <uv.h>

#define DELETE_DEADLINE_MS 2000
#define STEPS_MAX 5 // of one write: patch, create, namespace, create, patch

static const struct kube_resource namespaces = {"", "v1", "Namespace", "namespaces", false};

enum publish_step { PUBLISH_PATCH, PUBLISH_CREATE, PUBLISH_NAMESPACE };

struct kube_publish {
  struct kube_client *client;
  struct kube_publish_options options;
  struct arena arena;       // of the options
  struct arena annotations; // of the object below
  struct json *values;      // annotation -> text
  struct kube_op op;
  uv_timer_t timer;
  enum publish_step step;
  int steps; // of this write
  bool again, closing, timer_open, leave;
  void (*closed)(void *data);
  void *closed_data;
};

static void begin_write(struct kube_publish *publish);
static void run_step(struct kube_publish *publish, enum publish_step step);
static void delete_lease(struct kube_publish *publish);

static struct json *record(struct kube_publish *publish, struct arena *arena) {
  const struct kube_publish_options *options = &publish->options;
  struct json *lease = json_new_object(arena);
  json_put_z(arena, lease, "apiVersion", "coordination.k8s.io/v1");
  json_put_z(arena, lease, "kind", "Lease");
  struct json *metadata = json_need_object(arena, lease, "metadata");
  json_put_string(arena, metadata, "name", options->name);
  json_put_string(arena, metadata, "namespace", options->ns);
  if (options->labels)
    json_put(arena, metadata, "labels", json_dup(arena, options->labels));
  if (publish->values->count)
    json_put(arena, metadata, "annotations", json_dup(arena, publish->values));
  struct json *spec = json_need_object(arena, lease, "spec");
  json_put_string(arena, spec, "holderIdentity", options->holder);
  json_put_int(arena, spec, "leaseDurationSeconds", (options->lease_ms + 999) / 1000);
  json_put_string(arena, spec, "renewTime", time_format_micro(arena, clock_wall_ms()));
  return lease;
}

static struct json *namespace_record(struct kube_publish *publish, struct arena *arena) {
  struct json *ns = json_new_object(arena);
  json_put_z(arena, ns, "apiVersion", "v1");
  json_put_z(arena, ns, "kind", "Namespace");
  json_put_string(arena, json_need_object(arena, ns, "metadata"), "name", publish->options.ns);
  return ns;
}

static void on_timer(uv_timer_t *timer) {
  struct kube_publish *publish = container_of(timer, struct kube_publish, timer);
  begin_write(publish);
}

static void end_write(struct kube_publish *publish, const struct err *err) {
  if (publish->closing) {
    delete_lease(publish);
    return;
  }
  if (err && publish->options.failed)
    publish->options.failed(err, publish->options.data);
  if (publish->closing) // by that callback, which found nothing running
    return;
  if (publish->again && !err) {
    begin_write(publish);
    return;
  }
  uv_timer_start(&publish->timer, on_timer, (uint64_t)publish->options.period_ms, 0);
}

static void on_step(struct kube_op *op, const struct kube_reply *reply) {
  struct kube_publish *publish = container_of(op, struct kube_publish, op);
  bool absent = reply->rc == RC_NOT_FOUND && reply->http_status == 404;
  bool exists = reply->rc == RC_EXISTS;
  bool done = reply->rc == RC_OK && publish->step != PUBLISH_NAMESPACE;
  if (!publish->closing && !done && publish->steps < STEPS_MAX) {
    if (publish->step == PUBLISH_PATCH && absent) {
      run_step(publish, PUBLISH_CREATE);
      return;
    }
    if (publish->step == PUBLISH_CREATE && (absent || exists)) {
      run_step(publish, absent ? PUBLISH_NAMESPACE : PUBLISH_PATCH);
      return;
    }
    if (publish->step == PUBLISH_NAMESPACE && (reply->rc == RC_OK || exists)) {
      run_step(publish, PUBLISH_CREATE);
      return;
    }
  }
  end_write(publish, reply->err);
}

static void run_step(struct kube_publish *publish, enum publish_step step) {
  struct arena arena = {0};
  struct err err;
  bool is_namespace = step == PUBLISH_NAMESPACE;
  struct kube_request request = {
      .verb = step == PUBLISH_PATCH ? KUBE_PATCH : KUBE_CREATE,
      .resource = is_namespace ? &namespaces : &kube_leases,
      .ns = is_namespace ? STR_NULL : publish->options.ns,
      .name = publish->options.name,
      .patch = KUBE_PATCH_MERGE,
      .body = is_namespace ? namespace_record(publish, &arena) : record(publish, &arena),
      .deadline_ms = publish->options.lease_ms,
  };
  publish->step = step;
  publish->steps++;
  int rc = kube_start(publish->client, &request, &publish->op, on_step, &err);
  arena_dispose(&arena);
  if (rc)
    end_write(publish, &err);
}

static void begin_write(struct kube_publish *publish) {
  uv_timer_stop(&publish->timer);
  publish->again = false;
  publish->steps = 0;
  run_step(publish, PUBLISH_PATCH);
}

int kube_publish_open(struct kube_client *client, const struct kube_publish_options *options,
                      struct kube_publish **ret_publish, struct err *err) {
  if (!options->ns.len || !options->name.len)
    return err_set(err, RC_USAGE, "a Lease needs a namespace and a name");
  struct kube_publish *publish = XNEW(struct kube_publish);
  struct arena *arena = &publish->arena;
  publish->client = client;
  publish->options = *options;
  publish->options.ns = arena_str(arena, options->ns);
  publish->options.name = arena_str(arena, options->name);
  publish->options.holder = arena_str(arena, options->holder);
  publish->options.labels = options->labels ? json_dup(arena, options->labels) : NULL;
  publish->options.lease_ms = options->lease_ms > 0 ? options->lease_ms : 10000;
  publish->options.period_ms = options->period_ms > 0 ? options->period_ms : 3000;
  publish->values = json_new_object(&publish->annotations);
  uv_timer_init(http_client_loop(kube_client_http(client)), &publish->timer);
  publish->timer_open = true;
  uv_timer_start(&publish->timer, on_timer, 0, 0);
  *ret_publish = publish;
  return RC_OK;
}

void kube_publish_set(struct kube_publish *publish, const char *annotation, struct str value) {
  // The old text stays in its arena: a fresh one, copied over, keeps it small for years.
  struct arena fresh = {0};
  struct json *values = json_dup(&fresh, publish->values);
  json_put_string(&fresh, values, annotation, value);
  arena_dispose(&publish->annotations);
  publish->annotations = fresh;
  publish->values = values;
  if (publish->closing)
    return;
  if (kube_is_running(&publish->op))
    publish->again = true;
  else
    uv_timer_start(&publish->timer, on_timer, 0, 0);
}

static void on_timer_closed(uv_handle_t *handle) {
  struct kube_publish *publish = container_of(handle, struct kube_publish, timer);
  void (*closed)(void *data) = publish->closed;
  void *data = publish->closed_data;
  arena_dispose(&publish->arena);
  arena_dispose(&publish->annotations);
  xfree(publish);
  if (closed)
    closed(data);
}

static void on_deleted(struct kube_op *op, const struct kube_reply *reply) {
  struct kube_publish *publish = container_of(op, struct kube_publish, op);
  (void)reply; // when it failed, the Lease runs out by itself
  uv_close((uv_handle_t *)&publish->timer, on_timer_closed);
}

static void delete_lease(struct kube_publish *publish) {
  if (publish->leave) {
    uv_close((uv_handle_t *)&publish->timer, on_timer_closed);
    return;
  }
  struct kube_request request = {
      .verb = KUBE_DELETE,
      .resource = &kube_leases,
      .ns = publish->options.ns,
      .name = publish->options.name,
      .deadline_ms = DELETE_DEADLINE_MS,
  };
  if (kube_start(publish->client, &request, &publish->op, on_deleted, NULL) != RC_OK)
    uv_close((uv_handle_t *)&publish->timer, on_timer_closed);
}

void kube_publish_leave(struct kube_publish *publish) {
  publish->leave = true;
}

void kube_publish_close(struct kube_publish *publish, void (*closed)(void *data), void *data) {
  if (!publish || publish->closing)
    return;
  publish->closing = true;
  publish->closed = closed;
  publish->closed_data = data;
  uv_timer_stop(&publish->timer);
  if (kube_is_running(&publish->op))
    kube_cancel(&publish->op); // the delete follows in its callback
  else
    delete_lease(publish);
}
