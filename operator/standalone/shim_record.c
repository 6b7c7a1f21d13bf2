// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/shim_record.h"
#include "manifests/base/bug.h"

static const char *const state_names[] = {"none", "running", "exited"};
static const char *const mode_names[] = {"none", "root", "user"};

static int find_name(struct str name, const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (str_eq_z(name, names[i]))
      return (int)i;
  return 0;
}

static void put_strings(struct arena *arena, struct json *object, const char *key,
                        const struct str *items, size_t count) {
  struct json *list = json_need_array(arena, object, key);
  for (size_t i = 0; i < count; i++)
    json_append(list, json_new_string(arena, items[i]));
}

static struct str *get_strings(const struct json *list, struct arena *arena, size_t *ret_count) {
  struct str *items = ARENA_ARRAY(arena, struct str, list ? list->count + 1 : 1);
  size_t count = 0;
  JSON_EACH(item, list)
    items[count++] = json_string(item);
  *ret_count = count;
  return items;
}

struct json *shim_start_write(struct arena *arena, const struct shim_start *start) {
  struct json *json = json_new_object(arena);
  json_put_int(arena, json, "attempt", start->attempt);
  json_put_string(arena, json, "title", start->title);
  put_strings(arena, json, "argv", start->argv, start->argv_count);
  put_strings(arena, json, "env", start->env, start->env_count);
  json_put_string(arena, json, "cwd", start->cwd);
  json_put_string(arena, json, "log", start->log);
  json_put_int(arena, json, "logMaxBytes", start->log_max_bytes);
  json_put_int(arena, json, "logKeep", start->log_keep);
  json_put_int(arena, json, "graceMs", start->grace_ms);
  json_put_int(arena, json, "uid", start->uid);
  json_put_int(arena, json, "gid", start->gid);
  json_put_z(arena, json, "mountMode", mode_names[start->mount_mode]);
  json_put_string(arena, json, "scratch", start->scratch);
  struct json *mounts = json_need_array(arena, json, "mounts");
  for (size_t i = 0; i < start->mount_count; i++) {
    struct json *mount = json_new_object(arena);
    json_put_string(arena, mount, "source", start->mounts[i].source);
    json_put_string(arena, mount, "target", start->mounts[i].target);
    json_put_bool(arena, mount, "readOnly", start->mounts[i].read_only);
    json_append(mounts, mount);
  }
  return json;
}

int shim_start_read(const struct json *json, struct arena *arena, struct shim_start *ret_start,
                    struct err *err) {
  struct shim_start start = {
      .attempt = json_int(json_get(json, "attempt"), -1),
      .title = json_get_string(json, "title"),
      .cwd = json_get_string(json, "cwd"),
      .log = json_get_string(json, "log"),
      .log_max_bytes = json_int(json_get(json, "logMaxBytes"), 0),
      .log_keep = json_int(json_get(json, "logKeep"), 0),
      .grace_ms = json_int(json_get(json, "graceMs"), 0),
      .uid = json_int(json_get(json, "uid"), -1),
      .gid = json_int(json_get(json, "gid"), -1),
      .scratch = json_get_string(json, "scratch"),
      .mount_mode = (enum shim_mount_mode)find_name(json_get_string(json, "mountMode"), mode_names,
                                                    ARRAY_LEN(mode_names)),
  };
  start.argv = get_strings(json_get(json, "argv"), arena, &start.argv_count);
  start.env = get_strings(json_get(json, "env"), arena, &start.env_count);
  const struct json *mounts = json_get(json, "mounts");
  start.mounts = ARENA_ARRAY(arena, struct shim_mount, mounts ? mounts->count + 1 : 1);
  JSON_EACH(item, mounts)
    start.mounts[start.mount_count++] =
        (struct shim_mount){.source = json_get_string(item, "source"),
                            .target = json_get_string(item, "target"),
                            .read_only = json_is_true(json_get(item, "readOnly"))};
  if (start.attempt < 0 || start.argv_count == 0 || str_is_empty(start.log) ||
      str_is_empty(start.cwd))
    return err_set(err, RC_PARSE, "expected attempt, argv, cwd and log in " SHIM_START);
  *ret_start = start;
  return RC_OK;
}

struct json *shim_record_write(struct arena *arena, const struct shim_record *record) {
  struct json *json = json_new_object(arena);
  json_put_int(arena, json, "attempt", record->attempt);
  json_put_z(arena, json, "state", state_names[record->state]);
  proc_write(arena, json, "shim", record->shim);
  proc_write(arena, json, "process", record->process);
  json_put_int(arena, json, "startedMs", record->started_ms);
  if (record->state == SHIM_EXITED) {
    json_put_int(arena, json, "finishedMs", record->finished_ms);
    json_put_int(arena, json, "exitCode", record->exit_code);
    json_put_int(arena, json, "signal", record->signal);
    json_put_string(arena, json, "reason", record->reason);
    json_put_string(arena, json, "message", record->message);
  }
  return json;
}

void shim_record_read(const struct json *json, struct shim_record *ret_record) {
  *ret_record = (struct shim_record){
      .attempt = json_int(json_get(json, "attempt"), -1),
      .state = (enum shim_state)find_name(json_get_string(json, "state"), state_names,
                                          ARRAY_LEN(state_names)),
      .shim = proc_read(json, "shim"),
      .process = proc_read(json, "process"),
      .started_ms = json_int(json_get(json, "startedMs"), 0),
      .finished_ms = json_int(json_get(json, "finishedMs"), 0),
      .exit_code = json_int(json_get(json, "exitCode"), 0),
      .signal = json_int(json_get(json, "signal"), 0),
      .reason = json_get_string(json, "reason"),
      .message = json_get_string(json, "message"),
  };
}
