// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/manifest_arg.h"
#include "manifests/base/limits.h"
#include "manifests/source/directory_scan.h"
#include "manifests/source/file.h"
#include "manifests/text/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define READ_SIZE 65536u

static int read_stdin(struct arena *arena, struct str *ret_text, struct err *err) {
  struct buf text;
  int rc = RC_OK;
  ssize_t got = 1;
  buf_init(&text, LIMIT_MANIFEST_BYTES + READ_SIZE);
  while (rc == RC_OK && got != 0) {
    char *room = buf_reserve(&text, READ_SIZE);
    got = room ? read(STDIN_FILENO, room, READ_SIZE) : 0;
    if (got > 0)
      text.len += (size_t)got;
    else if (got < 0 && errno != EINTR)
      rc = err_errno(err, "cannot read standard input");
    if (text.len > LIMIT_MANIFEST_BYTES)
      rc = err_set(err, RC_LIMIT, "standard input is larger than %u bytes", LIMIT_MANIFEST_BYTES);
  }
  if (rc == RC_OK)
    *ret_text = arena_str(arena, buf_str(&text));
  buf_dispose(&text);
  return rc;
}

static void push(struct manifests *manifests, struct json *json, struct str file, int line) {
  void *items = manifests->items;
  struct manifest *added =
      arena_push(manifests->arena, &items, &manifests->count, &manifests->capacity, sizeof *added);
  manifests->items = items;
  *added = (struct manifest){json, file, json->line ? json->line : line};
}

static void add_object(struct manifests *manifests, struct json *json, struct str file, int line,
                       struct findings *findings) {
  struct json *items = json_get(json, "items");
  struct str kind = json_get_string(json, "kind");
  if (!json_is(json, JSON_OBJECT)) {
    findings_add(findings, FINDING_ERROR, file, line, STR(""), "not-an-object",
                 "expected a mapping with apiVersion, kind and metadata; found a %s",
                 json_type_name(json->type));
  } else if (str_ends(kind, STR("List")) && json_is(items, JSON_ARRAY)) {
    JSON_EACH(item, items)
      add_object(manifests, item, file, line, findings);
  } else if (!kind.len || !json_get_string(json, "apiVersion").len) {
    findings_add(findings, FINDING_ERROR, file, line, STR(""), "no-kind",
                 "expected apiVersion and kind");
  } else if (!json_path_string(json, "metadata.name").len &&
             !json_path_string(json, "metadata.generateName").len) {
    findings_add(findings, FINDING_ERROR, file, line, STR("metadata.name"), "no-name",
                 "this %.*s has no name", STR_ARG(kind));
  } else {
    push(manifests, json, file, line);
  }
}

static void add_text(struct manifests *manifests, struct str text, struct str file,
                     struct findings *findings) {
  struct yaml_doc *docs = NULL;
  size_t count = yaml_parse(text, file, manifests->arena, &docs, findings);
  for (size_t i = 0; i < count; i++)
    add_object(manifests, docs[i].root, file, docs[i].line, findings);
}

static int add_path(struct manifests *manifests, struct str path, struct findings *findings,
                    struct err *err) {
  struct arena *arena = manifests->arena;
  struct str text;
  if (str_eq_z(path, "-")) {
    int rc = read_stdin(arena, &text, err);
    if (rc == RC_OK)
      add_text(manifests, text, STR("<stdin>"), findings);
    return rc;
  }
  struct directory_scan scan;
  int rc = directory_scan(path.ptr, arena, &scan, err);
  for (size_t i = 0; rc == RC_OK && i < scan.file_count; i++) {
    rc = file_read(scan.files[i].ptr, LIMIT_MANIFEST_BYTES, arena, &text, err);
    if (rc == RC_OK)
      add_text(manifests, text, scan.files[i], findings);
  }
  if (rc == RC_OK && scan.file_count == 0)
    rc = err_set(err, RC_INVALID, "%.*s has no *.yaml, *.yml or *.json file", STR_ARG(path));
  return rc;
}

int manifests_read(const struct option_list *files, struct arena *arena,
                   struct manifests *ret_manifests, struct err *err) {
  struct manifests manifests = {.arena = arena};
  struct findings findings;
  int rc = RC_OK;
  findings_init(&findings, arena);
  for (size_t i = 0; rc == RC_OK && i < files->count; i++)
    rc = add_path(&manifests, files->items[i], &findings, err);
  for (size_t i = 0; i < findings.count; i++)
    fprintf(stderr, "%.*s\n", STR_ARG(finding_text(&findings.items[i], arena)));
  if (rc == RC_OK && findings.errors)
    rc = err_set(err, RC_INVALID, "%zu error%s; nothing was sent", findings.errors,
                 findings.errors == 1 ? "" : "s");
  if (rc == RC_OK && manifests.count == 0)
    rc = err_set(err, RC_INVALID, "there is no object in what was given");
  if (rc == RC_OK)
    *ret_manifests = manifests;
  return rc;
}
