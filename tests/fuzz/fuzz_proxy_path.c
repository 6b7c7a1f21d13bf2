// SPDX-License-Identifier: Apache-2.0
// Paths in every mode: what was made canonical is canonical, never longer, and cannot be read as
// going up.
#include "manifests/base/bug.h"
#include "proxy/head_path.h"

#include <string.h>

static bool has_dots(const char *path, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (path[i] != '/')
      continue;
    size_t end = i + 1;
    while (end < len && path[end] != '/')
      end++;
    struct str segment = {path + i + 1, end - i - 1};
    if (str_eq(segment, STR(".")) || str_eq(segment, STR("..")))
      return true;
  }
  return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static char path[4096], again[4096];
  if (size < 2 || size > sizeof(path))
    return 0;
  enum head_path_mode mode = (enum head_path_mode)(data[0] % 4);
  size_t len = size - 1;
  memcpy(path, data + 1, len);
  path[0] = '/';
  if (!head_path_normalize(path, &len, mode))
    return 0;
  BUG_ON(len == 0 || len > size - 1 || path[0] != '/' || memchr(path, '#', len));
  size_t twice = len;
  memcpy(again, path, len);
  BUG_ON(!head_path_normalize(again, &twice, mode));
  BUG_ON(twice != len || memcmp(again, path, len) != 0);
  const char *query = memchr(path, '?', len);
  size_t path_len = query ? (size_t)(query - path) : len;
  if (mode == HEAD_PATH_NONE)
    return 0;
  BUG_ON(has_dots(path, path_len) || memchr(path, '\\', path_len));
  for (size_t i = 1; i < path_len && mode != HEAD_PATH_BASE; i++)
    BUG_ON(path[i] == '/' && path[i - 1] == '/');
  return 0;
}
