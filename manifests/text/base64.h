// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648, standard alphabet), as in kubeconfigs and Secrets. Pure.
#pragma once

#include "manifests/base/arena.h"

// Line breaks and spaces are skipped. False on any other foreign character or a wrong length.
bool base64_decode(struct str text, struct arena *arena, struct str *ret_bytes);
struct str base64_encode(struct arena *arena, struct str bytes);
