// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/digest.h"
#include "manifests/base/bug.h"

#include <openssl/evp.h>

struct digest digest_of(struct str text) {
  struct digest digest;
  BUG_ON(EVP_Digest(text.ptr ? text.ptr : "", text.len, digest.bytes, NULL, EVP_sha256(), NULL) !=
         1);
  return digest;
}
