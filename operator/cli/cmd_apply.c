// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/registry.h"
#include "operator/cli/apply_merge.h"
#include "operator/cli/manifest_arg.h"
#include "operator/cli/print_object.h"
#include "operator/cli/resource_arg.h"

#include <stdio.h>

#define CONFLICT_TRIES 5

struct apply_options {
  struct common_options common;
  struct option_list files;
  bool dry_run, server_side, force_conflicts;
};

struct applying {
  struct session *session;
  const struct apply_options *options;
  struct arena *arena;
  const struct kube_resource *resource;
  struct json *object; // the manifest, with its namespace
  struct str ns, name;
};

static int call(struct applying *work, struct kube_request *request, struct json **ret_object,
                struct err *err) {
  request->resource = work->resource;
  request->ns = work->ns;
  request->name = work->name;
  request->dry_run = work->options->dry_run;
  request->field_validation = "Strict";
  return session_call(work->session, request, work->arena, ret_object, err);
}

static int create(struct applying *work, struct json **ret_object, struct err *err) {
  struct kube_request request = {.verb = KUBE_CREATE,
                                 .body = apply_annotated(work->arena, work->object)};
  return call(work, &request, ret_object, err);
}

static int apply_on_server(struct applying *work, struct json **ret_object, struct err *err) {
  struct kube_request request = {.verb = KUBE_PATCH,
                                 .patch = KUBE_PATCH_APPLY,
                                 .body = work->object,
                                 .force = work->options->force_conflicts};
  int rc = call(work, &request, ret_object, err);
  if (rc == RC_CONFLICT)
    err_wrap(err, rc, "other managers own these fields (--force-conflicts takes them over)");
  return rc;
}

// One try: reads, and creates or patches. The patch is bound to the revision that was read, because
// lists are sent whole.
static int apply_once(struct applying *work, const char **ret_word, struct json **ret_object,
                      struct err *err) {
  struct json *live;
  if (!work->name.len) { // generateName: always a new one
    *ret_word = "created";
    return create(work, ret_object, err);
  }
  int rc =
      session_get(work->session, work->resource, work->ns, work->name, work->arena, &live, err);
  if (rc == RC_NOT_FOUND) {
    *ret_word = "created";
    return create(work, ret_object, err);
  }
  if (rc)
    return rc;
  const struct kind_desc *kind =
      kind_find(json_get_string(work->object, "apiVersion"), json_get_string(work->object, "kind"));
  struct json *patch = apply_patch(work->arena, live, work->object, kind && kind->builtin);
  *ret_word = "unchanged";
  *ret_object = live;
  if (patch->count == 0)
    return RC_OK;
  *ret_word = "configured";
  json_put_string(work->arena, json_need_object(work->arena, patch, "metadata"), "resourceVersion",
                  kube_revision(live));
  struct kube_request request = {.verb = KUBE_PATCH, .patch = KUBE_PATCH_MERGE, .body = patch};
  return call(work, &request, ret_object, err);
}

static int apply_object(struct applying *work, const char **ret_word, struct json **ret_object,
                        struct err *err) {
  if (work->options->server_side) {
    *ret_word = "serverside-applied";
    return apply_on_server(work, ret_object, err);
  }
  int rc = RC_CONFLICT;
  for (int i = 0; i < CONFLICT_TRIES && (rc == RC_CONFLICT || rc == RC_EXISTS); i++)
    rc = apply_once(work, ret_word, ret_object, err);
  return rc;
}

static int apply_manifest(struct session *session, const struct apply_options *options,
                          const struct manifest *manifest) {
  struct arena arena = {0};
  struct err err = {0};
  struct applying work = {.session = session, .options = options, .arena = &arena};
  const char *word = "";
  struct json *object = NULL;
  int rc = resource_of_object(session, manifest->json, &arena, &work.resource, &err);
  if (rc == RC_OK) {
    work.object = json_dup(&arena, manifest->json);
    struct json *metadata = json_get(work.object, "metadata");
    if (work.resource->namespaced && !kube_namespace(work.object).len)
      json_put_string(&arena, metadata, "namespace", session->ns);
    work.ns = resource_ns(work.resource, kube_namespace(work.object));
    work.name = kube_name(work.object);
    rc = apply_object(&work, &word, &object, &err);
  }
  if (rc == RC_OK && options->common.output.len)
    print_object(object, options->common.output);
  else if (rc == RC_OK)
    printf("%.*s %s%s\n", STR_ARG(resource_title(work.resource, kube_name(object), &arena)), word,
           options->dry_run ? " (server dry run)" : "");
  else
    fprintf(stderr, "serin apply: %.*s:%d: %s\n", STR_ARG(manifest->file), manifest->line, err.msg);
  arena_dispose(&arena);
  return session_exit_code(rc);
}

static int run(const void *data, const struct str *arguments, size_t count) {
  const struct apply_options *options = data;
  (void)arguments, (void)count;
  struct arena arena = {0};
  struct manifests manifests;
  struct session session;
  struct err err = {0};
  int code;
  if (options->files.count == 0) {
    fprintf(stderr, "serin apply: nothing to apply; name a file, a folder or - with -f\n");
    return EXIT_USAGE;
  }
  if (!print_object_knows(options->common.output, "apply"))
    return EXIT_USAGE;
  if (manifests_read(&options->files, &arena, &manifests, &err) != RC_OK) {
    code = session_fail("apply", &err);
  } else if ((code = session_open(&options->common, "apply", &session)) == EXIT_DONE) {
    session_say_cluster(&session);
    // All are tried: one bad object does not keep the others back, as with kubectl.
    for (size_t i = 0; i < manifests.count; i++) {
      int one = apply_manifest(&session, options, &manifests.items[i]);
      code = code == EXIT_DONE ? one : code;
    }
    session_close(&session);
  }
  arena_dispose(&arena);
  return code;
}

static const struct option_row rows[] = {
    {"filename", 'f', OPTION_LIST, offsetof(struct apply_options, files), "FILE", NULL,
     "A file, a folder of *.yaml, *.yml and *.json, or - for standard input.", 0, 0},
    {"dry-run", 0, OPTION_FLAG, offsetof(struct apply_options, dry_run), NULL, NULL,
     "The server checks and answers, but stores nothing.", 0, 0},
    {"server-side", 0, OPTION_FLAG, offsetof(struct apply_options, server_side), NULL, NULL,
     "Server-side apply, with the server's record of who owns which field.", 0, 0},
    {"force-conflicts", 0, OPTION_FLAG, offsetof(struct apply_options, force_conflicts), NULL, NULL,
     "With --server-side: take fields over from other managers.", 0, 0},
};

const struct command cmd_apply = {
    .name = "apply",
    .arguments = "-f FILE",
    .summary = "Create objects, or change them to what the files say.",
    .details = "Follows kubectl's client-side apply: an annotation remembers what was applied, so "
               "that a field you "
               "take out of a file\nis taken out of the object, and what others added stays.",
    .size = sizeof(struct apply_options),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .common = true,
    .run = run,
};
