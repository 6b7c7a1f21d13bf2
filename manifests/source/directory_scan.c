// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/directory_scan.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 16
#define FILES_MAX 10000u

static bool is_manifest_name(struct str name) {
  return str_ends(name, STR(".yaml")) || str_ends(name, STR(".yml")) ||
         str_ends(name, STR(".json"));
}

// A mounted ConfigMap is made of links to a hidden folder beside them: such links are fine.
static bool stays_inside(const char *root, const char *path) {
  char real[PATH_MAX];
  if (!realpath(path, real))
    return false;
  size_t len = strlen(root);
  return strncmp(real, root, len) == 0 && (real[len] == '/' || real[len] == '\0' || len == 1);
}

static struct str *push(struct directory_scan *scan, bool folder) {
  if (folder)
    return arena_push(scan->arena, (void **)&scan->folders, &scan->folder_count,
                      &scan->folder_capacity, sizeof(struct str));
  return arena_push(scan->arena, (void **)&scan->files, &scan->file_count, &scan->file_capacity,
                    sizeof(struct str));
}

static int scan_folder(struct directory_scan *scan, const char *root, struct str path, int depth,
                       struct err *err);

static int scan_entry(struct directory_scan *scan, const char *root, struct str folder,
                      const char *name, int depth, struct err *err) {
  if (name[0] == '.')
    return RC_OK;
  struct str path = arena_printf(scan->arena, "%.*s%s%s", STR_ARG(folder),
                                 str_ends(folder, STR("/")) ? "" : "/", name);
  struct stat info;
  if (lstat(path.ptr, &info) != 0)
    return RC_OK; // it went away meanwhile: its event comes
  if (S_ISLNK(info.st_mode) &&
      (!stays_inside(root, path.ptr) || stat(path.ptr, &info) != 0 || S_ISDIR(info.st_mode)))
    return RC_OK; // links to folders could go in circles
  if (S_ISDIR(info.st_mode))
    return scan_folder(scan, root, path, depth + 1, err);
  if (!S_ISREG(info.st_mode) || !is_manifest_name(str_of(name)))
    return RC_OK;
  if (scan->file_count == FILES_MAX)
    return err_set(err, RC_LIMIT, "%s has more than %u manifest files", root, FILES_MAX);
  *push(scan, false) = path;
  return RC_OK;
}

static int scan_folder(struct directory_scan *scan, const char *root, struct str path, int depth,
                       struct err *err) {
  if (depth > DEPTH_MAX)
    return err_set(err, RC_LIMIT, "%.*s is nested more than %d folders deep", STR_ARG(path),
                   DEPTH_MAX);
  DIR *dir = opendir(path.ptr);
  if (!dir)
    return depth > 0 && errno == ENOENT ? RC_OK : err_errno(err, "cannot read %.*s", STR_ARG(path));
  *push(scan, true) = path;
  int rc = RC_OK;
  for (struct dirent *entry; rc == RC_OK && (entry = readdir(dir));)
    rc = scan_entry(scan, root, path, entry->d_name, depth, err);
  closedir(dir);
  return rc;
}

static int compare(const void *a, const void *b) {
  return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

int directory_scan(const char *path, struct arena *arena, struct directory_scan *ret_scan,
                   struct err *err) {
  struct directory_scan scan = {.arena = arena};
  struct stat info;
  char root[PATH_MAX];
  if (stat(path, &info) != 0 || !realpath(path, root))
    return err_errno(err, "cannot read %s", path);
  int rc = RC_OK;
  if (S_ISDIR(info.st_mode))
    rc = scan_folder(&scan, root, arena_strz(arena, path), 0, err);
  else
    *push(&scan, false) = arena_strz(arena, path);
  if (rc)
    return rc;
  if (scan.file_count)
    qsort(scan.files, scan.file_count, sizeof *scan.files, compare);
  if (scan.folder_count > 1)
    qsort(scan.folders + 1, scan.folder_count - 1, sizeof *scan.folders, compare);
  *ret_scan = scan;
  return RC_OK;
}
