// SPDX-License-Identifier: Apache-2.0
// The server's own certificate authority and certificate, below DATA/pki. pki.c is the only file
// here that knows OpenSSL.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/err.h"

struct pki {
  struct arena arena;
  struct str ca_pem, cert_pem, key_pem; // NUL behind each
};

#define PKI_CA_DAYS 3650
#define PKI_CERT_DAYS 397
#define PKI_RENEW_DAYS 30 // a certificate that ends sooner is made anew

// Reads the files, or makes what is missing or about to expire: an EC P-256 authority, and a
// certificate for 127.0.0.1, ::1 and localhost signed by it. A new authority makes a new
// certificate, and kubeconfigs with the old one stop working.
int pki_open(const char *data, int64_t now_ms, struct pki *ret_pki, struct err *err);
void pki_close(struct pki *pki);
// Whether pki_open would make a new certificate at `now_ms`.
bool pki_is_due(const struct pki *pki, int64_t now_ms);
