// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/store_file.h"
#include "manifests/base/bug.h"
#include "operator/standalone/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int store_file_data(struct str given, struct arena *arena, struct str *ret_data, struct err *err) {
  const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
  if (given.len)
    *ret_data = arena_str(arena, given);
  else if (state && *state)
    *ret_data = arena_printf(arena, "%s/serin", state);
  else if (home && *home)
    *ret_data = arena_printf(arena, "%s/.local/state/serin", home);
  else
    return err_set(err, RC_USAGE, "neither XDG_STATE_HOME nor HOME is set: give --data DIR");
  return RC_OK;
}

int store_file_lock(const char *data, int *ret_fd, struct err *err) {
  struct arena arena;
  arena_init(&arena);
  struct str path = arena_printf(&arena, "%s/apiserver.lock", data);
  int rc = RC_OK;
  int fd = open(path.ptr, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    rc = err_errno(err, "cannot open %s", path.ptr);
  else if (flock(fd, LOCK_EX | LOCK_NB))
    rc = err_set(err, RC_EXISTS, "another API server works on %s", data);
  if (!rc)
    *ret_fd = fd;
  else if (fd >= 0)
    close(fd);
  arena_dispose(&arena);
  return rc;
}

static int exists(const char *path, struct err *err) {
  return access(path, R_OK) ? err_errno(err, "%s", path) : RC_OK;
}

int store_file_backup(struct str data, struct str file, struct err *err) {
  struct arena arena;
  struct store *store = NULL;
  arena_init(&arena);
  struct str path = arena_printf(&arena, "%.*s/store.db", STR_ARG(data));
  struct str to = arena_str(&arena, file);
  int rc = exists(path.ptr, err);
  if (!rc)
    rc = store_open(path.ptr, &store, err);
  if (!rc)
    rc = store_backup(store, to.ptr, err);
  store_close(store);
  arena_dispose(&arena);
  return rc;
}

static int copy(const char *from, const char *to, struct err *err) {
  char block[65536];
  ssize_t got = 0;
  int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
  int rc = in < 0 ? err_errno(err, "cannot open %s", from) : RC_OK;
  if (!rc) {
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out < 0)
      rc = err_errno(err, "cannot make %s", to);
  }
  while (!rc && (got = read(in, block, sizeof(block))) > 0)
    if (write(out, block, (size_t)got) != got)
      rc = err_errno(err, "cannot write %s", to);
  if (!rc && (got < 0 || fsync(out)))
    rc = err_errno(err, "cannot copy %s", from);
  if (in >= 0)
    close(in);
  if (out >= 0)
    close(out);
  return rc;
}

// Opens and closes a store: its journal is folded into the file, which then stands alone.
static int settle(const char *path, bool leap, struct err *err) {
  struct store *store = NULL;
  int rc = store_open(path, &store, err);
  if (!rc && leap)
    rc = store_leap(store, err);
  store_close(store);
  return rc;
}

// Moves the store aside, whole or damaged: a journal left behind would be applied to the new one.
static int set_aside(struct str path, struct arena *arena, struct err *err) {
  static const char *const parts[] = {"", "-wal", "-shm"};
  (void)settle(path.ptr, false, NULL);
  for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
    struct str from = arena_printf(arena, "%.*s%s", STR_ARG(path), parts[i]);
    struct str to = arena_printf(arena, "%.*s.replaced%s", STR_ARG(path), parts[i]);
    if (unlink(to.ptr) && errno != ENOENT)
      return err_errno(err, "cannot remove %s", to.ptr);
    if (rename(from.ptr, to.ptr) && errno != ENOENT)
      return err_errno(err, "cannot rename %s", from.ptr);
  }
  return RC_OK;
}

static int replace(struct str data, const char *file, struct arena *arena, struct err *err) {
  struct str path = arena_printf(arena, "%.*s/store.db", STR_ARG(data));
  struct str fresh = arena_printf(arena, "%.*s/store.db.new", STR_ARG(data));
  int rc = copy(file, fresh.ptr, err);
  if (!rc)
    rc = settle(fresh.ptr, true, err);
  if (!rc)
    rc = set_aside(path, arena, err);
  if (!rc && rename(fresh.ptr, path.ptr))
    rc = err_errno(err, "cannot rename %s", fresh.ptr);
  if (rc)
    (void)unlink(fresh.ptr);
  return rc;
}

int store_file_restore(struct str data, struct str file, struct err *err) {
  struct arena arena;
  int lock = -1;
  arena_init(&arena);
  struct str folder = arena_str(&arena, data), from = arena_str(&arena, file);
  int rc = exists(from.ptr, err);
  if (!rc && mkdir(folder.ptr, 0700) && errno != EEXIST)
    rc = err_errno(err, "cannot make %s", folder.ptr);
  if (!rc)
    rc = store_file_lock(folder.ptr, &lock, err);
  if (rc == RC_EXISTS)
    (void)err_wrap(err, rc, "stop it first (serin down)");
  if (!rc)
    rc = replace(data, from.ptr, &arena, err);
  if (lock >= 0)
    close(lock);
  arena_dispose(&arena);
  return rc;
}
