// SPDX-License-Identifier: Apache-2.0
// SHA-256. digest.c and pki*.c are the only files here that know OpenSSL.
#pragma once

#include "manifests/base/str.h"

struct digest {
  unsigned char bytes[32];
};

struct digest digest_of(struct str text);
