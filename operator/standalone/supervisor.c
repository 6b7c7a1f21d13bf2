// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/supervisor.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "operator/standalone/shim_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_MAX_BYTES (10 << 20)
#define LOG_KEEP 3
#define LINE_MAX_BYTES 65536u
#define LEFTOVER_MS 5000 // for the processes of a killed predecessor to end by themselves

static void save_record(const struct supervisor *supervisor) {
  struct arena arena;
  arena_init(&arena);
  struct json *json =
      supervisor->facts ? json_dup(&arena, supervisor->facts) : json_new_object(&arena);
  proc_write(&arena, json, "supervisor", proc_identify(getpid()));
  struct json *list = json_need_object(&arena, json, "components");
  for (size_t i = 0; i < supervisor->count; i++)
    if (supervisor->components[i].process.pid > 0)
      proc_write(&arena, list, supervisor->components[i].name, supervisor->components[i].process);
  (void)shim_file_write_json(supervisor->record, json, NULL); // only a convenience for the next one
  arena_dispose(&arena);
}

int supervisor_init(struct supervisor *supervisor, const char *logs_dir, const char *record,
                    struct err *err) {
  *supervisor = (struct supervisor){.logs_dir = logs_dir, .record = record, .terminal = 2};
  arena_init(&supervisor->arena);
  sigset_t set;
  sigemptyset(&set);
  const int wanted[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};
  for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
    sigaddset(&set, wanted[i]);
  sigprocmask(SIG_BLOCK, &set, NULL);
  supervisor->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  return supervisor->signals < 0 ? err_errno(err, "cannot open the signals") : RC_OK;
}

struct component *supervisor_add(struct supervisor *supervisor, const char *name) {
  BUG_ON(supervisor->count == SUPERVISOR_MAX);
  struct component *component = &supervisor->components[supervisor->count++];
  *component = (struct component){.name = name, .pidfd = -1, .output = -1};
  component->log.fd = -1;
  buf_init(&component->line, LINE_MAX_BYTES);
  return component;
}

struct component *supervisor_find(struct supervisor *supervisor, const char *name) {
  for (size_t i = 0; i < supervisor->count; i++)
    if (strcmp(supervisor->components[i].name, name) == 0)
      return &supervisor->components[i];
  return NULL;
}

// --- starting ---

static _Noreturn void child_run(const struct component *component, int output, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(1); // it died before we asked to die with it
  int null = open("/dev/null", O_RDONLY);
  if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
    _exit(126);
  for (size_t i = 0; i < component->fd_count; i++)
    (void)fcntl(component->fds[i], F_SETFD, 0);
  for (int i = 1; i < NSIG; i++)
    signal(i, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execv(component->program ? component->program : "/proc/self/exe", component->argv);
  dprintf(2, "level=error msg=\"cannot run %s: %s\"\n", component->argv[0], strerror(errno));
  _exit(127);
}

static int start(struct supervisor *supervisor, struct component *component, struct err *err) {
  int output[2];
  pid_t parent = getpid();
  if (pipe2(output, O_CLOEXEC) < 0)
    return err_errno(err, "cannot make a pipe");
  pid_t child = fork();
  if (child == 0)
    child_run(component, output[1], parent);
  close(output[1]);
  if (child < 0) {
    close(output[0]);
    return err_errno(err, "cannot start %s", component->name);
  }
  (void)setpgid(child, child);
  (void)fcntl(output[0], F_SETFL, O_NONBLOCK);
  component->output = output[0];
  component->process = proc_identify(child);
  // Ours and not reaped yet, so its pid is surely its own, even if it has ended already.
  component->pidfd = (int)syscall(SYS_pidfd_open, child, 0);
  component->started_ms = clock_mono_ms();
  save_record(supervisor);
  return RC_OK;
}

int supervisor_start(struct supervisor *supervisor, struct component *component, struct err *err) {
  if (component->log.fd < 0) {
    const char *path =
        arena_printf(&supervisor->arena, "%s/%s.log", supervisor->logs_dir, component->name).ptr;
    int rc = log_file_open(&component->log, path, LOG_MAX_BYTES, LOG_KEEP, err);
    if (rc != RC_OK)
      return rc;
  }
  component->wanted = true;
  component->backoff_ms = SUPERVISOR_BACKOFF_MS;
  return start(supervisor, component, err);
}

// --- output ---

// What a person should see at once: warnings and errors, and lines that are no log lines at all.
static bool is_for_terminal(const struct component *component, struct str line) {
  if (str_contains(line, STR("level=error")))
    return true;
  if (component->quiet || str_contains(line, STR("level=info")) ||
      str_contains(line, STR("level=debug")) || str_is_empty(str_trim(line)))
    return false;
  return true;
}

static void take_line(struct supervisor *supervisor, struct component *component, struct str line) {
  log_file_write(&component->log, line);
  if (is_for_terminal(component, line))
    (void)!write(supervisor->terminal, line.ptr, line.len);
}

static void take_output(struct supervisor *supervisor, struct component *component) {
  char bytes[8192];
  ssize_t got;
  while (component->output >= 0 && (got = read(component->output, bytes, sizeof bytes)) > 0) {
    if (buf_add(&component->line, bytes, (size_t)got) != RC_OK) {
      // A line longer than any of ours: pass on what there is.
      buf_reset(&component->line);
      log_file_write(&component->log, (struct str){bytes, (size_t)got});
      continue;
    }
    for (ptrdiff_t end; (end = str_find_char(buf_str(&component->line), '\n')) >= 0;) {
      take_line(supervisor, component, str_slice(buf_str(&component->line), 0, (size_t)end + 1));
      buf_consume(&component->line, (size_t)end + 1);
    }
  }
  if (component->output >= 0 && got == 0) { // closed: nothing more can come
    close(component->output);
    component->output = -1;
  }
}

// --- ends ---

static void take_end(struct supervisor *supervisor, struct component *component) {
  int status = 0;
  (void)waitpid(component->process.pid, &status, 0);
  take_output(supervisor, component);
  if (component->output >= 0)
    close(component->output);
  close(component->pidfd);
  component->pidfd = component->output = -1;
  component->process.pid = 0;
  if (!component->wanted)
    return;
  int64_t now_ms = clock_mono_ms();
  bool early = now_ms - component->started_ms < SUPERVISOR_EARLY_MS;
  component->early_ends = early ? component->early_ends + 1 : 0;
  if (now_ms - component->started_ms >= SUPERVISOR_STEADY_MS)
    component->backoff_ms = SUPERVISOR_BACKOFF_MS;
  component->start_at_ms = now_ms + component->backoff_ms;
  bool by_signal = WIFSIGNALED(status);
  LOG(LOG_WARN, "a component ended and is started again", LOG_Z("component", component->name),
      LOG_I(by_signal ? "signal" : "code", by_signal ? WTERMSIG(status) : WEXITSTATUS(status)),
      LOG_I("after_ms", component->backoff_ms));
  component->backoff_ms *= 2;
  if (component->backoff_ms > SUPERVISOR_BACKOFF_MAX_MS)
    component->backoff_ms = SUPERVISOR_BACKOFF_MAX_MS;
}

static void restart_due(struct supervisor *supervisor) {
  int64_t now_ms = clock_mono_ms();
  for (size_t i = 0; i < supervisor->count; i++) {
    struct component *component = &supervisor->components[i];
    if (component->wanted && component->process.pid == 0 && now_ms >= component->start_at_ms &&
        start(supervisor, component, NULL) != RC_OK)
      component->start_at_ms = now_ms + SUPERVISOR_BACKOFF_MAX_MS;
  }
}

static int next_timeout(const struct supervisor *supervisor, int64_t timeout_ms) {
  int64_t now_ms = clock_mono_ms();
  for (size_t i = 0; i < supervisor->count; i++) {
    const struct component *component = &supervisor->components[i];
    if (!component->wanted || component->process.pid != 0)
      continue;
    int64_t left = component->start_at_ms > now_ms ? component->start_at_ms - now_ms : 0;
    if (timeout_ms < 0 || left < timeout_ms)
      timeout_ms = left;
  }
  return timeout_ms < 0 ? -1 : timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms;
}

static void take_signals(struct supervisor *supervisor) {
  struct signalfd_siginfo info;
  while (read(supervisor->signals, &info, sizeof info) == sizeof info)
    if (info.ssi_signo != SIGCHLD)
      supervisor->last_signal = (int)info.ssi_signo;
}

bool supervisor_wait(struct supervisor *supervisor, int extra, int64_t timeout_ms) {
  struct pollfd fds[2 + 2 * SUPERVISOR_MAX];
  nfds_t count = 0;
  fds[count++] = (struct pollfd){.fd = supervisor->signals, .events = POLLIN};
  fds[count++] = (struct pollfd){.fd = extra, .events = POLLIN};
  for (size_t i = 0; i < supervisor->count; i++) {
    fds[count++] = (struct pollfd){.fd = supervisor->components[i].output, .events = POLLIN};
    fds[count++] = (struct pollfd){.fd = supervisor->components[i].pidfd, .events = POLLIN};
  }
  if (poll(fds, count, next_timeout(supervisor, timeout_ms)) > 0) {
    if (fds[0].revents)
      take_signals(supervisor);
    for (size_t i = 0; i < supervisor->count; i++) {
      if (fds[2 + 2 * i].revents)
        take_output(supervisor, &supervisor->components[i]);
      if (fds[3 + 2 * i].revents)
        take_end(supervisor, &supervisor->components[i]);
    }
  } else {
    fds[1].revents = 0;
  }
  restart_due(supervisor);
  return fds[1].revents != 0;
}

const struct component *supervisor_failing(const struct supervisor *supervisor, int times) {
  for (size_t i = 0; i < supervisor->count; i++)
    if (supervisor->components[i].early_ends >= times)
      return &supervisor->components[i];
  return NULL;
}

// --- stopping ---

static size_t signal_named(struct supervisor *supervisor, const char *const *names, int sig) {
  size_t running = 0;
  for (; *names; names++) {
    struct component *component = supervisor_find(supervisor, *names);
    if (!component)
      continue;
    component->wanted = false;
    if (component->process.pid == 0)
      continue;
    running++;
    if (sig != 0)
      (void)proc_signal(component->process, sig);
  }
  return running;
}

void supervisor_stop(struct supervisor *supervisor, const char *const *names, int sig,
                     int64_t grace_ms) {
  int64_t kill_at_ms = clock_mono_ms() + grace_ms;
  supervisor->last_signal = 0;
  bool killed = false;
  for (size_t running = signal_named(supervisor, names, sig); running > 0;
       running = signal_named(supervisor, names, 0)) {
    int64_t left = kill_at_ms - clock_mono_ms();
    if (!killed && (left <= 0 || supervisor->last_signal != 0)) {
      (void)signal_named(supervisor, names, SIGKILL);
      killed = true;
    }
    (void)supervisor_wait(supervisor, -1, killed ? -1 : left);
  }
}

void supervisor_dispose(struct supervisor *supervisor) {
  for (size_t i = 0; i < supervisor->count; i++) {
    buf_dispose(&supervisor->components[i].line);
    log_file_close(&supervisor->components[i].log);
  }
  (void)unlink(supervisor->record);
  close(supervisor->signals);
  arena_dispose(&supervisor->arena);
}

int supervisor_wait_leftovers(const char *record, struct err *err) {
  struct arena arena;
  struct json *json = NULL;
  arena_init(&arena);
  int rc = RC_OK;
  if (shim_file_read_json(record, &arena, &json, NULL) == RC_OK) {
    struct json *components = json_get(json, "components");
    int64_t until_ms = clock_mono_ms() + LEFTOVER_MS;
    JSON_EACH(item, components) {
      struct proc_id id = proc_read(components, item->key.ptr);
      int64_t left = until_ms - clock_mono_ms();
      if (proc_wait_gone(id, left > 0 ? (int)left : 0))
        continue;
      (void)proc_signal(id, SIGKILL);
      if (!proc_wait_gone(id, LEFTOVER_MS))
        rc = err_set(err, RC_TIMEOUT, "process %d (%.*s) of an earlier serin up does not end",
                     (int)id.pid, STR_ARG(item->key));
    }
  }
  arena_dispose(&arena);
  return rc;
}
