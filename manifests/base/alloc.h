// SPDX-License-Identifier: Apache-2.0
// Allocation of our own small things: it succeeds or the process ends. For sizes that a peer or a
// user chooses use buf.h with a maximum.
#pragma once

#include <stddef.h>

void *xmalloc(size_t size) __attribute__((returns_nonnull, malloc));
void *xcalloc(size_t count, size_t size) __attribute__((returns_nonnull, malloc)); // zeroed
void *xrealloc(void *ptr, size_t size) __attribute__((returns_nonnull));
void *xmemdup(const void *ptr, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *z) __attribute__((returns_nonnull));
void xfree(void *ptr);

#define XNEW(type) ((type *)xcalloc(1, sizeof(type)))
