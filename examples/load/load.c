// SPDX-License-Identifier: Apache-2.0
// serin-load --port N [--address 127.0.0.1] [--host NAME] [--path /] [--rate 100] [--threads 8]
//            [--duration SECONDS] [--count N] [--close] [--timeout SECONDS] [--report FILE]
// Sends at a fixed rate until the duration or count is over or SIGTERM comes, then prints one JSON
// object. With
// --report the same object, so far, is written there once a second. Refuses any address outside
// 127.0.0.0/8.
#include "examples/load/load.h"
#include "manifests/base/alloc.h"
#include "manifests/base/clock.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define RATE_MAX 100000.0
#define DURATION_MAX_S 7200.0

struct load_thread {
  pthread_t id;
  const struct load_plan *plan;
  int number;
  uint64_t quota; // requests at most; UINT64_MAX: no bound
  pthread_mutex_t lock;
  struct load_report report;
};

static _Atomic bool stopping;
static int64_t started_us;

static void wait_until(int64_t at_us) {
  struct timespec at = {.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
    ;
}

// Thread k of n sends requests k, k+n, k+2n... of the whole schedule; when it falls behind it sends
// at once and goes on from now, so that a stall does not end in a burst.
static void *send_all(void *argument) {
  struct load_thread *thread = argument;
  const struct load_plan *plan = thread->plan;
  struct load_client *client = load_client_new(plan);
  double step_us = 1e6 / plan->rate * plan->threads;
  double next_us = (double)started_us + 1e6 / plan->rate * thread->number;
  for (uint64_t sent = 0; sent < thread->quota && !stopping; sent++) {
    wait_until((int64_t)next_us);
    if (stopping || (plan->duration_ms && clock_mono_us() - started_us > plan->duration_ms * 1000))
      break;
    struct load_answer answer = load_client_ask(client);
    pthread_mutex_lock(&thread->lock);
    load_report_add(&thread->report, &answer, clock_wall_ms());
    pthread_mutex_unlock(&thread->lock);
    next_us += step_us;
    double now_us = (double)clock_mono_us();
    if (next_us < now_us)
      next_us = now_us;
  }
  load_client_free(client);
  return NULL;
}

static struct load_report collect(struct load_thread *threads, const struct load_plan *plan,
                                  int64_t started_ms) {
  struct load_report all = {.started_ms = started_ms, .ended_ms = clock_wall_ms()};
  for (int i = 0; i < plan->threads; i++) {
    pthread_mutex_lock(&threads[i].lock);
    load_report_merge(&all, &threads[i].report);
    pthread_mutex_unlock(&threads[i].lock);
  }
  return all;
}

// Whole or not at all: written beside and renamed.
static void write_report(const char *path, const struct load_report *report) {
  char beside[4096];
  struct buf text;
  buf_init(&text, 65536);
  load_report_json(report, &text);
  if (snprintf(beside, sizeof beside, "%s.new", path) < (int)sizeof beside) {
    FILE *file = fopen(beside, "w");
    if (file) {
      fwrite(text.ptr, 1, text.len, file);
      if (fclose(file) == 0)
        rename(beside, path);
    }
  }
  buf_dispose(&text);
}

static int run(const struct load_plan *plan, const char *report_path) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  struct load_thread *threads = xcalloc((size_t)plan->threads, sizeof *threads);
  int64_t started_ms = clock_wall_ms();
  started_us = clock_mono_us();
  for (int i = 0; i < plan->threads; i++) {
    threads[i].plan = plan;
    threads[i].number = i;
    threads[i].quota = plan->count ? plan->count / (uint64_t)plan->threads +
                                         ((uint64_t)i < plan->count % (uint64_t)plan->threads)
                                   : UINT64_MAX;
    pthread_mutex_init(&threads[i].lock, NULL);
    pthread_create(&threads[i].id, NULL, send_all, &threads[i]);
  }
  int alive = plan->threads;
  while (alive > 0) {
    struct timespec tick = {.tv_sec = 0, .tv_nsec = 200000000};
    int got = sigtimedwait(&signals, NULL, &tick);
    if (got == SIGTERM || got == SIGINT)
      stopping = true;
    while (alive > 0 && pthread_tryjoin_np(threads[alive - 1].id, NULL) == 0)
      alive--;
    if (report_path) {
      struct load_report sofar = collect(threads, plan, started_ms);
      write_report(report_path, &sofar);
    }
  }
  struct load_report all = collect(threads, plan, started_ms);
  struct buf text;
  buf_init(&text, 65536);
  load_report_json(&all, &text);
  fwrite(text.ptr, 1, text.len, stdout);
  buf_dispose(&text);
  xfree(threads);
  return 0;
}

static int usage(const char *why) {
  fprintf(stderr,
          "serin-load: %s\nusage: serin-load --port N [--address 127.0.0.1] [--host NAME] [--path "
          "/] [--rate 100]\n"
          "  [--threads 8] [--duration SECONDS] [--count N] [--close] [--timeout SECONDS] "
          "[--report FILE]\n",
          why);
  return 2;
}

static bool read_number(const char *text, double low, double high, double *ret) {
  return str_to_double(str_of(text), ret) && *ret >= low && *ret <= high;
}

int main(int argc, char **argv) {
  static const struct option options[] = {
      {"address", 1, NULL, 'a'},  {"port", 1, NULL, 'p'},   {"host", 1, NULL, 'h'},
      {"path", 1, NULL, 'u'},     {"rate", 1, NULL, 'r'},   {"threads", 1, NULL, 't'},
      {"duration", 1, NULL, 'd'}, {"count", 1, NULL, 'n'},  {"timeout", 1, NULL, 'w'},
      {"close", 0, NULL, 'c'},    {"report", 1, NULL, 'o'}, {NULL, 0, NULL, 0}};
  struct load_plan plan = {.address = STR("127.0.0.1"),
                           .host = STR_NULL,
                           .path = STR("/"),
                           .rate = 100,
                           .threads = 8,
                           .keep_alive = true,
                           .timeout_ms = 10000};
  const char *report_path = NULL;
  double number;
  int option;
  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
    bool good = option != '?';
    switch (option) {
    case 'a': plan.address = str_of(optarg); break;
    case 'h': plan.host = str_of(optarg); break;
    case 'u': plan.path = str_of(optarg); break;
    case 'c': plan.keep_alive = false; break;
    case 'o': report_path = optarg; break;
    case 'p':
      good = read_number(optarg, 1, 65535, &number);
      plan.port = (int)number;
      break;
    case 'r':
      good = read_number(optarg, 0.01, RATE_MAX, &number);
      plan.rate = number;
      break;
    case 't':
      good = read_number(optarg, 1, 1000, &number);
      plan.threads = (int)number;
      break;
    case 'd':
      good = read_number(optarg, 0.1, DURATION_MAX_S, &number);
      plan.duration_ms = (int64_t)(number * 1000);
      break;
    case 'n':
      good = read_number(optarg, 1, 1e9, &number);
      plan.count = (uint64_t)number;
      break;
    case 'w':
      good = read_number(optarg, 0.01, 600, &number);
      plan.timeout_ms = (int64_t)(number * 1000);
      break;
    default: break;
    }
    if (!good)
      return usage("an option is unknown or its value out of range");
  }
  if (optind != argc || !plan.port)
    return usage("--port is needed, and nothing but options");
  if (!plan.duration_ms && !plan.count)
    return usage("a bound is needed: --duration, --count or both");
  if (!str_starts(plan.address, STR("127.")))
    return usage("only addresses in 127.0.0.0/8 are allowed");
  if (!plan.host.ptr)
    plan.host = plan.address;
  return run(&plan, report_path);
}
