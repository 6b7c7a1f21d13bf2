// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/kube_exec.h"
#include "manifests/text/base64.h"
#include "manifests/source/file.h"
#include "manifests/source/http_text.h"
#include "manifests/text/json.h"
#include "manifests/text/time.h"

#define GROUP "client.authentication.k8s.io/"

static bool is_known(struct str api_version) {
  return str_eq_z(api_version, GROUP "v1") || str_eq_z(api_version, GROUP "v1beta1");
}

// --- what a plugin is told ---

static void add_cluster(const struct json *cluster, struct str ca_pem, struct arena *arena,
                        struct json *spec) {
  static const char *const texts[] = {"server", "tls-server-name", "proxy-url"};
  struct json *told = json_need_object(arena, spec, "cluster");
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    if (json_get_string(cluster, texts[i]).len)
      json_put_string(arena, told, texts[i], json_get_string(cluster, texts[i]));
  if (json_is_true(json_get(cluster, "insecure-skip-tls-verify")))
    json_put_bool(arena, told, "insecure-skip-tls-verify", true);
  if (ca_pem.len)
    json_put_string(arena, told, "certificate-authority-data", base64_encode(arena, ca_pem));
  JSON_EACH(item, json_get(cluster, "extensions")) {
    if (str_eq_z(json_get_string(item, "name"), GROUP "exec") && json_get(item, "extension"))
      json_put(arena, told, "config", json_dup(arena, json_get(item, "extension")));
  }
}

static struct str info_of(const struct json *exec, const struct json *cluster, struct str ca_pem,
                          struct arena *arena) {
  struct json *info = json_new_object(arena);
  json_put_z(arena, info, "kind", "ExecCredential");
  json_put_string(arena, info, "apiVersion", json_get_string(exec, "apiVersion"));
  struct json *spec = json_need_object(arena, info, "spec");
  if (json_is_true(json_get(exec, "provideClusterInfo")))
    add_cluster(cluster, ca_pem, arena, spec);
  json_put_bool(arena, spec, "interactive", false);
  return json_text(arena, info);
}

static void read_lists(const struct json *exec, struct arena *arena, struct kube_exec *ret) {
  const struct json *args = json_get(exec, "args"), *env = json_get(exec, "env");
  struct str *texts = ARENA_ARRAY(arena, struct str, args ? args->count + 1 : 1);
  struct kube_exec_env *vars = ARENA_ARRAY(arena, struct kube_exec_env, env ? env->count + 1 : 1);
  JSON_EACH(item, args)
    texts[ret->arg_count++] = arena_str(arena, json_string(item));
  JSON_EACH(item, env)
    vars[ret->env_count++] =
        (struct kube_exec_env){arena_str(arena, json_get_string(item, "name")),
                               arena_str(arena, json_get_string(item, "value"))};
  ret->args = texts;
  ret->env = vars;
}

int kube_exec_read(const struct json *exec, const struct json *cluster, struct str ca_pem,
                   struct str file, struct arena *arena, struct kube_exec *ret_exec,
                   struct err *err) {
  struct str command = json_get_string(exec, "command");
  struct str version = json_get_string(exec, "apiVersion");
  if (!command.len)
    return err_set(err, RC_INVALID, "%.*s: exec has no command", STR_ARG(file));
  if (!is_known(version))
    return err_set(err, RC_UNSUPPORTED,
                   "%.*s: exec \"%.*s\" has apiVersion \"%.*s\"; expected " GROUP "v1 or " GROUP
                   "v1beta1",
                   STR_ARG(file), STR_ARG(command), STR_ARG(version));
  if (str_eq_z(json_get_string(exec, "interactiveMode"), "Always"))
    return err_set(err, RC_UNSUPPORTED,
                   "%.*s: exec \"%.*s\" wants to talk to a person (interactiveMode: Always), and "
                   "Serin gives it no terminal; use a token or a certificate",
                   STR_ARG(file), STR_ARG(command));
  *ret_exec = (struct kube_exec){
      .command = str_find_char(command, '/') >= 0 ? file_beside(arena, file, command)
                                                  : arena_str(arena, command),
      .api_version = arena_str(arena, version),
      .install_hint = arena_str(arena, str_trim(json_get_string(exec, "installHint"))),
      .info = info_of(exec, cluster, ca_pem, arena)};
  read_lists(exec, arena, ret_exec);
  return RC_OK;
}

// --- what it answers ---

static int check(const struct json *root, struct str api_version, struct err *err) {
  struct str kind = json_get_string(root, "kind");
  struct str version = json_get_string(root, "apiVersion");
  if (!str_eq_z(kind, "ExecCredential"))
    return err_set(err, RC_INVALID, "expected kind ExecCredential, found \"%.*s\"",
                   STR_ARG(str_slice(kind, 0, 64)));
  if (!str_eq(version, api_version))
    return err_set(err, RC_INVALID, "expected apiVersion %.*s, found \"%.*s\"",
                   STR_ARG(api_version), STR_ARG(str_slice(version, 0, 64)));
  if (!json_is(json_get(root, "status"), JSON_OBJECT))
    return err_set(err, RC_INVALID, "the ExecCredential has no status");
  return RC_OK;
}

int kube_exec_parse(struct str text, struct str api_version, struct arena *arena,
                    struct kube_exec_credential *ret_credential, struct err *err) {
  struct json *root;
  if (json_parse(text, arena, &root, NULL) != RC_OK) // its message may quote a secret
    return err_set(err, RC_PARSE, "what it printed (%zu bytes) is not JSON", text.len);
  int rc = check(root, api_version, err);
  if (rc)
    return rc;
  const struct json *status = json_get(root, "status");
  struct kube_exec_credential found = {
      .token = arena_str(arena, str_trim(json_get_string(status, "token"))),
      .cert_pem = json_get_string(status, "clientCertificateData"),
      .key_pem = json_get_string(status, "clientKeyData")};
  struct str expires = json_get_string(status, "expirationTimestamp");
  if (!found.token.len && !found.cert_pem.len && !found.key_pem.len)
    return err_set(err, RC_INVALID, "its status has neither token nor clientCertificateData");
  if (!found.cert_pem.len != !found.key_pem.len)
    return err_set(err, RC_INVALID,
                   "its status has only one of clientCertificateData and clientKeyData");
  if (!http_text_is_clean(found.token))
    return err_set(err, RC_INVALID, "its token has characters a header may not have");
  if (expires.len && !time_parse(expires, &found.expires_ms))
    return err_set(err, RC_INVALID, "expirationTimestamp: expected a time as 2026-01-29T12:00:00Z");
  *ret_credential = found;
  return RC_OK;
}
