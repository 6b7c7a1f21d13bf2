// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/options.h"

#include <stdio.h>

static int run(const void *options, const struct str *arguments, size_t count) {
  (void)options, (void)arguments, (void)count;
  printf("serin %s\n", SERIN_VERSION);
  return EXIT_DONE;
}

const struct command cmd_version = {
    .name = "version",
    .summary = "Print the version.",
    .run = run,
};
