// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/decode.h"
#include "operator/cli/object_wait.h"
#include "operator/cli/resource_arg.h"
#include "operator/cli/tree.h"
#include "operator/cli/wait_for.h"

#include <stdio.h>

#define WAIT_MS 30000 // as kubectl

struct wait_options {
  struct common_options common;
  struct str what, selector;
  bool all;
};

struct waiting {
  const struct wait_for *what;
  const struct kube_resource *resource;
  struct str name;
};

// A release that was put back will not become healthy by itself: that is an answer, too.
static int give_up(const struct waiting *waiting, const struct json *object, struct err *err) {
  if (!str_eq_z(str_of(waiting->resource->kind), "Rollout") || waiting->what->kind == WAIT_DELETE)
    return 0;
  struct arena arena = {0};
  void *rollout = NULL;
  struct decode_options options = {.unknown = UNKNOWN_IGNORE, .skip_checks = true};
  (void)kind_decode(&rollout_kind, object, &options, &arena, NULL, &rollout);
  int rc = 0;
  if (rollout && tree_exit_code(rollout) == EXIT_FAILED)
    rc = err_set(err, RC_INTERNAL, "rollout \"%.*s\" ended %s: %.*s", STR_ARG(waiting->name),
                 rollout_phase_name(((struct rollout *)rollout)->status.phase),
                 STR_ARG(((struct rollout *)rollout)->status.message));
  arena_dispose(&arena);
  return rc;
}

static int look(const struct json *object, void *data, struct err *err) {
  struct waiting *waiting = data;
  if (!object && waiting->what->kind != WAIT_DELETE && waiting->what->kind != WAIT_CREATE)
    return err_set(err, RC_NOT_FOUND, "there is no %s \"%.*s\"", waiting->resource->plural,
                   STR_ARG(waiting->name));
  if (wait_for_is_met(waiting->what, object))
    return 1;
  return object ? give_up(waiting, object, err) : 0;
}

static int wait_one(struct session *session, const struct wait_for *what,
                    const struct kube_resource *resource, struct str ns, struct str name,
                    int64_t end_ms, struct err *err) {
  struct waiting waiting = {what, resource, name};
  struct arena arena = {0};
  uv_update_time(&session->loop);
  int64_t left = end_ms - (int64_t)uv_now(&session->loop);
  int rc = object_wait(session, resource, ns, name, look, &waiting, left > 0 ? left : 1, err);
  struct str title = resource_title(resource, name, &arena);
  if (rc == RC_OK)
    printf("%.*s %s\n", STR_ARG(title), what->kind == WAIT_DELETE ? "deleted" : "condition met");
  else if (rc == RC_TIMEOUT)
    err_set(err, rc, "timed out waiting for %.*s on %.*s", STR_ARG(what->text), STR_ARG(title));
  fflush(stdout);
  arena_dispose(&arena);
  return rc;
}

static int wait_listed(struct session *session, const struct wait_options *options,
                       const struct wait_for *what, const struct kube_resource *resource,
                       int64_t end_ms, struct arena *arena, struct err *err) {
  struct json *list;
  struct kube_request request = {.verb = KUBE_LIST,
                                 .resource = resource,
                                 .ns = resource_ns(resource, session->ns),
                                 .label_selector = options->selector};
  int rc = session_call(session, &request, arena, &list, err);
  const struct json *items = rc ? NULL : json_get(list, "items");
  if (rc == RC_OK && (!items || items->count == 0) && what->kind != WAIT_DELETE)
    return err_set(err, RC_NOT_FOUND, "no %s match", resource->plural);
  JSON_EACH(item, items)
    if (rc == RC_OK)
      rc = wait_one(session, what, resource, kube_namespace(item), kube_name(item), end_ms, err);
  return rc;
}

static int wait_all(struct session *session, const struct wait_options *options,
                    const struct wait_for *what, const struct str *arguments, size_t count,
                    struct arena *arena, struct err *err) {
  struct resource_name *names;
  size_t name_count;
  int64_t timeout_ms = session->timeout_ms ? session->timeout_ms : WAIT_MS;
  uv_update_time(&session->loop);
  int64_t end_ms = (int64_t)uv_now(&session->loop) + timeout_ms;
  int rc = resource_parse(session, arguments, count, arena, &names, &name_count, err);
  for (size_t i = 0; rc == RC_OK && i < name_count; i++) {
    const struct kube_resource *resource = names[i].resource;
    if (names[i].name.len)
      rc = wait_one(session, what, resource, resource_ns(resource, session->ns), names[i].name,
                    end_ms, err);
    else if (options->all || options->selector.len)
      rc = wait_listed(session, options, what, resource, end_ms, arena, err);
    else
      rc = err_set(err, RC_USAGE, "name the %s to wait for, or say -l SELECTOR or --all",
                   resource->plural);
  }
  return rc;
}

static int run(const void *data, const struct str *arguments, size_t count) {
  const struct wait_options *options = data;
  struct arena arena = {0};
  struct session session;
  struct wait_for what;
  struct err err = {0};
  if (wait_for_parse(options->what, &arena, &what, &err) != RC_OK) {
    arena_dispose(&arena);
    return session_fail("wait", &err);
  }
  int code = session_open(&options->common, "wait", &session);
  if (code == EXIT_DONE) {
    if (wait_all(&session, options, &what, arguments, count, &arena, &err) != RC_OK)
      code = session_fail("wait", &err);
    session_close(&session);
  }
  arena_dispose(&arena);
  return code;
}

static const struct option_row rows[] = {
    {"for", 0, OPTION_STRING, offsetof(struct wait_options, what), "WHAT", NULL,
     "condition=NAME[=VALUE], jsonpath={.path}[=VALUE], phase=NAME, create or delete.", 0, 0},
    {"selector", 'l', OPTION_STRING, offsetof(struct wait_options, selector), "SELECTOR", NULL,
     "Wait for all objects of the kind with these labels.", 0, 0},
    {"all", 0, OPTION_FLAG, offsetof(struct wait_options, all), NULL, NULL,
     "Wait for all objects of the kind in the namespace.", 0, 0},
};

const struct command cmd_wait = {
    .name = "wait",
    .arguments = "KIND/NAME... --for=WHAT",
    .summary = "Wait until objects are as said (30 s, or --timeout).",
    .details = "Exit code: 0 it is so, 1 a rollout ended badly meanwhile, 2 wrong usage, 5 not "
               "found or unreachable, "
               "124 timed out.",
    .size = sizeof(struct wait_options),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .common = true,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run,
};
