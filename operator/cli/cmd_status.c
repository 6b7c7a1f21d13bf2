// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/decode.h"
#include "operator/cli/print_object.h"
#include "operator/cli/resource_arg.h"
#include "operator/cli/status_view.h"
#include "operator/cli/tree.h"

#include <stdio.h>

struct status_options {
  struct common_options common;
  bool watch;
};

static int print_raw(struct session *session, struct str name, struct str output) {
  struct arena arena = {0};
  struct err err = {0};
  struct json *object;
  void *rollout = NULL;
  struct decode_options options = {.unknown = UNKNOWN_IGNORE, .skip_checks = true};
  int code = EXIT_DONE;
  int rc = resource_get_rollout(session, name, &arena, &object, &err);
  if (rc == RC_OK) {
    print_object(object, output);
    (void)kind_decode(&rollout_kind, object, &options, &arena, NULL, &rollout);
    code = tree_exit_code(rollout);
  } else {
    code = session_fail("status", &err);
  }
  arena_dispose(&arena);
  return code;
}

static int run(const void *data, const struct str *arguments, size_t count) {
  const struct status_options *options = data;
  struct str output = options->common.output;
  struct session session;
  (void)count;
  if (!print_object_knows(output, "status"))
    return EXIT_USAGE;
  bool raw = output.len && !str_eq_z(output, "wide");
  if (raw && options->watch) {
    fprintf(stderr,
            "serin status: -o %.*s shows one moment; leave -w out (or use `serin get rollout "
            "NAME -w -o %.*s`)\n",
            STR_ARG(output), STR_ARG(output));
    return EXIT_USAGE;
  }
  int code = session_open(&options->common, "status", &session);
  if (code != EXIT_DONE)
    return code;
  struct str name = resource_base_name(arguments[0]); // "rollout/NAME" is what other commands print
  if (raw)
    code = print_raw(&session, name, output);
  else if (options->watch)
    code = status_view_follow(&session, "status", name);
  else
    code = status_view_once(&session, "status", name);
  session_close(&session);
  return code;
}

static const struct option_row rows[] = {
    {"watch", 'w', OPTION_FLAG, offsetof(struct status_options, watch), NULL, NULL,
     "Follow the release until it ends: redrawn on a terminal, one line per change otherwise.", 0,
     0},
};

const struct command cmd_status = {
    .name = "status",
    .arguments = "NAME",
    .summary = "Show where a rollout stands: steps, weights, metrics, what it waits for.",
    .details = "Exit code: 0 done and healthy, 1 rolled back, aborted or failed, 2 wrong usage, 3 "
               "waits for a person, "
               "4 in progress,\n5 not found or unreachable, 124 timed out (--timeout, with -w).",
    .size = sizeof(struct status_options),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .common = true,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
