// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/manifest_arg.h"
#include "operator/cli/object_wait.h"
#include "operator/cli/resource_arg.h"

#include <stdio.h>

#define WAIT_MS 60000

struct delete_options {
  struct common_options common;
  struct option_list files;
  struct str selector, cascade;
  bool all, ignore_not_found, no_wait, dry_run;
};

struct deleting {
  struct session *session;
  const struct delete_options *options;
  struct arena *arena;
};

static const char *propagation(struct str cascade) {
  return str_eq_z(cascade, "orphan")       ? "Orphan"
         : str_eq_z(cascade, "foreground") ? "Foreground"
                                           : "Background";
}

static int delete_one(struct deleting *work, const struct kube_resource *resource, struct str ns,
                      struct str name, struct err *err) {
  struct json *body = json_new_object(work->arena), *answer = NULL;
  json_put_z(work->arena, body, "apiVersion", "v1");
  json_put_z(work->arena, body, "kind", "DeleteOptions");
  json_put_z(work->arena, body, "propagationPolicy", propagation(work->options->cascade));
  struct kube_request request = {.verb = KUBE_DELETE,
                                 .resource = resource,
                                 .ns = ns,
                                 .name = name,
                                 .body = body,
                                 .dry_run = work->options->dry_run};
  int rc = session_call(work->session, &request, work->arena, &answer, err);
  if (rc == RC_NOT_FOUND && work->options->ignore_not_found)
    return RC_OK;
  if (rc)
    return rc;
  printf("%.*s deleted%s\n", STR_ARG(resource_title(resource, name, work->arena)),
         work->options->dry_run ? " (server dry run)" : "");
  fflush(stdout);
  if (work->options->no_wait || work->options->dry_run)
    return RC_OK;
  int64_t timeout_ms = work->session->timeout_ms ? work->session->timeout_ms : WAIT_MS;
  rc = object_wait_gone(work->session, resource, ns, name, timeout_ms, err);
  if (rc == RC_TIMEOUT)
    err_set(err, rc,
            "%.*s is still there: a finalizer holds it (`serin get %s %.*s -o yaml` shows which)",
            STR_ARG(resource_title(resource, name, work->arena)), resource->plural, STR_ARG(name));
  return rc;
}

static int delete_listed(struct deleting *work, const struct kube_resource *resource,
                         struct err *err) {
  struct json *list;
  struct kube_request request = {.verb = KUBE_LIST,
                                 .resource = resource,
                                 .ns = resource_ns(resource, work->session->ns),
                                 .label_selector = work->options->selector};
  int rc = session_call(work->session, &request, work->arena, &list, err);
  JSON_EACH(item, rc ? NULL : json_get(list, "items"))
    if (rc == RC_OK)
      rc = delete_one(work, resource, kube_namespace(item), kube_name(item), err);
  return rc;
}

static int delete_named(struct deleting *work, const struct str *arguments, size_t count,
                        struct err *err) {
  struct resource_name *names;
  size_t name_count;
  int rc = resource_parse(work->session, arguments, count, work->arena, &names, &name_count, err);
  bool may_list = work->options->all || work->options->selector.len;
  for (size_t i = 0; rc == RC_OK && i < name_count; i++) {
    if (names[i].name.len)
      rc = delete_one(work, names[i].resource, resource_ns(names[i].resource, work->session->ns),
                      names[i].name, err);
    else if (may_list)
      rc = delete_listed(work, names[i].resource, err);
    else
      rc = err_set(err, RC_USAGE, "name the %s to delete, or say -l SELECTOR or --all",
                   names[i].resource->plural);
  }
  return rc;
}

// In reverse order, so that what depends on something goes first.
static int delete_files(struct deleting *work, struct err *err) {
  struct manifests manifests;
  int rc = manifests_read(&work->options->files, work->arena, &manifests, err);
  for (size_t i = rc == RC_OK ? manifests.count : 0; rc == RC_OK && i-- > 0;) {
    const struct json *object = manifests.items[i].json;
    const struct kube_resource *resource;
    rc = resource_of_object(work->session, object, work->arena, &resource, err);
    struct str ns = kube_namespace(object).len ? kube_namespace(object) : work->session->ns;
    if (rc == RC_OK)
      rc = delete_one(work, resource, resource_ns(resource, ns), kube_name(object), err);
  }
  return rc;
}

static int run(const void *data, const struct str *arguments, size_t count) {
  const struct delete_options *options = data;
  struct arena arena = {0};
  struct session session;
  struct err err = {0};
  if ((count == 0) == (options->files.count == 0)) {
    fprintf(stderr, "serin delete: name objects (KIND NAME...) or files (-f), one of both\n");
    return EXIT_USAGE;
  }
  int code = session_open(&options->common, "delete", &session);
  if (code != EXIT_DONE)
    return code;
  struct deleting work = {&session, options, &arena};
  session_say_cluster(&session);
  int rc = count ? delete_named(&work, arguments, count, &err) : delete_files(&work, &err);
  if (rc)
    code = session_fail("delete", &err);
  session_close(&session);
  arena_dispose(&arena);
  return code;
}

static const struct option_row rows[] = {
    {"filename", 'f', OPTION_LIST, offsetof(struct delete_options, files), "FILE", NULL,
     "Delete the objects of a file, a folder or - for standard input.", 0, 0},
    {"selector", 'l', OPTION_STRING, offsetof(struct delete_options, selector), "SELECTOR", NULL,
     "Delete the objects of the kind with these labels.", 0, 0},
    {"all", 0, OPTION_FLAG, offsetof(struct delete_options, all), NULL, NULL,
     "Delete all objects of the kind in the namespace.", 0, 0},
    {"cascade", 0, OPTION_STRING, offsetof(struct delete_options, cascade), "POLICY", "background",
     "What happens to objects it owns: background, foreground or orphan.", 0, 0},
    {"ignore-not-found", 0, OPTION_FLAG, offsetof(struct delete_options, ignore_not_found), NULL,
     NULL, "An object that is not there is no error.", 0, 0},
    {"no-wait", 0, OPTION_FLAG, offsetof(struct delete_options, no_wait), NULL, NULL,
     "Do not wait until it is gone.", 0, 0},
    {"dry-run", 0, OPTION_FLAG, offsetof(struct delete_options, dry_run), NULL, NULL,
     "The server checks and answers, but deletes nothing.", 0, 0},
};

const struct command cmd_delete = {
    .name = "delete",
    .arguments = "KIND NAME... | -f FILE",
    .summary = "Delete objects and wait until they are gone.",
    .size = sizeof(struct delete_options),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .common = true,
    .max_arguments = -1,
    .run = run,
};
