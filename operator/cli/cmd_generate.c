// SPDX-License-Identifier: Apache-2.0
// serin generate reference|man DIR: the pages that are made from the tables of commands and kinds.
#include "manifests/kinds/registry.h"
#include "manifests/schema/docs.h"
#include "operator/cli/commands.h"

#include <stdio.h>

#define PAGE_MAX (4u << 20)

static int write_page(struct str dir, const char *name, struct buf *page) {
  struct arena arena;
  arena_init(&arena);
  struct str path = arena_printf(&arena, "%.*s/%s", STR_ARG(dir), name);
  FILE *file = fopen(path.ptr, "w");
  bool done = file && fwrite(page->ptr, 1, page->len, file) == page->len;
  if (file && fclose(file) != 0)
    done = false;
  if (!done)
    fprintf(stderr, "serin generate: %s cannot be written\n", path.ptr);
  buf_dispose(page);
  arena_dispose(&arena);
  return done ? EXIT_DONE : EXIT_FAILED;
}

static int write_cli_page(struct str dir) {
  struct buf page;
  buf_init(&page, PAGE_MAX);
  buf_add_z(
      &page,
      "# Commands\n\nMade from the tables in operator/cli by `serin generate`; do not edit.\n\n");
  for (size_t i = 0; i < command_count; i++)
    if (!commands[i]->hidden)
      options_markdown(commands[i], &page);
  while (page.len && page.ptr[page.len - 1] == '\n')
    page.len--;
  buf_add_char(&page, '\n');
  return write_page(dir, "cli.md", &page);
}

static int write_kind_page(struct str dir, const struct kind_desc *kind) {
  struct buf page;
  buf_init(&page, PAGE_MAX);
  docs_kind(&page, kind);
  char name[96];
  snprintf(name, sizeof name, "%s.md", kind->singular);
  // Istio's and Kubernetes' own Gateway would share a file name.
  if (str_eq_z(str_of(kind->group), "networking.istio.io"))
    snprintf(name, sizeof name, "istio-%s.md", kind->singular);
  return write_page(dir, name, &page);
}

static int write_reference(struct str dir) {
  int code = write_cli_page(dir);
  for (size_t i = 0; i < kind_count() && code == EXIT_DONE; i++)
    if (!kind_at(i)->builtin)
      code = write_kind_page(dir, kind_at(i));
  return code;
}

// roff takes a leading dot or quote as a request, and a dash as a hyphen.
static void add_roff(struct buf *out, struct str text) {
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    bool line_start = i == 0 || text.ptr[i - 1] == '\n';
    if (line_start && (c == '.' || c == '\''))
      buf_add_z(out, "\\&");
    if (c == '\\')
      buf_add_z(out, "\\\\");
    else if (c == '-')
      buf_add_z(out, "\\-");
    else
      buf_add_char(out, c);
  }
}

static int write_man_page(struct str dir, const struct command *command) {
  struct buf text, page;
  buf_init(&text, PAGE_MAX);
  buf_init(&page, PAGE_MAX);
  options_help(command, &text);
  buf_addf(&page, ".TH SERIN-%s 1 \"\" \"serin %s\"\n.SH NAME\nserin\\-%s \\- ", command->name,
           SERIN_VERSION, command->name);
  add_roff(&page, str_of(command->summary));
  buf_add_z(&page, "\n.SH DESCRIPTION\n.nf\n");
  add_roff(&page, buf_str(&text));
  buf_add_z(&page, ".fi\n");
  buf_dispose(&text);
  char name[96];
  snprintf(name, sizeof name, "serin-%s.1", command->name);
  return write_page(dir, name, &page);
}

static int write_man(struct str dir) {
  int code = EXIT_DONE;
  for (size_t i = 0; i < command_count && code == EXIT_DONE; i++)
    if (!commands[i]->hidden)
      code = write_man_page(dir, commands[i]);
  return code;
}

static int run(const void *options, const struct str *arguments, size_t count) {
  (void)options, (void)count;
  if (str_eq_z(arguments[0], "reference"))
    return write_reference(arguments[1]);
  if (str_eq_z(arguments[0], "man"))
    return write_man(arguments[1]);
  fprintf(stderr, "serin generate: expected reference or man, found \"%.*s\"\n",
          STR_ARG(arguments[0]));
  return EXIT_USAGE;
}

const struct command cmd_generate = {
    .name = "generate",
    .arguments = "reference|man DIR",
    .summary = "Write the generated pages into a folder.",
    .hidden = true,
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run,
};
