// SPDX-License-Identifier: Apache-2.0
// Who is asking: bearer tokens. DATA/token is the owner's and may do everything;
// DATA/access/NAME.token are those of the components of `serin up`, each with its own role;
// DATA/access/tokens.json holds the hashes of all others (`serin token`). Made at first start where
// they are missing (0600, the folder 0700). The server keeps only hashes in memory.
#pragma once

#include "operator/standalone/api_call.h"
#include "operator/standalone/auth_token.h"

struct auth {
  struct arena arena;
  struct auth_tokens tokens;
  struct api_user *users; // of tokens.items
  struct api_user *owner;
};

#define AUTH_OWNER "owner" // as `serin token` calls the one of DATA/token

// Reads the files or makes them.
int auth_open(const char *data, struct auth *ret_auth, struct err *err);
void auth_close(struct auth *auth);
// The user of an Authorization header; NULL when it is none of ours, or has expired. Takes the same
// time for any wrong token.
const struct api_user *auth_check(const struct auth *auth, struct str header, int64_t now_ms);
// Whether the token of that api_user.id is still good.
bool auth_is_valid(const struct auth *auth, uint64_t id, int64_t now_ms);
// Writes DATA/kubeconfig (0600) for kubectl: server, CA, token, context "serin"; and
// DATA/access/NAME.kubeconfig for the components, which name DATA/access/ca.crt and their token's
// file, so that both can be exchanged while they run. Files that would not change are left alone.
int auth_write_kubeconfigs(const char *data, int port, struct str ca_pem, struct err *err);

bool auth_is_own(struct str name); // the owner's, or a component's

// --- What `serin token` does; the server sees the changed files and reads them again.

struct auth_spec {
  struct str name;
  struct str role, ns;
  int64_t expires_ms; // 0: never
};
// The new secret, in the arena. Several tokens may have one name only through auth_rotate.
int auth_create(const char *data, const struct auth_spec *spec, int64_t now_ms, struct arena *arena,
                struct str *ret_token, struct err *err);
// All that count, the owner's and the components' first.
int auth_list(const char *data, int64_t now_ms, struct arena *arena, struct auth_tokens *ret_tokens,
              struct err *err);
// RC_NOT_FOUND; RC_INVALID for the owner's and the components', which are only rotated.
int auth_delete(const char *data, struct str name, struct err *err);
// A new secret for the same name; the old one stays good for `grace_ms`.
int auth_rotate(const char *data, struct str name, int64_t grace_ms, int64_t now_ms,
                struct arena *arena, struct str *ret_token, struct err *err);
// A kubeconfig with that token, for the server and CA of DATA/kubeconfig. RC_NOT_FOUND before the
// first start.
int auth_kubeconfig_for(const char *data, struct str user, struct str token, struct str ns,
                        struct arena *arena, struct str *ret_text, struct err *err);
