// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

// Reads up to max + 1 bytes, so that the caller sees whether the file is longer.
static int read_all(int fd, const char *path, size_t size, size_t max, struct arena *arena,
                    struct str *ret_text, struct err *err) {
  size_t room = size + 1 < 4096 ? 4096 : size + 1; // /proc says size 0
  if (room > max + 1)
    room = max + 1;
  char *bytes = arena_alloc(arena, room + 1);
  size_t len = 0;
  while (len < room) {
    ssize_t got = read(fd, bytes + len, room - len);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return err_errno(err, "cannot read %s", path);
    if (got == 0)
      break;
    len += (size_t)got;
  }
  if (len > max || len == room)
    return err_set(err, RC_LIMIT, "%s is larger than %zu bytes", path, room - 1);
  bytes[len] = '\0';
  *ret_text = (struct str){bytes, len};
  return RC_OK;
}

int file_read(const char *path, size_t max, struct arena *arena, struct str *ret_text,
              struct err *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return err_errno(err, "cannot open %s", path);
  struct stat info;
  int rc;
  if (fstat(fd, &info) != 0)
    rc = err_errno(err, "cannot read %s", path);
  else if (!S_ISREG(info.st_mode))
    rc = err_set(err, RC_INVALID, "%s is not a regular file", path);
  else if (info.st_size > 0 && (size_t)info.st_size > max)
    rc = err_set(err, RC_LIMIT, "%s is larger than %zu bytes", path, max);
  else
    rc = read_all(fd, path, (size_t)info.st_size, max, arena, ret_text, err);
  close(fd);
  return rc;
}

struct str file_beside(struct arena *arena, struct str file, struct str name) {
  size_t end = file.len;
  while (end > 0 && file.ptr[end - 1] != '/')
    end--;
  if (end == 0 || str_starts(name, STR("/")))
    return arena_str(arena, name);
  return arena_printf(arena, "%.*s%.*s", (int)end, file.ptr, STR_ARG(name));
}
