// SPDX-License-Identifier: Apache-2.0
// Traffic back to the stable version without an operator: one guarded patch on the VirtualService.
// Used by `serin abort --direct` only.
#pragma once

#include "operator/cli/session.h"

// *ret_message: what was done, in `arena`.
int abort_direct(struct session *session, struct str name, struct arena *arena,
                 struct str *ret_message, struct err *err);
