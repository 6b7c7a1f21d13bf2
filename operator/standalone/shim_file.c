// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/shim_file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int shim_file_read(const char *path, struct arena *arena, struct str *ret_text, struct err *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return err_errno(err, "cannot open %s", path);
  struct buf text;
  buf_init(&text, FILE_MAX);
  ssize_t got;
  do {
    char *to = buf_reserve(&text, 4096);
    if (!to) {
      close(fd);
      buf_dispose(&text);
      return err_set(err, RC_LIMIT, "%s is larger than %u bytes", path, FILE_MAX);
    }
    got = read(fd, to, 4096);
    if (got > 0)
      text.len += (size_t)got;
  } while (got > 0 || (got < 0 && errno == EINTR));
  int rc = got < 0 ? err_errno(err, "cannot read %s", path) : RC_OK;
  close(fd);
  if (rc == RC_OK)
    *ret_text = arena_str(arena, buf_str(&text));
  buf_dispose(&text);
  return rc;
}

int shim_file_read_json(const char *path, struct arena *arena, struct json **ret_json,
                        struct err *err) {
  struct str text;
  int rc = shim_file_read(path, arena, &text, err);
  if (rc != RC_OK)
    return rc;
  rc = json_parse(text, arena, ret_json, err);
  return rc == RC_OK ? RC_OK : err_wrap(err, rc, "%s", path);
}

static int write_all(int fd, struct str text) {
  for (size_t done = 0; done < text.len;) {
    ssize_t put = write(fd, text.ptr + done, text.len - done);
    if (put < 0 && errno != EINTR)
      return -1;
    if (put > 0)
      done += (size_t)put;
  }
  return 0;
}

int shim_file_write(const char *path, struct str text, unsigned mode, struct err *err) {
  struct buf temporary;
  buf_init(&temporary, 8192);
  buf_addf(&temporary, "%s.%d.new", path, (int)getpid());
  const char *name = buf_z(&temporary);
  int rc = RC_OK;
  int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode & 0777);
  if (fd < 0) {
    rc = err_errno(err, "cannot create %s", name);
  } else {
    if (fchmod(fd, mode & 0777) < 0 || write_all(fd, text) < 0 || fdatasync(fd) < 0)
      rc = err_errno(err, "cannot write %s", name);
    close(fd);
    if (rc == RC_OK && rename(name, path) < 0)
      rc = err_errno(err, "cannot rename %s to %s", name, path);
    if (rc != RC_OK)
      (void)unlink(name);
  }
  buf_dispose(&temporary);
  return rc;
}

int shim_file_write_json(const char *path, const struct json *json, struct err *err) {
  struct buf text;
  buf_init(&text, FILE_MAX);
  (void)json_write(&text, json);
  (void)buf_add_char(&text, '\n');
  int rc = text.failed ? err_set(err, RC_LIMIT, "%s would be larger than %u bytes", path, FILE_MAX)
                       : shim_file_write(path, buf_str(&text), 0600, err);
  buf_dispose(&text);
  return rc;
}

int shim_file_mkdirs(const char *path, struct err *err) {
  struct buf part;
  buf_init(&part, 8192);
  int rc = RC_OK;
  for (const char *at = path; rc == RC_OK; at++) {
    if ((*at == '/' && at != path) || *at == 0) {
      buf_reset(&part);
      buf_add(&part, path, (size_t)(at - path));
      if (mkdir(buf_z(&part), 0700) < 0 && errno != EEXIST)
        rc = err_errno(err, "cannot make the folder %s", buf_z(&part));
    }
    if (*at == 0)
      break;
  }
  buf_dispose(&part);
  return rc;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where) {
  (void)about, (void)kind, (void)where;
  return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

int shim_file_remove_all(const char *path, struct err *err) {
  if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 && errno != ENOENT)
    return err_errno(err, "cannot remove %s", path);
  return RC_OK;
}

const char *shim_file_join(struct arena *arena, const char *parent, struct str name) {
  return arena_printf(arena, "%s/%.*s", parent, STR_ARG(name)).ptr;
}
