// SPDX-License-Identifier: Apache-2.0
// BUG_ON: for states that cannot be, in every build. Never for bad input.
#pragma once

#include <stddef.h>

_Noreturn void bug_die(const char *file, int line, const char *what);

#define BUG_ON(condition)                                                                          \
  do {                                                                                             \
    if (__builtin_expect(!!(condition), 0))                                                        \
      bug_die(__FILE__, __LINE__, #condition);                                                     \
  } while (0)

// From a member back to what holds it.
#define container_of(pointer, type, member)                                                        \
  ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))
