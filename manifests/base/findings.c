// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/findings.h"
#include "manifests/base/buf.h"

void findings_init(struct findings *findings, struct arena *arena) {
  *findings = (struct findings){.arena = arena};
}

void findings_add(struct findings *findings, enum finding_level level, struct str file, int line,
                  struct str path, const char *id, const char *format, ...) {
  findings->errors += level == FINDING_ERROR;
  findings->warnings += level == FINDING_WARNING;
  if (findings->count >= FINDINGS_MAX) {
    findings->dropped++;
    return;
  }
  struct buf text;
  buf_init(&text, 4096);
  va_list args;
  va_start(args, format);
  if (buf_addv(&text, format, args) != 0) {
    buf_reset(&text);
    buf_add_z(&text, "(the message is too long to print)");
  }
  va_end(args);
  void *items = findings->items;
  struct finding *finding =
      arena_push(findings->arena, &items, &findings->count, &findings->capacity, sizeof *finding);
  findings->items = items;
  *finding = (struct finding){.level = level,
                              .file = arena_str(findings->arena, file),
                              .line = line,
                              .path = arena_str(findings->arena, path),
                              .id = arena_strz(findings->arena, id),
                              .message = arena_str(findings->arena, buf_str(&text))};
  buf_dispose(&text);
}

const char *finding_level_name(enum finding_level level) {
  switch (level) {
  case FINDING_INFO: return "info";
  case FINDING_WARNING: return "warning";
  case FINDING_ERROR: return "error";
  }
  return "?";
}

struct str finding_text(const struct finding *finding, struct arena *arena) {
  struct buf text;
  buf_init(&text, 8192);
  if (finding->file.len)
    buf_addf(&text, "%.*s:", STR_ARG(finding->file));
  if (finding->line > 0)
    buf_addf(&text, "%d:", finding->line);
  buf_addf(&text, "%s%s: ", text.len ? " " : "", finding_level_name(finding->level));
  if (finding->path.len)
    buf_addf(&text, "%.*s: ", STR_ARG(finding->path));
  buf_addf(&text, "%.*s [%.*s]", STR_ARG(finding->message), STR_ARG(finding->id));
  struct str line = arena_str(arena, buf_str(&text));
  buf_dispose(&text);
  return line;
}
