// SPDX-License-Identifier: Apache-2.0
// users[] of a kubeconfig: what is shown to the server.
#include "manifests/source/file.h"
#include "manifests/source/kube_config_files.h"

static int refuse_unsupported(const struct json *user, struct str file, struct str name,
                              struct err *err) {
  static const char *const impersonation[] = {"as", "as-uid", "as-groups", "as-user-extra"};
  if (json_get(user, "auth-provider"))
    return err_set(
        err, RC_UNSUPPORTED,
        "%.*s: user \"%.*s\" has the auth-provider \"%.*s\", which kubectl has given up, "
        "too; use exec, a token or a client certificate",
        STR_ARG(file), STR_ARG(name), STR_ARG(json_path_string(user, "auth-provider.name")));
  for (size_t i = 0; i < sizeof impersonation / sizeof impersonation[0]; i++)
    if (json_get(user, impersonation[i]))
      return err_set(err, RC_UNSUPPORTED,
                     "%.*s: user \"%.*s\" acts as somebody else (\"%s\"), which Serin does not do",
                     STR_ARG(file), STR_ARG(name), impersonation[i]);
  return RC_OK;
}

static int read_certificate(const struct json *user, struct str file, struct str name,
                            struct kube_config *config, struct err *err) {
  struct arena *arena = &config->arena;
  int rc = kube_config_pem(arena, user, "client-certificate", "client-certificate-data", file,
                           &config->tls.cert_pem, &config->cert_file, err);
  if (rc == RC_OK)
    rc = kube_config_pem(arena, user, "client-key", "client-key-data", file, &config->tls.key_pem,
                         &config->key_file, err);
  if (rc == RC_OK && !config->tls.cert_pem.len != !config->tls.key_pem.len)
    rc = err_set(err, RC_INVALID,
                 "%.*s: user \"%.*s\" has only one of client-certificate and client-key",
                 STR_ARG(file), STR_ARG(name));
  return rc;
}

static int check_one_way(const struct json *user, struct str file, struct str name,
                         const struct kube_config *config, struct err *err) {
  bool token = config->token.len || config->token_file.len;
  if (token + (config->user.len > 0) + (json_get(user, "exec") != NULL) < 2)
    return RC_OK;
  return err_set(err, RC_INVALID,
                 "%.*s: user \"%.*s\" has more than one of token, username and exec: keep one",
                 STR_ARG(file), STR_ARG(name));
}

static int read_user(const struct json *user, struct str file, struct str name,
                     const struct json *cluster, struct kube_config *config, struct err *err) {
  struct arena *arena = &config->arena;
  struct str token_file = json_get_string(user, "tokenFile");
  int rc = refuse_unsupported(user, file, name, err);
  if (rc == RC_OK)
    rc = read_certificate(user, file, name, config, err);
  if (rc)
    return rc;
  if (token_file.len)
    config->token_file = file_beside(arena, file, token_file);
  // Shown when the file cannot be read.
  config->token = arena_str(arena, str_trim(json_get_string(user, "token")));
  config->user = arena_str(arena, json_get_string(user, "username"));
  config->password = arena_str(arena, json_get_string(user, "password"));
  rc = check_one_way(user, file, name, config, err);
  if (rc == RC_OK && json_get(user, "exec"))
    rc = kube_exec_read(json_get(user, "exec"), cluster, config->tls.ca_pem, file, arena,
                        &config->exec, err);
  return rc;
}

int kube_config_user(const struct kube_config_files *files, struct str name,
                     const struct json *cluster, struct kube_config *config, struct err *err) {
  struct str file;
  if (name.len == 0)
    return RC_OK; // no credentials at all
  const struct json *user = kube_config_find(files, "users", "user", name, &file);
  if (!user)
    return err_set(err, RC_INVALID, "%.*s: context \"%.*s\" names user \"%.*s\"; there are: %.*s",
                   STR_ARG(kube_config_paths(files)), STR_ARG(config->context), STR_ARG(name),
                   STR_ARG(kube_config_names(files, "users")));
  struct kube_config read = {.arena = config->arena, .tls = config->tls};
  int rc = read_user(user, file, name, cluster, &read, err);
  config->arena = read.arena;
  // Over plain HTTP anybody can read them: as kubectl, none are sent.
  if (rc || !str_starts(config->server, STR("https://")))
    return rc;
  config->tls = read.tls;
  config->token = read.token;
  config->token_file = read.token_file;
  config->cert_file = read.cert_file;
  config->key_file = read.key_file;
  config->user = read.user;
  config->password = read.password;
  config->exec = read.exec;
  return RC_OK;
}
