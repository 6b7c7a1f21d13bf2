// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/auth.h"
#include "manifests/base/bug.h"
#include "manifests/text/base64.h"
#include "operator/standalone/auth_files.h"
#include "operator/standalone/private_file.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_BYTES 32u
#define TOKEN_FILE_MAX 4096u
#define TOKEN_MIN 16u

const struct auth_builtin auth_builtins[] = {
    {AUTH_OWNER, "admin", NULL, "token"},
    {"operator", "operator", "system:serin:operator", "access/operator.token"},
    {"proxy", "proxy", "system:serin:proxy", "access/proxy.token"},
    {"runtime", "runtime", "system:serin:runtime", "access/runtime.token"},
};
const size_t auth_builtin_count = ARRAY_LEN(auth_builtins);

const struct auth_builtin *auth_builtin_find(struct str name) {
  for (size_t i = 0; i < auth_builtin_count; i++)
    if (str_eq_z(name, auth_builtins[i].name))
      return &auth_builtins[i];
  return NULL;
}

bool auth_is_own(struct str name) {
  return auth_builtin_find(name) != NULL;
}

struct str auth_new_secret(struct arena *arena) {
  unsigned char bytes[TOKEN_BYTES];
  ssize_t got = getrandom(bytes, sizeof(bytes), 0);
  BUG_ON(got != (ssize_t)sizeof(bytes));
  struct str text = STR("");
  for (size_t i = 0; i < sizeof(bytes); i++)
    text = arena_printf(arena, "%.*s%02x", STR_ARG(text), bytes[i]);
  return text;
}

int auth_make_folder(const char *data, struct err *err) {
  struct arena arena;
  arena_init(&arena);
  struct str path = arena_printf(&arena, "%s/access", data);
  int rc =
      mkdir(path.ptr, 0700) && errno != EEXIST ? err_errno(err, "cannot make %s", path.ptr) : RC_OK;
  if (!rc && chmod(path.ptr, 0700))
    rc = err_errno(err, "cannot close %s to others", path.ptr);
  arena_dispose(&arena);
  return rc;
}

int auth_builtin_secret(const char *data, const struct auth_builtin *builtin, struct arena *arena,
                        struct str *ret_secret, struct err *err) {
  struct str path = arena_printf(arena, "%s/%s", data, builtin->file), text;
  int rc = private_file_read(path.ptr, TOKEN_FILE_MAX, arena, &text, err);
  if (rc == RC_NOT_FOUND) {
    text = auth_new_secret(arena);
    rc = private_file_write(path.ptr, text, err);
  }
  if (rc)
    return rc;
  *ret_secret = str_trim(text);
  if (ret_secret->len < TOKEN_MIN)
    return err_set(err, RC_INVALID,
                   "%s holds no token of at least %u characters; remove it to get a new one",
                   path.ptr, TOKEN_MIN);
  return RC_OK;
}

int auth_read_tokens(const char *data, struct arena *arena, struct auth_tokens *ret_tokens,
                     struct err *err) {
  struct str path = arena_printf(arena, "%s/access/tokens.json", data), text = STR("");
  int rc = private_file_read(path.ptr, AUTH_TOKENS_BYTES, arena, &text, err);
  if (rc && rc != RC_NOT_FOUND)
    return rc;
  rc = auth_tokens_parse(rc ? STR("") : text, arena, ret_tokens, err);
  return rc ? err_wrap(err, rc, "%s", path.ptr) : RC_OK;
}

// --- Users

static struct str account_name(struct arena *arena) {
  const struct passwd *account = getpwuid(geteuid());
  return arena_strz(arena, account && account->pw_name[0] ? account->pw_name : "admin");
}

static void fill_user(struct auth *auth, struct api_user *user, const struct auth_token *token) {
  const struct auth_builtin *builtin = auth_builtin_find(token->name);
  struct arena *arena = &auth->arena;
  struct str *groups = ARENA_ARRAY(arena, struct str, 2);
  groups[0] = arena_printf(arena, "serin:%s", token->role->name);
  groups[1] = STR("system:authenticated");
  *user = (struct api_user){.name = token->name,
                            .groups = groups,
                            .group_count = 2,
                            .role = token->role,
                            .ns = token->ns};
  memcpy(&user->id, token->hash.bytes, sizeof user->id);
  user->id |= 1; // never 0
  if (!builtin)
    return;
  user->name = builtin->user ? arena_strz(arena, builtin->user) : account_name(arena);
  groups[0] = builtin->user ? STR("system:serin") : STR("system:masters");
}

int auth_open(const char *data, struct auth *ret_auth, struct err *err) {
  struct auth auth = {0};
  arena_init(&auth.arena);
  int rc = auth_make_folder(data, err);
  if (!rc)
    rc = auth_read_tokens(data, &auth.arena, &auth.tokens, err);
  for (size_t i = 0; !rc && i < auth_builtin_count; i++) {
    const struct auth_builtin *builtin = &auth_builtins[i];
    struct str secret;
    rc = auth_builtin_secret(data, builtin, &auth.arena, &secret, err);
    if (rc)
      break;
    struct auth_token token = {.name = str_of(builtin->name),
                               .role = auth_role_find(str_of(builtin->role)),
                               .hash = digest_of(secret)};
    explicit_bzero((char *)(uintptr_t)secret.ptr, secret.len);
    auth_tokens_add(&auth.tokens, &auth.arena, &token);
  }
  if (rc) {
    arena_dispose(&auth.arena);
    return rc;
  }
  auth.users = ARENA_ARRAY(&auth.arena, struct api_user, auth.tokens.count);
  for (size_t i = 0; i < auth.tokens.count; i++)
    fill_user(&auth, &auth.users[i], &auth.tokens.items[i]);
  auth.owner = &auth.users[auth.tokens.count - auth_builtin_count];
  *ret_auth = auth;
  return RC_OK;
}

void auth_close(struct auth *auth) {
  arena_dispose(&auth->arena);
}

const struct api_user *auth_check(const struct auth *auth, struct str header, int64_t now_ms) {
  struct str scheme = str_slice(header, 0, 7);
  if (!str_eq_nocase(scheme, STR("Bearer ")))
    return NULL;
  struct digest hash = digest_of(str_trim(str_slice(header, 7, header.len)));
  const struct auth_token *token = auth_tokens_find(&auth->tokens, &hash, now_ms);
  return token ? &auth->users[token - auth->tokens.items] : NULL;
}

bool auth_is_valid(const struct auth *auth, uint64_t id, int64_t now_ms) {
  for (size_t i = 0; i < auth->tokens.count; i++) {
    int64_t expires_ms = auth->tokens.items[i].expires_ms;
    if (auth->users[i].id == id && (!expires_ms || expires_ms > now_ms))
      return true;
  }
  return false;
}

// --- kubeconfigs

struct str auth_kubeconfig_text(struct arena *arena, struct str server, struct str ca,
                                const char *user, struct str credential, struct str ns) {
  return arena_printf(arena,
                      "apiVersion: v1\n"
                      "kind: Config\n"
                      "clusters:\n"
                      "- name: serin\n"
                      "  cluster:\n"
                      "    server: %.*s\n"
                      "    %.*s\n"
                      "users:\n"
                      "- name: %s\n"
                      "  user:\n"
                      "    %.*s\n"
                      "contexts:\n"
                      "- name: serin\n"
                      "  context:\n"
                      "    cluster: serin\n"
                      "    user: %s\n"
                      "    namespace: %.*s\n"
                      "current-context: serin\n",
                      STR_ARG(server), STR_ARG(ca), user, STR_ARG(credential), user, STR_ARG(ns));
}

// A file that is as it should be is not written again: its readers look at its time.
static int write_if_changed(const char *path, struct str text, struct arena *arena,
                            struct err *err) {
  struct str have;
  if (private_file_read(path, 1u << 20, arena, &have, NULL) == RC_OK && str_eq(have, text))
    return RC_OK;
  return private_file_write(path, text, err);
}

static int write_kubeconfig(const char *data, const struct auth_builtin *builtin, struct str server,
                            struct str ca_pem, struct arena *arena, struct err *err) {
  if (builtin->user) {
    struct str path = arena_printf(arena, "%s/access/%s.kubeconfig", data, builtin->name);
    struct str credential = arena_printf(arena, "tokenFile: %s.token", builtin->name);
    return write_if_changed(path.ptr,
                            auth_kubeconfig_text(arena, server,
                                                 STR("certificate-authority: ca.crt"),
                                                 builtin->name, credential, STR("default")),
                            arena, err);
  }
  struct str secret;
  int rc = auth_builtin_secret(data, builtin, arena, &secret, err);
  if (rc)
    return rc;
  struct str ca = arena_printf(arena, "certificate-authority-data: %.*s",
                               STR_ARG(base64_encode(arena, ca_pem)));
  struct str credential = arena_printf(arena, "token: %.*s", STR_ARG(secret));
  return write_if_changed(
      arena_printf(arena, "%s/kubeconfig", data).ptr,
      auth_kubeconfig_text(arena, server, ca, "serin", credential, STR("default")), arena, err);
}

int auth_write_kubeconfigs(const char *data, int port, struct str ca_pem, struct err *err) {
  struct arena arena;
  arena_init(&arena);
  struct str server = arena_printf(&arena, "https://127.0.0.1:%d", port);
  int rc =
      write_if_changed(arena_printf(&arena, "%s/access/ca.crt", data).ptr, ca_pem, &arena, err);
  for (size_t i = 0; !rc && i < auth_builtin_count; i++)
    rc = write_kubeconfig(data, &auth_builtins[i], server, ca_pem, &arena, err);
  arena_dispose(&arena);
  return rc;
}
