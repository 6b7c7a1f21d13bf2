// SPDX-License-Identifier: Apache-2.0
// Kubeconfig texts. Where to look for them is in kube_config_load.c.
#include "manifests/source/kube_config.h"
#include "manifests/base/limits.h"
#include "manifests/source/base64.h"
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

// The entry `name` of a list ("contexts") and below it `field` ("context"); the first file that has
// it wins.
static const struct json *find_named(const struct kube_config_files *files, const char *list,
                                     const char *field, struct str name, struct str *ret_file) {
  for (size_t i = 0; i < files->count; i++)
    JSON_EACH(item, json_get(files->items[i].root, list))
  if (str_eq(json_get_string(item, "name"), name)) {
    *ret_file = files->items[i].path;
    return json_get(item, field) ? json_get(item, field) : item;
  }
  return NULL;
}

static struct str names_of(const struct kube_config_files *files, const char *list) {
  struct str names = STR("");
  for (size_t i = 0; i < files->count; i++)
    JSON_EACH(item, json_get(files->items[i].root, list)) {
      struct str name = json_get_string(item, "name");
      names = arena_printf(files->arena, "%.*s%s%.*s", STR_ARG(names), names.len ? ", " : "",
                           STR_ARG(name));
    }
  return names.len ? names : STR("none");
}

static struct str all_files(const struct kube_config_files *files) {
  struct str paths = STR("");
  for (size_t i = 0; i < files->count; i++)
    paths = arena_printf(files->arena, "%.*s%s%.*s", STR_ARG(paths), paths.len ? ":" : "",
                         STR_ARG(files->items[i].path));
  return paths;
}

// A PEM given inline in base64 (`data`), or as a file (`name`); the inline one wins, as in
// client-go.
static int read_pem(struct arena *arena, const struct json *from, const char *name,
                    const char *data, struct str file, struct str *ret_pem, struct err *err) {
  struct str inline_text = json_get_string(from, data), path = json_get_string(from, name);
  if (inline_text.len) {
    if (!base64_decode(inline_text, arena, ret_pem))
      return err_set(err, RC_PARSE, "%.*s: %s is not base64", STR_ARG(file), data);
    return RC_OK;
  }
  if (path.len == 0)
    return RC_OK;
  int rc = file_read(file_beside(arena, file, path).ptr, PEM_MAX, arena, ret_pem, err);
  return rc ? err_wrap(err, rc, "%.*s: %s", STR_ARG(file), name) : RC_OK;
}

static int read_cluster(const struct kube_config_files *files, struct str name,
                        struct kube_config *config, struct err *err) {
  struct arena *arena = &config->arena;
  struct str file;
  const struct json *cluster = find_named(files, "clusters", "cluster", name, &file);
  if (!cluster)
    return err_set(err, RC_INVALID,
                   "%.*s: context \"%.*s\" names cluster \"%.*s\"; there are: %.*s",
                   STR_ARG(all_files(files)), STR_ARG(config->context), STR_ARG(name),
                   STR_ARG(names_of(files, "clusters")));
  struct str server = json_get_string(cluster, "server");
  while (str_ends(server, STR("/")))
    server.len--;
  if (!str_starts(server, STR("https://")) && !str_starts(server, STR("http://")))
    return err_set(err, RC_INVALID,
                   "%.*s: server of cluster \"%.*s\" is \"%.*s\"; expected https://HOST:PORT",
                   STR_ARG(file), STR_ARG(name), STR_ARG(server));
  config->server = arena_str(arena, server);
  static const char *const unsupported[] = {"proxy-url", "tls-server-name"};
  for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++)
    if (json_get_string(cluster, unsupported[i]).len)
      return err_set(err, RC_UNSUPPORTED, "%.*s: %s of cluster \"%.*s\" is not supported",
                     STR_ARG(file), unsupported[i], STR_ARG(name));
  config->tls.insecure = json_is_true(json_get(cluster, "insecure-skip-tls-verify"));
  return read_pem(arena, cluster, "certificate-authority", "certificate-authority-data", file,
                  &config->tls.ca_pem, err);
}

static int refuse_plugin(const struct json *user, struct str file, struct str name,
                         struct err *err) {
  struct str command = json_path_string(user, "exec.command");
  struct str provider = json_path_string(user, "auth-provider.name");
  if (!json_get(user, "exec") && !json_get(user, "auth-provider"))
    return RC_OK;
  return err_set(
      err, RC_UNSUPPORTED,
      "%.*s: user \"%.*s\" gets its credentials from the plugin \"%.*s\", and Serin runs "
      "no plugins; use a kubeconfig with a token (kubectl create token SERVICEACCOUNT) or "
      "a client certificate",
      STR_ARG(file), STR_ARG(name), STR_ARG(command.len ? command : provider));
}

static int read_user(const struct kube_config_files *files, struct str name,
                     struct kube_config *config, struct err *err) {
  struct arena *arena = &config->arena;
  struct str file;
  if (name.len == 0)
    return RC_OK; // no credentials at all
  const struct json *user = find_named(files, "users", "user", name, &file);
  if (!user)
    return err_set(err, RC_INVALID, "%.*s: context \"%.*s\" names user \"%.*s\"; there are: %.*s",
                   STR_ARG(all_files(files)), STR_ARG(config->context), STR_ARG(name),
                   STR_ARG(names_of(files, "users")));
  int rc = refuse_plugin(user, file, name, err);
  if (rc == RC_OK)
    rc = read_pem(arena, user, "client-certificate", "client-certificate-data", file,
                  &config->tls.cert_pem, err);
  if (rc == RC_OK)
    rc = read_pem(arena, user, "client-key", "client-key-data", file, &config->tls.key_pem, err);
  struct str token_file = json_get_string(user, "tokenFile");
  if (token_file.len)
    config->token_file = file_beside(arena, file, token_file);
  else
    config->token = arena_str(arena, str_trim(json_get_string(user, "token")));
  config->user = arena_str(arena, json_get_string(user, "username"));
  config->password = arena_str(arena, json_get_string(user, "password"));
  return rc;
}

static int resolve(const struct kube_config_files *files, struct str context,
                   struct kube_config *config, struct err *err) {
  struct arena *arena = &config->arena;
  for (size_t i = 0; i < files->count && context.len == 0; i++)
    context = json_get_string(files->items[i].root, "current-context");
  if (context.len == 0)
    return err_set(err, RC_INVALID, "%.*s has no current-context; choose one with --context: %.*s",
                   STR_ARG(all_files(files)), STR_ARG(names_of(files, "contexts")));
  struct str file;
  const struct json *found = find_named(files, "contexts", "context", context, &file);
  if (!found)
    return err_set(err, RC_INVALID, "%.*s has no context \"%.*s\"; there are: %.*s",
                   STR_ARG(all_files(files)), STR_ARG(context),
                   STR_ARG(names_of(files, "contexts")));
  struct str ns = json_get_string(found, "namespace");
  config->context = arena_str(arena, context);
  config->origin = arena_str(arena, file);
  config->ns = ns.len ? arena_str(arena, ns) : STR("default");
  int rc = read_cluster(files, json_get_string(found, "cluster"), config, err);
  return rc ? rc : read_user(files, json_get_string(found, "user"), config, err);
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
