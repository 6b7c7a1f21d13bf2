// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/up_state.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "operator/standalone/runtime_orphan.h"
#include "operator/standalone/shim_file.h"
#include "operator/standalone/up_ready.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_MS 60000      // for all components to answer
#define HOPELESS 5          // early ends in a row of one component, while starting
#define DRAIN_MS 15000      // operator and proxy to end
#define WORKLOADS_MS 300000 // runtime: each workload has its own grace period
#define API_MS 10000        // API server, last

// --- DATA ---

static int find_data(struct up *up, struct str given, struct err *err) {
  const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
  struct str data = given;
  if (str_is_empty(data) && state && *state)
    data = arena_printf(&up->arena, "%s/serin", state);
  else if (str_is_empty(data) && home && *home)
    data = arena_printf(&up->arena, "%s/.local/state/serin", home);
  else if (str_is_empty(data))
    return err_set(err, RC_USAGE, "neither XDG_STATE_HOME nor HOME is set: give --data DIR");
  char absolute[4096];
  const char *path = arena_str(&up->arena, data).ptr;
  int rc = shim_file_mkdirs(path, err);
  if (rc != RC_OK)
    return rc;
  if (!realpath(path, absolute))
    return err_errno(err, "--data %s", path);
  if (chmod(absolute, 0700) < 0)
    return err_errno(err, "cannot close %s to others", absolute);
  up->data = arena_strz(&up->arena, absolute).ptr;
  up->kubeconfig = shim_file_join(&up->arena, up->data, STR("kubeconfig"));
  up->pods_dir = shim_file_join(&up->arena, up->data, STR("pods"));
  return RC_OK;
}

static const char *record_path(struct up *up) {
  return shim_file_join(&up->arena, up->data, STR("up.json"));
}

static struct proc_id running_supervisor(struct up *up) {
  struct json *json = NULL;
  (void)shim_file_read_json(record_path(up), &up->arena, &json, NULL);
  return proc_read(json, "supervisor");
}

// A reader of the lock (a client that looks for us) may hold it for a moment.
static int take_lock(struct up *up, struct err *err) {
  const char *path = shim_file_join(&up->arena, up->data, STR("lock"));
  up->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (up->lock < 0)
    return err_errno(err, "cannot open %s", path);
  for (int i = 0; i < 20; i++) {
    if (flock(up->lock, LOCK_EX | LOCK_NB) == 0)
      return RC_OK;
    (void)poll(NULL, 0, 10);
  }
  close(up->lock);
  up->lock = -1;
  return err_set(err, RC_EXISTS,
                 "serin up already runs on %s (process %d); 'serin down --data %s' stops it",
                 up->data, (int)running_supervisor(up).pid, up->data);
}

// --- starting ---

// Prometheus is not among them: without it all else works.
static const struct component *find_hopeless(const struct up *up) {
  const struct component *component = supervisor_failing(&up->supervisor, HOPELESS);
  return component && strcmp(component->name, "prometheus") != 0 ? component : NULL;
}

// Waits for the checks; also when a component ends and starts again meanwhile. RC_CANCELED: told to
// stop.
static int wait_checks(struct up *up, const struct ready_check *checks, size_t count,
                       struct err *err) {
  pid_t child = ready_start(checks, count, READY_MS);
  struct proc_id id = proc_identify(child);
  int pidfd = child > 0 ? proc_open(id) : -1;
  int status = 1;
  // Not alive any more: a zombie, which has nothing more to tell than its exit code.
  while (pidfd >= 0 && !supervisor_wait(&up->supervisor, pidfd, -1) &&
         up->supervisor.last_signal == 0 && !find_hopeless(up))
    continue;
  if (pidfd >= 0)
    close(pidfd);
  const struct component *hopeless = find_hopeless(up);
  if (up->supervisor.last_signal != 0 || hopeless) {
    (void)kill(child, SIGKILL);
    (void)waitpid(child, &status, 0);
    if (hopeless)
      return err_set(err, RC_UNAVAILABLE, "%s ends again and again; see %s/logs/%s.log",
                     hopeless->name, up->data, hopeless->name);
    return err_set(err, RC_CANCELED, "stopped before it was ready");
  }
  if (child > 0)
    (void)waitpid(child, &status, 0);
  return status == 0 ? RC_OK
                     : err_set(err, RC_TIMEOUT, "not ready after %d s; see %s/logs",
                               READY_MS / 1000, up->data);
}

static int wait_api(struct up *up, struct err *err) {
  struct ready_check check = {
      .url = arena_printf(&up->arena, "https://127.0.0.1:%d/readyz", up->ports.numbers[PORT_API]),
      .what = "the API server"};
  return wait_checks(up, &check, 1, err);
}

static int wait_all(struct up *up, struct err *err) {
  struct ready_check checks[2];
  size_t count = 0;
  if (up->options->has_proxy)
    checks[count++] = (struct ready_check){
        .url = arena_printf(&up->arena, "http://127.0.0.1:%d/ready", up->ports.numbers[PORT_ADMIN]),
        .what = "the proxy"};
  if (up->options->has_operator)
    checks[count++] =
        (struct ready_check){.url = arena_printf(&up->arena, "http://127.0.0.1:%d/readyz",
                                                 up->ports.numbers[PORT_OPERATOR]),
                             .what = "the operator"};
  int rc = wait_checks(up, checks, count, err);
  int64_t until_ms = clock_mono_ms() + READY_MS;
  while (rc == RC_OK) {
    int64_t left = until_ms - clock_mono_ms();
    if (supervisor_wait(&up->supervisor, up->ready[0], left > 0 ? left : 0))
      break;
    if (up->supervisor.last_signal != 0)
      rc = err_set(err, RC_CANCELED, "stopped before it was ready");
    else if (left <= 0)
      rc = err_set(err, RC_TIMEOUT, "the runtime is not ready after %d s; see %s/logs",
                   READY_MS / 1000, up->data);
  }
  return rc;
}

static int start_named(struct up *up, const char *name, struct err *err) {
  struct component *component = supervisor_find(&up->supervisor, name);
  return component ? supervisor_start(&up->supervisor, component, err) : RC_OK;
}

static void print_ready(const struct up *up) {
  const int *ports = up->ports.numbers;
  printf("ready api=https://127.0.0.1:%d", ports[PORT_API]);
  if (up->options->has_proxy)
    printf(" http=http://127.0.0.1:%d admin=http://127.0.0.1:%d", ports[PORT_HTTP],
           ports[PORT_ADMIN]);
  if (up->options->has_operator)
    printf(" operator=http://127.0.0.1:%d", ports[PORT_OPERATOR]);
  if (!str_is_empty(up->prometheus_url))
    printf(" prometheus=%.*s", STR_ARG(up->prometheus_url));
  printf(" kubeconfig=%s\n", up->kubeconfig);
  fflush(stdout);
}

static void save_facts(struct up *up) {
  struct json *facts = json_new_object(&up->arena);
  json_put_z(&up->arena, facts, "kubeconfig", up->kubeconfig);
  json_put_string(&up->arena, facts, "prometheus", up->prometheus_url);
  up->supervisor.facts = facts;
}

static int start_all(struct up *up, struct err *err) {
  static const char *const rest[] = {"runtime", "operator", "proxy", "prometheus"};
  int rc = up_describe_components(up, err);
  if (rc == RC_OK)
    rc = start_named(up, "apiserver", err);
  if (rc == RC_OK)
    rc = wait_api(up, err);
  for (size_t i = 0; rc == RC_OK && i < ARRAY_LEN(rest); i++)
    rc = start_named(up, rest[i], err);
  return rc == RC_OK ? wait_all(up, err) : rc;
}

// Decisions first, then the traffic, then what serves it, and last what all the others write to.
static void stop_all(struct up *up, bool keep_workloads) {
  static const char *const first[] = {"operator", "prometheus", "proxy", NULL};
  static const char *const second[] = {"runtime", NULL};
  static const char *const last[] = {"apiserver", NULL};
  struct component *runtime = supervisor_find(&up->supervisor, "runtime");
  bool has_runtime = runtime && runtime->process.pid != 0;
  supervisor_stop(&up->supervisor, first, SIGTERM, DRAIN_MS);
  supervisor_stop(&up->supervisor, second, keep_workloads ? SIGUSR1 : SIGTERM, WORKLOADS_MS);
  // Whatever the runtime could not: it may have been waiting for its restart, or was cut short.
  if (!keep_workloads && (has_runtime || access(up->pods_dir, F_OK) == 0))
    (void)orphan_stop_blocking(up->pods_dir);
  supervisor_stop(&up->supervisor, last, SIGTERM, API_MS);
}

// --- the whole ---

static int prepare(struct up *up, struct err *err) {
  const struct up_options *options = up->options;
  const int64_t asked[PORT_NAMES] = {[PORT_API] = options->api_port,
                                     [PORT_HTTP] = options->http_port,
                                     [PORT_ADMIN] = options->admin_port};
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  size_t workers = options->workers > 0 ? (size_t)options->workers
                   : processors < 1     ? 1
                   : processors > 8     ? 8
                                        : (size_t)processors;
  int rc = supervisor_wait_leftovers(record_path(up), err);
  if (rc == RC_OK)
    rc = ports_open(&up->ports, shim_file_join(&up->arena, up->data, STR("ports.json")), asked,
                    workers, err);
  if (rc == RC_OK)
    rc = up_make_content_key(up, err);
  if (rc == RC_OK)
    rc = up_choose_prometheus(up, err);
  const char *logs = shim_file_join(&up->arena, up->data, STR("logs"));
  if (rc == RC_OK)
    rc = shim_file_mkdirs(logs, err);
  if (rc == RC_OK && pipe2(up->ready, O_CLOEXEC) < 0)
    rc = err_errno(err, "cannot make a pipe");
  if (rc == RC_OK)
    rc = supervisor_init(&up->supervisor, logs, record_path(up), err);
  if (rc == RC_OK)
    save_facts(up);
  return rc;
}

static int serve(struct up *up, struct err *err) {
  int rc = prepare(up, err);
  if (rc != RC_OK)
    return rc;
  rc = start_all(up, err);
  if (rc == RC_OK) {
    print_ready(up);
    if (up->options->detach)
      up_detach_finish(up->data);
    while (up->supervisor.last_signal == 0) {
      (void)supervisor_wait(&up->supervisor, -1, -1);
      if (up->supervisor.last_signal == SIGHUP && up->options->detach)
        up->supervisor.last_signal = 0; // the terminal went; we stay
    }
  }
  bool keep = up->supervisor.last_signal == SIGUSR1;
  bool canceled = rc == RC_CANCELED;
  stop_all(up, keep || (rc != RC_OK && !canceled));
  supervisor_dispose(&up->supervisor);
  ports_close(&up->ports);
  return canceled ? RC_OK : rc;
}

int up_run(const struct up_options *options, struct err *err) {
  struct up up = {.options = options, .lock = -1, .ready = {-1, -1}};
  arena_init(&up.arena);
  int rc = find_data(&up, options->data, err);
  bool parent = false;
  if (rc == RC_OK && options->detach)
    rc = up_detach(&parent, err);
  if (rc == RC_OK && !parent)
    rc = take_lock(&up, err);
  if (rc == RC_OK && !parent)
    rc = serve(&up, err);
  if (up.lock >= 0)
    close(up.lock);
  arena_dispose(&up.arena);
  return rc;
}

int up_down(struct str data, bool keep_workloads, int64_t timeout_ms, struct err *err) {
  struct up up = {.lock = -1};
  arena_init(&up.arena);
  int rc = find_data(&up, data, err);
  if (rc == RC_OK) {
    struct proc_id supervisor = running_supervisor(&up);
    if (proc_signal(supervisor, keep_workloads ? SIGUSR1 : SIGTERM)) {
      if (proc_wait_gone(supervisor, timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms))
        printf("stopped%s\n", keep_workloads ? "; workloads go on" : "");
      else
        rc = err_set(err, RC_TIMEOUT,
                     "process %d has not ended yet; its workloads may have long "
                     "grace periods",
                     (int)supervisor.pid);
    } else if ((rc = take_lock(&up, err)) == RC_OK) {
      size_t left = keep_workloads ? 0 : orphan_stop_blocking(up.pods_dir);
      if (left > 0)
        printf("serin up was not running; ended %zu containers it had left\n", left);
      else
        printf("serin up is not running on %s\n", up.data);
    }
  }
  if (up.lock >= 0)
    close(up.lock);
  arena_dispose(&up.arena);
  return rc;
}
