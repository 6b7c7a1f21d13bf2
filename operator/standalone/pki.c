// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/pki.h"
#include "operator/standalone/pki_cert.h"
#include "operator/standalone/private_file.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEM_MAX 65536u

static int read_pair(const char *data, const char *name, struct arena *arena, struct str *ret_cert,
                     struct str *ret_key) {
  struct str cert_path = arena_printf(arena, "%s/pki/%s.crt", data, name);
  struct str key_path = arena_printf(arena, "%s/pki/%s.key", data, name);
  int rc = private_file_read(cert_path.ptr, PEM_MAX, arena, ret_cert, NULL);
  return rc ? rc : private_file_read(key_path.ptr, PEM_MAX, arena, ret_key, NULL);
}

// The key first: a certificate without its key is never left behind.
static int write_pair(const char *data, const char *name, struct arena *arena,
                      const struct pki_pair *pair, struct err *err) {
  struct str cert_path = arena_printf(arena, "%s/pki/%s.crt", data, name);
  struct str key_path = arena_printf(arena, "%s/pki/%s.key", data, name);
  int rc = private_file_write(key_path.ptr, pair->key_pem, err);
  return rc ? rc : private_file_write(cert_path.ptr, pair->cert_pem, err);
}

// The pair of `name` from the files when it is good, else a new one.
static int open_pair(const char *data, const char *name, const struct pki_pair *issuer,
                     int64_t now_ms, struct arena *arena, struct pki_pair *ret_pair,
                     struct err *err) {
  struct str cert, key;
  if (read_pair(data, name, arena, &cert, &key) == RC_OK &&
      pki_pair_read(cert, key, issuer, now_ms, ret_pair))
    return RC_OK;
  int rc = pki_pair_make(issuer, now_ms, arena, ret_pair, err);
  if (!rc)
    rc = write_pair(data, name, arena, ret_pair, err);
  if (rc)
    pki_pair_free(ret_pair);
  return rc;
}

// --- The next authority

struct next {
  struct pki_pair pair; // cert NULL: there is none
  int64_t switch_ms;
  struct str pem_path, at_path;
};

static void read_next(const char *data, int64_t now_ms, struct arena *arena, struct next *next) {
  struct str pem, at;
  *next = (struct next){.pem_path = arena_printf(arena, "%s/pki/next.pem", data),
                        .at_path = arena_printf(arena, "%s/pki/next.at", data)};
  if (private_file_read(next->pem_path.ptr, PEM_MAX, arena, &pem, NULL) ||
      private_file_read(next->at_path.ptr, 64, arena, &at, NULL) ||
      !str_to_i64(str_trim(at), &next->switch_ms))
    return;
  // One file with both, so that the take-over can be done again after a crash in its middle.
  static const struct str mark = {"-----BEGIN CERTIFICATE-----", 27};
  size_t split = 0;
  while (split < pem.len && !str_starts(str_slice(pem, split, pem.len), mark))
    split++;
  (void)pki_pair_read(arena_str(arena, str_slice(pem, split, pem.len)),
                      arena_str(arena, str_slice(pem, 0, split)), NULL, now_ms, &next->pair);
}

static int take_over(const char *data, struct next *next, struct arena *arena, struct err *err) {
  int rc = write_pair(data, "ca", arena, &next->pair, err);
  if (rc)
    return rc;
  (void)unlink(next->pem_path.ptr);
  (void)unlink(next->at_path.ptr);
  pki_pair_free(&next->pair);
  return RC_OK;
}

static int make_folder(const char *data, struct arena *arena, struct err *err) {
  struct str folder = arena_printf(arena, "%s/pki", data);
  if (mkdir(folder.ptr, 0700) && errno != EEXIST)
    return err_errno(err, "cannot make %s", folder.ptr);
  return RC_OK;
}

int pki_open(const char *data, int64_t now_ms, struct pki *ret_pki, struct err *err) {
  struct pki pki = {0};
  struct pki_pair ca = {0}, server = {0};
  struct next next = {0};
  arena_init(&pki.arena);
  int rc = make_folder(data, &pki.arena, err);
  if (!rc) {
    read_next(data, now_ms, &pki.arena, &next);
    if (next.pair.cert && next.switch_ms <= now_ms)
      rc = take_over(data, &next, &pki.arena, err);
  }
  if (!rc)
    rc = open_pair(data, "ca", NULL, now_ms, &pki.arena, &ca, err);
  if (!rc)
    rc = open_pair(data, "server", &ca, now_ms, &pki.arena, &server, err);
  if (!rc) {
    pki.ca_pem = next.pair.cert ? arena_printf(&pki.arena, "%.*s%.*s", STR_ARG(ca.cert_pem),
                                               STR_ARG(next.pair.cert_pem))
                                : ca.cert_pem;
    pki.switch_ms = next.pair.cert ? next.switch_ms : 0;
    pki.cert_pem = server.cert_pem;
    pki.key_pem = server.key_pem;
    *ret_pki = pki;
  } else {
    arena_dispose(&pki.arena);
  }
  pki_pair_free(&ca);
  pki_pair_free(&server);
  pki_pair_free(&next.pair);
  return rc;
}

void pki_close(struct pki *pki) {
  arena_dispose(&pki->arena);
}

bool pki_is_due(const struct pki *pki, int64_t now_ms) {
  X509 *cert = pki_cert_from(pki->cert_pem), *ca = pki_cert_from(pki->ca_pem);
  bool due = !pki_cert_is_fresh(cert, now_ms) || !pki_cert_is_fresh(ca, now_ms) ||
             (pki->switch_ms && pki->switch_ms <= now_ms);
  X509_free(cert);
  X509_free(ca);
  return due;
}

// --- Commands

static int write_next(const struct pki_pair *pair, const struct next *next, int64_t switch_ms,
                      struct arena *arena, struct err *err) {
  struct str at = arena_printf(arena, "%lld\n", (long long)switch_ms);
  struct str pem =
      pair ? arena_printf(arena, "%.*s%.*s", STR_ARG(pair->key_pem), STR_ARG(pair->cert_pem))
           : STR_NULL;
  int rc = private_file_write(next->at_path.ptr, at, err);
  return rc || !pair ? rc : private_file_write(next->pem_path.ptr, pem, err);
}

int pki_rotate(const char *data, int64_t now_ms, int64_t overlap_ms, struct err *err) {
  struct arena arena;
  struct next next;
  struct pki_pair fresh = {0};
  arena_init(&arena);
  int rc = make_folder(data, &arena, err);
  read_next(data, now_ms, &arena, &next);
  bool under_way = next.pair.cert;
  if (!rc && under_way && overlap_ms > 0)
    rc = err_set(err, RC_EXISTS,
                 "an exchange of the authority is under way already; --overlap 0 "
                 "ends it now");
  if (!rc && !under_way)
    rc = pki_pair_make(NULL, now_ms, &arena, &fresh, err);
  if (!rc)
    rc = write_next(under_way ? NULL : &fresh, &next, now_ms + overlap_ms, &arena, err);
  pki_pair_free(&fresh);
  pki_pair_free(&next.pair);
  arena_dispose(&arena);
  return rc;
}

int pki_renew_server(const char *data, struct err *err) {
  struct arena arena;
  arena_init(&arena);
  struct str path = arena_printf(&arena, "%s/pki/server.crt", data);
  int rc =
      unlink(path.ptr) && errno != ENOENT ? err_errno(err, "cannot remove %s", path.ptr) : RC_OK;
  arena_dispose(&arena);
  return rc;
}

static int64_t end_of(struct str pem) {
  X509 *cert = pki_cert_from(pem);
  int64_t end_ms = pki_cert_end_ms(cert);
  X509_free(cert);
  return end_ms;
}

int pki_describe(const char *data, struct pki_info *ret_info, struct err *err) {
  struct arena arena;
  struct str cert, key;
  struct next next;
  *ret_info = (struct pki_info){0};
  if (access(data, F_OK))
    return err_errno(err, "%s", data);
  arena_init(&arena);
  if (read_pair(data, "ca", &arena, &cert, &key) == RC_OK)
    ret_info->ca_end_ms = end_of(cert);
  if (read_pair(data, "server", &arena, &cert, &key) == RC_OK)
    ret_info->cert_end_ms = end_of(cert);
  read_next(data, 0, &arena, &next);
  if (next.pair.cert) {
    ret_info->next_end_ms = pki_cert_end_ms(next.pair.cert);
    ret_info->switch_ms = next.switch_ms;
  }
  pki_pair_free(&next.pair);
  arena_dispose(&arena);
  return RC_OK;
}
