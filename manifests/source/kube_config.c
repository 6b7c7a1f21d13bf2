// SPDX-License-Identifier: Apache-2.0
// Kubeconfig texts. Where to look for them is in kube_config_load.c.
#include "manifests/source/kube_config.h"
#include "manifests/base/limits.h"
#include "manifests/text/base64.h"
#include "manifests/source/file.h"
#include "manifests/source/kube_config_files.h"
#include "manifests/text/yaml.h"

#include <string.h>

#define PEM_MAX (1u << 20)

void kube_config_dispose(struct kube_config *config) {
  arena_dispose(&config->arena);
  memset(config, 0, sizeof *config);
}

int kube_config_files_add(struct kube_config_files *files, struct str text, struct str file,
                          struct err *err) {
  struct findings findings;
  struct yaml_doc *docs;
  findings_init(&findings, files->arena);
  size_t count = yaml_parse(text, file, files->arena, &docs, &findings);
  if (findings.errors)
    return err_set(err, RC_PARSE, "%.*s", STR_ARG(finding_text(&findings.items[0], files->arena)));
  if (count == 0)
    return RC_OK; // kubectl takes an empty file for an empty configuration
  if (count > 1 || !json_is(docs[0].root, JSON_OBJECT))
    return err_set(err, RC_PARSE, "%.*s is not a kubeconfig: expected one YAML mapping",
                   STR_ARG(file));
  struct str kind = json_get_string(docs[0].root, "kind");
  if (kind.len && !str_eq_z(kind, "Config"))
    return err_set(err, RC_PARSE, "%.*s is not a kubeconfig: kind is %.*s, expected Config",
                   STR_ARG(file), STR_ARG(kind));
  struct kube_config_file *added = arena_push(files->arena, (void **)&files->items, &files->count,
                                              &files->capacity, sizeof *added);
  *added = (struct kube_config_file){arena_str(files->arena, file), docs[0].root};
  return RC_OK;
}

const struct json *kube_config_find(const struct kube_config_files *files, const char *list,
                                    const char *field, struct str name, struct str *ret_file) {
  for (size_t i = 0; i < files->count; i++)
    JSON_EACH(item, json_get(files->items[i].root, list))
      if (str_eq(json_get_string(item, "name"), name)) {
        *ret_file = files->items[i].path;
        return json_get(item, field) ? json_get(item, field) : item;
      }
  return NULL;
}

struct str kube_config_names(const struct kube_config_files *files, const char *list) {
  struct str names = STR("");
  for (size_t i = 0; i < files->count; i++)
    JSON_EACH(item, json_get(files->items[i].root, list)) {
      struct str name = json_get_string(item, "name");
      names = arena_printf(files->arena, "%.*s%s%.*s", STR_ARG(names), names.len ? ", " : "",
                           STR_ARG(name));
    }
  return names.len ? names : STR("none");
}

struct str kube_config_paths(const struct kube_config_files *files) {
  struct str paths = STR("");
  for (size_t i = 0; i < files->count; i++)
    paths = arena_printf(files->arena, "%.*s%s%.*s", STR_ARG(paths), paths.len ? ":" : "",
                         STR_ARG(files->items[i].path));
  return paths;
}

int kube_config_pem(struct arena *arena, const struct json *from, const char *name,
                    const char *data, struct str file, struct str *ret_pem, struct str *ret_path,
                    struct err *err) {
  struct str inline_text = json_get_string(from, data), path = json_get_string(from, name);
  if (inline_text.len) {
    if (!base64_decode(inline_text, arena, ret_pem))
      return err_set(err, RC_PARSE, "%.*s: %s is not base64", STR_ARG(file), data);
    return RC_OK;
  }
  if (path.len == 0)
    return RC_OK;
  *ret_path = file_beside(arena, file, path);
  int rc = file_read(ret_path->ptr, PEM_MAX, arena, ret_pem, err);
  return rc ? err_wrap(err, rc, "%.*s: %s", STR_ARG(file), name) : RC_OK;
}

static int read_connection(const struct json *cluster, struct str file, struct str name,
                           struct kube_config *config, struct err *err) {
  struct arena *arena = &config->arena;
  config->proxy = arena_str(arena, json_get_string(cluster, "proxy-url"));
  config->tls.server_name = arena_str(arena, json_get_string(cluster, "tls-server-name"));
  config->tls.insecure = json_is_true(json_get(cluster, "insecure-skip-tls-verify"));
  if (config->proxy.len && !str_starts(config->proxy, STR("http://")) &&
      !str_starts(config->proxy, STR("https://")) && !str_starts(config->proxy, STR("socks5://")))
    return err_set(err, RC_UNSUPPORTED,
                   "%.*s: proxy-url of cluster \"%.*s\": expected http://, https:// or socks5://",
                   STR_ARG(file), STR_ARG(name));
  int rc = kube_config_pem(arena, cluster, "certificate-authority", "certificate-authority-data",
                           file, &config->tls.ca_pem, &config->ca_file, err);
  if (rc == RC_OK && config->tls.insecure && config->tls.ca_pem.len) // as client-go
    rc = err_set(err, RC_INVALID,
                 "%.*s: cluster \"%.*s\" has a certificate-authority and "
                 "insecure-skip-tls-verify: keep one",
                 STR_ARG(file), STR_ARG(name));
  return rc;
}

static int read_cluster(const struct kube_config_files *files, struct str name,
                        struct kube_config *config, const struct json **ret_cluster,
                        struct err *err) {
  struct str file;
  const struct json *cluster = kube_config_find(files, "clusters", "cluster", name, &file);
  if (!cluster)
    return err_set(err, RC_INVALID,
                   "%.*s: context \"%.*s\" names cluster \"%.*s\"; there are: %.*s",
                   STR_ARG(kube_config_paths(files)), STR_ARG(config->context), STR_ARG(name),
                   STR_ARG(kube_config_names(files, "clusters")));
  struct str server = json_get_string(cluster, "server");
  while (str_ends(server, STR("/")))
    server.len--;
  if (!str_starts(server, STR("https://")) && !str_starts(server, STR("http://")))
    return err_set(err, RC_INVALID,
                   "%.*s: server of cluster \"%.*s\" is \"%.*s\"; expected https://HOST:PORT",
                   STR_ARG(file), STR_ARG(name), STR_ARG(server));
  config->server = arena_str(&config->arena, server);
  *ret_cluster = cluster;
  return read_connection(cluster, file, name, config, err);
}

static int resolve(const struct kube_config_files *files, struct str context,
                   struct kube_config *config, struct err *err) {
  struct arena *arena = &config->arena;
  for (size_t i = 0; i < files->count && context.len == 0; i++)
    context = json_get_string(files->items[i].root, "current-context");
  if (context.len == 0)
    return err_set(err, RC_INVALID, "%.*s has no current-context; choose one with --context: %.*s",
                   STR_ARG(kube_config_paths(files)),
                   STR_ARG(kube_config_names(files, "contexts")));
  struct str file;
  const struct json *found = kube_config_find(files, "contexts", "context", context, &file);
  if (!found)
    return err_set(err, RC_INVALID, "%.*s has no context \"%.*s\"; there are: %.*s",
                   STR_ARG(kube_config_paths(files)), STR_ARG(context),
                   STR_ARG(kube_config_names(files, "contexts")));
  struct str ns = json_get_string(found, "namespace");
  config->context = arena_str(arena, context);
  config->origin = arena_str(arena, file);
  config->ns = ns.len ? arena_str(arena, ns) : STR("default");
  const struct json *cluster = NULL;
  int rc = read_cluster(files, json_get_string(found, "cluster"), config, &cluster, err);
  return rc ? rc : kube_config_user(files, json_get_string(found, "user"), cluster, config, err);
}

int kube_config_files_resolve(const struct kube_config_files *files, struct str context,
                              struct kube_config *ret_config, struct err *err) {
  struct kube_config config = {0};
  int rc = resolve(files, context, &config, err);
  if (rc) {
    kube_config_dispose(&config);
    return rc;
  }
  *ret_config = config;
  return RC_OK;
}

int kube_config_parse(struct str text, struct str file, struct str context,
                      struct kube_config *ret_config, struct err *err) {
  struct arena arena;
  arena_init(&arena);
  struct kube_config_files files = {.arena = &arena};
  int rc = kube_config_files_add(&files, text, file, err);
  if (rc == RC_OK && files.count == 0)
    rc = err_set(err, RC_INVALID, "%.*s is empty", STR_ARG(file));
  if (rc == RC_OK)
    rc = kube_config_files_resolve(&files, context, ret_config, err);
  arena_dispose(&arena);
  return rc;
}
