// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/auth.h"
#include "manifests/base/bug.h"
#include "manifests/source/base64.h"
#include "operator/standalone/private_file.h"

#include <pwd.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define TOKEN_BYTES 32u
#define TOKEN_FILE_MAX 4096u

static struct str new_token(struct arena *arena) {
  unsigned char bytes[TOKEN_BYTES];
  ssize_t got = getrandom(bytes, sizeof(bytes), 0);
  BUG_ON(got != (ssize_t)sizeof(bytes));
  struct str text = STR("");
  for (size_t i = 0; i < sizeof(bytes); i++)
    text = arena_printf(arena, "%.*s%02x", STR_ARG(text), bytes[i]);
  return text;
}

int auth_open(const char *data, struct auth *ret_auth, struct err *err) {
  struct auth auth = {0};
  arena_init(&auth.arena);
  struct str path = arena_printf(&auth.arena, "%s/token", data), text;
  int rc = private_file_read(path.ptr, TOKEN_FILE_MAX, &auth.arena, &text, err);
  if (rc == RC_NOT_FOUND) {
    text = new_token(&auth.arena);
    rc = private_file_write(path.ptr, text, err);
  }
  auth.token = str_trim(text);
  if (!rc && auth.token.len < 16)
    rc = err_set(err, RC_INVALID,
                 "%s holds no token of at least 16 characters; remove it to get a new one",
                 path.ptr);
  if (rc) {
    arena_dispose(&auth.arena);
    return rc;
  }
  const struct passwd *account = getpwuid(geteuid());
  auth.user.name =
      arena_strz(&auth.arena, account && account->pw_name[0] ? account->pw_name : "admin");
  static const struct str groups[] = {{"system:masters", 14}, {"system:authenticated", 20}};
  auth.user.groups = groups;
  auth.user.group_count = ARRAY_LEN(groups);
  *ret_auth = auth;
  return RC_OK;
}

void auth_close(struct auth *auth) {
  arena_dispose(&auth->arena);
}

const struct api_user *auth_check(const struct auth *auth, struct str header) {
  struct str scheme = str_slice(header, 0, 7);
  if (!str_eq_nocase(scheme, STR("Bearer ")))
    return NULL;
  struct str given = str_trim(str_slice(header, 7, header.len));
  // No early exit: the time must not tell how much of a guess was right.
  unsigned char wrong = given.len != auth->token.len;
  for (size_t i = 0; i < auth->token.len; i++)
    wrong |= (unsigned char)(auth->token.ptr[i] ^ (i < given.len ? given.ptr[i] : 0));
  return wrong ? NULL : &auth->user;
}

int auth_write_kubeconfig(const struct auth *auth, const char *data, int port, struct str ca_pem,
                          struct err *err) {
  struct arena arena;
  arena_init(&arena);
  struct str ca = base64_encode(&arena, ca_pem);
  struct str text = arena_printf(&arena,
                                 "apiVersion: v1\n"
                                 "kind: Config\n"
                                 "clusters:\n"
                                 "- name: serin\n"
                                 "  cluster:\n"
                                 "    server: https://127.0.0.1:%d\n"
                                 "    certificate-authority-data: %.*s\n"
                                 "users:\n"
                                 "- name: serin\n"
                                 "  user:\n"
                                 "    token: %.*s\n"
                                 "contexts:\n"
                                 "- name: serin\n"
                                 "  context:\n"
                                 "    cluster: serin\n"
                                 "    user: serin\n"
                                 "    namespace: default\n"
                                 "current-context: serin\n",
                                 port, STR_ARG(ca), STR_ARG(auth->token));
  struct str path = arena_printf(&arena, "%s/kubeconfig", data);
  int rc = private_file_write(path.ptr, text, err);
  arena_dispose(&arena);
  return rc;
}
