// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/print_object.h"
#include "operator/cli/session.h"

#include <stdio.h>

#ifndef SERIN_COMMIT
#define SERIN_COMMIT ""
#endif

struct version_options {
  struct common_options common;
  bool server;
};

// The first two words: libcurl and its TLS library.
static struct str client_library(void) {
  struct str all = str_of(http_client_library());
  size_t words = 0;
  for (size_t i = 0; i < all.len; i++)
    if (all.ptr[i] == ' ' && ++words == 2)
      return str_slice(all, 0, i);
  return all;
}

static struct json *describe(struct arena *arena) {
  struct json *version = json_new_object(arena);
  json_put_z(arena, version, "version", SERIN_VERSION);
  if (SERIN_COMMIT[0])
    json_put_z(arena, version, "commit", SERIN_COMMIT);
  json_put_string(
      arena, version, "libraries",
      arena_printf(arena, "libuv/%s %.*s", uv_version_string(), STR_ARG(client_library())));
  return version;
}

static int ask_server(const struct version_options *options, struct arena *arena,
                      struct json *version) {
  struct session session;
  struct err err = {0};
  struct str text;
  struct json *server;
  int code = session_open(&options->common, "version", &session);
  if (code != EXIT_DONE)
    return code;
  int rc = session_raw(&session, STR("/version"), arena, &text, &err);
  if (rc == RC_OK)
    rc = json_parse(text, arena, &server, &err);
  if (rc == RC_OK)
    json_put_string(arena, version, "server",
                    arena_str(arena, json_get_string(server, "gitVersion")));
  session_close(&session);
  return rc ? session_fail("version", &err) : EXIT_DONE;
}

static int run(const void *data, const struct str *arguments, size_t count) {
  const struct version_options *options = data;
  struct arena arena = {0};
  (void)arguments, (void)count;
  if (!print_object_knows(options->common.output, "version"))
    return EXIT_USAGE;
  struct json *version = describe(&arena);
  int code = options->server ? ask_server(options, &arena, version) : EXIT_DONE;
  if (!print_object(version, options->common.output)) {
    printf("serin %s%s%s\n", SERIN_VERSION, SERIN_COMMIT[0] ? " " : "", SERIN_COMMIT);
    printf("%.*s\n", STR_ARG(json_get_string(version, "libraries")));
    if (json_get_string(version, "server").len)
      printf("server %.*s\n", STR_ARG(json_get_string(version, "server")));
  }
  arena_dispose(&arena);
  return code;
}

static const struct option_row rows[] = {
    {"server", 0, OPTION_FLAG, offsetof(struct version_options, server), NULL, NULL,
     "Ask the API server for its version, too.", 0, 0},
};

const struct command cmd_version = {
    .name = "version",
    .summary = "Print the version, the commit it was built from, and the libraries.",
    .size = sizeof(struct version_options),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .common = true,
    .run = run,
};
