// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/commands.h"
#include "operator/cli/completion_text.h"
#include "operator/cli/print_object.h"

#include <stdio.h>

static int run(const void *options, const struct str *arguments, size_t count) {
  struct buf text;
  (void)options, (void)count;
  buf_init(&text, 1u << 20);
  bool known = completion_text(arguments[0], commands, command_count, &text);
  if (!known)
    fprintf(stderr, "serin completion: unknown shell \"%.*s\"; there are bash, zsh and fish\n",
            STR_ARG(arguments[0]));
  print_buf(&text);
  return known ? EXIT_DONE : EXIT_USAGE;
}

const struct command cmd_completion = {
    .name = "completion",
    .arguments = "bash|zsh|fish",
    .summary = "Print a completion script for a shell.",
    .details = "For bash: source <(serin completion bash)",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
