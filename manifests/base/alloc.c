// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"

#include <stdlib.h>
#include <string.h>

void *xmalloc(size_t size) {
  void *ptr = malloc(size ? size : 1);
  BUG_ON(!ptr);
  return ptr;
}

void *xcalloc(size_t count, size_t size) {
  void *ptr = calloc(count ? count : 1, size ? size : 1);
  BUG_ON(!ptr);
  return ptr;
}

void *xrealloc(void *old, size_t size) {
  void *ptr = realloc(old, size ? size : 1);
  BUG_ON(!ptr);
  return ptr;
}

void *xmemdup(const void *ptr, size_t size) {
  void *copy = xmalloc(size);
  if (size)
    memcpy(copy, ptr, size);
  return copy;
}

char *xstrdup(const char *z) {
  return xmemdup(z, strlen(z) + 1);
}

void xfree(void *ptr) {
  free(ptr);
}
