// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/status_view.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/schema/decode.h"
#include "operator/cli/print_object.h"
#include "operator/cli/resource_arg.h"
#include "operator/cli/tree.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_MS 1000 // countdowns go on between changes

struct screen {
  bool terminal, color, ascii;
  size_t drawn_rows; // of the tree on the screen
};

struct view {
  struct session *session;
  const char *command;
  struct str ns, name;
  struct screen screen;
  struct kube_watch *rollouts, *deployments;
  uv_timer_t redraw;
  uv_signal_t interrupt;
  struct arena drawn_arena;
  struct str drawn_key; // of the last printed line
  bool finished;
  int code;
  struct err err;
};

// ---- the screen ----

static bool says_utf8(const char *value) {
  return value && (strcasestr(value, "utf-8") || strcasestr(value, "utf8"));
}

static struct screen look_at_screen(void) {
  const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
  const char *locale = getenv("LC_ALL");
  if (!locale || !*locale)
    locale = getenv("LC_CTYPE");
  if (!locale || !*locale)
    locale = getenv("LANG");
  bool dumb = !term || strcmp(term, "dumb") == 0;
  bool terminal = isatty(STDOUT_FILENO) == 1;
  return (struct screen){
      .terminal = terminal && !dumb,
      .color = terminal && !dumb && !(no_color && *no_color),
      .ascii = locale && *locale && !says_utf8(locale), // no locale at all says nothing
  };
}

static size_t screen_size(size_t *ret_rows) {
  struct winsize size = {0};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
    size.ws_row = size.ws_col = 0;
  *ret_rows = size.ws_row;
  return size.ws_col;
}

// Puts the tree over the last one: up, and each line cleared to its end. A tree taller than the
// screen loses its middle, not its end.
static void redraw(struct screen *screen, struct str text, size_t height) {
  struct buf out;
  buf_init(&out, 1u << 20);
  if (screen->drawn_rows)
    buf_addf(&out, "\x1b[%zuA\r", screen->drawn_rows);
  size_t rows = 0;
  struct str rest = text, line;
  for (size_t i = 0; i < text.len; i++)
    rows += text.ptr[i] == '\n';
  size_t limit = height > 2 ? height - 1 : rows, row = 0;
  screen->drawn_rows = 0;
  while (row < rows && str_next(&rest, '\n', &line)) {
    bool skip = rows > limit && row >= limit - 2 && row < rows - 1;
    if (!skip || row == limit - 2) {
      buf_addf(&out, "%.*s\x1b[K\n", skip ? 3 : (int)line.len, skip ? "..." : line.ptr);
      screen->drawn_rows++;
    }
    row++;
  }
  buf_add_z(&out, "\x1b[J");
  print_buf(&out);
}

// ---- drawing ----

static struct tree_workload workload_of(const struct json *deployment) {
  if (!deployment)
    return (struct tree_workload){0};
  return (struct tree_workload){
      .is_known = true,
      .wanted = json_int(json_path(deployment, "spec.replicas"), 1),
      .ready = json_int(json_path(deployment, "status.readyReplicas"), 0),
  };
}

static struct rollout *decode(const struct json *object, struct arena *arena) {
  struct decode_options options = {.unknown = UNKNOWN_IGNORE, .skip_checks = true};
  void *decoded = NULL;
  (void)kind_decode(&rollout_kind, object, &options, arena, NULL, &decoded);
  return decoded;
}

static void draw(struct view *view, const struct tree_view *tree, struct arena *arena) {
  if (view->screen.terminal) {
    struct buf text;
    size_t height;
    struct tree_view sized = *tree;
    sized.width = screen_size(&height);
    buf_init(&text, 1u << 20);
    tree_write(&sized, arena, &text);
    redraw(&view->screen, buf_str(&text), height);
    buf_dispose(&text);
    return;
  }
  struct str key, line = tree_summary(tree, arena, &key);
  if (str_eq(key, view->drawn_key))
    return;
  arena_dispose(&view->drawn_arena);
  view->drawn_key = arena_str(&view->drawn_arena, key);
  printf("%.*s\n", STR_ARG(line));
  fflush(stdout);
}

static void stop(struct view *view, int code) {
  view->code = code;
  view->finished = true;
  uv_stop(&view->session->loop);
}

static void fill_tree(struct tree_view *tree, const struct view *view,
                      const struct rollout *rollout) {
  *tree = (struct tree_view){.rollout = rollout,
                             .now_ms = clock_wall_ms(),
                             .color = view->screen.color,
                             .ascii = view->screen.ascii};
  const struct rollout_identity *stable = rollout->status.stable, *canary = rollout->status.canary;
  if (view->deployments && stable)
    tree->stable = workload_of(kube_watch_get(view->deployments, view->ns, stable->deployment));
  if (view->deployments && canary)
    tree->canary = workload_of(kube_watch_get(view->deployments, view->ns, canary->deployment));
}

static void show(struct view *view) {
  if (view->finished || !kube_watch_is_synced(view->rollouts))
    return;
  const struct json *object = kube_watch_get(view->rollouts, view->ns, view->name);
  if (!object) {
    err_set(&view->err, RC_NOT_FOUND,
            "there is no rollout \"%.*s\" in namespace %.*s; `serin list -A` shows all",
            STR_ARG(view->name), STR_ARG(view->ns));
    stop(view, EXIT_NOT_FOUND);
    return;
  }
  struct arena arena = {0};
  struct rollout *rollout = decode(object, &arena);
  struct tree_view tree;
  fill_tree(&tree, view, rollout);
  draw(view, &tree, &arena);
  int code = tree_exit_code(rollout);
  bool ended = code == EXIT_DONE || code == EXIT_FAILED;
  arena_dispose(&arena);
  if (ended)
    stop(view, code);
}

// ---- following ----

static void on_changed(struct kube_watch *watch, void *data) {
  (void)watch;
  show(data);
}

static void on_redraw(uv_timer_t *timer) {
  show(container_of(timer, struct view, redraw));
}

static void on_interrupt(uv_signal_t *signal, int number) {
  (void)number;
  stop(container_of(signal, struct view, interrupt), EXIT_PROGRESS);
}

static void on_error(struct kube_watch *watch, const struct err *err, void *data) {
  struct view *view = data;
  if (watch == view->deployments) // only the numbers of replicas are missing then
    return;
  if (kube_watch_is_synced(watch)) {
    if (!view->screen.terminal)
      fprintf(stderr, "serin %s: %s; trying again\n", view->command, err->msg);
    return;
  }
  view->err = *err;
  stop(view, session_exit_code(err->rc));
}

static int open_watches(struct view *view, struct arena *arena) {
  struct kube_watch_options options = {
      .resource = &resource_rollouts,
      .ns = view->ns,
      .field_selector = arena_printf(arena, "metadata.name=%.*s", STR_ARG(view->name)),
      .synced = on_changed,
      .changed = on_changed,
      .error = on_error,
      .data = view,
  };
  int rc = kube_watch_open(view->session->kube, &options, &view->rollouts, &view->err);
  options.resource = &resource_deployments;
  options.field_selector = STR_NULL;
  if (rc == RC_OK)
    rc = kube_watch_open(view->session->kube, &options, &view->deployments, &view->err);
  return rc;
}

static void close_view(struct view *view) {
  view->finished = true;
  kube_watch_close(view->rollouts, NULL, NULL);
  kube_watch_close(view->deployments, NULL, NULL);
  uv_close((uv_handle_t *)&view->redraw, NULL);
  uv_close((uv_handle_t *)&view->interrupt, NULL);
  uv_run(&view->session->loop, UV_RUN_NOWAIT);
  uv_run(&view->session->loop, UV_RUN_NOWAIT);
  arena_dispose(&view->drawn_arena);
}

int status_view_follow(struct session *session, const char *command, struct str name) {
  struct arena arena = {0};
  struct view view = {.session = session,
                      .command = command,
                      .ns = session->ns,
                      .name = name,
                      .screen = look_at_screen()};
  uv_timer_init(&session->loop, &view.redraw);
  uv_signal_init(&session->loop, &view.interrupt);
  uv_signal_start(&view.interrupt, on_interrupt, SIGINT);
  if (view.screen.terminal)
    uv_timer_start(&view.redraw, on_redraw, REDRAW_MS, REDRAW_MS);
  if (open_watches(&view, &arena) != RC_OK)
    view.code = session_exit_code(view.err.rc);
  else if (session_run_until(session, &view.finished, session->timeout_ms) != RC_OK)
    view.code =
        session_exit_code(err_set(&view.err, RC_TIMEOUT, "the release has not ended within %.3g s",
                                  (double)session->timeout_ms / 1000));
  close_view(&view);
  if (view.err.rc)
    fprintf(stderr, "serin %s: %s\n", command, view.err.msg);
  arena_dispose(&arena);
  return view.code;
}

// ---- once ----

static struct tree_workload ask_workload(struct session *session,
                                         const struct rollout_identity *identity,
                                         struct arena *arena) {
  struct json *deployment;
  if (!identity || !identity->deployment.len ||
      session_get(session, &resource_deployments, session->ns, identity->deployment, arena,
                  &deployment, NULL) != RC_OK)
    return (struct tree_workload){0};
  return workload_of(deployment);
}

int status_view_once(struct session *session, const char *command, struct str name) {
  struct arena arena = {0};
  struct err err = {0};
  struct json *object;
  int rc = resource_get_rollout(session, name, &arena, &object, &err);
  if (rc) {
    arena_dispose(&arena);
    return session_fail(command, &err);
  }
  struct screen screen = look_at_screen();
  struct rollout *rollout = decode(object, &arena);
  struct buf text;
  size_t height;
  struct tree_view tree = {.rollout = rollout,
                           .stable = ask_workload(session, rollout->status.stable, &arena),
                           .canary = ask_workload(session, rollout->status.canary, &arena),
                           .now_ms = clock_wall_ms(),
                           .width = screen.terminal ? screen_size(&height) : 0,
                           .color = screen.color,
                           .ascii = screen.ascii};
  buf_init(&text, 1u << 20);
  tree_write(&tree, &arena, &text);
  print_buf(&text);
  int code = tree_exit_code(rollout);
  arena_dispose(&arena);
  return code;
}
