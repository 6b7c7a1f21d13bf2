// SPDX-License-Identifier: Apache-2.0
// Back-up and restore of a DATA's store, as whole files. Used by `serin backup` and `serin
// restore`.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/err.h"

// DATA where the user names none: $XDG_STATE_HOME/serin, else ~/.local/state/serin.
int store_file_data(struct str given, struct arena *arena, struct str *ret_data, struct err *err);
// A consistent copy in a new file (0600); the server may run. RC_NOT_FOUND when there is no store.
int store_file_backup(struct str data, struct str file, struct err *err);
// Puts a copy in the place of the store, whole or not at all; the one before it is kept as
// store.db.replaced. The server must not run (RC_EXISTS). Revisions leap ahead (store.h).
// Certificates and the token are not part of a copy: they stay what they are in DATA.
int store_file_restore(struct str data, struct str file, struct err *err);
// The lock of the process that works on DATA's store; RC_EXISTS when somebody has it. Held until
// the descriptor is closed.
int store_file_lock(const char *data, int *ret_fd, struct err *err);
