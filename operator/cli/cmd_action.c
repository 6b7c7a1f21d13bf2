// SPDX-License-Identifier: Apache-2.0
// The manual verbs: promote, abort, retry, pause, resume, undo. Each is a RolloutAction that the
// operator answers; only `abort --direct` does without.
#include "manifests/base/bug.h"
#include "manifests/kinds/rollout_action.h"
#include "operator/cli/abort_direct.h"
#include "operator/cli/object_wait.h"
#include "operator/cli/resource_arg.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ANSWER_MS 30000
#define NAME_PART_MAX 200 // of a rollout's name, in that of its action (253 in all)

struct action_options {
  struct common_options common;
  struct str reason;
  bool full, direct, no_wait;
  int64_t to_revision;
};

struct answer {
  struct arena *arena;
  struct str result, message;
};

// Named here, not by the server: a request that is sent twice because the connection broke must not
// act twice.
static struct str new_name(struct str rollout, struct arena *arena) {
  static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
  unsigned char bytes[8];
  char suffix[sizeof bytes + 1] = "";
  BUG_ON(uv_random(NULL, NULL, bytes, sizeof bytes, 0, NULL) != 0);
  for (size_t i = 0; i < sizeof bytes; i++)
    suffix[i] = letters[bytes[i] % (sizeof letters - 1)];
  return arena_printf(arena, "%.*s-%s", STR_ARG(str_slice(rollout, 0, NAME_PART_MAX)), suffix);
}

// The name by which the API server knows us; empty where it does not say. An admission policy
// (manifests/install/policy) accepts no other.
static struct str whoami(struct session *session, struct arena *arena) {
  static const struct kube_resource resource = {"authentication.k8s.io", "v1", "SelfSubjectReview",
                                                "selfsubjectreviews", false};
  struct json *review = json_new_object(arena), *answer = NULL;
  struct kube_request request = {.verb = KUBE_CREATE, .resource = &resource, .body = review};
  struct err err;
  json_put_z(arena, review, "apiVersion", "authentication.k8s.io/v1");
  json_put_z(arena, review, "kind", resource.kind);
  return session_call(session, &request, arena, &answer, &err) == RC_OK
             ? json_path_string(answer, "status.userInfo.username")
             : STR_NULL;
}

static struct json *new_action(struct session *session, const struct action_options *options,
                               enum rollout_verb verb, struct str rollout, struct arena *arena) {
  char host[256] = "";
  const char *user = getenv("USER");
  struct json *action = json_new_object(arena);
  json_put_z(arena, action, "apiVersion", "serin.dev/v1alpha1");
  json_put_z(arena, action, "kind", "RolloutAction");
  struct json *metadata = json_need_object(arena, action, "metadata");
  json_put_string(arena, metadata, "name", new_name(rollout, arena));
  json_put_string(arena, metadata, "namespace", session->ns);
  (void)gethostname(host, sizeof host - 1);
  struct json *annotations = json_need_object(arena, metadata, "annotations");
  struct str known = whoami(session, arena);
  if (known.len)
    json_put_string(arena, annotations, ROLLOUT_ACTION_USER, known);
  json_put_string(arena, annotations, ROLLOUT_ACTION_CLAIMED,
                  arena_printf(arena, "%s@%s", user && *user ? user : "unknown", host));
  struct json *spec = json_need_object(arena, action, "spec");
  json_put_string(arena, spec, "rollout", rollout);
  json_put_z(arena, spec, "verb", rollout_verb_name(verb));
  if (options->reason.len)
    json_put_string(arena, spec, "reason", options->reason);
  if (options->to_revision)
    json_put_int(arena, spec, "toRevision", options->to_revision);
  return action;
}

static int is_answered(const struct json *object, void *data, struct err *err) {
  struct answer *answer = data;
  if (!object)
    return err_set(err, RC_NOT_FOUND, "the request was deleted before the operator answered");
  struct str result = json_path_string(object, "status.result");
  if (!result.len)
    return 0;
  answer->result = arena_str(answer->arena, result);
  answer->message = arena_str(answer->arena, json_path_string(object, "status.message"));
  return 1;
}

static int wait_answer(struct session *session, const struct json *action, struct answer *answer,
                       struct err *err) {
  int64_t timeout_ms = session->timeout_ms ? session->timeout_ms : ANSWER_MS;
  int rc = object_wait(session, &resource_actions, kube_namespace(action), kube_name(action),
                       is_answered, answer, timeout_ms, err);
  if (rc == RC_TIMEOUT)
    err_set(err, rc,
            "no operator answered within %.3g s; is one running? The request stays (serin delete "
            "rolloutaction %.*s takes it back). `serin abort NAME --direct` moves the traffic "
            "without an operator",
            (double)timeout_ms / 1000, STR_ARG(kube_name(action)));
  return rc;
}

static int ask(struct session *session, const struct action_options *options,
               enum rollout_verb verb, struct str rollout, struct arena *arena,
               struct answer *answer, struct err *err) {
  struct json *found, *action;
  int rc = resource_get_rollout(session, rollout, arena, &found, err);
  if (rc)
    return rc;
  struct kube_request request = {.verb = KUBE_CREATE,
                                 .resource = &resource_actions,
                                 .ns = session->ns,
                                 .body = new_action(session, options, verb, rollout, arena),
                                 .field_validation = "Strict"};
  rc = session_call(session, &request, arena, &action, err);
  if (rc == RC_EXISTS) { // stored by the first of two sendings
    action = json_dup(arena, request.body);
    rc = RC_OK;
  }
  if (rc || options->no_wait)
    return rc;
  return wait_answer(session, action, answer, err);
}

// Moves the traffic without an operator, and leaves it word: one that comes back would restore the
// weight.
static int move_directly(struct session *session, const struct action_options *options,
                         struct str name, struct arena *arena, struct answer *answer,
                         struct err *err) {
  struct action_options later = *options;
  struct answer nobody = {.arena = arena};
  struct err why = {0};
  later.no_wait = true;
  int rc = abort_direct(session, name, arena, &answer->message, err);
  if (rc == RC_OK && ask(session, &later, ROLLOUT_ABORT, name, arena, &nobody, &why) != RC_OK)
    fprintf(stderr,
            "serin abort: the traffic was moved, but no RolloutAction could be left for the "
            "operator (%s): one that "
            "comes back may move it again\n",
            why.msg);
  return rc;
}

static int run_verb(const struct action_options *options, enum rollout_verb verb,
                    const char *command, struct str argument) {
  struct arena arena = {0};
  struct session session;
  struct err err = {0};
  struct answer answer = {.arena = &arena};
  struct str name = resource_base_name(argument);
  int code = session_open(&options->common, command, &session);
  if (code != EXIT_DONE)
    return code;
  session_say_cluster(&session);
  int rc = options->direct ? move_directly(&session, options, name, &arena, &answer, &err)
                           : ask(&session, options, verb, name, &arena, &answer, &err);
  if (rc) {
    code = session_fail(command, &err);
  } else if (str_eq_z(answer.result, "Refused")) {
    fprintf(stderr, "serin %s: refused: %.*s\n", command, STR_ARG(answer.message));
    code = EXIT_FAILED;
  } else {
    printf("rollout.serin.dev/%.*s %s: %.*s\n", STR_ARG(name), command,
           STR_ARG(answer.message.len ? answer.message
                   : options->no_wait ? STR("asked")
                                      : STR("done")));
  }
  session_close(&session);
  arena_dispose(&arena);
  return code;
}

#define RUN(name, verb)                                                                            \
  static int run_##name(const void *data, const struct str *arguments, size_t count) {             \
    const struct action_options *options = data;                                                   \
    (void)count;                                                                                   \
    return run_verb(options, verb, #name, arguments[0]);                                           \
  }
RUN(promote, options->full ? ROLLOUT_PROMOTE_FULL : ROLLOUT_PROMOTE)
RUN(abort, ROLLOUT_ABORT)
RUN(retry, ROLLOUT_RETRY)
RUN(pause, ROLLOUT_PAUSE)
RUN(resume, ROLLOUT_RESUME)
RUN(undo, ROLLOUT_UNDO)

#define ROW_REASON                                                                                 \
  {                                                                                                \
    "reason", 0, OPTION_STRING, offsetof(struct action_options, reason), "TEXT", NULL,             \
        "Why; kept in the history.", 0, 0                                                          \
  }
#define ROW_NO_WAIT                                                                                \
  {                                                                                                \
    "no-wait", 0, OPTION_FLAG, offsetof(struct action_options, no_wait), NULL, NULL,               \
        "Do not wait for the operator's answer.", 0, 0                                             \
  }

static const struct option_row plain_rows[] = {ROW_REASON, ROW_NO_WAIT};
static const struct option_row promote_rows[] = {
    {"full", 0, OPTION_FLAG, offsetof(struct action_options, full), NULL, NULL,
     "Go to 100 % at once; it still bakes.", 0, 0},
    ROW_REASON,
    ROW_NO_WAIT,
};
static const struct option_row abort_rows[] = {
    {"direct", 0, OPTION_FLAG, offsetof(struct action_options, direct), NULL, NULL,
     "Move the traffic here and now, without an operator: for when it does not answer.", 0, 0},
    ROW_REASON,
    ROW_NO_WAIT,
};
static const struct option_row undo_rows[] = {
    {"to-revision", 0, OPTION_INT, offsetof(struct action_options, to_revision), "N", NULL,
     "The revision to go back to (serin history); the one before by default.", 0, INT64_MAX},
    ROW_REASON,
    ROW_NO_WAIT,
};

#define ACTION(verb, rows, words)                                                                  \
  const struct command cmd_##verb = {                                                              \
      .name = #verb,                                                                               \
      .arguments = "NAME",                                                                         \
      .summary = words,                                                                            \
      .size = sizeof(struct action_options),                                                       \
      .options = rows,                                                                             \
      .option_count = sizeof rows / sizeof rows[0],                                                \
      .common = true,                                                                              \
      .min_arguments = 1,                                                                          \
      .max_arguments = 1,                                                                          \
      .run = run_##verb,                                                                           \
  }

ACTION(promote, promote_rows, "End the current step of a rollout, or go to 100 % (--full).");
ACTION(abort, abort_rows, "Put all traffic back to the stable version.");
ACTION(retry, plain_rows, "Try a failed or aborted release again.");
ACTION(pause, plain_rows, "Stay at the current step; the judge goes on watching.");
ACTION(resume, plain_rows, "Go on after pause.");
ACTION(undo, undo_rows, "Release an earlier version.");
