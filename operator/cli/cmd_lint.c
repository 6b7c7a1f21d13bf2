// SPDX-License-Identifier: Apache-2.0
// serin lint: reads files and prints what is wrong with them, one fault a line.
#include "manifests/base/limits.h"
#include "manifests/kinds/lint.h"
#include "manifests/source/file.h"
#include "manifests/text/json.h"
#include "operator/cli/options.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_DEPTH_MAX 32

struct lint_options {
  struct option_list files;
  bool strict;
  struct str output;
};

struct run {
  const struct lint_options *options;
  struct arena *arena;
  struct findings findings;
  struct lint lint;
  size_t files;
};

static void cannot_read(struct run *run, struct str path, const char *why) {
  findings_add(&run->findings, FINDING_ERROR, path, 0, STR(""), "unreadable", "%s", why);
}

static void read_stream(struct run *run) {
  struct buf text;
  buf_init(&text, LIMIT_MANIFEST_BYTES);
  char block[65536];
  ssize_t got = 0;
  while ((got = read(STDIN_FILENO, block, sizeof(block))) > 0)
    if (buf_add(&text, block, (size_t)got))
      break;
  run->files++;
  if (got < 0)
    cannot_read(run, STR("-"), strerror(errno));
  else if (text.failed)
    cannot_read(run, STR("-"), "is larger than 8 MiB");
  else
    lint_add_text(&run->lint, STR("-"), arena_str(run->arena, buf_str(&text)));
  buf_dispose(&text);
}

static void read_one(struct run *run, struct str path) {
  struct str text;
  struct err err = {0};
  run->files++;
  if (file_read(path.ptr, LIMIT_MANIFEST_BYTES, run->arena, &text, &err))
    cannot_read(run, path, err.msg);
  else
    lint_add_text(&run->lint, path, text);
}

static bool is_manifest(const char *name) {
  struct str s = str_of(name);
  return name[0] != '.' &&
         (str_ends(s, STR(".yaml")) || str_ends(s, STR(".yml")) || str_ends(s, STR(".json")));
}

static void read_path(struct run *run, struct str path, int depth);

static int compare_names(const void *a, const void *b) {
  return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

// The entries of a folder in the order of their names, so that the report is the same everywhere.
static size_t list_folder(struct run *run, struct str path, struct str **ret_names) {
  DIR *folder = opendir(path.ptr);
  void *names = NULL;
  size_t count = 0, capacity = 0;
  if (!folder) {
    cannot_read(run, path, strerror(errno));
    return 0;
  }
  for (struct dirent *entry; (entry = readdir(folder));) {
    struct str *name = arena_push(run->arena, &names, &count, &capacity, sizeof(struct str));
    *name = arena_strz(run->arena, entry->d_name);
  }
  closedir(folder);
  if (count)
    qsort(names, count, sizeof(struct str), compare_names);
  *ret_names = names;
  return count;
}

static void read_folder(struct run *run, struct str path, int depth) {
  struct str *names = NULL;
  size_t count = list_folder(run, path, &names);
  for (size_t i = 0; i < count; i++) {
    struct str child = arena_printf(run->arena, "%.*s/%s", STR_ARG(path), names[i].ptr);
    struct stat status;
    // Links to folders are not followed: they may lead round in a circle.
    bool known = lstat(child.ptr, &status) == 0;
    if (known && S_ISDIR(status.st_mode) && names[i].ptr[0] != '.')
      read_path(run, child, depth + 1);
    else if (known && is_manifest(names[i].ptr))
      read_one(run, child);
  }
}

static void read_path(struct run *run, struct str path, int depth) {
  struct stat status;
  if (str_eq_z(path, "-"))
    read_stream(run);
  else if (stat(path.ptr, &status) != 0)
    cannot_read(run, path, strerror(errno));
  else if (!S_ISDIR(status.st_mode))
    read_one(run, path);
  else if (depth > FOLDER_DEPTH_MAX)
    cannot_read(run, path, "too many folders within each other");
  else
    read_folder(run, path, depth);
}

// What a file says must not reach the terminal as control codes.
static void print_line(struct str line) {
  for (size_t i = 0; i < line.len; i++) {
    unsigned char c = (unsigned char)line.ptr[i];
    if (c < 0x20 || c == 0x7f)
      printf("\\x%02x", c);
    else
      putchar(c);
  }
  putchar('\n');
}

static enum finding_level level_of(const struct run *run, const struct finding *finding) {
  bool raised = run->options->strict && finding->level == FINDING_WARNING;
  return raised ? FINDING_ERROR : finding->level;
}

static void print_text(struct run *run, size_t errors, size_t warnings) {
  const struct findings *findings = &run->findings;
  for (size_t i = 0; i < findings->count; i++) {
    struct finding finding = findings->items[i];
    finding.level = level_of(run, &finding);
    print_line(finding_text(&finding, run->arena));
  }
  if (findings->dropped)
    printf("and %zu more\n", findings->dropped);
  printf("%zu file%s, %zu object%s: %zu error%s, %zu warning%s\n", run->files,
         run->files == 1 ? "" : "s", run->lint.count, run->lint.count == 1 ? "" : "s", errors,
         errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
}

static void print_json(struct run *run, size_t errors, size_t warnings) {
  struct arena *arena = run->arena;
  struct json *report = json_new_object(arena);
  json_put_int(arena, report, "files", (int64_t)run->files);
  json_put_int(arena, report, "objects", (int64_t)run->lint.count);
  json_put_int(arena, report, "errors", (int64_t)errors);
  json_put_int(arena, report, "warnings", (int64_t)warnings);
  json_put_int(arena, report, "notListed", (int64_t)run->findings.dropped);
  struct json *list = json_put(arena, report, "findings", json_new_array(arena));
  for (size_t i = 0; i < run->findings.count; i++) {
    const struct finding *finding = &run->findings.items[i];
    struct json *item = json_new_object(arena);
    json_put_z(arena, item, "level", finding_level_name(level_of(run, finding)));
    json_put_string(arena, item, "file", finding->file);
    json_put_int(arena, item, "line", finding->line);
    json_put_string(arena, item, "path", finding->path);
    json_put_string(arena, item, "id", finding->id);
    json_put_string(arena, item, "message", finding->message);
    json_append(list, item);
  }
  struct buf out;
  buf_init(&out, LIMIT_HTTP_REPLY_BYTES);
  (void)json_write_pretty(&out, report);
  fwrite(buf_str(&out).ptr, 1, out.len, stdout);
  buf_dispose(&out);
}

static int lint_run(const void *options, const struct str *arguments, size_t count) {
  struct arena arena;
  arena_init(&arena);
  struct run run = {.options = options, .arena = &arena};
  findings_init(&run.findings, &arena);
  lint_init(&run.lint, &arena, &run.findings);
  for (size_t i = 0; i < run.options->files.count; i++)
    read_path(&run, arena_str(&arena, run.options->files.items[i]), 0);
  for (size_t i = 0; i < count; i++)
    read_path(&run, arena_str(&arena, arguments[i]), 0);
  bool json = str_eq_z(run.options->output, "json");
  int code = EXIT_USAGE;
  if (!run.options->files.count && !count) {
    fprintf(stderr, "serin lint: say what to check: serin lint -f FILE|FOLDER|-\n");
  } else if (!json && run.options->output.len && !str_eq_z(run.options->output, "text")) {
    fprintf(stderr, "serin lint: -o takes text or json\n");
  } else {
    lint_finish(&run.lint);
    if (!run.files && !run.findings.errors)
      cannot_read(&run, run.options->files.count ? run.options->files.items[0] : arguments[0],
                  "has no .yaml, .yml or .json file");
    size_t warnings = run.options->strict ? 0 : run.findings.warnings;
    size_t errors = run.findings.errors + (run.options->strict ? run.findings.warnings : 0);
    if (json)
      print_json(&run, errors, warnings);
    else
      print_text(&run, errors, warnings);
    code = errors ? EXIT_USAGE : EXIT_DONE;
  }
  lint_dispose(&run.lint);
  arena_dispose(&arena);
  return code;
}

static const struct option_row rows[] = {
    {.name = "filename",
     .letter = 'f',
     .type = OPTION_LIST,
     .offset = offsetof(struct lint_options, files),
     .value = "PATH",
     .help = "A file, a folder (with those in it) or - for standard input; may be repeated."},
    {.name = "strict",
     .type = OPTION_FLAG,
     .offset = offsetof(struct lint_options, strict),
     .help = "Warnings count as errors."},
    {.name = "output",
     .letter = 'o',
     .type = OPTION_STRING,
     .offset = offsetof(struct lint_options, output),
     .value = "FORM",
     .fallback = "text",
     .help = "text (one line a fault) or json."},
};

const struct command cmd_lint = {
    .name = "lint",
    .arguments = "-f PATH... [--strict] [-o text|json]",
    .summary = "Check manifests: faults with file, line and path, and habits that hurt.",
    .details = "Errors are what a strict API server would refuse, and unknown fields and kinds. "
               "Warnings are habits: no timeout, retries of requests that must not be repeated, "
               "limits that protect nothing, subsets nobody defines, and what this build does not "
               "enforce. All files given are judged together.\n\nExit code 0: clean or warnings "
               "only; 2: errors (with --strict also warnings).",
    .size = sizeof(struct lint_options),
    .options = rows,
    .option_count = sizeof(rows) / sizeof(rows[0]),
    .max_arguments = -1,
    .run = lint_run,
};
