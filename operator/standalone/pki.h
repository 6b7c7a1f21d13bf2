// SPDX-License-Identifier: Apache-2.0
// The server's own certificate authority and certificate, below DATA/pki: {ca,server}.{crt,key};
// while an authority is being exchanged also next.pem (its key and certificate) and next.at. The
// files pki*.c are the only ones here that know OpenSSL, but for digest.c.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/err.h"

struct pki {
  struct arena arena;
  struct str ca_pem;            // what clients are to trust: the authority, and the next one
  struct str cert_pem, key_pem; // NUL behind each
  int64_t switch_ms;            // when the next authority takes over; 0: there is none
};

#define PKI_CA_DAYS 3650
#define PKI_CERT_DAYS 397
#define PKI_RENEW_DAYS 30 // a certificate that ends sooner is made anew

// Reads the files, or makes what is missing or about to expire: an EC P-256 authority, and a
// certificate for 127.0.0.1, ::1 and localhost signed by it. A new authority makes a new
// certificate, and kubeconfigs with the old one stop working. An authority whose time has come
// takes the place of the one before.
int pki_open(const char *data, int64_t now_ms, struct pki *ret_pki, struct err *err);
void pki_close(struct pki *pki);
// Whether pki_open would make or change something at `now_ms`.
bool pki_is_due(const struct pki *pki, int64_t now_ms);

// --- What `serin certificates` does; the server sees the changed files and reads them again.

// Makes the next authority. Clients are told to trust it from now on, beside the one that is; after
// `overlap_ms` it signs the server's certificate and the old one is trusted no more. With 0 that
// happens at once, also to a next one that is there already; else RC_EXISTS when there is one.
int pki_rotate(const char *data, int64_t now_ms, int64_t overlap_ms, struct err *err);
// The server gets a new certificate and key of the same authority.
int pki_renew_server(const char *data, struct err *err);

struct pki_info {
  int64_t ca_end_ms, cert_end_ms; // 0: not there yet
  int64_t next_end_ms, switch_ms; // 0: none is under way
};
int pki_describe(const char *data, struct pki_info *ret_info, struct err *err);
