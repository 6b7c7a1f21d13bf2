// SPDX-License-Identifier: Apache-2.0
// X.509 certificates with their keys, in memory. Shared by the files pki*.c alone.
#pragma once

#include "operator/standalone/pki.h"

#include <openssl/x509.h>

struct pki_pair {
  X509 *cert;
  EVP_PKEY *key;
  struct str cert_pem, key_pem;
};

void pki_pair_free(struct pki_pair *pair);
// Whether the texts are a pair that is whole, not about to expire and signed by `issuer` (by itself
// when NULL). The texts must outlive the pair.
bool pki_pair_read(struct str cert_pem, struct str key_pem, const struct pki_pair *issuer,
                   int64_t now_ms, struct pki_pair *ret_pair);
// A new one: an authority when issuer is NULL, else the server's.
int pki_pair_make(const struct pki_pair *issuer, int64_t now_ms, struct arena *arena,
                  struct pki_pair *ret_pair, struct err *err);
X509 *pki_cert_from(struct str pem); // the first in the text; NULL when there is none
bool pki_cert_is_fresh(const X509 *cert, int64_t now_ms);
int64_t pki_cert_end_ms(const X509 *cert);
