// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/registry.h"
#include "manifests/schema/decode.h"
#include "operator/cli/manifest_arg.h"
#include "operator/cli/plan_text.h"
#include "operator/cli/print_object.h"
#include "operator/cli/session.h"

#include <stdio.h>

struct plan_options {
  struct option_list files;
};

static bool is_rollout(const struct json *json) {
  return kind_find(json_get_string(json, "apiVersion"), json_get_string(json, "kind")) ==
         &rollout_kind;
}

// Of the Deployment that workloadRef names, when it is among the files.
static const struct json *template_of(const struct manifests *manifests,
                                      const struct json *rollout) {
  struct str name = json_path_string(rollout, "spec.workloadRef.name");
  for (size_t i = 0; name.len && i < manifests->count; i++) {
    const struct json *json = manifests->items[i].json;
    if (str_eq_z(json_get_string(json, "kind"), "Deployment") &&
        str_eq(json_path_string(json, "metadata.name"), name))
      return json_path(json, "spec.template");
  }
  return NULL;
}

static int plan_one(const struct manifest *manifest, const struct manifests *manifests,
                    struct arena *arena) {
  struct findings findings;
  struct decode_options options = {.file = manifest->file};
  void *rollout = NULL;
  struct buf text;
  findings_init(&findings, arena);
  int rc = kind_decode(&rollout_kind, manifest->json, &options, arena, &findings, &rollout);
  for (size_t i = 0; i < findings.count; i++)
    fprintf(stderr, "%.*s\n", STR_ARG(finding_text(&findings.items[i], arena)));
  if (rc)
    return EXIT_USAGE;
  buf_init(&text, 1u << 20);
  plan_text_write(rollout, template_of(manifests, manifest->json), arena, &text);
  print_buf(&text);
  return EXIT_DONE;
}

static int run(const void *data, const struct str *arguments, size_t count) {
  const struct plan_options *options = data;
  struct arena arena = {0};
  struct manifests manifests = {0};
  struct err err = {0};
  size_t planned = 0;
  int code = EXIT_DONE;
  (void)arguments, (void)count;
  if (options->files.count == 0) {
    fprintf(stderr, "serin plan: name a file, a folder or - with -f\n");
    return EXIT_USAGE;
  }
  if (manifests_read(&options->files, &arena, &manifests, &err) != RC_OK)
    code = session_fail("plan", &err);
  for (size_t i = 0; i < manifests.count; i++) {
    if (!is_rollout(manifests.items[i].json))
      continue;
    if (planned++)
      putchar('\n');
    int one = plan_one(&manifests.items[i], &manifests, &arena);
    code = code == EXIT_DONE ? one : code;
  }
  if (code == EXIT_DONE && planned == 0) {
    fprintf(stderr, "serin plan: there is no Rollout (serin.dev/v1alpha1) in what was given\n");
    code = EXIT_USAGE;
  }
  arena_dispose(&arena);
  return code;
}

static const struct option_row rows[] = {
    {"filename", 'f', OPTION_LIST, offsetof(struct plan_options, files), "FILE", NULL,
     "A file, a folder, or - for standard input.", 0, 0},
};

const struct command cmd_plan = {
    .name = "plan",
    .arguments = "-f FILE",
    .summary = "Show what a rollout would do: steps, durations, requests it needs.",
    .details = "Reads files only; asks no cluster.",
    .size = sizeof(struct plan_options),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .run = run,
};
