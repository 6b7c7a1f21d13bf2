// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/options.h"
#include "operator/standalone/shim.h"

struct shim_options {
  struct str exec;
};

static int run(const void *options, const struct str *arguments, size_t count) {
  const struct shim_options *o = options;
  if (!str_is_empty(o->exec))
    return count > 0 ? shim_exec(o->exec.ptr, arguments, count) : EXIT_USAGE;
  if (count < 1)
    return EXIT_USAGE;
  return shim_run(arguments[0].ptr) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static const struct option_row rows[] = {
    {"exec", 0, OPTION_STRING, offsetof(struct shim_options, exec), "FOLDER", NULL,
     "Run a command as the container of this folder would.", 0, 0},
};

const struct command cmd_shim = {
    .name = "shim",
    .arguments = "FOLDER [TITLE]",
    .summary = "Look after one container (internal, started by the runtime).",
    .size = sizeof(struct shim_options),
    .options = rows,
    .option_count = 1,
    .hidden = true,
    .max_arguments = -1, // the second is only a name for `ps`; with --exec the command
    .run = run,
};
