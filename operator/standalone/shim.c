// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/shim.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "operator/standalone/shim_child.h"
#include "operator/standalone/shim_file.h"
#include "operator/standalone/shim_log.h"
#include "operator/standalone/shim_mount.h"
#include "operator/standalone/shim_record.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct shim {
  const char *folder;
  struct arena arena;
  struct shim_start start;
  struct shim_record record;
  struct log_file log;
  int lock, output, signals, process; // process: pidfd
  bool child;                         // the process is our own child
  bool killed;                        // by us: not the kernel's doing
  int64_t kill_at_ms;                 // 0: no TERM was sent
  int64_t oom_kills;                  // the machine's count when the container began
};

static const char *path_of(struct shim *shim, const char *name) {
  return shim_file_join(&shim->arena, shim->folder, str_of(name));
}

static int record_save(struct shim *shim, struct err *err) {
  struct arena arena;
  arena_init(&arena);
  int rc = shim_file_write_json(path_of(shim, SHIM_RECORD),
                                shim_record_write(&arena, &shim->record), err);
  arena_dispose(&arena);
  return rc;
}

// Kills by the kernel for want of memory since boot, in this machine.
static int64_t count_oom_kills(void) {
  FILE *file = fopen("/proc/vmstat", "re");
  char line[128];
  int64_t count = 0;
  while (file && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    struct str rest = str_of(line), name;
    if (str_next(&rest, ' ', &name) && str_eq(name, STR("oom_kill")) && str_to_i64(rest, &count))
      break;
  }
  if (file)
    fclose(file);
  return count;
}

static int take_lock(struct shim *shim, struct err *err) {
  shim->lock = open(path_of(shim, SHIM_LOCK), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (shim->lock < 0)
    return err_errno(err, "cannot open the lock of %s", shim->folder);
  // The shim of the attempt before may still be on its way out: its record, which made us start, is
  // its last act.
  for (int i = 0; i < 300; i++) {
    if (flock(shim->lock, LOCK_EX | LOCK_NB) == 0)
      return RC_OK;
    (void)poll(NULL, 0, 10);
  }
  return err_set(err, RC_EXISTS, "another shim looks after %s", shim->folder);
}

// Opened for both ways: so neither we nor the container ever see an end or a broken pipe, whoever
// is killed first.
static int open_output(struct shim *shim, struct err *err) {
  const char *path = path_of(shim, SHIM_OUTPUT);
  if (mkfifo(path, 0600) < 0 && errno != EEXIST)
    return err_errno(err, "cannot make %s", path);
  shim->output = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  // Programs open /dev/stdout again, perhaps as another user. DATA itself is closed to others.
  return shim->output < 0 || fchmod(shim->output, 0666) < 0 ? err_errno(err, "cannot open %s", path)
                                                            : RC_OK;
}

static int open_signals(struct shim *shim, struct err *err) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGQUIT);
  sigprocmask(SIG_SETMASK, &set, NULL);
  shim->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  return shim->signals < 0 ? err_errno(err, "cannot open the signals") : RC_OK;
}

// --- starting ---

static void finish(struct shim *shim, int code, int sig, const char *reason, const char *message) {
  shim->record.state = SHIM_EXITED;
  shim->record.finished_ms = clock_wall_ms();
  shim->record.exit_code = code;
  shim->record.signal = sig;
  shim->record.reason = str_of(reason);
  shim->record.message = arena_strz(&shim->arena, message);
}

// Starts the process, held back until it is on record. A failed exec becomes an exit with reason
// StartError.
static int start_process(struct shim *shim, struct err *err) {
  int go[2], report[2];
  if (pipe2(go, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0)
    return err_errno(err, "cannot make a pipe");
  const char *output = path_of(shim, SHIM_OUTPUT);
  pid_t child = fork();
  if (child < 0)
    return err_errno(err, "cannot fork");
  if (child == 0) {
    close(go[1]);
    shim_child_run(&shim->start, output, go[0], report[1]);
  }
  close(go[0]);
  close(report[1]);
  shim->child = true;
  shim->record = (struct shim_record){.attempt = shim->start.attempt,
                                      .state = SHIM_RUNNING,
                                      .shim = proc_identify(getpid()),
                                      .process = proc_identify(child),
                                      .started_ms = clock_wall_ms()};
  shim->process = proc_open(shim->record.process);
  int rc = record_save(shim, err);
  if (rc == RC_OK)
    (void)!write(go[1], "g", 1);
  close(go[1]);
  char why[1024];
  ssize_t len = read(report[0], why, sizeof why - 1);
  close(report[0]);
  if (len > 0) {
    why[len] = 0;
    (void)waitpid(child, NULL, 0);
    finish(shim, 128, 0, "StartError", why);
  }
  return rc;
}

static int open_log(struct shim *shim, struct err *err) {
  return log_file_open(&shim->log, shim->start.log.ptr, shim->start.log_max_bytes,
                       shim->start.log_keep, err);
}

static bool pid_alive_and_ours(const struct shim *shim) {
  return shim->record.state == SHIM_RUNNING && proc_is_alive(shim->record.process);
}

// Decides between adopting, doing nothing and starting. *ret_done: the attempt is over already.
static int begin(struct shim *shim, bool *ret_done, struct err *err) {
  struct json *json = NULL;
  shim->record = (struct shim_record){.attempt = -1};
  if (shim_file_read_json(path_of(shim, SHIM_RECORD), &shim->arena, &json, NULL) == RC_OK)
    shim_record_read(json, &shim->record);
  *ret_done = shim->record.attempt > shim->start.attempt;
  if (*ret_done)
    return RC_OK;
  if (shim->record.attempt == shim->start.attempt) {
    *ret_done = shim->record.state == SHIM_EXITED;
    if (*ret_done)
      return RC_OK;
    shim->record.shim = proc_identify(getpid());
    shim->process = proc_open(shim->record.process);
    if (shim->process < 0) // it ended while no shim was there to see how
      finish(shim, 255, 0, "Unknown", "ended unseen: its shim was killed");
    return record_save(shim, err);
  }
  if (pid_alive_and_ours(shim)) { // an earlier attempt that nobody ended: never two copies
    (void)proc_kill_session(shim->record.process);
    (void)proc_signal(shim->record.process, SIGKILL);
    if (!proc_wait_gone(shim->record.process, 10000))
      return err_set(err, RC_TIMEOUT, "process %d of an earlier attempt does not end",
                     (int)shim->record.process.pid);
  }
  if (shim->record.attempt >= 0) { // each attempt has a log of its own; the last one is kept
    log_file_close(&shim->log);
    log_file_keep_previous(shim->start.log.ptr);
    int rc = open_log(shim, err);
    if (rc != RC_OK)
      return rc;
  }
  return start_process(shim, err);
}

// --- running ---

static void pump_output(struct shim *shim) {
  char bytes[16384];
  // Bounded, so that a container that writes without end cannot keep us from the signals.
  for (int i = 0; i < 64; i++) {
    ssize_t got = read(shim->output, bytes, sizeof bytes);
    if (got <= 0)
      return;
    log_file_write(&shim->log, (struct str){bytes, (size_t)got});
  }
}

static void kill_all(struct shim *shim) {
  shim->killed = true;
  (void)proc_signal(shim->record.process, SIGKILL);
  (void)proc_kill_session(shim->record.process);
}

static void on_signals(struct shim *shim) {
  struct signalfd_siginfo info;
  while (read(shim->signals, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGTERM && shim->kill_at_ms == 0) {
      shim->kill_at_ms = clock_mono_ms() + shim->start.grace_ms;
      (void)proc_signal(shim->record.process, SIGTERM);
    } else if (info.ssi_signo == SIGUSR1) {
      kill_all(shim);
    }
    // SIGCHLD only wakes us; hang-ups and keyboard signals are not for us.
  }
}

static void reap_others(struct shim *shim) {
  siginfo_t info;
  for (;;) {
    info.si_pid = 0;
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
      return;
    if (info.si_pid == shim->record.process.pid)
      return; // ours is reaped by on_exit
    (void)waitpid(info.si_pid, NULL, WNOHANG);
  }
}

static void on_exit_of_process(struct shim *shim) {
  int status = 0;
  if (!shim->child || waitpid(shim->record.process.pid, &status, 0) < 0) {
    finish(shim, 255, 0, "Unknown", "ended; its exit code went with the shim that started it");
    return;
  }
  if (WIFEXITED(status)) {
    int code = WEXITSTATUS(status);
    finish(shim, code, 0, code == 0 ? "Completed" : "Error", "");
    return;
  }
  int sig = WTERMSIG(status);
  bool oom = sig == SIGKILL && !shim->killed && count_oom_kills() > shim->oom_kills;
  finish(shim, 128 + sig, sig, oom ? "OOMKilled" : "Error", "");
}

static void watch_process(struct shim *shim) {
  struct pollfd fds[] = {{.fd = shim->process, .events = POLLIN},
                         {.fd = shim->output, .events = POLLIN},
                         {.fd = shim->signals, .events = POLLIN}};
  for (;;) {
    int timeout = -1;
    if (shim->kill_at_ms > 0 && !shim->killed) {
      int64_t left = shim->kill_at_ms - clock_mono_ms();
      if (left <= 0)
        kill_all(shim);
      timeout = left <= 0 ? -1 : (int)(left > INT32_MAX ? INT32_MAX : left + 1);
    }
    if (poll(fds, ARRAY_LEN(fds), timeout) < 0 && errno != EINTR)
      return;
    if (fds[1].revents)
      pump_output(shim);
    if (fds[2].revents) {
      on_signals(shim);
      reap_others(shim);
    }
    if (fds[0].revents)
      return;
  }
}

// What the container left behind goes with it, as when a pid namespace ends.
static void sweep(struct shim *shim) {
  for (int i = 0; i < 200 && proc_kill_session(shim->record.process) > 0; i++) {
    (void)poll(NULL, 0, i < 20 ? 1 : 20);
    reap_others(shim);
  }
}

static int run(struct shim *shim, struct err *err) {
  struct json *json = NULL;
  int rc = take_lock(shim, err);
  if (rc == RC_OK)
    rc = shim_file_read_json(path_of(shim, SHIM_START), &shim->arena, &json, err);
  if (rc == RC_OK)
    rc = shim_start_read(json, &shim->arena, &shim->start, err);
  if (rc == RC_OK)
    rc = open_output(shim, err);
  if (rc == RC_OK)
    rc = open_signals(shim, err);
  if (rc == RC_OK)
    rc = open_log(shim, err);
  bool done = false;
  if (rc == RC_OK) {
    shim->oom_kills = count_oom_kills();
    rc = begin(shim, &done, err);
  }
  if (rc != RC_OK || done)
    return rc;
  if (shim->record.state == SHIM_RUNNING) {
    watch_process(shim);
    on_exit_of_process(shim);
  }
  sweep(shim);
  pump_output(shim);
  return record_save(shim, err);
}

int shim_run(const char *folder) {
  struct shim shim = {.folder = folder, .lock = -1, .output = -1, .signals = -1, .process = -1};
  shim.log.fd = -1;
  arena_init(&shim.arena);
  // The runtime's session and descriptors must not tie us, or the container, to it.
  (void)setsid();
  (void)close_range(3, ~0u, 0);
  (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
  umask(077);
  struct err err = {0};
  int rc = chdir("/") == 0 ? run(&shim, &err) : err_errno(&err, "chdir to /");
  if (rc != RC_OK)
    fprintf(stderr, "serin shim: %s\n", err.msg);
  log_file_close(&shim.log);
  arena_dispose(&shim.arena);
  return rc == RC_OK ? 0 : 1;
}
