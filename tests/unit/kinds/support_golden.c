// SPDX-License-Identifier: Apache-2.0
#include "support_golden.h"

#include "manifests/base/buf.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct str full(const char *path, struct arena *arena) {
  return arena_printf(arena, "%s/%s", SERIN_SOURCE_DIR, path);
}

static bool read_file(const char *path, struct buf *out) {
  FILE *file = fopen(path, "rb");
  if (!file)
    return false;
  char block[4096];
  size_t got = 0;
  while ((got = fread(block, 1, sizeof(block), file)) > 0)
    (void)buf_add(out, block, got);
  fclose(file);
  return true;
}

struct str golden_read(const char *path, struct arena *arena) {
  struct buf text;
  buf_init(&text, 32u << 20);
  bool read = read_file(full(path, arena).ptr, &text);
  struct str copy = arena_str(arena, buf_str(&text));
  buf_dispose(&text);
  if (!read)
    fail_msg("%s cannot be read", path);
  return copy;
}

static int compare(const void *a, const void *b) {
  return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

size_t golden_list(const char *folder, const char *suffix, struct arena *arena, struct str **ret) {
  DIR *dir = opendir(full(folder, arena).ptr);
  if (!dir)
    fail_msg("%s cannot be read", folder);
  void *names = NULL;
  size_t count = 0, capacity = 0;
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (!str_ends(str_of(entry->d_name), str_of(suffix)))
      continue;
    struct str *name = arena_push(arena, &names, &count, &capacity, sizeof(struct str));
    *name = arena_strz(arena, entry->d_name);
  }
  closedir(dir);
  qsort(names, count, sizeof(struct str), compare);
  *ret = names;
  return count;
}

void golden_same(const char *path, struct str text) {
  struct arena arena;
  arena_init(&arena);
  struct str name = full(path, &arena);
  struct buf old;
  buf_init(&old, 32u << 20);
  bool there = read_file(name.ptr, &old);
  if (!there || !str_eq(buf_str(&old), text)) {
    const char *refresh = getenv("REFRESH");
    if (!refresh || strcmp(refresh, "1") != 0)
      fail_msg("%s differs (REFRESH=1 rewrites it); now:\n%.*s\nthe file:\n%.*s", path,
               STR_ARG(text), STR_ARG(buf_str(&old)));
    FILE *file = fopen(name.ptr, "wb");
    if (!file || fwrite(text.ptr, 1, text.len, file) != text.len || fclose(file) != 0)
      fail_msg("%s cannot be written", path);
  }
  buf_dispose(&old);
  arena_dispose(&arena);
}
