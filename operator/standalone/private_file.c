// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/private_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int private_file_read(const char *path, size_t max, struct arena *arena, struct str *ret_text,
                      struct err *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return err_errno(err, "cannot open %s", path);
  char *text = arena_alloc(arena, max + 1);
  size_t len = 0;
  ssize_t got;
  while (len <= max && (got = read(fd, text + len, max + 1 - len)) > 0)
    len += (size_t)got;
  int rc = RC_OK;
  if (len > max)
    rc = err_set(err, RC_LIMIT, "%s is longer than %zu bytes", path, max);
  else if (got < 0)
    rc = err_errno(err, "cannot read %s", path);
  close(fd);
  if (!rc)
    *ret_text = arena_str(arena, (struct str){text, len});
  return rc;
}

static int write_all(int fd, struct str text) {
  while (text.len) {
    ssize_t put = write(fd, text.ptr, text.len);
    if (put < 0)
      return -1;
    text = str_slice(text, (size_t)put, text.len);
  }
  return fsync(fd);
}

int private_file_write(const char *path, struct str text, struct err *err) {
  struct arena arena;
  arena_init(&arena);
  struct str temp = arena_printf(&arena, "%s.%d.new", path, (int)getpid());
  int fd = open(temp.ptr, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  int rc = fd < 0 ? err_errno(err, "cannot make %s", temp.ptr) : RC_OK;
  if (!rc && (fchmod(fd, 0600) || write_all(fd, text)))
    rc = err_errno(err, "cannot write %s", temp.ptr);
  if (fd >= 0 && close(fd) && !rc)
    rc = err_errno(err, "cannot write %s", temp.ptr);
  if (!rc && rename(temp.ptr, path))
    rc = err_errno(err, "cannot rename %s to %s", temp.ptr, path);
  if (rc && fd >= 0)
    (void)unlink(temp.ptr);
  arena_dispose(&arena);
  return rc;
}
