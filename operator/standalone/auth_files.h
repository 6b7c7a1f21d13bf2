// SPDX-License-Identifier: Apache-2.0
// Where tokens are kept. Shared by auth.c and auth_edit.c alone.
#pragma once

#include "operator/standalone/auth.h"

// The tokens whose secrets are in files: the owner's and the components'.
struct auth_builtin {
  const char *name, *role;
  const char *user; // NULL: the account that runs the server
  const char *file; // below DATA
};

extern const struct auth_builtin auth_builtins[];
extern const size_t auth_builtin_count;
const struct auth_builtin *auth_builtin_find(struct str name);

struct str auth_new_secret(struct arena *arena);
int auth_make_folder(const char *data, struct err *err);
// Reads the secret of a file or makes it.
int auth_builtin_secret(const char *data, const struct auth_builtin *builtin, struct arena *arena,
                        struct str *ret_secret, struct err *err);
int auth_read_tokens(const char *data, struct arena *arena, struct auth_tokens *ret_tokens,
                     struct err *err);
// `ca` and `credential` are whole members: "certificate-authority-data: ...".
struct str auth_kubeconfig_text(struct arena *arena, struct str server, struct str ca,
                                const char *user, struct str credential, struct str ns);
