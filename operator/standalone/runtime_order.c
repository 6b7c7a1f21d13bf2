// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/runtime_order.h"
#include "operator/standalone/runtime_volume.h"
#include "operator/standalone/shim_file.h"

#include <stdlib.h>
#include <unistd.h>

#define LOG_MAX_BYTES (10 << 20) // kubelet's containerLogMaxSize
#define LOG_KEEP 4               // and containerLogMaxFiles, less the current one

// Of our own environment; the rest of it is not the workload's business.
static const char *const inherited[] = {"PATH", "HOME",   "USER", "LOGNAME", "SHELL",
                                        "LANG", "LC_ALL", "TZ",   "TMPDIR"};

static int64_t first_port(const struct pod *pod, const struct pod_container *spec) {
  if (spec->ports_count > 0)
    return spec->ports[0].container_port;
  for (size_t i = 0; i < pod->spec.containers_count; i++)
    if (pod->spec.containers[i].ports_count > 0)
      return pod->spec.containers[i].ports[0].container_port;
  return 0;
}

static void base_environment(struct runtime_container *container, const struct pod_container *spec,
                             struct arena *arena, struct pod_env_list *env) {
  struct runtime_pod *pod = container->pod;
  for (size_t i = 0; i < sizeof inherited / sizeof inherited[0]; i++) {
    const char *value = getenv(inherited[i]);
    if (value)
      pod_env_set(env, arena, str_of(inherited[i]), str_of(value));
  }
  pod_env_set(env, arena, STR("HOSTNAME"), pod->pod->metadata.name);
  pod_env_set(env, arena, STR("POD_IP"), pod->facts.pod_ip);
  int64_t port = first_port(pod->pod, spec);
  if (port > 0)
    pod_env_set(env, arena, STR("PORT"), arena_printf(arena, "%lld", (long long)port));
  for (size_t i = 0; i < pod->pod->spec.volumes_count; i++) {
    const struct pod_volume *volume = &pod->pod->spec.volumes[i];
    struct str path = volume->host_path
                          ? volume->host_path->path
                          : arena_printf(arena, "%s/%.*s", pod->volumes, STR_ARG(volume->name));
    pod_env_set(env, arena, pod_volume_variable(volume->name, arena), path);
  }
}

int order_write_volumes(struct runtime_pod *pod, struct arena *arena,
                        struct pod_volume_plan **ret_plans, struct err *err) {
  struct pod_lookup lookup = {.find = runtime_pod_find, .data = pod->runtime};
  size_t count = pod->pod->spec.volumes_count;
  struct pod_volume_plan *plans = ARENA_ARRAY(arena, struct pod_volume_plan, count + 1);
  int rc = RC_OK;
  for (size_t i = 0; rc == RC_OK && i < count; i++) {
    rc = pod_volume_plan(&pod->facts, &pod->pod->spec.volumes[i], &lookup, arena, &plans[i], err);
    if (rc == RC_OK)
      rc = volume_write(&plans[i], pod->volumes, err);
  }
  *ret_plans = plans;
  return rc;
}

static int64_t context_number(const struct runtime_pod *pod, const struct pod_container *spec,
                              const char *key) {
  const struct json *own = json_get(spec->security_context, key);
  return json_int(own ? own : json_get(pod->pod->spec.security_context, key), -1);
}

// Another user only root can become; asked for ours, there is nothing to do. The rest is told by an
// event.
static void identity(const struct runtime_pod *pod, const struct pod_container *spec,
                     struct shim_start *start) {
  start->uid = start->gid = -1;
  if (geteuid() != 0)
    return;
  start->uid = context_number(pod, spec, "runAsUser");
  start->gid = context_number(pod, spec, "runAsGroup");
}

static int order_fill(struct runtime_container *container, struct arena *arena,
                      struct shim_start *start, const char **ret_reason, struct err *err) {
  struct runtime_pod *pod = container->pod;
  struct runtime *runtime = pod->runtime;
  const struct pod_container_machine *item = &pod->machine.items[container->index];
  struct pod_lookup lookup = {.find = runtime_pod_find, .data = runtime};
  struct pod_env_list env = {0};
  size_t skipped;
  *ret_reason = "CreateContainerConfigError";
  base_environment(container, item->spec, arena, &env);
  int rc = pod_env_build(&pod->facts, item->spec, &lookup, arena, &env, &skipped, err);
  if (rc == RC_OK && skipped > 0)
    runtime_pod_event(pod, container, true, "InvalidEnvironmentVariableNames",
                      arena_printf(arena, "%zu keys of envFrom cannot be variables", skipped));
  if (rc != RC_OK)
    return rc;
  rc = pod_argv(item->spec, &env, runtime->images, arena, &start->argv, &start->argv_count, err);
  if (rc != RC_OK) {
    *ret_reason = "ErrImageNotMapped";
    return rc;
  }
  struct pod_volume_plan *plans;
  rc = order_write_volumes(pod, arena, &plans, err);
  if (rc == RC_OK)
    rc = pod_volume_mounts(item->spec, plans, pod->pod->spec.volumes_count, str_of(pod->volumes),
                           &env, arena, &start->mounts, &start->mount_count, err);
  if (rc == RC_OK)
    rc = volume_need_sources(start->mounts, start->mount_count, err);
  start->env = ARENA_ARRAY(arena, struct str, env.count + 1);
  for (size_t i = 0; i < env.count; i++)
    start->env[start->env_count++] =
        arena_printf(arena, "%.*s=%.*s", STR_ARG(env.items[i].key), STR_ARG(env.items[i].value));
  return rc;
}

int order_write(struct runtime_container *container, const char **ret_reason, struct err *err) {
  struct runtime_pod *pod = container->pod;
  struct runtime *runtime = pod->runtime;
  const struct pod_container_machine *item = &pod->machine.items[container->index];
  struct arena arena;
  arena_init(&arena);
  struct str cwd = item->spec->working_dir;
  struct shim_start start = {
      .attempt = item->attempt,
      .title = arena_printf(&arena, "%.*s/%.*s", STR_ARG(pod->key), STR_ARG(item->spec->name)),
      .cwd = str_is_empty(cwd) ? str_of(runtime->cwd)
             : str_starts(cwd, STR("/"))
                 ? cwd
                 : arena_printf(&arena, "%s/%.*s", runtime->cwd, STR_ARG(cwd)),
      .log = str_of(container->log),
      .log_max_bytes = LOG_MAX_BYTES,
      .log_keep = LOG_KEEP,
      .grace_ms = pod->pod->spec.termination_grace_period_s * 1000,
      .mount_mode = runtime->mount_mode,
      .scratch = str_of(shim_file_join(&arena, pod->folder, STR("root")))};
  identity(pod, item->spec, &start);
  int rc = order_fill(container, &arena, &start, ret_reason, err);
  if (rc == RC_OK)
    rc = shim_file_mkdirs(start.scratch.ptr, err);
  if (rc == RC_OK) {
    rc = shim_file_write_json(shim_file_join(&arena, container->folder, STR(SHIM_START)),
                              shim_start_write(&arena, &start), err);
    if (rc != RC_OK)
      *ret_reason = "CreateContainerError";
  }
  if (rc == RC_OK && start.mount_count > 0 && runtime->mount_mode == SHIM_MOUNT_NONE &&
      !pod->volumes_told) {
    pod->volumes_told = true;
    runtime_pod_event(pod, container, true, "VolumeNotMounted",
                      arena_printf(&arena,
                                   "volumes cannot be mounted on this machine (%.*s); their files "
                                   "are where SERIN_VOLUME_<NAME> says",
                                   STR_ARG(runtime->mount_why)));
  }
  arena_dispose(&arena);
  return rc;
}

static int64_t port_of(const struct pod_container *spec, struct int_or_string port) {
  if (!port.is_string)
    return port.integer;
  int64_t number;
  for (size_t i = 0; i < spec->ports_count; i++)
    if (str_eq(spec->ports[i].name, port.text))
      return spec->ports[i].container_port;
  return str_to_i64(port.text, &number) ? number : 0;
}

void order_probe_target(struct runtime_container *container, const struct pod_http_get *http,
                        const struct pod_tcp_socket *tcp, const struct pod_exec *exec,
                        struct probe_target *target) {
  const struct pod_container *spec = container->pod->machine.items[container->index].spec;
  target->address = container->pod->facts.pod_ip;
  target->folder = container->folder;
  if (http) {
    bool tls = str_eq_nocase(http->scheme, STR("HTTPS"));
    target->type = tls ? PROBE_TCP : PROBE_HTTP;
    target->port = port_of(spec, http->port);
    target->path = http->path;
    target->headers = http->http_headers;
    target->header_count = http->http_headers_count;
    if (!str_is_empty(http->host))
      target->address = http->host;
  } else if (tcp) {
    target->type = PROBE_TCP;
    target->port = port_of(spec, tcp->port);
    if (!str_is_empty(tcp->host))
      target->address = tcp->host;
  } else if (exec) {
    target->type = PROBE_EXEC;
    target->argv = exec->command;
    target->argv_count = exec->command_count;
  }
}
