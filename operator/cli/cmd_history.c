// SPDX-License-Identifier: Apache-2.0
// history and explain: what a Rollout's status remembers.
#include "manifests/base/clock.h"
#include "manifests/schema/decode.h"
#include "operator/cli/print_object.h"
#include "operator/cli/resource_arg.h"
#include "operator/cli/rollout_text.h"

typedef void (*write_fn)(const struct rollout *rollout, int64_t now_ms, struct arena *arena,
                         struct buf *out);

static void print(const struct json *object, const char *part, write_fn write, struct str output,
                  struct arena *arena) {
  void *rollout = NULL;
  struct decode_options options = {.unknown = UNKNOWN_IGNORE, .skip_checks = true};
  const struct json *raw = json_path(object, part);
  if (print_object(raw ? raw : json_new_array(arena), output))
    return;
  struct buf text, shown;
  buf_init(&text, 1u << 20);
  (void)kind_decode(&rollout_kind, object, &options, arena, NULL, &rollout);
  write(rollout, clock_wall_ms(), arena, &text);
  buf_init(&shown, 1u << 20);
  (void)buf_add_visible(&shown, buf_str(&text), true); // others' words are in it
  buf_dispose(&text);
  print_buf(&shown);
}

static int run(const struct common_options *common, const char *command, struct str name,
               const char *part, write_fn write) {
  struct arena arena = {0};
  struct session session;
  struct err err = {0};
  struct json *object;
  if (!print_object_knows(common->output, command))
    return EXIT_USAGE;
  int code = session_open(common, command, &session);
  if (code != EXIT_DONE)
    return code;
  if (resource_get_rollout(&session, name, &arena, &object, &err) != RC_OK)
    code = session_fail(command, &err);
  else
    print(object, part, write, common->output, &arena);
  session_close(&session);
  arena_dispose(&arena);
  return code;
}

static int run_history(const void *options, const struct str *arguments, size_t count) {
  (void)count;
  return run(options, "history", arguments[0], "status.history", rollout_text_history);
}

static int run_explain(const void *options, const struct str *arguments, size_t count) {
  (void)count;
  return run(options, "explain", arguments[0], "status.decisions", rollout_text_explain);
}

const struct command cmd_history = {
    .name = "history",
    .arguments = "NAME",
    .summary = "List the last releases of a rollout: version, result, when, who and why.",
    .size = sizeof(struct common_options),
    .common = true,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_history,
};

const struct command cmd_explain = {
    .name = "explain",
    .arguments = "NAME",
    .summary =
        "Tell a rollout's decisions in words: asked, measured, bound, verdict, what is next.",
    .size = sizeof(struct common_options),
    .common = true,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_explain,
};
