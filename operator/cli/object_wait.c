// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/object_wait.h"

struct waiting {
  struct session *session;
  struct str key;
  object_wait_fn is_so;
  void *data;
  struct err *err;
  int result; // of is_so
  bool finished;
};

static void look(struct waiting *waiting, const struct json *object) {
  if (waiting->finished)
    return;
  waiting->result = waiting->is_so(object, waiting->data, waiting->err);
  if (waiting->result == 0)
    return;
  waiting->finished = true;
  uv_stop(&waiting->session->loop);
}

static void on_event(struct kube_watch *watch, enum kube_event event, struct str key,
                     const struct json *object, const struct json *old, void *data) {
  struct waiting *waiting = data;
  (void)old;
  if (kube_watch_is_synced(watch) && str_eq(key, waiting->key))
    look(waiting, event == KUBE_DELETED ? NULL : object);
}

static void on_synced(struct kube_watch *watch, void *data) {
  struct waiting *waiting = data;
  look(waiting, kube_watch_get_key(watch, waiting->key));
}

// The first failure ends it only when there is nothing yet: a connection lost later comes back by
// itself.
static void on_error(struct kube_watch *watch, const struct err *err, void *data) {
  struct waiting *waiting = data;
  if (kube_watch_is_synced(watch) || waiting->finished)
    return;
  *waiting->err = *err;
  waiting->result = err->rc;
  waiting->finished = true;
  uv_stop(&waiting->session->loop);
}

int object_wait(struct session *session, const struct kube_resource *resource, struct str ns,
                struct str name, object_wait_fn is_so, void *data, int64_t timeout_ms,
                struct err *err) {
  struct arena arena = {0};
  struct waiting waiting = {
      .session = session,
      .key = ns.len ? arena_printf(&arena, "%.*s/%.*s", STR_ARG(ns), STR_ARG(name)) : name,
      .is_so = is_so,
      .data = data,
      .err = err,
  };
  struct kube_watch_options options = {
      .resource = resource,
      .ns = ns,
      .field_selector = arena_printf(&arena, "metadata.name=%.*s", STR_ARG(name)),
      .event = on_event,
      .synced = on_synced,
      .error = on_error,
      .data = &waiting,
  };
  struct kube_watch *watch;
  int rc = kube_watch_open(session->kube, &options, &watch, err);
  if (rc == RC_OK) {
    if (session_run_until(session, &waiting.finished, timeout_ms) != RC_OK)
      rc = err_set(err, RC_TIMEOUT, "timed out after %.3g s", (double)timeout_ms / 1000);
    else
      rc = waiting.result > 0 ? RC_OK : waiting.result;
    waiting.finished = true;
    kube_watch_close(watch, NULL, NULL);
  }
  arena_dispose(&arena);
  return rc;
}

static int is_gone(const struct json *object, void *data, struct err *err) {
  (void)data, (void)err;
  return object ? 0 : 1;
}

int object_wait_gone(struct session *session, const struct kube_resource *resource, struct str ns,
                     struct str name, int64_t timeout_ms, struct err *err) {
  return object_wait(session, resource, ns, name, is_gone, NULL, timeout_ms, err);
}
