// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/content_secrets.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "manifests/base/map.h"
#include "manifests/kinds/secret.h"
#include "manifests/source/kube_resource.h"
#include "operator/effect/content_digest.h"

#include <uv.h>

#define LOOK_MS 30000
#define RETRY_MS 5000 // after an answer that says nothing
#define TICK_MS 1000
#define TICK_READS 20           // bounds what many Rollouts ask of the server
#define UNUSED_MS (150 * 60000) // plans come at least once an hour

struct secret_seen {
  struct content_secrets *secrets;
  struct str ns, name, hash; // own copies
  enum content_state state;
  bool left_out;
  int64_t due_ms, used_ms; // steady clock
  struct kube_op op;
};

struct content_secrets {
  struct content_secrets_options options;
  struct kube_resource resource;
  struct map seen; // "ns/name" -> struct secret_seen *
  uv_timer_t timer;
  size_t running;
  bool closing;
};

static struct str own(struct str text) {
  return text.len ? (struct str){xmemdup(text.ptr, text.len), text.len} : STR_NULL;
}

static void release(struct str *text) {
  xfree((void *)(uintptr_t)text->ptr);
  *text = STR_NULL;
}

static void seen_free(struct secret_seen *seen) {
  release(&seen->ns);
  release(&seen->name);
  release(&seen->hash);
  xfree(seen);
}

// --- closing ---

static void on_timer_closed(uv_handle_t *handle) {
  struct content_secrets *secrets = handle->data;
  void (*closed)(void *) = secrets->options.closed;
  void *data = secrets->options.data;
  struct map_iter it = map_begin(&secrets->seen);
  while (map_each(&it))
    seen_free(it.value);
  map_dispose(&secrets->seen);
  xfree(secrets);
  closed(data);
}

static void maybe_close(struct content_secrets *secrets) {
  if (secrets->closing && secrets->running == 0 && !uv_is_closing((uv_handle_t *)&secrets->timer))
    uv_close((uv_handle_t *)&secrets->timer, on_timer_closed);
}

void content_secrets_close(struct content_secrets *secrets) {
  secrets->closing = true;
  uv_timer_stop(&secrets->timer);
  struct map_iter it = map_begin(&secrets->seen);
  while (map_each(&it))
    kube_cancel(&((struct secret_seen *)it.value)->op);
  maybe_close(secrets);
}

// --- reading ---

static void take(struct secret_seen *seen, enum content_state state, struct str hash,
                 bool left_out) {
  bool same = seen->state == state && seen->left_out == left_out && str_eq(seen->hash, hash);
  if (same)
    return;
  release(&seen->hash);
  seen->hash = own(hash);
  seen->state = state;
  seen->left_out = left_out;
  seen->secrets->options.changed(seen->ns, seen->name, seen->secrets->options.data);
}

static void on_read(struct kube_op *op, const struct kube_reply *reply) {
  struct secret_seen *seen = container_of(op, struct secret_seen, op);
  struct content_secrets *secrets = seen->secrets;
  secrets->running--;
  if (secrets->closing) {
    maybe_close(secrets);
    return;
  }
  seen->due_ms = clock_mono_ms() + LOOK_MS;
  if (reply->rc == RC_OK)
    take(seen, CONTENT_THERE,
         content_digest_secret(reply->object, secrets->options.key, reply->arena),
         content_is_left_out(reply->object));
  else if (reply->rc == RC_NOT_FOUND)
    take(seen, CONTENT_ABSENT, STR_NULL, false);
  else if (reply->rc == RC_DENIED)
    take(seen, CONTENT_DENIED, STR_NULL, false);
  else // what was known stands
    seen->due_ms = clock_mono_ms() + RETRY_MS;
}

static void read_one(struct secret_seen *seen) {
  struct content_secrets *secrets = seen->secrets;
  struct kube_request request = {
      .verb = KUBE_GET, .resource = &secrets->resource, .ns = seen->ns, .name = seen->name};
  struct err err = {0};
  seen->due_ms = INT64_MAX; // until it is answered
  if (kube_start(secrets->options.kube, &request, &seen->op, on_read, &err) == RC_OK) {
    secrets->running++;
    return;
  }
  LOG(LOG_ERROR, "a Secret cannot be asked for", LOG_Z("error", err.msg));
  seen->due_ms = clock_mono_ms() + LOOK_MS;
}

// The one that has waited longest, of those that are due; forgets what nobody asks for any more.
static struct secret_seen *most_due(struct content_secrets *secrets, int64_t now_ms) {
  struct secret_seen *best = NULL;
  struct map_iter it = map_begin(&secrets->seen);
  while (map_each(&it)) {
    struct secret_seen *seen = it.value;
    if (seen->due_ms <= now_ms && (!best || seen->due_ms < best->due_ms))
      best = seen;
  }
  return best;
}

static void sweep(struct content_secrets *secrets, int64_t now_ms) {
  struct map_iter it = map_begin(&secrets->seen);
  while (map_each(&it)) {
    struct secret_seen *seen = it.value;
    if (now_ms - seen->used_ms < UNUSED_MS || kube_is_running(&seen->op))
      continue;
    map_del(&secrets->seen, it.key);
    seen_free(seen);
  }
}

static void on_tick(uv_timer_t *timer) {
  struct content_secrets *secrets = timer->data;
  int64_t now_ms = clock_mono_ms();
  struct secret_seen *seen;
  sweep(secrets, now_ms);
  for (int i = 0; i < TICK_READS && (seen = most_due(secrets, now_ms)); i++)
    read_one(seen);
  if (map_count(&secrets->seen) == 0)
    uv_timer_stop(timer);
}

struct content_secrets *content_secrets_new(const struct content_secrets_options *options) {
  struct content_secrets *secrets = XNEW(struct content_secrets);
  secrets->options = *options;
  secrets->resource = kube_resource_of(&secret_kind, NULL);
  map_init(&secrets->seen);
  uv_timer_init(http_client_loop(kube_client_http(options->kube)), &secrets->timer);
  secrets->timer.data = secrets;
  return secrets;
}

struct snapshot_content content_secrets_state(struct content_secrets *secrets, struct str ns,
                                              struct str name, struct arena *arena) {
  if (!secrets->options.key.len)
    return (struct snapshot_content){.state = CONTENT_NO_KEY};
  if (secrets->closing)
    return (struct snapshot_content){.state = CONTENT_UNKNOWN};
  struct str key = arena_printf(arena, "%.*s/%.*s", STR_ARG(ns), STR_ARG(name));
  struct secret_seen *seen = map_get(&secrets->seen, key);
  if (!seen) {
    seen = XNEW(struct secret_seen);
    *seen = (struct secret_seen){.secrets = secrets, .ns = own(ns), .name = own(name)};
    map_put(&secrets->seen, key, seen);
  }
  seen->used_ms = clock_mono_ms();
  if (!uv_is_active((uv_handle_t *)&secrets->timer))
    uv_timer_start(&secrets->timer, on_tick, 1, TICK_MS);
  return (struct snapshot_content){
      .state = seen->state, .hash = arena_str(arena, seen->hash), .left_out = seen->left_out};
}
