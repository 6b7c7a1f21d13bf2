// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/up_ready.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/source/http_client.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <uv.h>

#define AGAIN_FIRST_MS 10
#define AGAIN_MAX_MS 200

struct check {
  struct http_op op;
  struct state *state;
  const struct ready_check *what;
  uv_timer_t again;
  uint64_t delay_ms;
  bool ok;
};

struct state {
  uv_loop_t loop;
  struct http_client *http;
  struct check *checks;
  size_t count, left;
};

static void ask(struct check *check);

static void on_again(uv_timer_t *timer) {
  ask(timer->data);
}

static void again(struct check *check) {
  (void)uv_timer_start(&check->again, on_again, check->delay_ms, 0);
  check->delay_ms = check->delay_ms * 2 > AGAIN_MAX_MS ? AGAIN_MAX_MS : check->delay_ms * 2;
}

static void on_done(struct http_op *op, const struct http_reply *reply, const struct err *err) {
  struct check *check = container_of(op, struct check, op);
  (void)err;
  check->ok = reply && reply->status >= 200 && reply->status < 300;
  if (!check->ok)
    again(check);
  else if (--check->state->left == 0)
    uv_stop(&check->state->loop);
}

static void ask(struct check *check) {
  // Only whether it answers: who it is was settled by the socket that we ourselves have bound.
  struct http_request request = {
      .url = check->what->url, .tls = {.insecure = true}, .deadline_ms = 2000};
  if (http_start(check->state->http, &request, &check->op, on_done, NULL) != RC_OK)
    again(check);
}

static void on_timeout(uv_timer_t *timer) {
  struct state *state = timer->data;
  for (size_t i = 0; i < state->count; i++)
    if (!state->checks[i].ok)
      fprintf(stderr, "serin up: %s does not answer at %.*s\n", state->checks[i].what->what,
              STR_ARG(state->checks[i].what->url));
  _exit(1);
}

static _Noreturn void run(const struct ready_check *checks, size_t count, int64_t timeout_ms) {
  struct arena arena;
  arena_init(&arena);
  struct state state = {.count = count, .left = count};
  state.checks = ARENA_ARRAY(&arena, struct check, count + 1);
  (void)uv_loop_init(&state.loop);
  state.http = http_client_new(&state.loop);
  for (size_t i = 0; i < count; i++) {
    struct check *check = &state.checks[i];
    *check = (struct check){.state = &state, .what = &checks[i], .delay_ms = AGAIN_FIRST_MS};
    (void)uv_timer_init(&state.loop, &check->again);
    check->again.data = check;
    ask(check);
  }
  uv_timer_t timeout;
  (void)uv_timer_init(&state.loop, &timeout);
  timeout.data = &state;
  (void)uv_timer_start(&timeout, on_timeout, (uint64_t)timeout_ms, 0);
  if (count > 0)
    (void)uv_run(&state.loop, UV_RUN_DEFAULT);
  _exit(0); // nothing of the parent's is to be flushed or run at exit
}

pid_t ready_start(const struct ready_check *checks, size_t count, int64_t timeout_ms) {
  pid_t parent = getpid();
  pid_t child = fork();
  if (child != 0)
    return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (getppid() != parent)
    _exit(1);
  run(checks, count, timeout_ms);
}
