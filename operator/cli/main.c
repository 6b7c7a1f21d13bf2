// SPDX-License-Identifier: Apache-2.0
// serin: one binary, one subcommand a job. Also reachable as `kubectl serin` through a link named
// kubectl-serin.
#include "operator/cli/commands.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static void print(FILE *to, struct buf *text) {
  fwrite(text->ptr, 1, text->len, to);
  buf_dispose(text);
}

static int help(FILE *to, int code) {
  struct buf out;
  buf_init(&out, 65536);
  buf_add_z(
      &out,
      "Serin moves traffic to a new version in steps, watches it, and puts it back by itself.\n\n"
      "Usage: serin COMMAND [options]\n\nCommands:\n");
  for (size_t i = 0; i < command_count; i++)
    if (!commands[i]->hidden)
      buf_addf(&out, "  %-14s %s\n", commands[i]->name, commands[i]->summary);
  buf_add_z(&out, "\n'serin COMMAND --help' says more of one.\n");
  print(to, &out);
  return code;
}

static int unknown(struct str name) {
  const char *nearest = NULL;
  size_t best = name.len / 2 + 1 < 4 ? name.len / 2 + 1 : 4;
  for (size_t i = 0; i < command_count; i++) {
    size_t distance =
        commands[i]->hidden ? best : str_distance(name, str_of(commands[i]->name), best);
    if (distance < best) {
      best = distance;
      nearest = commands[i]->name;
    }
  }
  fprintf(stderr, "serin: unknown command \"%.*s\"%s%s%s; 'serin --help' lists them\n",
          STR_ARG(name), nearest ? ", did you mean \"" : "", nearest ? nearest : "",
          nearest ? "\"?" : "");
  return EXIT_USAGE;
}

static bool wants_help(int argc, char **argv) {
  for (int i = 0; i < argc; i++) {
    if (strcmp(argv[i], "--") == 0)
      return false;
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
      return true;
  }
  return false;
}

static int run(const struct command *command, int argc, char **argv) {
  if (wants_help(argc, argv)) {
    struct buf out;
    buf_init(&out, 65536);
    options_help(command, &out);
    print(stdout, &out);
    return EXIT_DONE;
  }
  struct arena arena;
  arena_init(&arena);
  struct err err = {0};
  void *options;
  struct str *arguments;
  size_t count;
  int code;
  if (options_parse(command, argc, argv, &arena, &options, &arguments, &count, &err) != RC_OK) {
    fprintf(stderr, "serin %s: %s\n", command->name, err.msg);
    code = EXIT_USAGE;
  } else {
    code = command->run(options, arguments, count);
  }
  arena_dispose(&arena);
  return code;
}

// How many words the common options in front of the command take: "serin -n team1 get pods", as
// kubectl allows.
static int leading_words(int argc, char **argv) {
  int at = 1;
  while (at < argc && argv[at][0] == '-') {
    struct str word = str_of(argv[at]);
    bool found = false;
    for (size_t i = 0; i < common_option_count && !found; i++) {
      const struct option_row *row = &common_option_rows[i];
      bool is_short = row->letter && word.len == 2 && word.ptr[1] == row->letter;
      bool is_long = word.len > 2 && str_eq_z(str_slice(word, 2, word.len), row->name);
      bool is_joined = str_find_char(word, '=') > 0 &&
                       str_starts(str_slice(word, 2, word.len), str_of(row->name));
      found = is_short || is_long || is_joined;
      at += is_joined ? 1 : found ? 2 : 0;
    }
    if (!found)
      return 0;
  }
  return at < argc ? at - 1 : 0;
}

// Moves the command in front of its options: argv keeps its length.
static void command_first(int argc, char **argv) {
  int words = leading_words(argc, argv);
  char *command = argv[1 + words];
  for (int i = words; i > 0; i--)
    argv[1 + i] = argv[i];
  argv[1] = command;
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc < 2)
    return help(stderr, EXIT_USAGE);
  command_first(argc, argv);
  struct str name = str_of(argv[1]);
  if (str_eq(name, STR("--help")) || str_eq(name, STR("-h")) || str_eq(name, STR("help"))) {
    const struct command *about = argc > 2 ? command_find(str_of(argv[2])) : NULL;
    static char ask_help[] = "--help";
    char *ask[] = {ask_help};
    return about ? run(about, 1, ask) : help(stdout, EXIT_DONE);
  }
  if (str_eq(name, STR("--version")))
    name = STR("version");
  const struct command *command = command_find(name);
  return command ? run(command, argc - 2, argv + 2) : unknown(name);
}
