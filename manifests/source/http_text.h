// SPDX-License-Identifier: Apache-2.0
// The small texts around HTTP: what may stand in a header, what of a URL may be shown, escaping.
// Pure. Reply headers and http_escape are declared in http_client.h and live in http_text.c, too.
#pragma once

#include "manifests/base/arena.h"

// A token of RFC 9110 5.6.2, at least one character.
bool http_text_is_token(struct str text);
// No control characters: fit for a header's value or a URL.
bool http_text_is_clean(struct str text);
// The URL without user, password, query and fragment.
struct str http_text_public_url(struct arena *arena, struct str url);
// localhost, 127.x.x.x, ::1 (with or without brackets).
bool http_text_is_loopback(struct str host);
