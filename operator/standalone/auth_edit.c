// SPDX-License-Identifier: Apache-2.0
// `serin token`: changes the files of DATA/access while the server runs or not.
#include "manifests/base/bug.h"
#include "manifests/text/base64.h"
#include "manifests/source/kube_config.h"
#include "operator/standalone/auth_files.h"
#include "operator/standalone/private_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

// One change under way: the tokens are read under the lock and written before it is released.
struct edit {
  const char *data;
  struct arena arena;
  int lock;
  struct auth_tokens tokens;
};

static int edit_begin(const char *data, struct edit *edit, struct err *err) {
  *edit = (struct edit){.data = data, .lock = -1};
  arena_init(&edit->arena);
  if (access(data, F_OK))
    return err_errno(err, "%s", data);
  int rc = auth_make_folder(data, err);
  struct str path = arena_printf(&edit->arena, "%s/access/lock", data);
  if (!rc) {
    edit->lock = open(path.ptr, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (edit->lock < 0 || flock(edit->lock, LOCK_EX))
      rc = err_errno(err, "cannot lock %s", path.ptr);
  }
  return rc ? rc : auth_read_tokens(data, &edit->arena, &edit->tokens, err);
}

static int edit_write(struct edit *edit, struct err *err) {
  if (edit->tokens.count > AUTH_TOKENS_MAX)
    return err_set(err, RC_LIMIT, "more than %u tokens: delete some first", AUTH_TOKENS_MAX);
  struct str path = arena_printf(&edit->arena, "%s/access/tokens.json", edit->data);
  return private_file_write(path.ptr, auth_tokens_text(&edit->arena, &edit->tokens), err);
}

static void edit_end(struct edit *edit) {
  if (edit->lock >= 0)
    close(edit->lock);
  arena_dispose(&edit->arena);
}

static struct auth_token *find_name(struct auth_tokens *tokens, struct str name) {
  for (size_t i = 0; i < tokens->count; i++)
    if (str_eq(tokens->items[i].name, name))
      return &tokens->items[i];
  return NULL;
}

int auth_create(const char *data, const struct auth_spec *spec, int64_t now_ms, struct arena *arena,
                struct str *ret_token, struct err *err) {
  const struct auth_role *role = auth_role_find(spec->role);
  int rc = auth_name_check(spec->name, err);
  if (!rc && auth_builtin_find(spec->name))
    rc = err_set(err, RC_INVALID,
                 "\"%.*s\" is a token of Serin's own; `serin token rotate` gives "
                 "it a new secret",
                 STR_ARG(spec->name));
  if (!rc && !role)
    rc = err_set(err, RC_INVALID, "--role: expected one of %s, found \"%.*s\"", auth_role_names(),
                 STR_ARG(spec->role));
  if (rc)
    return rc;
  struct edit edit;
  rc = edit_begin(data, &edit, err);
  auth_tokens_prune(&edit.tokens, now_ms);
  if (!rc && find_name(&edit.tokens, spec->name))
    rc = err_set(err, RC_EXISTS, "there is a token named \"%.*s\" already", STR_ARG(spec->name));
  if (!rc) {
    *ret_token = auth_new_secret(arena);
    struct auth_token token = {.name = spec->name,
                               .role = role,
                               .ns = spec->ns,
                               .hash = digest_of(*ret_token),
                               .created_ms = now_ms,
                               .expires_ms = spec->expires_ms};
    auth_tokens_add(&edit.tokens, &edit.arena, &token);
    rc = edit_write(&edit, err);
  }
  edit_end(&edit);
  return rc;
}

int auth_list(const char *data, int64_t now_ms, struct arena *arena, struct auth_tokens *ret_tokens,
              struct err *err) {
  struct auth_tokens others;
  *ret_tokens = (struct auth_tokens){0};
  if (access(data, F_OK))
    return err_errno(err, "%s", data);
  int rc = auth_read_tokens(data, arena, &others, err);
  for (size_t i = 0; !rc && i < auth_builtin_count; i++) {
    const struct auth_builtin *builtin = &auth_builtins[i];
    struct str path = arena_printf(arena, "%s/%s", data, builtin->file), text;
    if (private_file_read(path.ptr, 4096, arena, &text, NULL))
      continue; // made at the first start
    struct auth_token token = {.name = str_of(builtin->name),
                               .role = auth_role_find(str_of(builtin->role)),
                               .hash = digest_of(str_trim(text))};
    auth_tokens_add(ret_tokens, arena, &token);
  }
  if (rc)
    return rc;
  auth_tokens_prune(&others, now_ms);
  for (size_t i = 0; i < others.count; i++)
    auth_tokens_add(ret_tokens, arena, &others.items[i]);
  return RC_OK;
}

int auth_delete(const char *data, struct str name, struct err *err) {
  struct edit edit;
  if (auth_builtin_find(name))
    return err_set(err, RC_INVALID, "\"%.*s\" is a token of Serin's own: it can only be rotated",
                   STR_ARG(name));
  int rc = edit_begin(data, &edit, err);
  if (!rc) {
    size_t kept = 0;
    for (size_t i = 0; i < edit.tokens.count; i++)
      if (!str_eq(edit.tokens.items[i].name, name))
        edit.tokens.items[kept++] = edit.tokens.items[i];
    if (kept == edit.tokens.count)
      rc = err_set(err, RC_NOT_FOUND, "there is no token named \"%.*s\"", STR_ARG(name));
    edit.tokens.count = kept;
  }
  if (!rc)
    rc = edit_write(&edit, err);
  edit_end(&edit);
  return rc;
}

// The old secret becomes one that expires; the new one goes where the old one was.
static int rotate_builtin(struct edit *edit, const struct auth_builtin *builtin, int64_t grace_ms,
                          int64_t now_ms, struct str secret, struct err *err) {
  struct str old;
  int rc = auth_builtin_secret(edit->data, builtin, &edit->arena, &old, err);
  if (rc)
    return rc;
  if (grace_ms > 0) {
    struct auth_token token = {.name = str_of(builtin->name),
                               .role = auth_role_find(str_of(builtin->role)),
                               .hash = digest_of(old),
                               .created_ms = now_ms,
                               .expires_ms = now_ms + grace_ms};
    auth_tokens_add(&edit->tokens, &edit->arena, &token);
  }
  rc = edit_write(edit, err);
  struct str path = arena_printf(&edit->arena, "%s/%s", edit->data, builtin->file);
  if (!rc)
    rc = private_file_write(path.ptr, secret, err);
  return rc ? rc : edit_write(edit, err); // what the server watches: both are there now
}

static int rotate_other(struct edit *edit, struct str name, int64_t grace_ms, int64_t now_ms,
                        struct str secret, struct err *err) {
  struct auth_token *old = find_name(&edit->tokens, name);
  if (!old)
    return err_set(err, RC_NOT_FOUND, "there is no token named \"%.*s\"", STR_ARG(name));
  struct auth_token fresh = *old;
  fresh.hash = digest_of(secret);
  fresh.created_ms = now_ms;
  for (size_t i = 0; i < edit->tokens.count; i++) {
    struct auth_token *token = &edit->tokens.items[i];
    int64_t end_ms = now_ms + grace_ms;
    if (str_eq(token->name, name) && (!token->expires_ms || token->expires_ms > end_ms))
      token->expires_ms = end_ms;
  }
  auth_tokens_prune(&edit->tokens, now_ms);
  auth_tokens_add(&edit->tokens, &edit->arena, &fresh);
  return edit_write(edit, err);
}

int auth_rotate(const char *data, struct str name, int64_t grace_ms, int64_t now_ms,
                struct arena *arena, struct str *ret_token, struct err *err) {
  const struct auth_builtin *builtin = auth_builtin_find(name);
  struct edit edit;
  int rc = edit_begin(data, &edit, err);
  if (!rc) {
    auth_tokens_prune(&edit.tokens, now_ms);
    *ret_token = auth_new_secret(arena);
    rc = builtin ? rotate_builtin(&edit, builtin, grace_ms, now_ms, *ret_token, err)
                 : rotate_other(&edit, name, grace_ms, now_ms, *ret_token, err);
  }
  edit_end(&edit);
  return rc;
}

int auth_kubeconfig_for(const char *data, struct str user, struct str token, struct str ns,
                        struct arena *arena, struct str *ret_text, struct err *err) {
  struct str path = arena_printf(arena, "%s/kubeconfig", data), text;
  struct kube_config config;
  int rc = private_file_read(path.ptr, 1u << 20, arena, &text, err);
  if (!rc)
    rc = kube_config_parse(text, path, STR(""), &config, err);
  if (rc)
    return rc;
  struct str ca = arena_printf(arena, "certificate-authority-data: %.*s",
                               STR_ARG(base64_encode(arena, config.tls.ca_pem)));
  *ret_text = auth_kubeconfig_text(arena, config.server, ca, arena_str(arena, user).ptr,
                                   arena_printf(arena, "token: %.*s", STR_ARG(token)),
                                   ns.len ? ns : STR("default"));
  kube_config_dispose(&config);
  return RC_OK;
}
