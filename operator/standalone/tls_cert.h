// SPDX-License-Identifier: Apache-2.0
// The certificate a TLS server shows, exchanged while it runs: handshakes from then on get the new
// one, connections that are open go on. tls_cert.c and tls_library.c are the only files here that
// know GnuTLS.
#pragma once

#include "manifests/base/err.h"
#include "manifests/base/str.h"

// TLS 1.2 with forward secrecy and authenticated encryption, and 1.3; no older curve or hash.
extern const char tls_priorities[];

// PEM texts. One certificate a process: libmicrohttpd's callback has no other way to find it.
int tls_cert_set(struct str cert_pem, struct str key_pem, struct err *err);
void tls_cert_forget(void);
// For MHD_OPTION_HTTPS_CERT_CALLBACK.
void *tls_cert_callback(void);
