// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/up.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "operator/standalone/prometheus_config.h"
#include "operator/standalone/runtime_orphan.h"
#include "operator/standalone/shim_file.h"
#include "operator/standalone/supervisor.h"
#include "operator/standalone/supervisor_ports.h"
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
#define DRAIN_MS 15000      // operator and proxy to end
#define WORKLOADS_MS 300000 // runtime: each workload has its own grace period
#define API_MS 10000        // API server, last

struct up {
  const struct up_options *options;
  struct arena arena;
  const char *data, *kubeconfig, *pods_dir;
  int lock;
  struct ports ports;
  struct supervisor supervisor;
  struct str prometheus_url; // empty: none
  const char *prometheus_binary;
  int ready[2]; // the runtime's word
};

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

// --- components ---

struct words {
  char **items;
  size_t count, capacity;
};

static void add_word(struct up *up, struct words *words, const char *text) {
  char **grown = words->items;
  if (words->count + 1 >= words->capacity) {
    words->capacity = words->capacity ? 2 * words->capacity : 16;
    grown = ARENA_ARRAY(&up->arena, char *, words->capacity);
    if (words->count)
      memcpy(grown, words->items, words->count * sizeof *grown);
    words->items = grown;
  }
  grown[words->count++] = arena_dup(&up->arena, text, strlen(text) + 1);
  grown[words->count] = NULL;
}

static void add_pair(struct up *up, struct words *words, const char *option, const char *value) {
  add_word(up, words, option);
  add_word(up, words, value);
}

static void add_fd(struct up *up, struct words *words, struct component *component,
                   const char *option, int fd) {
  add_pair(up, words, option, arena_printf(&up->arena, "%d", fd).ptr);
  component->fds[component->fd_count++] = fd;
}

static struct component *begin_component(struct up *up, struct words *words, const char *name) {
  *words = (struct words){0};
  add_word(up, words, "serin");
  add_word(up, words, name);
  return supervisor_add(&up->supervisor, name);
}

static void describe_components(struct up *up) {
  const struct up_options *options = up->options;
  struct words words;
  struct component *api = begin_component(up, &words, "apiserver");
  add_pair(up, &words, "--data", up->data);
  add_fd(up, &words, api, "--listen-fd", up->ports.fds[PORT_API]);
  api->argv = words.items;
  struct component *runtime = begin_component(up, &words, "runtime");
  add_pair(up, &words, "--data", up->data);
  add_pair(up, &words, "--kubeconfig", up->kubeconfig);
  for (size_t i = 0; i < options->image_count; i++)
    add_pair(up, &words, "--image", options->images[i].ptr);
  add_fd(up, &words, runtime, "--ready-fd", up->ready[1]);
  runtime->argv = words.items;
  if (options->has_operator) {
    struct component *op = begin_component(up, &words, "operator");
    add_pair(up, &words, "--kubeconfig", up->kubeconfig);
    if (!str_is_empty(up->prometheus_url))
      add_pair(up, &words, "--prometheus", up->prometheus_url.ptr);
    if (up->prometheus_binary)
      add_pair(up, &words, "--scrape-interval",
               arena_printf(&up->arena, "%dms", PROMETHEUS_SCRAPE_MS).ptr);
    add_fd(up, &words, op, "--metrics-fd", up->ports.fds[PORT_OPERATOR]);
    op->argv = words.items;
  }
  if (options->has_proxy) {
    struct component *proxy = begin_component(up, &words, "proxy");
    add_pair(up, &words, "--kubeconfig", up->kubeconfig);
    for (size_t i = 0; i < up->ports.worker_count; i++)
      add_fd(up, &words, proxy, "--listen-fd", up->ports.workers[i]);
    add_fd(up, &words, proxy, "--admin-fd", up->ports.fds[PORT_ADMIN]);
    add_pair(up, &words, "--name", "up");
    add_pair(up, &words, "--namespace", "serin-system");
    proxy->argv = words.items;
  }
}

// --- Prometheus ---

static const char *find_binary(struct up *up, const char *name) {
  struct str rest = str_of(getenv("PATH")), part;
  while (str_next(&rest, ':', &part)) {
    const char *path = arena_printf(&up->arena, "%.*s/%s", STR_ARG(part), name).ptr;
    if (!str_is_empty(part) && access(path, X_OK) == 0)
      return path;
  }
  return NULL;
}

static int choose_prometheus(struct up *up, struct err *err) {
  struct str wish = up->options->prometheus;
  if (str_eq(wish, STR("off")))
    return RC_OK;
  if (str_starts(wish, STR("http://")) || str_starts(wish, STR("https://"))) {
    up->prometheus_url = wish;
    return RC_OK;
  }
  if (!str_eq(wish, STR("auto")))
    return err_set(err, RC_USAGE, "--prometheus: expected auto, off or a URL, found \"%.*s\"",
                   STR_ARG(wish));
  up->prometheus_binary = find_binary(up, "prometheus");
  if (!up->prometheus_binary) {
    fprintf(stderr, "serin up: prometheus is not installed, so releases cannot be judged. On "
                    "Debian: sudo apt-get install prometheus && sudo systemctl disable --now "
                    "prometheus; or give --prometheus URL\n");
    return RC_OK;
  }
  up->prometheus_url =
      arena_printf(&up->arena, "http://127.0.0.1:%d", up->ports.numbers[PORT_PROMETHEUS]);
  return RC_OK;
}

static int describe_prometheus(struct up *up, struct err *err) {
  if (!up->prometheus_binary)
    return RC_OK;
  const char *folder = shim_file_join(&up->arena, up->data, STR("prometheus"));
  const char *config = shim_file_join(&up->arena, folder, STR("prometheus.yml"));
  int rc = shim_file_mkdirs(folder, err);
  if (rc != RC_OK)
    return rc;
  struct buf text;
  buf_init(&text, 65536);
  prometheus_config_write(&text, up->ports.numbers[PORT_ADMIN], up->ports.numbers[PORT_OPERATOR]);
  rc = shim_file_write(config, buf_str(&text), 0600, err);
  buf_dispose(&text);
  const char *pods = shim_file_join(&up->arena, folder, STR("pods.json"));
  if (rc == RC_OK && access(pods, F_OK) != 0)
    rc = shim_file_write(pods, STR("[]\n"), 0600, err);
  struct component *component = supervisor_add(&up->supervisor, "prometheus");
  struct words words = {0};
  component->program = up->prometheus_binary;
  component->quiet = true;
  add_word(up, &words, "prometheus");
  add_word(up, &words, arena_printf(&up->arena, "--config.file=%s", config).ptr);
  add_word(up, &words, arena_printf(&up->arena, "--storage.tsdb.path=%s/data", folder).ptr);
  add_word(up, &words, "--storage.tsdb.retention.time=7d");
  add_word(up, &words,
           arena_printf(&up->arena, "--web.listen-address=127.0.0.1:%d",
                        up->ports.numbers[PORT_PROMETHEUS])
               .ptr);
  component->argv = words.items;
  return rc;
}

// --- starting ---

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
         up->supervisor.last_signal == 0)
    continue;
  if (pidfd >= 0)
    close(pidfd);
  if (up->supervisor.last_signal != 0) {
    (void)kill(child, SIGKILL);
    (void)waitpid(child, &status, 0);
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
  describe_components(up);
  int rc = describe_prometheus(up, err);
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

// --- detaching ---

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
static int detach(bool *ret_parent, struct err *err) {
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

// From now on nobody listens at the other end.
static void to_log_file(struct up *up) {
  const char *path = arena_printf(&up->arena, "%s/logs/up.log", up->data).ptr;
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0)
    fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
  (void)dup2(fd, 1);
  (void)dup2(fd, 2);
  close(fd);
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
    rc = choose_prometheus(up, err);
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
      to_log_file(up);
    int hung_up = 0;
    while (up->supervisor.last_signal == 0) {
      (void)supervisor_wait(&up->supervisor, -1, -1);
      if (up->supervisor.last_signal == SIGHUP && up->options->detach && hung_up++ < INT32_MAX)
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
    rc = detach(&parent, err);
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
