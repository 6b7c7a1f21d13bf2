// SPDX-License-Identifier: Apache-2.0
// get and list. The columns are the server's own (Table), so that kubectl shows the same.
#include "manifests/base/limits.h"
#include "manifests/base/map.h"
#include "operator/cli/print_object.h"
#include "operator/cli/resource_arg.h"
#include "operator/cli/status_view.h"
#include "operator/cli/table_text.h"

#include <stdio.h>

struct get_options {
  struct common_options common;
  struct str selector, field_selector;
  bool all_namespaces, watch, no_headers;
};

struct getting {
  struct session *session;
  const struct get_options *options;
  struct str ns;
  bool several;      // kinds: names carry their kind
  bool printed;      // anything yet
  struct json *list; // -o json|yaml of several: collected
  struct arena *arena;
};

static bool wants_table(const struct get_options *options) {
  return !options->common.output.len || str_eq_z(options->common.output, "wide");
}

static struct kube_request request_of(const struct getting *work,
                                      const struct resource_name *what) {
  const struct get_options *options = work->options;
  return (struct kube_request){
      .verb = what->name.len ? KUBE_GET : KUBE_LIST,
      .resource = what->resource,
      .ns = resource_ns(what->resource, options->all_namespaces ? STR_NULL : work->ns),
      .name = what->name,
      .label_selector = options->selector,
      .field_selector = options->field_selector,
      .as_table = wants_table(options),
  };
}

static void print_table(struct getting *work, const struct kube_resource *resource,
                        const struct json *table, bool headers) {
  struct buf text;
  const struct get_options *options = work->options;
  buf_init(&text, 4 * LIMIT_HTTP_REPLY_BYTES);
  struct table_view view = {
      .wide = str_eq_z(options->common.output, "wide"),
      .with_ns = options->all_namespaces,
      .headers = headers && !options->no_headers,
      .name_prefix = work->several ? resource_title(resource, STR(""), work->arena).ptr : NULL,
  };
  if (work->printed && headers && work->several)
    buf_add_char(&text, '\n');
  if (!table_text_server(table, &view, work->arena, &text)) {
    JSON_EACH(item, json_get(table, "items")) // a server without Tables
      buf_addf(&text, "%.*s\n", STR_ARG(kube_key(work->arena, item)));
    if (!json_get(table, "items"))
      buf_addf(&text, "%.*s\n", STR_ARG(kube_key(work->arena, table)));
  }
  print_buf(&text);
  work->printed = true;
}

// managedFields are longer than the object and for machines: kubectl leaves them out, too.
static void collect_one(struct getting *work, const struct json *object) {
  struct json *copy = json_dup(work->arena, object);
  json_remove(json_need_object(work->arena, copy, "metadata"), STR("managedFields"));
  json_append(json_need_array(work->arena, work->list, "items"), copy);
}

static void collect(struct getting *work, const struct json *object, bool is_list) {
  if (!is_list)
    collect_one(work, object);
  JSON_EACH(item, is_list ? json_get(object, "items") : NULL)
    collect_one(work, item);
}

// Items of built-in lists come without apiVersion and kind.
static void complete_items(struct arena *arena, const struct kube_resource *resource,
                           struct json *list) {
  struct str api = *resource->group
                       ? arena_printf(arena, "%s/%s", resource->group, resource->version)
                       : str_of(resource->version);
  JSON_EACH(item, json_get(list, "items")) {
    if (json_get(item, "kind"))
      continue;
    json_put_string(arena, item, "apiVersion", api);
    json_put_z(arena, item, "kind", resource->kind);
  }
}

static int get_one(struct getting *work, const struct resource_name *what, struct err *err) {
  struct kube_request request = request_of(work, what);
  struct json *object;
  int rc = session_call(work->session, &request, work->arena, &object, err);
  if (rc == RC_NOT_FOUND && !what->name.len && work->several)
    return RC_OK; // `get all` where a kind is not installed
  if (rc)
    return rc;
  if (wants_table(work->options)) {
    if (what->name.len || json_get(object, "items") || json_get(object, "rows")->count > 0)
      print_table(work, what->resource, object, true);
    return RC_OK;
  }
  complete_items(work->arena, what->resource, object);
  collect(work, object, !what->name.len);
  work->printed = true;
  return RC_OK;
}

static void finish(struct getting *work, bool single) {
  if (!wants_table(work->options)) {
    const struct json *items = json_get(work->list, "items");
    if (single && items && items->count == 1)
      print_object(items->child, work->options->common.output);
    else if (items)
      print_object(work->list, work->options->common.output);
  } else if (!work->printed) {
    if (work->options->all_namespaces)
      fprintf(stderr, "No resources found\n");
    else
      fprintf(stderr, "No resources found in %.*s namespace.\n", STR_ARG(work->ns));
  }
}

// ---- -w ----

struct watching {
  struct getting *work;
  const struct kube_resource *resource;
  struct map pending; // keys to print, with the event in the value
};

static void on_event(struct kube_watch *watch, enum kube_event event, struct str key,
                     const struct json *object, const struct json *old, void *data) {
  struct watching *watching = data;
  (void)old;
  if (!kube_watch_is_synced(watch))
    return; // these were printed as the list
  if (!wants_table(watching->work->options)) {
    print_object(object, watching->work->options->common.output);
    return;
  }
  if (event == KUBE_DELETED)
    printf("%.*s   (deleted)\n", STR_ARG(key));
  else
    map_put(&watching->pending, key, watching);
  fflush(stdout);
}

static void on_changed(struct kube_watch *watch, void *data) {
  struct watching *watching = data;
  (void)watch;
  uv_stop(&watching->work->session->loop);
}

static void on_error(struct kube_watch *watch, const struct err *err, void *data) {
  (void)watch, (void)data;
  fprintf(stderr, "serin get: %s; trying again\n", err->msg);
}

// A row is asked from the server for each change, so that its columns are the server's.
static void print_pending(struct watching *watching) {
  struct map_iter it = map_begin(&watching->pending);
  while (map_each(&it)) {
    struct arena arena = {0};
    ptrdiff_t slash = str_find_char(it.key, '/');
    struct str ns = slash < 0 ? STR_NULL : str_slice(it.key, 0, (size_t)slash);
    struct resource_name what = {watching->resource,
                                 str_slice(it.key, (size_t)(slash + 1), it.key.len)};
    struct getting work = *watching->work;
    struct json *table;
    work.arena = &arena;
    struct kube_request request = request_of(&work, &what);
    request.ns = ns;
    if (session_call(work.session, &request, &arena, &table, NULL) == RC_OK)
      print_table(&work, watching->resource, table, false);
    arena_dispose(&arena);
    map_del(&watching->pending, it.key);
  }
}

static int watch_one(struct getting *work, const struct resource_name *what, struct err *err) {
  struct watching watching = {.work = work, .resource = what->resource};
  struct kube_request request = request_of(work, what);
  struct kube_watch *watch;
  struct kube_watch_options options = {
      .resource = what->resource,
      .ns = request.ns,
      .label_selector = request.label_selector,
      .field_selector = what->name.len
                            ? arena_printf(work->arena, "metadata.name=%.*s", STR_ARG(what->name))
                            : request.field_selector,
      .event = on_event,
      .changed = on_changed,
      .error = on_error,
      .data = &watching,
  };
  int rc = kube_watch_open(work->session->kube, &options, &watch, err);
  if (rc)
    return rc;
  int64_t end_ms = work->session->timeout_ms > 0
                       ? (int64_t)uv_now(&work->session->loop) + work->session->timeout_ms
                       : INT64_MAX;
  while ((int64_t)uv_now(&work->session->loop) < end_ms) {
    int64_t left = end_ms == INT64_MAX ? 0 : end_ms - (int64_t)uv_now(&work->session->loop);
    if (left)
      session_wake_after(work->session, left);
    uv_run(&work->session->loop, UV_RUN_DEFAULT);
    print_pending(&watching);
  }
  kube_watch_close(watch, NULL, NULL);
  map_dispose(&watching.pending);
  return RC_OK;
}

// ---- the command ----

static int get_all(struct getting *work, const struct resource_name *names, size_t count,
                   struct err *err) {
  int rc = RC_OK;
  for (size_t i = 0; rc == RC_OK && i < count; i++)
    work->several |= names[i].resource != names[0].resource;
  for (size_t i = 0; rc == RC_OK && i < count; i++)
    rc = get_one(work, &names[i], err);
  if (rc == RC_OK && !work->options->watch)
    finish(work, count == 1 && names[0].name.len);
  if (rc == RC_OK && work->options->watch) {
    if (count != 1)
      return err_set(err, RC_USAGE, "-w follows one kind or one object");
    if (!wants_table(work->options))
      finish(work, names[0].name.len > 0);
    rc = watch_one(work, &names[0], err);
  }
  return rc;
}

static int run(const char *command, const struct get_options *options, const struct str *arguments,
               size_t count) {
  struct arena arena = {0};
  struct session session;
  struct err err = {0};
  struct resource_name *names;
  size_t name_count;
  if (!print_object_knows(options->common.output, command))
    return EXIT_USAGE;
  int code = session_open(&options->common, command, &session);
  if (code != EXIT_DONE)
    return code;
  struct getting work = {.session = &session,
                         .options = options,
                         .ns = session.ns,
                         .list = json_new_object(&arena),
                         .arena = &arena};
  json_put_z(&arena, work.list, "apiVersion", "v1");
  json_put_z(&arena, work.list, "kind", "List");
  json_need_array(&arena, work.list, "items");
  int rc = resource_parse(&session, arguments, count, &arena, &names, &name_count, &err);
  if (rc == RC_OK && options->watch && name_count == 1 && names[0].name.len &&
      str_eq_z(str_of(names[0].resource->kind), "Rollout") && wants_table(options))
    code = status_view_follow(&session, command, names[0].name);
  else if (rc == RC_OK)
    rc = get_all(&work, names, name_count, &err);
  if (rc)
    code = session_fail(command, &err);
  session_close(&session);
  arena_dispose(&arena);
  return code;
}

static int run_get(const void *options, const struct str *arguments, size_t count) {
  return run("get", options, arguments, count);
}

static int run_list(const void *options, const struct str *arguments, size_t count) {
  static const struct str rollouts[] = {{"rollouts", 8}};
  return count ? run("list", options, arguments, count) : run("list", options, rollouts, 1);
}

static const struct option_row rows[] = {
    {"selector", 'l', OPTION_STRING, offsetof(struct get_options, selector), "SELECTOR", NULL,
     "Only objects with these labels (app=x,tier!=y).", 0, 0},
    {"field-selector", 0, OPTION_STRING, offsetof(struct get_options, field_selector), "SELECTOR",
     NULL, "Only objects with these fields (metadata.name=x).", 0, 0},
    {"all-namespaces", 'A', OPTION_FLAG, offsetof(struct get_options, all_namespaces), NULL, NULL,
     "Objects of all namespaces.", 0, 0},
    {"watch", 'w', OPTION_FLAG, offsetof(struct get_options, watch), NULL, NULL,
     "Go on and print each change; of one rollout: its live status.", 0, 0},
    {"no-headers", 0, OPTION_FLAG, offsetof(struct get_options, no_headers), NULL, NULL,
     "No line of column names.", 0, 0},
};

const struct command cmd_get = {
    .name = "get",
    .arguments = "KIND [NAME...]",
    .summary = "Print objects as a table, or as JSON or YAML.",
    .details = "KIND is a plural, singular or short name, several with commas, or all. KIND/NAME "
               "works, too.",
    .size = sizeof(struct get_options),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .common = true,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run_get,
};

const struct command cmd_list = {
    .name = "list",
    .arguments = "[KIND [NAME...]]",
    .summary = "Print all rollouts, or what get would.",
    .size = sizeof(struct get_options),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .common = true,
    .max_arguments = -1,
    .run = run_list,
};
