// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/options.h"
#include "operator/standalone/up.h"

#include <stdio.h>

struct down_flags {
  struct str data;
  bool keep_workloads;
  int64_t timeout_ms;
};

#define AT(field) offsetof(struct down_flags, field)

static const struct option_row rows[] = {
    {"data", 0, OPTION_STRING, AT(data), "DIR", NULL,
     "Which one (default: $XDG_STATE_HOME/serin, else ~/.local/state/serin).", 0, 0},
    {"keep-workloads", 0, OPTION_FLAG, AT(keep_workloads), NULL, NULL,
     "Leave the workloads running; the next 'serin up' adopts them.", 0, 0},
    {"timeout", 0, OPTION_DURATION, AT(timeout_ms), "DURATION", "5m",
     "How long to wait for the end.", 0, 0},
};

static int run(const void *options, const struct str *arguments, size_t count) {
  (void)arguments, (void)count;
  const struct down_flags *flags = options;
  struct err err = {0};
  int rc = up_down(flags->data, flags->keep_workloads, flags->timeout_ms, &err);
  if (rc == RC_OK)
    return EXIT_DONE;
  fprintf(stderr, "serin down: %s\n", err.msg);
  return rc == RC_TIMEOUT ? EXIT_TIMED_OUT : EXIT_FAILED;
}

const struct command cmd_down = {
    .name = "down",
    .summary = "Stop a running 'serin up', its workloads too.",
    .size = sizeof(struct down_flags),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .run = run,
};
