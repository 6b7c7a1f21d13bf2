// SPDX-License-Identifier: Apache-2.0
// In a container: its process between fork and exec, and commands beside it.
#include "operator/standalone/shim_child.h"
#include "manifests/base/alloc.h"
#include "operator/standalone/shim.h"
#include "operator/standalone/shim_file.h"
#include "operator/standalone/shim_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static _Noreturn void child_fail(int report, const char *text) {
  (void)!write(report, text, strlen(text));
  _exit(126);
}

static void child_identity(const struct shim_start *start, int report) {
  if (start->gid >= 0 && (setgroups(0, NULL) < 0 || setgid((gid_t)start->gid) < 0))
    child_fail(report, "cannot change to the group of the securityContext");
  if (start->uid >= 0 && setuid((uid_t)start->uid) < 0)
    child_fail(report, "cannot change to the user of the securityContext");
}

static char **strings_of(const struct str *items, size_t count) {
  char **list = xcalloc(count + 1, sizeof *list);
  for (size_t i = 0; i < count; i++)
    list[i] = xstrdup(items[i].ptr);
  return list;
}

static void child_descriptors(const char *output, int report) {
  int null = open("/dev/null", O_RDONLY);
  int out = open(output, O_RDWR);
  if (null < 0 || out < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
    child_fail(report, "cannot open the container's input and output");
  if (null > 2)
    close(null);
  if (out > 2)
    close(out);
}

_Noreturn void shim_child_run(const struct shim_start *start, const char *output, int go,
                              int report) {
  struct err err = {0};
  char byte;
  setsid();
  child_descriptors(output, report);
  // The shim lets us go on once we are on record; when it dies before that, we never were.
  if (read(go, &byte, 1) != 1)
    _exit(125);
  if (shim_mount_apply(start, &err) != RC_OK)
    child_fail(report, err.msg);
  child_identity(start, report);
  if (chdir(start->cwd.ptr) < 0) {
    (void)err_errno(&err, "workingDir: cannot change to %s", start->cwd.ptr);
    child_fail(report, err.msg);
  }
  for (int i = 1; i < NSIG; i++)
    signal(i, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  umask(022);
  char **argv = strings_of(start->argv, start->argv_count);
  environ = strings_of(start->env, start->env_count); // before exec: its PATH is the one to search
  execvp(argv[0], argv);
  (void)err_errno(&err, "cannot run %s", argv[0]);
  child_fail(report, err.msg);
}

static void enter_namespace(pid_t pid, const char *name, int type) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    (void)setns(fd,
                type); // without it the command sees the host's files; its own exit code then tells
    close(fd);
  }
}

int shim_exec(const char *folder, const struct str *argv, size_t count) {
  struct arena arena;
  struct shim_start plan;
  struct shim_record process;
  struct json *start = NULL, *record = NULL;
  struct err err = {0};
  arena_init(&arena);
  int rc =
      shim_file_read_json(shim_file_join(&arena, folder, STR(SHIM_START)), &arena, &start, &err);
  if (rc == RC_OK)
    rc = shim_start_read(start, &arena, &plan, &err);
  if (rc == RC_OK)
    rc = shim_file_read_json(shim_file_join(&arena, folder, STR(SHIM_RECORD)), &arena, &record,
                             &err);
  if (rc != RC_OK) {
    fprintf(stderr, "%s\n", err.msg);
    return 126;
  }
  shim_record_read(record, &process);
  if (plan.mount_count > 0 && plan.mount_mode == SHIM_MOUNT_USER)
    enter_namespace(process.process.pid, "user", CLONE_NEWUSER);
  if (plan.mount_count > 0 && plan.mount_mode != SHIM_MOUNT_NONE)
    enter_namespace(process.process.pid, "mnt", CLONE_NEWNS);
  child_identity(&plan, STDERR_FILENO);
  if (chdir(plan.cwd.ptr) < 0)
    child_fail(STDERR_FILENO, "cannot change to the working folder\n");
  signal(SIGPIPE, SIG_DFL);
  environ = strings_of(plan.env, plan.env_count);
  char **list = strings_of(argv, count);
  execvp(list[0], list);
  (void)err_errno(&err, "cannot run %s", list[0]);
  fprintf(stderr, "%s\n", err.msg);
  return 127;
}
