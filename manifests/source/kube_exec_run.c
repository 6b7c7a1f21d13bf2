// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/kube_exec_run.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/buf.h"

#include <signal.h>
#include <string.h>
#include <uv.h>

#define OUTPUT_MAX (1u << 20)

extern char **environ;

struct exec_run {
  const struct kube_exec *exec;
  exec_run_done_fn done; // NULL: it was called, or nobody wants it
  void (*turn)(void *data);
  void *data;
  uv_process_t process;
  uv_pipe_t output;
  uv_timer_t timer, turn_timer;
  int handles; // open ones
  bool started, exited, ended_output, closing;
  int64_t code;
  int signal;
  struct buf printed;
  struct err err;
};

static void on_closed(uv_handle_t *handle) {
  struct exec_run *run = handle->data;
  if (--run->handles > 0)
    return;
  if (run->printed.ptr) // it held a secret
    explicit_bzero(run->printed.ptr, run->printed.cap);
  buf_dispose(&run->printed);
  xfree(run);
}

// But a process that still runs: it stays until it has been reaped.
static void close_all(struct exec_run *run) {
  uv_handle_t *handles[] = {(uv_handle_t *)&run->output, (uv_handle_t *)&run->timer,
                            (uv_handle_t *)&run->turn_timer, (uv_handle_t *)&run->process};
  size_t count = ARRAY_LEN(handles) - (run->started && !run->exited);
  run->closing = true;
  for (size_t i = 0; i < count; i++)
    if (handles[i]->data && !uv_is_closing(handles[i]))
      uv_close(handles[i], on_closed);
}

static void finish(struct exec_run *run) {
  exec_run_done_fn done = run->done;
  run->done = NULL;
  close_all(run);
  if (done)
    done(run->data, buf_str(&run->printed), run->err.rc ? &run->err : NULL);
}

static void describe_end(struct exec_run *run) {
  const char *hint = run->exec->install_hint.len ? "; " : "";
  if (run->err.rc || (run->code == 0 && run->signal == 0))
    return;
  if (run->signal)
    err_set(&run->err, RC_UNAVAILABLE, "it was ended by signal %d", run->signal);
  else
    err_set(&run->err, RC_UNAVAILABLE, "it ended with code %d%s%.*s", (int)run->code, hint,
            STR_ARG(run->exec->install_hint));
}

static void maybe_finish(struct exec_run *run) {
  if (!run->exited || !run->ended_output)
    return;
  describe_end(run);
  finish(run);
}

static void on_exit(uv_process_t *process, int64_t code, int signal) {
  struct exec_run *run = process->data;
  run->exited = true;
  run->code = code;
  run->signal = signal;
  if (run->closing)
    close_all(run);
  else
    maybe_finish(run);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret) {
  struct exec_run *run = handle->data;
  (void)size;
  char *room = buf_reserve(&run->printed, 4096);
  *ret = uv_buf_init(room, room ? 4096 : 0);
}

static void stop_it(struct exec_run *run) {
  if (run->started && !run->exited)
    (void)uv_process_kill(&run->process, SIGKILL);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *chunk) {
  struct exec_run *run = stream->data;
  (void)chunk;
  if (count > 0) {
    run->printed.len += (size_t)count;
    return;
  }
  if (count == 0)
    return;
  if (count == UV_ENOBUFS)
    err_set(&run->err, RC_LIMIT, "it printed more than %u bytes", OUTPUT_MAX);
  run->ended_output = true;
  uv_read_stop(stream);
  if (count != UV_EOF)
    stop_it(run);
  if (!run->closing)
    maybe_finish(run);
}

// A process that has forked may hold the pipe for ever: neither is waited for.
static void on_deadline(uv_timer_t *timer) {
  struct exec_run *run = timer->data;
  err_set(&run->err, RC_TIMEOUT, "it did not answer within %d s", EXEC_RUN_DEADLINE_MS / 1000);
  stop_it(run);
  finish(run);
}

static void on_failed_start(uv_timer_t *timer) {
  finish(timer->data);
}

static void on_turn(uv_timer_t *timer) {
  struct exec_run *run = timer->data;
  run->turn(run->data);
}

struct exec_run *exec_run_new(struct uv_loop_s *loop, const struct kube_exec *exec,
                              exec_run_done_fn done, void (*turn)(void *data), void *data) {
  struct exec_run *run = XNEW(struct exec_run);
  run->exec = exec;
  run->done = done;
  run->turn = turn;
  run->data = data;
  buf_init(&run->printed, OUTPUT_MAX);
  uv_timer_init(loop, &run->timer);
  uv_timer_init(loop, &run->turn_timer);
  run->timer.data = run->turn_timer.data = run;
  run->handles = 2;
  return run;
}

static void add_env(struct arena *arena, char **env, size_t *count, struct str name,
                    struct str value) {
  struct str pair = arena_printf(arena, "%.*s=%.*s", STR_ARG(name), STR_ARG(value));
  size_t prefix = name.len + 1;
  for (size_t i = 0; i < *count; i++)
    if (strncmp(env[i], pair.ptr, prefix) == 0) {
      env[i] = (char *)(uintptr_t)pair.ptr;
      return;
    }
  env[(*count)++] = (char *)(uintptr_t)pair.ptr;
}

static char **environment(const struct kube_exec *exec, struct arena *arena) {
  size_t ours = 0;
  while (environ[ours])
    ours++;
  char **env = ARENA_ARRAY(arena, char *, ours + exec->env_count + 2);
  size_t count = ours;
  memcpy(env, environ, ours * sizeof *env);
  for (size_t i = 0; i < exec->env_count; i++)
    add_env(arena, env, &count, exec->env[i].name, exec->env[i].value);
  add_env(arena, env, &count, STR("KUBERNETES_EXEC_INFO"), exec->info);
  return env;
}

void exec_run_start(struct exec_run *run) {
  const struct kube_exec *exec = run->exec;
  struct arena arena = {0};
  char **args = ARENA_ARRAY(&arena, char *, exec->arg_count + 2);
  args[0] = (char *)(uintptr_t)exec->command.ptr;
  for (size_t i = 0; i < exec->arg_count; i++)
    args[i + 1] = (char *)(uintptr_t)exec->args[i].ptr;
  BUG_ON(uv_pipe_init(run->timer.loop, &run->output, 0) != 0);
  uv_stdio_container_t stdio[] = {
      {.flags = UV_IGNORE},
      {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&run->output},
      {.flags = UV_INHERIT_FD, .data.fd = 2}};
  uv_process_options_t options = {.file = exec->command.ptr,
                                  .args = args,
                                  .env = environment(exec, &arena),
                                  .exit_cb = on_exit,
                                  .stdio = stdio,
                                  .stdio_count = 3};
  int code = uv_spawn(run->timer.loop, &run->process, &options);
  arena_dispose(&arena);
  run->process.data = run->output.data = run;
  run->handles += 2;
  run->started = true;
  if (code != 0) {
    run->exited = true;
    err_set(&run->err, RC_UNAVAILABLE, "it cannot be started: %s%s%.*s", uv_strerror(code),
            exec->install_hint.len ? "; " : "", STR_ARG(exec->install_hint));
    uv_timer_start(&run->timer, on_failed_start, 0, 0);
    return;
  }
  uv_timer_start(&run->timer, on_deadline, EXEC_RUN_DEADLINE_MS, 0);
  uv_read_start((uv_stream_t *)&run->output, on_alloc, on_read);
}

bool exec_run_is_started(const struct exec_run *run) {
  return run->started;
}

void exec_run_turn(struct exec_run *run) {
  uv_timer_start(&run->turn_timer, on_turn, 0, 0);
}

void exec_run_abandon(struct exec_run *run) {
  run->done = NULL;
  run->turn = NULL;
  stop_it(run);
  close_all(run);
}
