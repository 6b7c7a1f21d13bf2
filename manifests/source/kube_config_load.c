// SPDX-License-Identifier: Apache-2.0
// Where to look for a Kubernetes API: see the order in kube_config.h.
#include "manifests/base/bug.h"
#include "manifests/source/file.h"
#include "manifests/source/kube_config_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define KUBECONFIG_MAX (4u << 20)
#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

static const char *env(const struct kube_config_lookup *lookup, const char *name) {
  const char *value = lookup->env ? lookup->env(name, lookup->env_data) : getenv(name);
  return value && *value ? value : NULL;
}

static int load_plain(const char *url, struct kube_config *ret_config, struct err *err) {
  struct str server = str_trim(str_of(url));
  while (str_ends(server, STR("/")))
    server.len--;
  if (!str_starts(server, STR("http://")) && !str_starts(server, STR("https://")))
    return err_set(err, RC_USAGE, "--kube-api is \"%s\"; expected http://HOST:PORT", url);
  struct kube_config config = {0};
  config.server = arena_str(&config.arena, server);
  config.ns = STR("default");
  config.origin = STR("--kube-api");
  *ret_config = config;
  return RC_OK;
}

// A list of files: those that do not exist are passed over, unless `required`. RC_NOT_FOUND when
// none exists.
static int load_files(const struct kube_config_lookup *lookup, struct str list, bool required,
                      struct kube_config *ret_config, struct err *err) {
  struct arena arena;
  arena_init(&arena);
  struct kube_config_files files = {.arena = &arena};
  int rc = RC_OK;
  bool any = false;
  struct str rest = list, path;
  while (rc == RC_OK && str_next(&rest, ':', &path)) {
    struct str text;
    if (path.len == 0)
      continue;
    path = arena_str(&arena, path);
    rc = file_read(path.ptr, KUBECONFIG_MAX, &arena, &text, err);
    if (rc == RC_NOT_FOUND && !required) {
      rc = RC_OK;
    } else if (rc == RC_OK) {
      any = true;
      rc = kube_config_files_add(&files, text, path, err);
    }
  }
  if (rc == RC_OK && !any)
    rc = err_set(err, RC_NOT_FOUND, "%.*s: no such file", STR_ARG(list));
  if (rc == RC_OK)
    rc = kube_config_files_resolve(&files, str_of(lookup->context), ret_config, err);
  arena_dispose(&arena);
  return rc;
}

static bool is_in_cluster(const struct kube_config_lookup *lookup) {
  return env(lookup, "KUBERNETES_SERVICE_HOST") && env(lookup, "KUBERNETES_SERVICE_PORT");
}

static int load_in_cluster(const struct kube_config_lookup *lookup, struct kube_config *ret_config,
                           struct err *err) {
  const char *folder = lookup->service_account ? lookup->service_account : SERVICE_ACCOUNT;
  const char *host = env(lookup, "KUBERNETES_SERVICE_HOST");
  const char *port = env(lookup, "KUBERNETES_SERVICE_PORT");
  struct kube_config config = {0};
  struct arena *arena = &config.arena;
  config.server =
      arena_printf(arena, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
  config.origin = STR("in-cluster");
  config.token_file = arena_printf(arena, "%s/token", folder);
  struct str token, ns;
  int rc = file_read(config.token_file.ptr, KUBECONFIG_MAX, arena, &token, err);
  config.ca_file = arena_printf(arena, "%s/ca.crt", folder);
  if (rc == RC_OK)
    rc = file_read(config.ca_file.ptr, KUBECONFIG_MAX, arena, &config.tls.ca_pem, err);
  if (rc) {
    arena_dispose(&config.arena);
    return err_wrap(err, rc, "in-cluster service account");
  }
  bool has_ns = file_read(arena_printf(arena, "%s/namespace", folder).ptr, KUBECONFIG_MAX, arena,
                          &ns, NULL) == RC_OK &&
                str_trim(ns).len > 0;
  config.ns = has_ns ? str_trim(ns) : STR("default");
  *ret_config = config;
  return RC_OK;
}

static struct str home_path(const struct kube_config_lookup *lookup, struct arena *arena,
                            const char *below) {
  const char *home = env(lookup, "HOME");
  return home ? arena_printf(arena, "%s/%s", home, below) : STR_NULL;
}

static struct str data_dir(const struct kube_config_lookup *lookup, struct arena *arena) {
  const char *state = env(lookup, "XDG_STATE_HOME");
  if (lookup->data_dir)
    return arena_strz(arena, lookup->data_dir);
  if (state)
    return arena_printf(arena, "%s/serin", state);
  return home_path(lookup, arena, ".local/state/serin");
}

// `serin up` holds DATA/lock for as long as it lives, by flock(2) or by a lock of fcntl(2).
static bool is_locked(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  struct flock range = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
  bool locked = fcntl(fd, F_GETLK, &range) == 0 && range.l_type != F_UNLCK;
  if (!locked)
    locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(fd);
  return locked;
}

static int load_serin_up(const struct kube_config_lookup *lookup, struct arena *arena,
                         struct kube_config *ret_config, struct err *err) {
  struct str dir = data_dir(lookup, arena);
  if (!dir.len || !is_locked(arena_printf(arena, "%.*s/lock", STR_ARG(dir)).ptr))
    return RC_NOT_FOUND;
  return load_files(lookup, arena_printf(arena, "%.*s/kubeconfig", STR_ARG(dir)), false, ret_config,
                    err);
}

static int load_home(const struct kube_config_lookup *lookup, struct arena *arena,
                     struct kube_config *ret_config, struct err *err) {
  struct str path = home_path(lookup, arena, ".kube/config");
  if (!path.len || access(path.ptr, F_OK) != 0)
    return RC_NOT_FOUND;
  return load_files(lookup, path, true, ret_config, err);
}

static int load_first(const struct kube_config_lookup *lookup, struct arena *arena,
                      struct kube_config *ret_config, struct err *err) {
  int rc;
  if (lookup->as_kubectl) {
    rc = load_home(lookup, arena, ret_config, err);
    if (rc == RC_NOT_FOUND && is_in_cluster(lookup))
      rc = load_in_cluster(lookup, ret_config, err);
    return rc;
  }
  if (is_in_cluster(lookup))
    return load_in_cluster(lookup, ret_config, err);
  rc = load_serin_up(lookup, arena, ret_config, err);
  return rc == RC_NOT_FOUND ? load_home(lookup, arena, ret_config, err) : rc;
}

int kube_config_load(const struct kube_config_lookup *lookup, struct kube_config *ret_config,
                     struct err *err) {
  if (lookup->kube_api && !lookup->as_kubectl)
    return load_plain(lookup->kube_api, ret_config, err);
  if (lookup->kubeconfig)
    return load_files(lookup, str_of(lookup->kubeconfig), true, ret_config, err);
  const char *list = env(lookup, "KUBECONFIG");
  if (list) {
    int rc = load_files(lookup, str_of(list), false, ret_config, err);
    return rc ? err_wrap(err, rc, "KUBECONFIG") : RC_OK;
  }
  struct arena arena;
  struct err inner = {0};
  arena_init(&arena);
  int rc = load_first(lookup, &arena, ret_config, &inner);
  arena_dispose(&arena);
  if (rc == RC_OK || inner.rc) {
    if (rc && err)
      *err = inner;
    return rc;
  }
  return err_set(
      err, RC_NOT_FOUND,
      "found no Kubernetes API: no --kubeconfig, no KUBECONFIG, no running `serin up`, no "
      "~/.kube/config; start one with `serin up`, or name one with --kubeconfig FILE");
}
