// SPDX-License-Identifier: Apache-2.0
// Refuses what RE2 would refuse although PCRE2 takes it. Pure; used by lint, and by the proxy
// before it compiles. It does not prove a pattern valid: PCRE2 does the rest.
#pragma once

#include "manifests/base/err.h"
#include "manifests/base/str.h"

// 0, or RC_INVALID with the construct, its place and why.
int regex_syntax_check(struct str pattern, struct err *err);
