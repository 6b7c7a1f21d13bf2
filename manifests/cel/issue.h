// SPDX-License-Identifier: Apache-2.0
// What is wrong with an expression, with places: shown as the real API server shows it, each with
// its line and a mark below the column.
#pragma once

#include "manifests/base/arena.h"

#define CEL_ISSUES_MAX 100u

struct cel_issue {
  uint32_t at; // byte in the source
  struct str message;
};

struct cel_issues {
  struct arena *arena;
  struct cel_issue *items;
  size_t count, capacity;
};

void cel_issue_add(struct cel_issues *issues, uint32_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// In the order of the source.
struct str cel_issues_text(struct cel_issues *issues, struct str source);
