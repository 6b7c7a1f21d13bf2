// SPDX-License-Identifier: Apache-2.0
// UTF-8 validity (RFC 3629): no overlong forms, surrogates or code points beyond U+10FFFF.
#pragma once

#include "manifests/base/str.h"

// False sets *ret_at to the offset of the first bad byte.
bool utf8_valid(struct str text, size_t *ret_at);
