// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/runtime_volume.h"
#include "operator/standalone/shim_file.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int need_parents(struct arena *arena, const char *root, struct str path, struct err *err) {
  for (size_t i = path.len; i > 0; i--)
    if (path.ptr[i - 1] == '/')
      return shim_file_mkdirs(shim_file_join(arena, root, str_slice(path, 0, i - 1)), err);
  return RC_OK;
}

static bool is_current(const struct pod_volume_plan *plan, const char *data, struct arena *arena) {
  for (size_t i = 0; i < plan->file_count; i++) {
    struct str text;
    struct stat about;
    const char *path = shim_file_join(arena, data, plan->files[i].path);
    if (stat(path, &about) < 0 || (about.st_mode & 0777) != plan->files[i].mode ||
        shim_file_read(path, arena, &text, NULL) != RC_OK || !str_eq(text, plan->files[i].content))
      return false;
  }
  return true;
}

static bool is_wanted(const struct pod_volume_plan *plan, struct str name) {
  for (size_t i = 0; i < plan->file_count; i++) {
    struct str rest = plan->files[i].path, first;
    if (str_next(&rest, '/', &first) && str_eq(first, name))
      return true;
  }
  return false;
}

// Links of keys that went, and the content folders that are no longer current.
static void drop_stale(const struct pod_volume_plan *plan, const char *root, const char *keep,
                       struct arena *arena) {
  DIR *entries = opendir(root);
  for (struct dirent *entry; entries && (entry = readdir(entries));) {
    struct str name = str_of(entry->d_name);
    bool ours = str_eq(name, STR(".")) || str_eq(name, STR("..")) || str_eq(name, STR("..data")) ||
                str_eq_z(name, keep);
    if (!ours && !is_wanted(plan, name))
      (void)shim_file_remove_all(shim_file_join(arena, root, name), NULL);
  }
  if (entries)
    closedir(entries);
}

static int link_to(const char *target, const char *path, struct err *err) {
  char now[4096];
  ssize_t len = readlink(path, now, sizeof now - 1);
  if (len > 0 && (size_t)len == strlen(target) && memcmp(now, target, (size_t)len) == 0)
    return RC_OK;
  struct buf fresh;
  buf_init(&fresh, 8192);
  buf_addf(&fresh, "%s..new", path);
  (void)unlink(buf_z(&fresh));
  int rc = RC_OK;
  if (symlink(target, buf_z(&fresh)) < 0 || rename(buf_z(&fresh), path) < 0)
    rc = err_errno(err, "cannot make the link %s", path);
  buf_dispose(&fresh);
  return rc;
}

// The first part of each path is what stands in the volume's own folder.
static int link_keys(const struct pod_volume_plan *plan, const char *root, struct arena *arena,
                     struct err *err) {
  int rc = RC_OK;
  for (size_t i = 0; rc == RC_OK && i < plan->file_count; i++) {
    ptrdiff_t slash = str_find_char(plan->files[i].path, '/');
    struct str first =
        slash < 0 ? plan->files[i].path : str_slice(plan->files[i].path, 0, (size_t)slash);
    rc = link_to(arena_printf(arena, "..data/%.*s", STR_ARG(first)).ptr,
                 shim_file_join(arena, root, first), err);
  }
  return rc;
}

static int write_files(const struct pod_volume_plan *plan, const char *root, struct arena *arena,
                       struct err *err) {
  const char *data = shim_file_join(arena, root, STR("..data"));
  if (access(data, F_OK) == 0 && is_current(plan, data, arena))
    return RC_OK;
  char now[64] = "", fresh[64];
  ssize_t len = readlink(data, now, sizeof now - 1);
  now[len > 0 ? len : 0] = 0;
  // 64 names in turn are enough: only one is current and none is kept.
  int64_t number = -1;
  (void)str_to_i64(str_slice(str_of(now), 2, 64), &number);
  snprintf(fresh, sizeof fresh, "..%d", (int)((number + 1) % 64));
  const char *folder = shim_file_join(arena, root, str_of(fresh));
  int rc = shim_file_remove_all(folder, err);
  if (rc == RC_OK)
    rc = shim_file_mkdirs(folder, err);
  for (size_t i = 0; rc == RC_OK && i < plan->file_count; i++) {
    const struct pod_file *file = &plan->files[i];
    rc = need_parents(arena, folder, file->path, err);
    if (rc == RC_OK)
      rc = shim_file_write(shim_file_join(arena, folder, file->path), file->content, file->mode,
                           err);
  }
  if (rc == RC_OK && chmod(folder, 0755) < 0)
    rc = err_errno(err, "cannot open up %s", folder);
  if (rc == RC_OK)
    rc = link_to(fresh, data, err);
  if (rc == RC_OK)
    rc = link_keys(plan, root, arena, err);
  if (rc == RC_OK)
    drop_stale(plan, root, fresh, arena);
  return rc;
}

static int check_host(const struct pod_volume_plan *plan, struct err *err) {
  struct stat about;
  struct str type = plan->host_type;
  const char *path = plan->host_path.ptr;
  if (str_eq(type, STR("DirectoryOrCreate")))
    return shim_file_mkdirs(path, err);
  if (stat(path, &about) < 0)
    return err_errno(err, "volume %.*s: hostPath %s", STR_ARG(plan->name), path);
  bool folder = S_ISDIR(about.st_mode);
  if ((str_eq(type, STR("Directory")) && !folder) || (str_eq(type, STR("File")) && folder))
    return err_set(err, RC_INVALID, "volume %.*s: hostPath %s is not a %.*s", STR_ARG(plan->name),
                   path, STR_ARG(type));
  return RC_OK;
}

int volume_write(const struct pod_volume_plan *plan, const char *folder, struct err *err) {
  if (plan->type == POD_VOLUME_HOST)
    return check_host(plan, err);
  struct arena arena;
  arena_init(&arena);
  const char *root = shim_file_join(&arena, folder, plan->name);
  int rc = shim_file_mkdirs(root, err);
  if (rc == RC_OK && chmod(root, plan->type == POD_VOLUME_EMPTY ? 0777 : 0755) < 0)
    rc = err_errno(err, "cannot open up %s", root);
  if (rc == RC_OK && plan->type == POD_VOLUME_FILES)
    rc = write_files(plan, root, &arena, err);
  arena_dispose(&arena);
  return rc;
}

int volume_need_sources(const struct shim_mount *mounts, size_t count, struct err *err) {
  int rc = RC_OK;
  for (size_t i = 0; rc == RC_OK && i < count; i++)
    if (access(mounts[i].source.ptr, F_OK) != 0)
      rc = mounts[i].read_only ? err_set(err, RC_NOT_FOUND, "there is nothing at %s to mount at %s",
                                         mounts[i].source.ptr, mounts[i].target.ptr)
                               : shim_file_mkdirs(mounts[i].source.ptr, err);
  return rc;
}
