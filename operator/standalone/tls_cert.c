// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/tls_cert.h"
#include "manifests/base/alloc.h"
#include "operator/standalone/tls_library.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

const char tls_priorities[] =
    "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:+AEAD:"
    "+ECDHE-ECDSA:+ECDHE-RSA:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:"
    "+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384:+SIGN-RSA-PSS-RSAE-SHA256:"
    "+SIGN-RSA-SHA256:+COMP-NULL:%SERVER_PRECEDENCE";

struct tls_cert {
  gnutls_pcert_st cert;
  gnutls_privkey_t key;
};

// A handshake may still hold the one before.
static struct tls_cert *current, *previous;

static int retrieve(gnutls_session_t session, const gnutls_datum_t *authorities, int count,
                    const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                    gnutls_pcert_st **ret_certs, unsigned *ret_count, gnutls_privkey_t *ret_key) {
  (void)session, (void)authorities, (void)count, (void)algorithms, (void)algorithm_count;
  if (!current)
    return -1;
  *ret_certs = &current->cert;
  *ret_count = 1;
  *ret_key = current->key;
  return 0;
}

void *tls_cert_callback(void) {
  gnutls_certificate_retrieve_function2 *function = retrieve;
  return (void *)(uintptr_t)function;
}

static void cert_free(struct tls_cert *cert) {
  if (!cert)
    return;
  gnutls_pcert_deinit(&cert->cert);
  gnutls_privkey_deinit(cert->key);
  xfree(cert);
}

static gnutls_datum_t datum(struct str text) {
  return (gnutls_datum_t){(unsigned char *)(uintptr_t)text.ptr, (unsigned)text.len};
}

int tls_cert_set(struct str cert_pem, struct str key_pem, struct err *err) {
  int rc = tls_library_start(err);
  if (rc)
    return rc;
  gnutls_datum_t cert = datum(cert_pem), key = datum(key_pem);
  struct tls_cert *fresh = XNEW(struct tls_cert);
  int code = gnutls_privkey_init(&fresh->key);
  if (code >= 0)
    code = gnutls_privkey_import_x509_raw(fresh->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
  if (code >= 0)
    code = gnutls_pcert_import_x509_raw(&fresh->cert, &cert, GNUTLS_X509_FMT_PEM, 0);
  if (code < 0) {
    cert_free(fresh);
    return err_set(err, RC_INVALID, "the server's certificate cannot be used: %s",
                   gnutls_strerror(code));
  }
  cert_free(previous);
  previous = current;
  current = fresh;
  return RC_OK;
}

void tls_cert_forget(void) {
  cert_free(previous);
  cert_free(current);
  previous = current = NULL;
}
