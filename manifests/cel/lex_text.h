// SPDX-License-Identifier: Apache-2.0
// Escapes in texts: \n, \x41, \u00e9, \U0001f600, \101. In bytes \x and octal forms are bytes, and
// \u is not allowed. Source: the CEL language definition, "String and bytes values".
#pragma once

#include "manifests/base/arena.h"

bool cel_unescape(struct str inside, bool bytes, struct arena *arena, struct str *ret_text);
