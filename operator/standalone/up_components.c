// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/prometheus_config.h"
#include "operator/standalone/shim_file.h"
#include "operator/standalone/up_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

// Each component has a token of its own, with no more rights than it needs.
static const char *kubeconfig_of(struct up *up, const char *component) {
  return arena_printf(&up->arena, "%s/access/%s.kubeconfig", up->data, component).ptr;
}

static void describe_ours(struct up *up) {
  const struct up_options *options = up->options;
  struct words words;
  struct component *api = begin_component(up, &words, "apiserver");
  add_pair(up, &words, "--data", up->data);
  add_fd(up, &words, api, "--listen-fd", up->ports.fds[PORT_API]);
  api->argv = words.items;
  struct component *runtime = begin_component(up, &words, "runtime");
  add_pair(up, &words, "--data", up->data);
  add_pair(up, &words, "--kubeconfig", kubeconfig_of(up, "runtime"));
  for (size_t i = 0; i < options->image_count; i++)
    add_pair(up, &words, "--image", options->images[i].ptr);
  add_fd(up, &words, runtime, "--ready-fd", up->ready[1]);
  runtime->argv = words.items;
  if (options->has_operator) {
    struct component *op = begin_component(up, &words, "operator");
    add_pair(up, &words, "--kubeconfig", kubeconfig_of(up, "operator"));
    add_pair(up, &words, "--content-key", up->content_key);
    add_word(up, &words, "--trust-users"); // our API server stamps them
    // Who may write a Rollout here may start programs on this machine as well.
    add_pair(up, &words, "--notify-allow", "0.0.0.0/0");
    add_pair(up, &words, "--notify-allow", "::/0");
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
    add_pair(up, &words, "--kubeconfig", kubeconfig_of(up, "proxy"));
    for (size_t i = 0; i < up->ports.worker_count; i++)
      add_fd(up, &words, proxy, "--listen-fd", up->ports.workers[i]);
    add_fd(up, &words, proxy, "--admin-fd", up->ports.fds[PORT_ADMIN]);
    add_pair(up, &words, "--name", "up");
    add_pair(up, &words, "--namespace", "serin-system");
    proxy->argv = words.items;
  }
}

static const char *find_binary(struct up *up, const char *name) {
  struct str rest = str_of(getenv("PATH")), part;
  while (str_next(&rest, ':', &part)) {
    const char *path = arena_printf(&up->arena, "%.*s/%s", STR_ARG(part), name).ptr;
    if (!str_is_empty(part) && access(path, X_OK) == 0)
      return path;
  }
  return NULL;
}

int up_choose_prometheus(struct up *up, struct err *err) {
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

int up_describe_components(struct up *up, struct err *err) {
  describe_ours(up);
  return describe_prometheus(up, err);
}
