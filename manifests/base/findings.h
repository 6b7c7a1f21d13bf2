// SPDX-License-Identifier: Apache-2.0
// What is wrong with something a user declared: all faults, each with file, line and path.
// Validation is not an error but such a list. Kept in the arena given at init.
#pragma once

#include "manifests/base/arena.h"

enum finding_level { FINDING_INFO, FINDING_WARNING, FINDING_ERROR };

struct finding {
  enum finding_level level;
  struct str file;    // "" when there is none
  int line;           // from 1; 0 when unknown
  struct str path;    // spec.http[0].route[1].weight
  struct str id;      // a stable word, e.g. unknown-field
  struct str message; // what was expected, what was found, what to do
};

struct findings {
  struct arena *arena;
  struct finding *items;
  size_t count, capacity;
  size_t errors, warnings;
  size_t dropped; // beyond FINDINGS_MAX
};

#define FINDINGS_MAX 1000u

void findings_init(struct findings *findings, struct arena *arena);
// `file` and `path` are copied.
void findings_add(struct findings *findings, enum finding_level level, struct str file, int line,
                  struct str path, const char *id, const char *format, ...)
    __attribute__((format(printf, 7, 8)));
const char *finding_level_name(enum finding_level level); // "info" "warning" "error"
// file:line: level: path: message [id], one line, into the arena.
struct str finding_text(const struct finding *finding, struct arena *arena);
