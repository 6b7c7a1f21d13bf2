// SPDX-License-Identifier: Apache-2.0
// Commands and their options as tables: one row gives parsing, --help, the man page, the shell
// completion and the CLI reference. Used by every cmd_*.c; knows nothing of what the commands do.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/buf.h"
#include "manifests/base/err.h"

// Exit codes of all commands; `status` and `wait` use all of them (docs/reference/cli.md).
enum exit_code {
  EXIT_DONE = 0,      // done and healthy
  EXIT_FAILED = 1,    // rolled back, aborted, failed
  EXIT_USAGE = 2,     // wrong usage or invalid input
  EXIT_WAITING = 3,   // waits for a person
  EXIT_PROGRESS = 4,  // in progress
  EXIT_NOT_FOUND = 5, // not found or unreachable
  EXIT_TIMED_OUT = 124,
};

enum option_type {
  OPTION_FLAG,     // bool; no value
  OPTION_STRING,   // struct str
  OPTION_INT,      // int64_t, within [min, max]
  OPTION_DURATION, // int64_t milliseconds
  OPTION_LIST,     // struct option_list; the option may be repeated
};

struct option_list {
  struct str *items;
  size_t count, capacity;
};

struct option_row {
  const char *name; // without the dashes
  char letter;      // 0 when there is none
  enum option_type type;
  size_t offset;     // of the field in the command's options struct
  const char *value; // what the value is called in help: "FILE", "ADDR:PORT"
  const char
      *fallback;    // the default as text, parsed like a given value; NULL leaves the field zero
  const char *help; // one sentence
  int64_t min, max; // OPTION_INT; 0, 0 means any
};

struct command {
  const char *name;
  const char *arguments; // "NAME [--full]" for the usage line
  const char *summary;   // one line
  const char *details;   // paragraphs for --help and the man page; may be NULL
  size_t size;           // of the options struct
  const struct option_row *options;
  size_t option_count;
  bool common; // also takes the options of `struct common_options`, which is then the struct's
               // first member
  bool hidden; // internal: not in help, completion and docs
  int min_arguments, max_arguments; // positional; max < 0 means any number
  // Returns an exit code. `options` points to a filled struct of `size` bytes; `arguments` are the
  // positional ones.
  int (*run)(const void *options, const struct str *arguments, size_t count);
};

// First member of the options struct of commands with `common` set.
struct common_options {
  struct str ns;         // -n --namespace
  struct str kubeconfig; // --kubeconfig
  struct str context;    // --context
  struct str output;     // -o --output: wide|json|yaml|name; "" for the default
  int64_t timeout_ms;    // --timeout
};

extern const struct option_row common_option_rows[];
extern const size_t common_option_count;

// Parses argv (after the command's name). Options and arguments may be mixed; "--" ends options;
// "--name=value", "--name value", "-n value", "-nvalue". Unknown names say the nearest known one.
// `arena` owns the results.
int options_parse(const struct command *command, int argc, char **argv, struct arena *arena,
                  void **ret_options, struct str **ret_arguments, size_t *ret_count,
                  struct err *err);
void options_help(const struct command *command, struct buf *out);     // for --help
void options_markdown(const struct command *command, struct buf *out); // for docs/reference/cli.md
