// SPDX-License-Identifier: Apache-2.0
// Who is asking: one bearer token in DATA/token, made at first start, which stands for the account
// that runs the server.
#pragma once

#include "operator/standalone/api_call.h"

struct auth {
  struct arena arena;
  struct str token;
  struct api_user user;
};

// Reads DATA/token or makes it (0600).
int auth_open(const char *data, struct auth *ret_auth, struct err *err);
void auth_close(struct auth *auth);
// The user of an Authorization header; NULL when it is none of ours. Takes the same time for any
// wrong token.
const struct api_user *auth_check(const struct auth *auth, struct str header);
// Writes DATA/kubeconfig (0600) for kubectl: server, CA, token, context "serin".
int auth_write_kubeconfig(const struct auth *auth, const char *data, int port, struct str ca_pem,
                          struct err *err);
