// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/pki_cert.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#define DAY_S (24 * 60 * 60L)

static int fail(struct err *err, const char *what) {
  char reason[256];
  ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
  return err_set(err, RC_INTERNAL, "certificates: %s: %s", what, reason);
}

X509 *pki_cert_from(struct str pem) {
  BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
  X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
  BIO_free(bio);
  return cert;
}

static EVP_PKEY *key_from(struct str pem) {
  BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
  EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
  BIO_free(bio);
  return key;
}

static struct str text_of(BIO *bio, struct arena *arena) {
  char *ptr = NULL;
  long len = BIO_get_mem_data(bio, &ptr);
  return arena_str(arena, (struct str){ptr, len > 0 ? (size_t)len : 0});
}

static int to_pem(X509 *cert, EVP_PKEY *key, struct arena *arena, struct str *ret_cert,
                  struct str *ret_key, struct err *err) {
  BIO *a = BIO_new(BIO_s_mem()), *b = BIO_new(BIO_s_mem());
  int rc = RC_OK;
  if (!a || !b || !PEM_write_bio_X509(a, cert) ||
      !PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL))
    rc = fail(err, "cannot write");
  if (!rc) {
    *ret_cert = text_of(a, arena);
    *ret_key = text_of(b, arena);
  }
  BIO_free(a);
  BIO_free(b);
  return rc;
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  bool ok = extension && X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
  return ok;
}

static bool add_name(X509_NAME *name, const char *common) {
  return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"Serin", -1,
                                    -1, 0) &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common, -1,
                                    -1, 0);
}

static bool random_serial(X509 *cert) {
  BIGNUM *number = BN_new();
  bool ok = number && BN_rand(number, 126, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
            BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
  BN_free(number);
  return ok;
}

// issuer NULL: self-signed, an authority.
static X509 *make_cert(EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, int64_t now_ms) {
  X509 *cert = X509_new();
  time_t now = (time_t)(now_ms / 1000);
  long days = issuer ? PKI_CERT_DAYS : PKI_CA_DAYS;
  // An hour back, for clocks that differ a little (virtual machines after a pause).
  bool ok = cert && X509_set_version(cert, 2) && random_serial(cert) &&
            X509_time_adj_ex(X509_getm_notBefore(cert), 0, -3600, &now) &&
            X509_time_adj_ex(X509_getm_notAfter(cert), (int)days, 0, &now) &&
            X509_set_pubkey(cert, key) &&
            add_name(X509_get_subject_name(cert), issuer ? "serin-apiserver" : "serin-ca") &&
            X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer : cert)) &&
            add_extension(cert, cert, NID_subject_key_identifier, "hash");
  if (ok && issuer)
    ok = add_extension(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(cert, issuer, NID_key_usage, "critical,digitalSignature") &&
         add_extension(cert, issuer, NID_ext_key_usage, "serverAuth") &&
         add_extension(cert, issuer, NID_authority_key_identifier, "keyid") &&
         add_extension(cert, issuer, NID_subject_alt_name,
                       "IP:127.0.0.1,IP:0:0:0:0:0:0:0:1,DNS:localhost");
  else if (ok)
    ok = add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
         add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign");
  if (ok && X509_sign(cert, issuer ? issuer_key : key, EVP_sha256()))
    return cert;
  X509_free(cert);
  return NULL;
}

bool pki_cert_is_fresh(const X509 *cert, int64_t now_ms) {
  time_t limit = (time_t)(now_ms / 1000) + PKI_RENEW_DAYS * DAY_S;
  return cert && X509_cmp_time(X509_get0_notAfter(cert), &limit) > 0;
}

void pki_pair_free(struct pki_pair *pair) {
  X509_free(pair->cert);
  EVP_PKEY_free(pair->key);
  *pair = (struct pki_pair){0};
}

bool pki_pair_read(struct str cert_pem, struct str key_pem, const struct pki_pair *issuer,
                   int64_t now_ms, struct pki_pair *ret_pair) {
  struct pki_pair pair = {.cert = pki_cert_from(cert_pem),
                          .key = key_from(key_pem),
                          .cert_pem = cert_pem,
                          .key_pem = key_pem};
  EVP_PKEY *signer = issuer ? issuer->key : pair.key;
  if (pair.cert && pair.key && pki_cert_is_fresh(pair.cert, now_ms) &&
      X509_check_private_key(pair.cert, pair.key) == 1 && X509_verify(pair.cert, signer) == 1) {
    *ret_pair = pair;
    return true;
  }
  pki_pair_free(&pair);
  ERR_clear_error();
  return false;
}

int pki_pair_make(const struct pki_pair *issuer, int64_t now_ms, struct arena *arena,
                  struct pki_pair *ret_pair, struct err *err) {
  struct pki_pair pair = {.key = EVP_EC_gen("P-256")};
  if (pair.key)
    pair.cert =
        make_cert(pair.key, issuer ? issuer->cert : NULL, issuer ? issuer->key : NULL, now_ms);
  int rc = pair.cert ? RC_OK : fail(err, "cannot make one");
  if (!rc)
    rc = to_pem(pair.cert, pair.key, arena, &pair.cert_pem, &pair.key_pem, err);
  if (rc)
    pki_pair_free(&pair);
  else
    *ret_pair = pair;
  return rc;
}

int64_t pki_cert_end_ms(const X509 *cert) {
  struct tm end;
  if (!cert || !ASN1_TIME_to_tm(X509_get0_notAfter(cert), &end))
    return 0;
  return (int64_t)timegm(&end) * 1000;
}
