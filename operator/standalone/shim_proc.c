// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/shim_proc.h"
#include "manifests/base/clock.h"
#include "operator/standalone/shim_file.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct stat_line {
  char state;
  pid_t parent, session;
  uint64_t started;
};

struct str proc_boot(void) {
  static char boot[64];
  if (!boot[0]) {
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file && fgets(boot, sizeof boot, file))
      boot[strcspn(boot, "\n")] = 0;
    if (file)
      fclose(file);
    if (!boot[0])
      boot[0] = '?';
  }
  return str_of(boot);
}

// The name in field 2 may hold spaces and parentheses, so fields count from the last ')'.
static bool stat_read(pid_t pid, struct stat_line *ret) {
  char path[64], line[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *file = fopen(path, "re");
  if (!file)
    return false;
  size_t len = fread(line, 1, sizeof line - 1, file);
  fclose(file);
  line[len] = 0;
  char *end = strrchr(line, ')');
  if (!end || end[1] != ' ')
    return false;
  struct str rest = str_of(end + 2), field;
  int64_t number;
  for (int i = 3; i <= 22 && str_next(&rest, ' ', &field); i++) {
    if (i == 3)
      ret->state = field.len ? field.ptr[0] : '?';
    else if (i == 4 && str_to_i64(field, &number))
      ret->parent = (pid_t)number;
    else if (i == 6 && str_to_i64(field, &number))
      ret->session = (pid_t)number;
    else if (i == 22)
      return str_to_u64(field, &ret->started);
  }
  return false;
}

uint64_t proc_start_time(pid_t pid) {
  struct stat_line line = {0};
  if (pid <= 0 || !stat_read(pid, &line) || line.state == 'Z' || line.state == 'X')
    return 0;
  return line.started;
}

struct proc_id proc_identify(pid_t pid) {
  return (struct proc_id){.pid = pid, .started = proc_start_time(pid), .boot = proc_boot()};
}

bool proc_is_alive(struct proc_id id) {
  return id.pid > 0 && id.started != 0 && str_eq(id.boot, proc_boot()) &&
         proc_start_time(id.pid) == id.started;
}

int proc_open(struct proc_id id) {
  if (id.pid <= 0)
    return -1;
  int fd = (int)syscall(SYS_pidfd_open, id.pid, 0);
  // Checked after the open: from here on the descriptor cannot change its meaning.
  if (fd >= 0 && !proc_is_alive(id)) {
    close(fd);
    return -1;
  }
  return fd;
}

bool proc_signal(struct proc_id id, int signal) {
  int fd = proc_open(id);
  if (fd < 0)
    return false;
  bool sent = syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) == 0;
  close(fd);
  return sent;
}

bool proc_wait_gone(struct proc_id id, int timeout_ms) {
  int fd = proc_open(id);
  if (fd < 0)
    return true;
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  int64_t end_ms = clock_mono_ms() + timeout_ms;
  int ready;
  do { // a signal is no reason to give up
    int64_t left_ms = end_ms - clock_mono_ms();
    ready = poll(&wait, 1, left_ms > 0 ? (int)left_ms : 0);
  } while (ready < 0 && errno == EINTR);
  close(fd);
  return ready > 0;
}

// The kernel gives a number out again only when no process and no session has it. So a process of
// that number is the leader itself, perhaps a zombie, or proof that the session has ended.
static bool session_is_ours(struct proc_id leader) {
  struct stat_line line = {0};
  if (leader.pid <= 0 || leader.started == 0 || !str_eq(leader.boot, proc_boot()))
    return false;
  return !stat_read(leader.pid, &line) || line.started == leader.started;
}

size_t proc_kill_session(struct proc_id leader) {
  pid_t session = session_is_ours(leader) ? leader.pid : -1;
  DIR *proc = opendir("/proc");
  if (!proc)
    return 0;
  size_t found = 0;
  pid_t self = getpid();
  for (struct dirent *entry; (entry = readdir(proc));) {
    int64_t pid;
    struct stat_line line = {0};
    if (!str_to_i64(str_of(entry->d_name), &pid) || pid == self || !stat_read((pid_t)pid, &line))
      continue;
    if ((line.session != session && line.parent != self) || line.state == 'Z' || line.state == 'X')
      continue;
    if (kill((pid_t)pid, SIGKILL) == 0)
      found++;
  }
  closedir(proc);
  return found;
}

void proc_write(struct arena *arena, struct json *object, const char *key, struct proc_id id) {
  struct json *process = json_need_object(arena, object, key);
  json_put_int(arena, process, "pid", id.pid);
  json_put_int(arena, process, "startTime", (int64_t)id.started);
  json_put_string(arena, process, "boot", id.boot);
}

struct proc_id proc_read(const struct json *object, const char *key) {
  const struct json *process = json_get(object, key);
  return (struct proc_id){.pid = (pid_t)json_int(json_get(process, "pid"), 0),
                          .started = (uint64_t)json_int(json_get(process, "startTime"), 0),
                          .boot = json_get_string(process, "boot")};
}
