// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "operator/cli/resource_arg.h"

#include <stdio.h>

static const struct kube_resource pods = {"", "v1", "Pod", "pods", true};

struct logs_options {
  struct common_options common;
  struct str container, selector;
  bool follow, previous, timestamps, all_containers;
  int64_t tail, since_ms;
};

struct log_stream {
  struct kube_op op;
  struct logs *logs;
  struct str title; // pod or pod/container
  struct buf line;  // with a prefix, lines are written whole
  struct err err;
};

struct logs {
  struct session *session;
  const struct logs_options *options;
  struct arena *arena;
  struct log_stream *streams;
  size_t count, capacity, running;
  bool finished;
};

// ---- which containers ----

static void add_stream(struct logs *logs, struct str pod, struct str container) {
  void *items = logs->streams;
  struct log_stream *stream =
      arena_push(logs->arena, &items, &logs->count, &logs->capacity, sizeof *stream);
  logs->streams = items;
  stream->title = container.len
                      ? arena_printf(logs->arena, "%.*s/%.*s", STR_ARG(pod), STR_ARG(container))
                      : arena_str(logs->arena, pod);
}

static int add_pod(struct logs *logs, const struct json *pod, struct err *err) {
  const struct json *containers = json_path(pod, "spec.containers");
  struct str wanted = logs->options->container, name = kube_name(pod), names = STR("");
  if (!wanted.len && !logs->options->all_containers && containers && containers->count > 1)
    wanted = json_get_string(containers->child, "name"); // the first, as kubectl
  bool found = false;
  JSON_EACH(container, containers) {
    struct str own = json_get_string(container, "name");
    names = arena_printf(logs->arena, "%.*s%s%.*s", STR_ARG(names), names.len ? ", " : "",
                         STR_ARG(own));
    if (wanted.len && !str_eq(own, wanted))
      continue;
    found = true;
    add_stream(logs, name, own);
  }
  JSON_EACH(container, json_path(pod, "spec.initContainers"))
    if (wanted.len && str_eq(json_get_string(container, "name"), wanted)) {
      found = true;
      add_stream(logs, name, wanted);
    }
  return found ? RC_OK
               : err_set(err, RC_NOT_FOUND, "pod %.*s has no container \"%.*s\"; there are: %.*s",
                         STR_ARG(name), STR_ARG(wanted), STR_ARG(names));
}

static int add_selected(struct logs *logs, struct str selector, struct str what, struct err *err) {
  struct json *list;
  struct kube_request request = {
      .verb = KUBE_LIST, .resource = &pods, .ns = logs->session->ns, .label_selector = selector};
  int rc = session_call(logs->session, &request, logs->arena, &list, err);
  const struct json *items = rc ? NULL : json_get(list, "items");
  if (rc == RC_OK && (!items || items->count == 0))
    rc = err_set(err, RC_NOT_FOUND, "%.*s has no pods in namespace %.*s", STR_ARG(what),
                 STR_ARG(logs->session->ns));
  JSON_EACH(pod, items)
    if (rc == RC_OK)
      rc = add_pod(logs, pod, err);
  return rc;
}

static struct str selector_of(const struct json *object, struct arena *arena) {
  const struct json *labels = json_path(object, "spec.selector.matchLabels");
  struct str text = STR("");
  if (!labels)
    labels = json_path(object, "spec.selector"); // a Service
  JSON_EACH(label, labels)
    if (label->type == JSON_STRING)
      text = arena_printf(arena, "%.*s%s%.*s=%.*s", STR_ARG(text), text.len ? "," : "",
                          STR_ARG(label->key), STR_ARG(label->string));
  return text;
}

static int add_owner(struct logs *logs, const struct kube_resource *resource, struct str name,
                     struct err *err);

// The pair form has no pods of its own: those of its Deployments are meant.
static int add_pair(struct logs *logs, const struct json *rollout, struct err *err) {
  static const char *const paths[] = {"spec.stable.deployment", "spec.canary.deployment"};
  int rc = RC_OK;
  size_t before = logs->count;
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    struct str deployment = json_path_string(rollout, paths[i]);
    int one = deployment.len ? add_owner(logs, &resource_deployments, deployment, err) : RC_OK;
    rc = one && one != RC_NOT_FOUND ? one : rc;
  }
  if (rc == RC_OK && logs->count == before)
    rc = err_set(err, RC_NOT_FOUND, "rollout %.*s has no pods now", STR_ARG(kube_name(rollout)));
  return rc;
}

static int add_owner(struct logs *logs, const struct kube_resource *resource, struct str name,
                     struct err *err) {
  struct json *object;
  int rc = session_get(logs->session, resource, resource_ns(resource, logs->session->ns), name,
                       logs->arena, &object, err);
  if (rc)
    return rc;
  if (str_eq_z(str_of(resource->plural), "pods"))
    return add_pod(logs, object, err);
  struct str selector = selector_of(object, logs->arena);
  if (!selector.len && str_eq_z(str_of(resource->plural), "rollouts"))
    return add_pair(logs, object, err);
  if (!selector.len)
    return err_set(err, RC_USAGE, "a %s has no pods; name a pod, deployment or rollout",
                   resource->kind);
  return add_selected(logs, selector, resource_title(resource, name, logs->arena), err);
}

// ---- reading them ----

static struct str path_of(struct logs *logs, const struct log_stream *stream) {
  const struct logs_options *options = logs->options;
  struct str rest = stream->title, pod, container;
  struct buf path;
  str_next(&rest, '/', &pod);
  container = rest;
  buf_init(&path, 65536);
  buf_addf(&path, "%.*s?follow=%s",
           STR_ARG(kube_path(logs->arena, &pods, logs->session->ns, pod, "log")),
           options->follow ? "true" : "false");
  if (container.len)
    buf_addf(&path, "&container=%.*s", STR_ARG(http_escape(logs->arena, container)));
  if (options->previous)
    buf_add_z(&path, "&previous=true");
  if (options->timestamps)
    buf_add_z(&path, "&timestamps=true");
  if (options->tail >= 0)
    buf_addf(&path, "&tailLines=%lld", (long long)options->tail);
  if (options->since_ms > 0)
    buf_addf(&path, "&sinceSeconds=%lld", (long long)((options->since_ms + 999) / 1000));
  struct str text = arena_str(logs->arena, buf_str(&path));
  buf_dispose(&path);
  return text;
}

static void on_chunk(struct kube_op *op, struct str bytes) {
  struct log_stream *stream = container_of(op, struct log_stream, op);
  if (stream->logs->count == 1) {
    fwrite(bytes.ptr, 1, bytes.len, stdout);
    fflush(stdout);
    return;
  }
  for (size_t i = 0; i < bytes.len; i++) {
    if (bytes.ptr[i] != '\n' && buf_add_char(&stream->line, bytes.ptr[i]) == RC_OK)
      continue;
    printf("[%.*s] %.*s\n", STR_ARG(stream->title), STR_ARG(buf_str(&stream->line)));
    buf_reset(&stream->line);
  }
  fflush(stdout);
}

static void on_done(struct kube_op *op, const struct kube_reply *reply) {
  struct log_stream *stream = container_of(op, struct log_stream, op);
  struct logs *logs = stream->logs;
  if (stream->line.len)
    printf("[%.*s] %.*s\n", STR_ARG(stream->title), STR_ARG(buf_str(&stream->line)));
  if (reply->err)
    stream->err = *reply->err;
  if (--logs->running == 0) {
    logs->finished = true;
    uv_stop(&logs->session->loop);
  }
}

static int read_streams(struct logs *logs, struct err *err) {
  int rc = RC_OK;
  for (size_t i = 0; i < logs->count; i++) {
    struct log_stream *stream = &logs->streams[i];
    stream->logs = logs;
    buf_init(&stream->line, 65536);
    int one = kube_stream(logs->session->kube, path_of(logs, stream), 0, &stream->op, on_chunk,
                          on_done, &stream->err);
    logs->running += one == RC_OK;
  }
  logs->finished = logs->running == 0;
  int ended = session_run_until(logs->session, &logs->finished, logs->session->timeout_ms);
  if (ended == RC_TIMEOUT) // -f with --timeout: that is how it ends
    for (size_t i = 0; i < logs->count; i++)
      kube_cancel(&logs->streams[i].op);
  if (!logs->finished)
    (void)session_run_until(logs->session, &logs->finished, 0);
  for (size_t i = 0; i < logs->count; i++) {
    if (logs->streams[i].err.rc && logs->streams[i].err.rc != RC_CANCELED && rc == RC_OK) {
      *err = logs->streams[i].err;
      rc = err->rc;
    }
    buf_dispose(&logs->streams[i].line);
  }
  return rc;
}

static int find_streams(struct logs *logs, const struct str *arguments, size_t count,
                        struct err *err) {
  if (logs->options->selector.len)
    return add_selected(logs, logs->options->selector, logs->options->selector, err);
  if (count == 0)
    return err_set(err, RC_USAGE, "name a pod, KIND/NAME, or -l SELECTOR");
  if (count == 1 && str_find_char(arguments[0], '/') < 0)
    return add_owner(logs, &pods, arguments[0], err);
  struct resource_name *names;
  size_t name_count;
  int rc = resource_parse(logs->session, arguments, count, logs->arena, &names, &name_count, err);
  for (size_t i = 0; rc == RC_OK && i < name_count; i++)
    rc = names[i].name.len
             ? add_owner(logs, names[i].resource, names[i].name, err)
             : err_set(err, RC_USAGE, "name one of the %s", names[i].resource->plural);
  return rc;
}

static int run(const void *data, const struct str *arguments, size_t count) {
  const struct logs_options *options = data;
  struct arena arena = {0};
  struct session session;
  struct err err = {0};
  int code = session_open(&options->common, "logs", &session);
  if (code != EXIT_DONE)
    return code;
  struct logs logs = {.session = &session, .options = options, .arena = &arena};
  int rc = find_streams(&logs, arguments, count, &err);
  if (rc == RC_OK)
    rc = read_streams(&logs, &err);
  if (rc)
    code = session_fail("logs", &err);
  session_close(&session);
  arena_dispose(&arena);
  return code;
}

static const struct option_row rows[] = {
    {"follow", 'f', OPTION_FLAG, offsetof(struct logs_options, follow), NULL, NULL,
     "Go on with new lines as they come.", 0, 0},
    {"container", 'c', OPTION_STRING, offsetof(struct logs_options, container), "NAME", NULL,
     "Of this container (default: the first).", 0, 0},
    {"all-containers", 0, OPTION_FLAG, offsetof(struct logs_options, all_containers), NULL, NULL,
     "Of all containers.", 0, 0},
    {"selector", 'l', OPTION_STRING, offsetof(struct logs_options, selector), "SELECTOR", NULL,
     "Of all pods with these labels.", 0, 0},
    {"tail", 0, OPTION_INT, offsetof(struct logs_options, tail), "N", "-1",
     "Only the last N lines; -1 is all.", -1, INT64_MAX},
    {"since", 0, OPTION_DURATION, offsetof(struct logs_options, since_ms), "DURATION", NULL,
     "Only lines of the last so long.", 0, 0},
    {"previous", 'p', OPTION_FLAG, offsetof(struct logs_options, previous), NULL, NULL,
     "Of the container's run before this one.", 0, 0},
    {"timestamps", 0, OPTION_FLAG, offsetof(struct logs_options, timestamps), NULL, NULL,
     "With the time of each line.", 0, 0},
};

const struct command cmd_logs = {
    .name = "logs",
    .arguments = "POD | KIND/NAME",
    .summary = "Print what a workload wrote; of a deployment or rollout: of all its pods.",
    .size = sizeof(struct logs_options),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .common = true,
    .max_arguments = -1,
    .run = run,
};
