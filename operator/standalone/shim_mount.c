// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/shim_mount.h"
#include "operator/standalone/shim_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return -1;
  ssize_t done = write(fd, text, strlen(text));
  close(fd);
  return done < 0 ? -1 : 0;
}

static int enter(enum shim_mount_mode mode, struct err *err) {
  uid_t uid = geteuid();
  gid_t gid = getegid();
  if (unshare(mode == SHIM_MOUNT_USER ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS) < 0)
    return err_errno(err, "cannot make a mount namespace");
  if (mode == SHIM_MOUNT_USER) {
    char map[64];
    (void)put("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "%u %u 1", (unsigned)uid, (unsigned)uid);
    int failed = put("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "%u %u 1", (unsigned)gid, (unsigned)gid);
    if (failed < 0 || put("/proc/self/gid_map", map) < 0)
      return err_errno(err, "cannot map the user into its namespace");
  }
  // Slave: what the host mounts later still shows, what we mount never leaves.
  if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
    return err_errno(err, "cannot make the mounts private");
  return RC_OK;
}

// Makes `to` of the same kind as `from` and binds it there. Sockets and devices are bound over an
// empty file.
static int bind_entry(const char *from, const char *to, struct err *err) {
  struct stat about;
  if (lstat(from, &about) < 0)
    return errno == ENOENT ? RC_OK : err_errno(err, "cannot look at %s", from);
  if (S_ISLNK(about.st_mode)) {
    char target[4096];
    ssize_t len = readlink(from, target, sizeof target - 1);
    if (len < 0)
      return err_errno(err, "cannot read the link %s", from);
    target[len] = 0;
    return symlink(target, to) < 0 ? err_errno(err, "cannot make the link %s", to) : RC_OK;
  }
  if (S_ISDIR(about.st_mode)) {
    if (mkdir(to, 0755) < 0)
      return err_errno(err, "cannot make %s", to);
  } else {
    int fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
      return err_errno(err, "cannot make %s", to);
    close(fd);
  }
  if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0)
    return err_errno(err, "cannot bind %s", from);
  return RC_OK;
}

// `from` (a path that still shows the old content) entry by entry into the empty folder `to`.
static int bind_entries(const char *from, const char *to, struct err *err) {
  DIR *entries = opendir(from);
  if (!entries)
    return err_errno(err, "cannot read the folder %s", from);
  struct buf source, target;
  buf_init(&source, 8192);
  buf_init(&target, 8192);
  int rc = RC_OK;
  for (struct dirent *entry; rc == RC_OK && (entry = readdir(entries));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    buf_reset(&source);
    buf_reset(&target);
    buf_addf(&source, "%s/%s", from, entry->d_name);
    buf_addf(&target, "%s/%s", to, entry->d_name);
    rc = bind_entry(buf_z(&source), buf_z(&target), err);
  }
  closedir(entries);
  buf_dispose(&source);
  buf_dispose(&target);
  return rc;
}

static int cover_root(const char *scratch, struct err *err) {
  if (mount("tmpfs", scratch, "tmpfs", MS_NOSUID, "mode=0755,size=16m") < 0)
    return err_errno(err, "cannot mount a tmpfs at %s", scratch);
  int rc = bind_entries("/", scratch, err);
  if (rc != RC_OK)
    return rc;
  if (chdir(scratch) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
    return err_errno(err, "cannot change the root folder");
  if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
    return err_errno(err, "cannot leave the old root folder");
  return RC_OK;
}

static int cover_folder(const char *folder, struct err *err) {
  int old = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (old < 0)
    return err_errno(err, "cannot open %s", folder);
  char from[64];
  snprintf(from, sizeof from, "/proc/self/fd/%d", old);
  int rc = RC_OK;
  if (mount("tmpfs", folder, "tmpfs", MS_NOSUID, "mode=0755,size=16m") < 0)
    rc = err_errno(err, "cannot mount a tmpfs at %s", folder);
  if (rc == RC_OK)
    rc = bind_entries(from, folder, err);
  close(old);
  return rc;
}

// The nearest folder above `path` that exists, in place.
static void cut_to_existing(struct buf *path) {
  struct stat about;
  do {
    while (path->len > 1 && path->ptr[path->len - 1] != '/')
      path->len--;
    while (path->len > 1 && path->ptr[path->len - 1] == '/')
      path->len--;
  } while (path->len > 1 && (stat(buf_z(path), &about) < 0 || !S_ISDIR(about.st_mode)));
}

// Covers `folder` unless it is a tmpfs of ours from an earlier mount already, which can simply be
// written to.
static int need_cover(const char *folder, const char *scratch, struct err *err) {
  struct buf mark;
  buf_init(&mark, 8192);
  buf_addf(&mark, "%s/.serin-private", folder);
  int rc = RC_OK;
  if (access(buf_z(&mark), F_OK) != 0) {
    rc = strcmp(folder, "/") == 0 ? cover_root(scratch, err) : cover_folder(folder, err);
    int fd = rc == RC_OK ? open(buf_z(&mark), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd >= 0)
      close(fd);
  }
  buf_dispose(&mark);
  return rc;
}

static int make_target(const char *target, bool folder, struct err *err) {
  struct buf path;
  buf_init(&path, 8192);
  int rc = RC_OK;
  for (size_t i = 1; rc == RC_OK; i++) {
    if (target[i] != '/' && target[i] != 0)
      continue;
    bool last = target[i] == 0;
    buf_reset(&path);
    buf_add(&path, target, i);
    int made = last && !folder ? open(buf_z(&path), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)
                               : mkdir(buf_z(&path), 0755);
    if (made < 0 && errno != EEXIST)
      rc = err_errno(err, "cannot make %s", buf_z(&path));
    if (made > 0)
      close(made);
    if (last)
      break;
  }
  buf_dispose(&path);
  return rc;
}

// Makes sure that something of the right kind is at `target`, without touching the host.
static int need_target(const char *target, bool folder, const char *scratch, struct err *err) {
  struct stat about;
  if (stat(target, &about) == 0) {
    if (!!S_ISDIR(about.st_mode) == folder)
      return RC_OK;
    return err_set(err, RC_INVALID, "%s is %s on this machine, the volume is %s", target,
                   folder ? "a file" : "a folder", folder ? "a folder" : "a file");
  }
  struct buf above;
  buf_init(&above, 8192);
  buf_add_z(&above, target);
  cut_to_existing(&above);
  int rc = need_cover(buf_z(&above), scratch, err);
  buf_dispose(&above);
  return rc == RC_OK ? make_target(target, folder, err) : rc;
}

static unsigned long kept_flags(const char *path) {
  struct statvfs about;
  if (statvfs(path, &about) < 0)
    return 0;
  unsigned long flags = 0;
  flags |= about.f_flag & ST_NOSUID ? MS_NOSUID : 0;
  flags |= about.f_flag & ST_NODEV ? MS_NODEV : 0;
  flags |= about.f_flag & ST_NOEXEC ? MS_NOEXEC : 0;
  flags |= about.f_flag & ST_NOATIME ? MS_NOATIME : 0;
  flags |= about.f_flag & ST_RELATIME ? MS_RELATIME : 0;
  return flags;
}

static int bind_volume(const struct shim_mount *mount_of, const char *scratch, struct err *err) {
  const char *source = mount_of->source.ptr, *target = mount_of->target.ptr;
  struct stat about;
  if (stat(source, &about) < 0)
    return err_errno(err, "cannot look at the volume's %s", source);
  if (target[0] != '/')
    return err_set(err, RC_INVALID, "mountPath: expected an absolute path, found \"%s\"", target);
  int rc = need_target(target, S_ISDIR(about.st_mode), scratch, err);
  if (rc != RC_OK)
    return err_wrap(err, rc, "mountPath %s", target);
  if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0)
    return err_errno(err, "cannot bind a volume at %s", target);
  unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | kept_flags(target);
  if (mount_of->read_only && mount(NULL, target, NULL, flags, NULL) < 0)
    return err_errno(err, "cannot make %s read-only", target);
  return RC_OK;
}

// Parents before what is mounted within them.
static int by_depth(const void *a, const void *b) {
  const struct shim_mount *x = a, *y = b;
  return x->target.len < y->target.len ? -1 : x->target.len > y->target.len;
}

int shim_mount_apply(const struct shim_start *start, struct err *err) {
  if (start->mount_mode == SHIM_MOUNT_NONE || start->mount_count == 0)
    return RC_OK;
  int rc = enter(start->mount_mode, err);
  qsort(start->mounts, start->mount_count, sizeof *start->mounts, by_depth);
  for (size_t i = 0; rc == RC_OK && i < start->mount_count; i++)
    rc = bind_volume(&start->mounts[i], start->scratch.ptr, err);
  return rc;
}

static bool try_mode(enum shim_mount_mode mode, const char *scratch, struct err *err) {
  int result[2];
  if (pipe2(result, O_CLOEXEC) < 0)
    return false;
  pid_t child = fork();
  if (child == 0) {
    struct err why = {0};
    int rc = enter(mode, &why);
    if (rc == RC_OK)
      rc = cover_root(scratch, &why);
    (void)!write(result[1], why.msg, strlen(why.msg));
    _exit(rc == RC_OK ? 0 : 1);
  }
  close(result[1]);
  char text[512];
  ssize_t len = read(result[0], text, sizeof text - 1);
  close(result[0]);
  int status = -1;
  if (child > 0)
    (void)waitpid(child, &status, 0);
  if (status == 0)
    return true;
  text[len > 0 ? len : 0] = 0;
  (void)err_set(err, RC_DENIED, "%s", text);
  return false;
}

enum shim_mount_mode shim_mount_probe(const char *scratch, struct arena *arena,
                                      struct str *ret_why) {
  struct err why = {0};
  *ret_why = STR_NULL;
  if (try_mode(SHIM_MOUNT_ROOT, scratch, &why))
    return SHIM_MOUNT_ROOT;
  if (try_mode(SHIM_MOUNT_USER, scratch, &why))
    return SHIM_MOUNT_USER;
  *ret_why = arena_strz(arena, why.msg);
  return SHIM_MOUNT_NONE;
}
