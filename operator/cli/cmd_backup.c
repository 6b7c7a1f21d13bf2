// SPDX-License-Identifier: Apache-2.0
// `serin backup` and `serin restore`: the objects of a `serin up` as one file.
#include "operator/cli/options.h"
#include "operator/standalone/store_file.h"

#include <stddef.h>
#include <stdio.h>

struct backup_flags {
  struct str data;
};

static const struct option_row rows[] = {
    {"data", 0, OPTION_STRING, offsetof(struct backup_flags, data), "DIR", NULL,
     "Whose (default: $XDG_STATE_HOME/serin, else ~/.local/state/serin).", 0, 0},
};

static int run(const struct backup_flags *flags, struct str file, const char *name,
               int (*act)(struct str data, struct str file, struct err *err)) {
  struct arena arena;
  struct str data = STR("");
  struct err err = {0};
  arena_init(&arena);
  int rc = store_file_data(flags->data, &arena, &data, &err);
  if (!rc)
    rc = act(data, file, &err);
  if (rc)
    fprintf(stderr, "serin %s: %s\n", name, err.msg);
  else
    printf("%s: %.*s, data %.*s\n", name, STR_ARG(file), STR_ARG(data));
  arena_dispose(&arena);
  if (!rc)
    return EXIT_DONE;
  return rc == RC_NOT_FOUND ? EXIT_NOT_FOUND : rc == RC_USAGE ? EXIT_USAGE : EXIT_FAILED;
}

static int run_backup(const void *options, const struct str *arguments, size_t count) {
  (void)count;
  return run(options, arguments[0], "backup", store_file_backup);
}

static int run_restore(const void *options, const struct str *arguments, size_t count) {
  (void)count;
  return run(options, arguments[0], "restore", store_file_restore);
}

const struct command cmd_backup = {
    .name = "backup",
    .arguments = "FILE [--data DIR]",
    .summary = "Copy all objects of a 'serin up' into one new file, while it runs or not.",
    .details = "The file holds Secrets in the clear and is made readable for you alone.",
    .size = sizeof(struct backup_flags),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_backup,
};

const struct command cmd_restore = {
    .name = "restore",
    .arguments = "FILE [--data DIR]",
    .summary = "Put a backup in the place of the objects of a stopped 'serin up'.",
    .details = "What was there before is kept beside it as store.db.replaced.",
    .size = sizeof(struct backup_flags),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_restore,
};
