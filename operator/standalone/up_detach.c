// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/up_state.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

// The parent passes on what the child says until it is ready or gives up; its own end is the
// child's word.
static int follow_child(int from) {
  char bytes[4096];
  struct buf all;
  buf_init(&all, 1u << 20);
  ssize_t got;
  while ((got = read(from, bytes, sizeof bytes)) > 0 || (got < 0 && errno == EINTR)) {
    if (got <= 0)
      continue;
    (void)buf_add(&all, bytes, (size_t)got);
    (void)!write(STDOUT_FILENO, bytes, (size_t)got);
  }
  bool ready =
      str_starts(buf_str(&all), STR("ready ")) || str_contains(buf_str(&all), STR("\nready "));
  buf_dispose(&all);
  return ready ? RC_OK : RC_UNAVAILABLE;
}

// Returns in the child with *ret_parent false; in the parent, at the end, with true.
int up_detach(bool *ret_parent, struct err *err) {
  int pipe_fds[2];
  *ret_parent = true;
  if (pipe2(pipe_fds, O_CLOEXEC) < 0)
    return err_errno(err, "cannot make a pipe");
  pid_t child = fork();
  if (child < 0)
    return err_errno(err, "cannot fork");
  if (child > 0) {
    close(pipe_fds[1]);
    int rc = follow_child(pipe_fds[0]);
    close(pipe_fds[0]);
    return rc == RC_OK ? RC_OK : err_set(err, RC_UNAVAILABLE, "it did not become ready");
  }
  *ret_parent = false;
  close(pipe_fds[0]);
  (void)setsid();
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null >= 0)
    (void)dup2(null, 0);
  (void)dup2(pipe_fds[1], 1);
  (void)dup2(pipe_fds[1], 2);
  close(pipe_fds[1]); // the parent sees the end once 1 and 2 go to the log
  return RC_OK;
}

void up_detach_finish(const char *data) {
  struct buf path;
  buf_init(&path, 8192);
  buf_addf(&path, "%s/logs/up.log", data);
  int fd = open(buf_z(&path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0)
    fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
  (void)dup2(fd, 1);
  (void)dup2(fd, 2);
  close(fd);
  buf_dispose(&path);
}
