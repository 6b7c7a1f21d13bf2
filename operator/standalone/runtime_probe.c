// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/runtime_probe.h"
#include "manifests/base/alloc.h"
#include "manifests/base/arena.h"
#include "manifests/base/buf.h"

#include <signal.h>
#include <string.h>
#include <uv.h>

struct probe_op {
  uv_loop_t *loop;
  probe_done_fn done;
  void *data;
  bool answered, ok;
  struct str message;
  struct arena arena;
  struct buf in; // answer or output
  uv_timer_t timer;
  uv_tcp_t tcp;
  uv_connect_t connect;
  uv_write_t write;
  struct str request;
  uv_process_t process;
  uv_pipe_t output;
  bool is_http, has_tcp, has_process, has_output, ended;
  int64_t exit_code;
  int open; // handles not closed yet
};

static void closed(uv_handle_t *handle) {
  struct probe_op *op = handle->data;
  if (--op->open > 0)
    return;
  if (op->done)
    op->done(op->ok, op->message, op->data);
  buf_dispose(&op->in);
  arena_dispose(&op->arena);
  xfree(op);
}

static void close_one(uv_handle_t *handle, bool is_there) {
  if (is_there && !uv_is_closing(handle))
    uv_close(handle, closed);
}

// The answer is told when everything is closed, so that the caller may start the next one from its
// callback.
static void finish(struct probe_op *op, bool ok, struct str message) {
  if (op->answered)
    return;
  op->answered = true;
  op->ok = ok;
  op->message = arena_str(&op->arena, message);
  if (op->has_process && !op->ended)
    (void)kill(-op->process.pid, SIGKILL);
  close_one((uv_handle_t *)&op->timer, true);
  close_one((uv_handle_t *)&op->tcp, op->has_tcp);
  close_one((uv_handle_t *)&op->output, op->has_output);
  // A killed command is still to be reaped: its handle closes in on_exit.
  if (op->has_process && op->ended)
    close_one((uv_handle_t *)&op->process, true);
}

void *probe_cancel(struct probe_op *op) {
  op->done = NULL;
  finish(op, false, STR(""));
  return op->data;
}

static void on_timeout(uv_timer_t *timer) {
  struct probe_op *op = timer->data;
  bool sleeping = !op->has_tcp && !op->has_process;
  finish(op, sleeping, sleeping ? STR("") : STR("timed out"));
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret) {
  struct probe_op *op = handle->data;
  (void)size;
  char *room = buf_reserve(&op->in, 1024);
  *ret = uv_buf_init(room, room ? 1024 : 0);
}

static bool read_status(struct probe_op *op) {
  struct str text = buf_str(&op->in);
  ptrdiff_t end = str_find_char(text, '\n');
  if (end < 0)
    return false;
  struct str line = str_trim(str_slice(text, 0, (size_t)end)), version, code;
  int64_t status = 0;
  if (!str_starts(line, STR("HTTP/1.")) || !str_next(&line, ' ', &version) ||
      !str_next(&line, ' ', &code) || !str_to_i64(code, &status)) {
    finish(op, false, STR("the answer is not HTTP/1"));
    return true;
  }
  bool ok = status >= 200 && status < 400;
  finish(
      op, ok,
      ok ? STR("")
         : arena_printf(&op->arena, "HTTP probe failed with statuscode: %lld", (long long)status));
  return true;
}

static void on_answer(uv_stream_t *stream, ssize_t got, const uv_buf_t *into) {
  struct probe_op *op = stream->data;
  (void)into;
  if (op->answered || got == 0)
    return;
  if (got > 0) {
    op->in.len += (size_t)got;
    if (!read_status(op) && op->in.len >= PROBE_MESSAGE_MAX)
      finish(op, false, STR("the answer has no status line"));
    return;
  }
  finish(op, false,
         got == UV_EOF ? STR("the connection was closed without an answer")
                       : str_of(uv_strerror((int)got)));
}

static void on_written(uv_write_t *request, int status) {
  struct probe_op *op = request->data;
  if (status < 0)
    finish(op, false, str_of(uv_strerror(status)));
}

static void on_connected(uv_connect_t *request, int status) {
  struct probe_op *op = request->data;
  if (op->answered)
    return;
  if (status < 0) {
    finish(op, false, str_of(uv_strerror(status)));
    return;
  }
  if (!op->is_http) {
    finish(op, true, STR(""));
    return;
  }
  uv_buf_t text = uv_buf_init((char *)(uintptr_t)op->request.ptr, (unsigned)op->request.len);
  op->write.data = op;
  status = uv_write(&op->write, (uv_stream_t *)&op->tcp, &text, 1, on_written);
  if (status == 0)
    status = uv_read_start((uv_stream_t *)&op->tcp, on_alloc, on_answer);
  if (status < 0)
    finish(op, false, str_of(uv_strerror(status)));
}

static struct str request_text(const struct probe_target *target, struct arena *arena) {
  struct buf text;
  buf_init(&text, 65536);
  bool host = false, agent = false, accept = false;
  struct str path = target->path;
  buf_addf(&text, "GET %s%.*s HTTP/1.1\r\n", str_starts(path, STR("/")) ? "" : "/", STR_ARG(path));
  for (size_t i = 0; i < target->header_count; i++) {
    const struct pod_http_header *header = &target->headers[i];
    host |= str_eq_nocase(header->name, STR("Host"));
    agent |= str_eq_nocase(header->name, STR("User-Agent"));
    accept |= str_eq_nocase(header->name, STR("Accept"));
    buf_addf(&text, "%.*s: %.*s\r\n", STR_ARG(header->name), STR_ARG(header->value));
  }
  if (!host)
    buf_addf(&text, "Host: %.*s:%lld\r\n", STR_ARG(target->address), (long long)target->port);
  if (!agent)
    buf_add_z(&text, "User-Agent: kube-probe/1.30\r\n");
  if (!accept)
    buf_add_z(&text, "Accept: */*\r\n");
  buf_add_z(&text, "Connection: close\r\n\r\n");
  struct str copy = arena_str(arena, buf_str(&text));
  buf_dispose(&text);
  return copy;
}

static void start_tcp(struct probe_op *op, const struct probe_target *target) {
  struct sockaddr_in to;
  const char *address = arena_str(&op->arena, target->address).ptr;
  (void)uv_tcp_init(op->loop, &op->tcp);
  op->tcp.data = op->connect.data = op;
  op->has_tcp = true;
  op->open++;
  int rc = target->port > 0 && target->port < 65536 ? uv_ip4_addr(address, (int)target->port, &to)
                                                    : UV_EINVAL;
  if (rc == 0)
    rc = uv_tcp_connect(&op->connect, &op->tcp, (const struct sockaddr *)&to, on_connected);
  if (rc < 0)
    finish(op, false, str_of(uv_strerror(rc)));
}

static void on_exit(uv_process_t *process, int64_t code, int sig) {
  struct probe_op *op = process->data;
  op->ended = true;
  op->exit_code = sig ? 128 + sig : code;
  if (op->answered) {
    uv_close((uv_handle_t *)process, closed);
    return;
  }
  struct str said = str_trim(buf_str(&op->in));
  finish(op, op->exit_code == 0,
         op->exit_code == 0
             ? STR("")
             : arena_printf(&op->arena, "command exited with %lld%s%.*s", (long long)op->exit_code,
                            said.len ? ": " : "", STR_ARG(said)));
}

static void on_output(uv_stream_t *stream, ssize_t got, const uv_buf_t *into) {
  struct probe_op *op = stream->data;
  (void)into;
  if (got > 0)
    op->in.len += (size_t)got;
  if (op->in.len >=
      PROBE_MESSAGE_MAX) // enough for the message; the rest must not block the command
    op->in.len = PROBE_MESSAGE_MAX / 2;
  if (got < 0)
    (void)uv_read_stop(stream);
}

static void start_exec(struct probe_op *op, const struct probe_target *target) {
  char **argv = ARENA_ARRAY(&op->arena, char *, target->argv_count + 6);
  size_t count = 0;
  const char *head[] = {"serin", "shim", "--exec", target->folder, "--"};
  for (size_t i = 0; i < sizeof head / sizeof head[0]; i++)
    argv[count++] = arena_dup(&op->arena, head[i], strlen(head[i]) + 1);
  for (size_t i = 0; i < target->argv_count; i++)
    argv[count++] = (char *)(uintptr_t)arena_str(&op->arena, target->argv[i]).ptr;
  (void)uv_pipe_init(op->loop, &op->output, 0);
  op->output.data = op->process.data = op;
  op->has_output = true;
  op->open++;
  uv_stdio_container_t stdio[3] = {
      {.flags = UV_IGNORE},
      {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&op->output},
      {.flags = UV_IGNORE}};
  uv_process_options_t options = {.file = "/proc/self/exe",
                                  .args = argv,
                                  .stdio = stdio,
                                  .stdio_count = 3,
                                  .flags = UV_PROCESS_DETACHED,
                                  .exit_cb = on_exit};
  int rc = uv_spawn(op->loop, &op->process, &options);
  op->has_process = true;
  op->open++;
  if (rc < 0) {
    op->ended = true;
    finish(op, false, str_of(uv_strerror(rc)));
    return;
  }
  (void)uv_read_start((uv_stream_t *)&op->output, on_alloc, on_output);
}

struct probe_op *probe_start(struct uv_loop_s *loop, const struct probe_target *target,
                             probe_done_fn done, void *data) {
  struct probe_op *op = XNEW(struct probe_op);
  op->loop = loop;
  op->done = done;
  op->data = data;
  arena_init(&op->arena);
  buf_init(&op->in, PROBE_MESSAGE_MAX + 2048);
  (void)uv_timer_init(loop, &op->timer);
  op->timer.data = op;
  op->open = 1;
  (void)uv_timer_start(&op->timer, on_timeout, (uint64_t)target->timeout_ms, 0);
  switch (target->type) {
  case PROBE_HTTP:
    op->is_http = true;
    op->request = request_text(target, &op->arena);
    start_tcp(op, target);
    break;
  case PROBE_TCP: start_tcp(op, target); break;
  case PROBE_EXEC: start_exec(op, target); break;
  case PROBE_SLEEP: break;
  }
  return op;
}
