// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/log.h"
#include "operator/cli/options.h"
#include "operator/standalone/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct runtime_flags {
  struct str data, kubeconfig, node_name;
  struct option_list images;
  int64_t ready_fd;
};

static int fail(const struct err *err) {
  fprintf(stderr, "serin runtime: %s\n", err->msg);
  return err->rc == RC_USAGE ? EXIT_USAGE : EXIT_FAILED;
}

static int run(const void *options, const struct str *arguments, size_t count) {
  (void)arguments, (void)count;
  const struct runtime_flags *flags = options;
  struct err err = {0};
  struct arena arena;
  struct pod_images images = {0};
  char cwd[4096];
  if (str_is_empty(flags->data)) {
    (void)err_set(&err, RC_USAGE, "--data is needed");
    return fail(&err);
  }
  if (!getcwd(cwd, sizeof cwd)) {
    (void)err_errno(&err, "cannot tell the current folder");
    return fail(&err);
  }
  char data[4096];
  if (!realpath(flags->data.ptr, data)) {
    (void)err_errno(&err, "--data %s", flags->data.ptr);
    return fail(&err);
  }
  log_set_part("runtime");
  arena_init(&arena);
  int rc = RC_OK;
  for (size_t i = 0; rc == RC_OK && i < flags->images.count; i++)
    rc = pod_images_add(&images, flags->images.items[i], str_of(cwd), &arena, &err);
  struct runtime_options run_options = {
      .data = arena_strz(&arena, data).ptr,
      .kubeconfig = str_is_empty(flags->kubeconfig) ? NULL : flags->kubeconfig.ptr,
      .images = &images,
      .ready_fd = (int)flags->ready_fd,
      .node_name = str_is_empty(flags->node_name) ? NULL : flags->node_name.ptr};
  if (rc == RC_OK)
    rc = runtime_run(&run_options, &err);
  arena_dispose(&arena);
  return rc == RC_OK ? EXIT_DONE : fail(&err);
}

static const struct option_row rows[] = {
    {"data", 0, OPTION_STRING, offsetof(struct runtime_flags, data), "DIR", NULL,
     "Where pods and logs are kept.", 0, 0},
    {"kubeconfig", 0, OPTION_STRING, offsetof(struct runtime_flags, kubeconfig), "FILE", NULL,
     "The API to run pods of (default: DATA/kubeconfig).", 0, 0},
    {"image", 0, OPTION_LIST, offsetof(struct runtime_flags, images), "NAME=COMMAND", NULL,
     "The command that stands for an image.", 0, 0},
    {"node-name", 0, OPTION_STRING, offsetof(struct runtime_flags, node_name), "NAME", NULL,
     "spec.nodeName of the pods (default: the host's name).", 0, 0},
    {"ready-fd", 0, OPTION_INT, offsetof(struct runtime_flags, ready_fd), "N", "-1",
     "Gets one byte once pods are looked after.", -1, 1000000},
};

const struct command cmd_runtime = {
    .name = "runtime",
    .summary = "Run the pods of the API as processes (internal, started by serin up).",
    .size = sizeof(struct runtime_flags),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .hidden = true,
    .run = run,
};
