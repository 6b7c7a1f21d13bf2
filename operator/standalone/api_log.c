// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_log.h"
#include "manifests/base/alloc.h"
#include "manifests/kinds/pod.h"
#include "manifests/text/time.h"
#include "operator/standalone/log_times.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct api_log {
  struct api *api;
  struct arena arena;
  struct str path;
  struct store_key pod; // who must live for a follow to go on
  int fd;               // -1: the file is not there yet
  off_t left;           // bytes still allowed (limitBytes), -1: all
  bool follow;
  bool timestamps; // each line begins with its time
  struct log_times times;
  bool in_line;
  struct buf out; // lines with their times that are not yet sent
  size_t sent;
};

#define RAW_BYTES 4096

// The container asked for; the only one when none is named.
static int pick_container(struct api_call *call, const struct json *pod, struct str asked,
                          struct str *ret_name) {
  static const char *const lists[] = {"spec.containers", "spec.initContainers"};
  const struct json *containers = json_path(pod, lists[0]);
  struct str name = api_meta_string(pod, "name"), known = STR("");
  if (asked.len == 0 && containers && containers->count == 1) {
    *ret_name = json_get_string(containers->child, "name");
    return RC_OK;
  }
  for (size_t i = 0; i < 2; i++) {
    JSON_EACH(item, json_path(pod, lists[i])) {
      struct str have = json_get_string(item, "name");
      if (asked.len && str_eq(have, asked)) {
        *ret_name = have;
        return RC_OK;
      }
      known = arena_printf(call->arena, "%.*s%s%.*s", STR_ARG(known), known.len ? " " : "",
                           STR_ARG(have));
    }
  }
  if (asked.len)
    return api_bad_request(call, "container %.*s is not valid for pod %.*s", STR_ARG(asked),
                           STR_ARG(name));
  return api_bad_request(call,
                         "a container name must be specified for pod %.*s, choose one of: [%.*s]",
                         STR_ARG(name), STR_ARG(known));
}

static bool is_plain_name(struct str name) {
  return name.len && name.ptr[0] != '.' && str_find_char(name, '/') < 0;
}

static void close_file(struct api_log *log) {
  if (log->fd >= 0)
    close(log->fd);
  if (log->times.fd >= 0)
    close(log->times.fd);
  log->fd = log->times.fd = -1;
}

static int open_file(struct api_log *log) {
  log->fd = open(log->path.ptr, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  log_times_start(&log->times, log->fd >= 0 ? log_times_open(log->path.ptr, O_RDONLY) : -1);
  log->in_line = false;
  return log->fd < 0 && errno != ENOENT ? RC_IO : RC_OK;
}

// Why a container has written nothing yet.
static int not_started(struct api_call *call, const struct json *pod, struct str container) {
  struct str reason = STR("ContainerCreating");
  JSON_EACH(status, json_path(pod, "status.containerStatuses")) {
    struct str waiting = json_path_string(status, "state.waiting.reason");
    if (str_eq(json_get_string(status, "name"), container) && waiting.len)
      reason = waiting;
  }
  return api_bad_request(call, "container \"%.*s\" in pod \"%.*s\" is waiting to start: %.*s",
                         STR_ARG(container), STR_ARG(api_meta_string(pod, "name")),
                         STR_ARG(reason));
}

// Moves to where the last `lines` lines begin.
static void seek_tail(int fd, int64_t lines) {
  char block[8192];
  off_t pos = lseek(fd, 0, SEEK_END);
  bool at_end = true; // a newline that ends the file ends its last line
  while (pos > 0) {
    size_t len = pos < (off_t)sizeof(block) ? (size_t)pos : sizeof(block);
    pos -= (off_t)len;
    if (pread(fd, block, len, pos) != (ssize_t)len)
      break;
    for (size_t i = len; i-- > 0;) {
      bool newline = block[i] == '\n';
      if (newline && !at_end && --lines < 0) {
        (void)lseek(fd, pos + (off_t)i + 1, SEEK_SET);
        return;
      }
      if (at_end && lines > 0)
        lines--;
      else if (at_end) {
        (void)lseek(fd, 0, SEEK_END);
        return;
      }
      at_end = false;
    }
  }
  (void)lseek(fd, 0, SEEK_SET);
}

// sinceSeconds or sinceTime as milliseconds since 1970; 0: all of the log.
static int read_since(struct api_call *call, const struct rest_query *query, int64_t *ret_ms) {
  if (query->since_seconds >= 0)
    *ret_ms = call->now_ms - query->since_seconds * 1000;
  if (query->since_time.len && !time_parse(query->since_time, ret_ms))
    return api_bad_request(call, "sinceTime: \"%.*s\" is not a time", STR_ARG(query->since_time));
  return RC_OK;
}

// Forward to what was written at `ms` or later, never back.
static void seek_since(struct api_log *log, int64_t ms) {
  off_t now = lseek(log->fd, 0, SEEK_CUR), end = lseek(log->fd, 0, SEEK_END);
  off_t from = (off_t)log_times_since(log->times.fd, ms, end);
  (void)lseek(log->fd, from > now ? from : now, SEEK_SET);
}

int api_log_open(struct api *api, struct api_call *call, struct str ns, struct str pod_name,
                 const struct rest_query *query, struct api_log **ret_log) {
  struct json *pod;
  struct str container = STR_NULL;
  struct store_key key = api_key(call->arena, &pod_kind, ns, pod_name);
  int rc = api_load(api, call, key, &pod, NULL);
  if (rc == RC_NOT_FOUND && !call->fault.code)
    return api_not_found(call, &pod_kind, pod_name);
  int64_t since_ms = 0;
  if (!rc)
    rc = read_since(call, query, &since_ms);
  if (!rc)
    rc = pick_container(call, pod, query->container, &container);
  if (!rc && (!is_plain_name(container) || !is_plain_name(pod_name) || !is_plain_name(ns)))
    rc = api_bad_request(call, "not a name");
  if (rc)
    return rc;
  struct api_log *log = XNEW(struct api_log);
  arena_init(&log->arena);
  log->api = api;
  log->path =
      arena_printf(&log->arena, "%s/logs/%.*s_%.*s/%.*s%s.log", api->data, STR_ARG(ns),
                   STR_ARG(pod_name), STR_ARG(container), query->previous ? ".previous" : "");
  log->pod =
      api_key(&log->arena, &pod_kind, arena_str(&log->arena, ns), arena_str(&log->arena, pod_name));
  log->follow = query->follow;
  log->timestamps = query->timestamps;
  buf_init(&log->out, 40 * RAW_BYTES);
  log->left = query->limit_bytes >= 0 ? (off_t)query->limit_bytes : -1;
  if (open_file(log)) {
    api_log_close(log);
    return api_fail(call, 500, "InternalError", "the log cannot be read");
  }
  if (log->fd < 0 && query->previous) {
    api_log_close(log);
    return api_bad_request(call, "previous terminated container \"%.*s\" in pod \"%.*s\" not found",
                           STR_ARG(container), STR_ARG(pod_name));
  }
  if (log->fd < 0 && !query->follow) {
    api_log_close(log);
    return not_started(call, pod, container);
  }
  if (log->fd >= 0 && query->tail_lines >= 0)
    seek_tail(log->fd, query->tail_lines);
  if (log->fd >= 0 && since_ms)
    seek_since(log, since_ms);
  *ret_log = log;
  return RC_OK;
}

void api_log_close(struct api_log *log) {
  if (!log)
    return;
  close_file(log);
  buf_dispose(&log->out);
  arena_dispose(&log->arena);
  xfree(log);
}

// The file was rotated: the old one is at its end, go on with the new one.
static bool reopen_if_new(struct api_log *log) {
  struct stat now, open_one;
  if (stat(log->path.ptr, &now))
    return false;
  if (log->fd >= 0 && (fstat(log->fd, &open_one) || open_one.st_ino == now.st_ino))
    return false;
  close_file(log);
  return open_file(log) == RC_OK && log->fd >= 0;
}

static bool pod_goes_on(struct api_log *log) {
  struct arena arena;
  struct store_row row;
  struct json *pod = NULL;
  arena_init(&arena);
  bool found = store_get(log->api->store, log->pod, &arena, &row, NULL) == RC_OK &&
               json_parse(row.body, &arena, &pod, NULL) == RC_OK;
  struct str phase = json_path_string(pod, "status.phase");
  bool goes_on = found && !str_eq_z(phase, "Succeeded") && !str_eq_z(phase, "Failed");
  arena_dispose(&arena);
  return goes_on;
}

static ssize_t read_raw(struct api_log *log, char *to, size_t max) {
  ssize_t got = log->fd >= 0 ? read(log->fd, to, max) : 0;
  if (got == 0 && log->follow && reopen_if_new(log))
    got = read(log->fd, to, max);
  return got;
}

// What the kubelet puts before a line: nanoseconds, of which we know the milliseconds.
static void put_time(struct api_log *log, int64_t offset) {
  struct arena arena;
  arena_init(&arena);
  struct str text = time_format_micro(&arena, log_times_at(&log->times, offset));
  buf_addf(&log->out, "%.*s000Z ", (int)(text.len - 1), text.ptr);
  arena_dispose(&arena);
}

static ssize_t read_timed(struct api_log *log, char *to, size_t max) {
  char raw[RAW_BYTES];
  if (log->sent == log->out.len) {
    ssize_t got = read_raw(log, raw, sizeof raw);
    if (got <= 0)
      return got;
    int64_t offset = lseek(log->fd, 0, SEEK_CUR) - got;
    buf_reset(&log->out);
    log->sent = 0;
    for (ssize_t i = 0; i < got; i++) {
      if (!log->in_line)
        put_time(log, offset + i);
      log->in_line = raw[i] != '\n';
      buf_add_char(&log->out, raw[i]);
    }
  }
  struct str rest = str_slice(buf_str(&log->out), log->sent, log->out.len);
  size_t len = rest.len < max ? rest.len : max;
  memcpy(to, rest.ptr, len);
  log->sent += len;
  return (ssize_t)len;
}

ptrdiff_t api_log_read(struct api_log *log, char *to, size_t max) {
  if (log->left == 0)
    return -1;
  if (log->left > 0 && (off_t)max > log->left)
    max = (size_t)log->left;
  ssize_t got = log->timestamps ? read_timed(log, to, max) : read_raw(log, to, max);
  if (got < 0)
    return -1;
  if (got > 0) {
    log->left -= log->left > 0 ? (off_t)got : 0;
    return got;
  }
  return log->follow && pod_goes_on(log) ? 0 : -1;
}
