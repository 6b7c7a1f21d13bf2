// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/deploy_scrape.h"

#include <stdlib.h>

static struct str annotation(const struct json *pod, const char *key) {
  return json_get_string(json_path(pod, "metadata.annotations"), key);
}

static int64_t port_of(const struct json *pod) {
  int64_t port;
  if (str_to_i64(annotation(pod, "prometheus.io/port"), &port))
    return port;
  JSON_EACH(container, json_path(pod, "spec.containers")) {
    port = json_int(json_path(container, "ports.0.containerPort"), 0);
    if (port > 0)
      return port;
  }
  return 0;
}

static bool is_name_char(char c, bool first) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (!first && c >= '0' && c <= '9');
}

// STR_NULL when nothing useful is left.
static struct str label_name(struct str key, struct arena *arena) {
  char *name = arena_dup(arena, key.ptr, key.len + 1);
  for (size_t i = 0; i < key.len; i++)
    if (name[i] == '-' || name[i] == '.' || name[i] == '/')
      name[i] = '_';
    else if (!is_name_char(name[i], i == 0))
      return STR_NULL;
  bool reserved = key.len > 1 && name[0] == '_' && name[1] == '_';
  return key.len == 0 || reserved ? STR_NULL : (struct str){name, key.len};
}

static struct json *target_of(const struct json *pod, int64_t port, struct arena *arena) {
  struct json *group = json_new_object(arena);
  json_append(json_need_array(arena, group, "targets"),
              json_new_string(arena, arena_printf(arena, "%.*s:%lld",
                                                  STR_ARG(json_path_string(pod, "status.podIP")),
                                                  (long long)port)));
  struct json *labels = json_need_object(arena, group, "labels");
  JSON_EACH(item, json_path(pod, "metadata.labels")) {
    struct str name = label_name(item->key, arena);
    if (name.ptr)
      json_set(arena, labels, name, json_new_string(arena, json_string(item)));
  }
  json_put_string(arena, labels, "namespace", json_path_string(pod, "metadata.namespace"));
  json_put_string(arena, labels, "pod", json_path_string(pod, "metadata.name"));
  struct str path = annotation(pod, "prometheus.io/path");
  if (str_starts(path, STR("/")))
    json_put_string(arena, labels, "__metrics_path__", path);
  return group;
}

static int by_name(const void *a, const void *b) {
  const struct json *x = *(const struct json *const *)a, *y = *(const struct json *const *)b;
  int ns =
      str_cmp(json_path_string(x, "metadata.namespace"), json_path_string(y, "metadata.namespace"));
  return ns != 0
             ? ns
             : str_cmp(json_path_string(x, "metadata.name"), json_path_string(y, "metadata.name"));
}

struct json *deploy_scrape_write(const struct deploy_list *pods, struct arena *arena) {
  struct deploy_list wanted = {0};
  for (size_t i = 0; i < pods->count; i++) {
    const struct json *pod = pods->items[i];
    int64_t port = port_of(pod);
    if (str_eq(annotation(pod, "prometheus.io/scrape"), STR("true")) && deploy_pod_is_active(pod) &&
        deploy_pod_is_ready(pod) && port > 0 && port < 65536)
      deploy_list_add(&wanted, arena, pod);
  }
  if (wanted.count > 0)
    qsort(wanted.items, wanted.count, sizeof *wanted.items, by_name);
  struct json *list = json_new_array(arena);
  for (size_t i = 0; i < wanted.count; i++)
    json_append(list, target_of(wanted.items[i], port_of(wanted.items[i]), arena));
  return list;
}
