// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/clock.h"
#include "operator/cli/describe_text.h"
#include "operator/cli/print_object.h"
#include "operator/cli/resource_arg.h"

#include <stdio.h>

static const struct kube_resource all_events = {"", "v1", "Event", "events", true};

struct describe_options {
  struct common_options common;
  struct str selector;
};

static struct json *events_of(struct session *session, const struct json *object,
                              struct arena *arena) {
  struct json *list = NULL;
  struct kube_request request = {
      .verb = KUBE_LIST,
      .resource = &all_events,
      .ns = kube_namespace(object).len ? kube_namespace(object) : STR("default"),
      .field_selector = arena_printf(arena, "involvedObject.name=%.*s,involvedObject.uid=%.*s",
                                     STR_ARG(kube_name(object)), STR_ARG(kube_uid(object))),
  };
  (void)session_call(session, &request, arena, &list,
                     NULL); // without events the rest is still good
  return json_get(list, "items");
}

static void print_one(struct session *session, struct json *object, bool first,
                      struct arena *arena) {
  struct buf text;
  struct json *metadata = json_get(object, "metadata");
  if (metadata)
    json_remove(metadata, STR("managedFields"));
  buf_init(&text, 64u << 20);
  if (!first)
    buf_add_z(&text, "\n\n");
  describe_text(object, events_of(session, object, arena), clock_wall_ms(), arena, &text);
  print_buf(&text);
}

static int describe(struct session *session, const struct describe_options *options,
                    const struct resource_name *what, bool *first, struct arena *arena,
                    struct err *err) {
  struct json *object;
  struct kube_request request = {.verb = what->name.len ? KUBE_GET : KUBE_LIST,
                                 .resource = what->resource,
                                 .ns = resource_ns(what->resource, session->ns),
                                 .name = what->name,
                                 .label_selector = options->selector};
  int rc = session_call(session, &request, arena, &object, err);
  if (rc)
    return rc;
  if (what->name.len) {
    print_one(session, object, *first, arena);
    *first = false;
    return RC_OK;
  }
  JSON_EACH(item, json_get(object, "items")) {
    if (!json_get(item, "kind"))
      json_put_z(arena, item, "kind", what->resource->kind);
    print_one(session, item, *first, arena);
    *first = false;
  }
  return RC_OK;
}

static int run(const void *data, const struct str *arguments, size_t count) {
  const struct describe_options *options = data;
  struct arena arena = {0};
  struct session session;
  struct err err = {0};
  struct resource_name *names;
  size_t name_count;
  bool first = true;
  int code = session_open(&options->common, "describe", &session);
  if (code != EXIT_DONE)
    return code;
  int rc = resource_parse(&session, arguments, count, &arena, &names, &name_count, &err);
  for (size_t i = 0; rc == RC_OK && i < name_count; i++)
    rc = describe(&session, options, &names[i], &first, &arena, &err);
  if (rc)
    code = session_fail("describe", &err);
  else if (first)
    fprintf(stderr, "No resources found in %.*s namespace.\n", STR_ARG(session.ns));
  session_close(&session);
  arena_dispose(&arena);
  return code;
}

static const struct option_row rows[] = {
    {"selector", 'l', OPTION_STRING, offsetof(struct describe_options, selector), "SELECTOR", NULL,
     "Only objects with these labels.", 0, 0},
};

const struct command cmd_describe = {
    .name = "describe",
    .arguments = "KIND [NAME...]",
    .summary = "Print objects with their status and events, for people.",
    .size = sizeof(struct describe_options),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .common = true,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run,
};
