// SPDX-License-Identifier: Apache-2.0
// A small service to release: it says which version and pod answered, and fails or dawdles on
// demand.
//   POD_IP, PORT     where it listens (127.0.0.1:8080)
//   VERSION, POD_NAME  what it answers with
//   ERROR_RATE       share of answers that are 500, 0 to 1 (0)
//   LATENCY_MS       added to each answer (0)
//   CONTROL_FILE     "error_rate=0.2" and "latency_ms=50" lines in it replace those two, read again
//   when it changes
// GET /health answers 200 "ok" and counts for neither. SIGTERM: no new connections, open requests
// are finished.
#include "manifests/base/rng.h"
#include "manifests/base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct agent {
  const char *version, *pod, *control_file;
  _Atomic double error_rate;
  _Atomic int64_t latency_ms;
  _Atomic uint64_t served;
  _Atomic bool leaving;
};

static struct agent agent;

static const char *env_or(const char *name, const char *fallback) {
  const char *value = getenv(name);
  return value && *value ? value : fallback;
}

static bool set_error_rate(struct str text) {
  double rate;
  if (!str_to_double(text, &rate) || rate < 0 || rate > 1)
    return false;
  agent.error_rate = rate;
  return true;
}

static bool set_latency(struct str text) {
  int64_t ms;
  if (!str_to_i64(text, &ms) || ms < 0 || ms > 600000)
    return false;
  agent.latency_ms = ms;
  return true;
}

static void read_control_line(struct str line) {
  struct str rest = str_trim(line), key, value;
  if (rest.len == 0 || !str_next(&rest, '=', &key))
    return;
  value = rest.ptr ? str_trim(rest) : STR("");
  bool known = (str_eq(key, STR("error_rate")) && set_error_rate(value)) ||
               (str_eq(key, STR("latency_ms")) && set_latency(value));
  if (!known)
    fprintf(stderr, "research-agent: %s: cannot use \"%.*s\"\n", agent.control_file, STR_ARG(line));
}

static void read_control_file(void) {
  char text[1024];
  FILE *file = fopen(agent.control_file, "r");
  if (!file)
    return;
  size_t len = fread(text, 1, sizeof text, file);
  fclose(file);
  struct str rest = {text, len}, line;
  while (str_next(&rest, '\n', &line))
    read_control_line(line);
}

static void sleep_ms(int64_t ms) {
  struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  while (nanosleep(&wait, &wait) != 0)
    ;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
                              const char *text) {
  struct MHD_Response *response =
      MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
  MHD_add_response_header(response, "content-type", "application/json");
  MHD_add_response_header(response, "x-version", agent.version);
  if (agent.leaving)
    MHD_add_response_header(response, "connection", "close");
  enum MHD_Result done = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return done;
}

// A fair coin a request: a hash of the request's number, so that no lock is needed.
static bool is_unlucky(uint64_t number) {
  struct rng rng;
  rng_init(&rng, number ^ (uint64_t)getpid() << 32);
  return rng_double(&rng) < agent.error_rate;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state) {
  (void)cls, (void)method, (void)version, (void)upload;
  static int seen;
  if (!*state) { // the head alone; called again for the body and at its end
    *state = &seen;
    return MHD_YES;
  }
  if (*upload_size) {
    *upload_size = 0;
    return MHD_YES;
  }
  if (strcmp(url, "/health") == 0)
    return answer(connection, MHD_HTTP_OK, "\"ok\"\n");
  if (agent.latency_ms)
    sleep_ms(agent.latency_ms);
  char text[512];
  bool fails = is_unlucky(atomic_fetch_add(&agent.served, 1));
  snprintf(text, sizeof text, "{\"version\": \"%s\", \"pod\": \"%s\", \"ok\": %s}\n", agent.version,
           agent.pod, fails ? "false" : "true");
  return answer(connection, fails ? MHD_HTTP_INTERNAL_SERVER_ERROR : MHD_HTTP_OK, text);
}

static struct MHD_Daemon *start(const char *ip, const char *port) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  uint64_t number;
  if (!str_to_u64(str_of(port), &number) || number > 65535 ||
      inet_pton(AF_INET, ip, &address.sin_addr) != 1) {
    fprintf(stderr, "research-agent: cannot listen on %s:%s: expected an IPv4 address and a port\n",
            ip, port);
    return NULL;
  }
  address.sin_port = htons((uint16_t)number);
  struct MHD_Daemon *daemon = MHD_start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_ITC, 0, NULL, NULL,
      handle, NULL, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
      MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_CONNECTION_TIMEOUT, 75u,
      MHD_OPTION_THREAD_STACK_SIZE, (size_t)131072, MHD_OPTION_END);
  if (!daemon)
    fprintf(stderr, "research-agent: cannot listen on %s:%s: %s\n", ip, port, strerror(errno));
  return daemon;
}

// Open connections get their answers with "connection: close"; the last ends it, or two seconds.
static void leave(struct MHD_Daemon *daemon) {
  agent.leaving = true;
  int listener = MHD_quiesce_daemon(daemon);
  if (listener >= 0)
    close(listener);
  for (int i = 0; i < 100; i++) {
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    if (!info || info->num_connections == 0)
      break;
    sleep_ms(20);
  }
  MHD_stop_daemon(daemon);
}

static void watch_control_file(sigset_t *signals) {
  struct timespec second = {.tv_sec = 1}, seen = {0};
  int signal_number;
  do {
    struct stat now;
    if (agent.control_file && stat(agent.control_file, &now) == 0 &&
        (now.st_mtim.tv_sec != seen.tv_sec || now.st_mtim.tv_nsec != seen.tv_nsec)) {
      seen = now.st_mtim;
      read_control_file();
    }
    signal_number =
        agent.control_file ? sigtimedwait(signals, NULL, &second) : sigwaitinfo(signals, NULL);
  } while (signal_number < 0);
}

int main(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  signal(SIGPIPE, SIG_IGN);
  agent.version = env_or("VERSION", "unknown");
  agent.pod = env_or("POD_NAME", "unknown");
  agent.control_file = getenv("CONTROL_FILE");
  if (!set_error_rate(str_of(env_or("ERROR_RATE", "0"))) ||
      !set_latency(str_of(env_or("LATENCY_MS", "0")))) {
    fprintf(stderr,
            "research-agent: expected ERROR_RATE from 0 to 1 and LATENCY_MS from 0 to 600000\n");
    return 2;
  }
  struct MHD_Daemon *daemon = start(env_or("POD_IP", "127.0.0.1"), env_or("PORT", "8080"));
  if (!daemon)
    return 1;
  printf("research-agent %s listens on %s:%s\n", agent.version, env_or("POD_IP", "127.0.0.1"),
         env_or("PORT", "8080"));
  fflush(stdout);
  watch_control_file(&signals);
  leave(daemon);
  return 0;
}
