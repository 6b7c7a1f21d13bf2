// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void bug_die(const char *file, int line, const char *what) {
  fprintf(stderr, "serin: bug: %s:%d: %s\n", file, line, what);
  abort();
}
