// SPDX-License-Identifier: Apache-2.0
// Certificates on disk.
#include "manifests/base/clock.h"
#include "operator/standalone/pki.h"
#include "operator/standalone/private_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define DAY_MS (24 * 60 * 60 * 1000LL)

static int setup(void **state) {
  static char dir[64];
  snprintf(dir, sizeof(dir), "/tmp/serin-pki-XXXXXX");
  *state = dir;
  return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state) {
  static const char *const names[] = {"pki/ca.crt", "pki/ca.key", "pki/server.crt",
                                      "pki/server.key"};
  char path[128];
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    snprintf(path, sizeof(path), "%s/%s", (char *)*state, names[i]);
    unlink(path);
  }
  snprintf(path, sizeof(path), "%s/pki", (char *)*state);
  rmdir(path);
  return rmdir(*state);
}

static void certificates_are_kept_until_they_near_their_end(void **state) {
  const char *dir = *state;
  struct pki first, second, third;
  int64_t now_ms = clock_wall_ms();
  assert_int_equal(pki_open(dir, now_ms, &first, NULL), 0);
  assert_int_equal(pki_open(dir, now_ms + 100 * DAY_MS, &second, NULL), 0);
  assert_true(str_eq(first.cert_pem, second.cert_pem));
  assert_true(str_eq(first.ca_pem, second.ca_pem));
  assert_false(pki_is_due(&first, now_ms));
  int64_t late_ms = now_ms + (PKI_CERT_DAYS - PKI_RENEW_DAYS + 1) * DAY_MS;
  assert_true(pki_is_due(&first, late_ms));
  assert_int_equal(pki_open(dir, late_ms, &third, NULL), 0);
  assert_false(str_eq(first.cert_pem, third.cert_pem));
  assert_true(str_eq(first.ca_pem, third.ca_pem)); // kubeconfigs go on working
  pki_close(&first);
  pki_close(&second);
  pki_close(&third);
}

static void a_foreign_or_broken_pair_is_made_anew(void **state) {
  const char *dir = *state;
  struct pki first, second;
  char path[128];
  int64_t now_ms = clock_wall_ms();
  assert_int_equal(pki_open(dir, now_ms, &first, NULL), 0);
  snprintf(path, sizeof(path), "%s/pki/server.key", dir);
  assert_int_equal(private_file_write(path, STR("nonsense"), NULL), 0);
  assert_int_equal(pki_open(dir, now_ms, &second, NULL), 0);
  assert_false(str_eq(first.cert_pem, second.cert_pem));
  pki_close(&first);
  snprintf(path, sizeof(path), "%s/pki/ca.crt", dir);
  unlink(path);
  assert_int_equal(pki_open(dir, now_ms, &first, NULL), 0);
  assert_false(str_eq(first.ca_pem, second.ca_pem));
  assert_false(
      str_eq(first.cert_pem, second.cert_pem)); // the old one was signed by the lost authority
  pki_close(&first);
  pki_close(&second);
}

static struct str ca_of(const char *dir, int64_t now_ms, struct arena *arena,
                        struct str *ret_cert) {
  struct pki pki;
  assert_int_equal(pki_open(dir, now_ms, &pki, NULL), 0);
  struct str ca = arena_str(arena, pki.ca_pem);
  *ret_cert = arena_str(arena, pki.cert_pem);
  pki_close(&pki);
  return ca;
}

static void an_authority_is_exchanged_with_an_overlap(void **state) {
  const char *dir = *state;
  struct arena arena;
  struct err err = {.msg = ""};
  struct str first_cert, cert;
  int64_t now_ms = clock_wall_ms();
  arena_init(&arena);
  struct str first = ca_of(dir, now_ms, &arena, &first_cert);
  assert_int_equal(pki_rotate(dir, now_ms, DAY_MS, NULL), 0);
  struct str both = ca_of(dir, now_ms + 1, &arena, &cert);
  assert_true(str_starts(both, first) && both.len > first.len);
  assert_true(str_eq(cert, first_cert)); // clients with the old kubeconfig go on
  assert_int_equal(pki_rotate(dir, now_ms, DAY_MS, &err), RC_EXISTS);
  struct str second = ca_of(dir, now_ms + DAY_MS, &arena, &cert);
  assert_true(str_ends(both, second) && second.len < both.len);
  assert_false(str_eq(cert, first_cert));
  assert_true(str_eq(second, ca_of(dir, now_ms + DAY_MS, &arena, &first_cert)));
  assert_true(str_eq(cert, first_cert));
  arena_dispose(&arena);
}

static void an_overlap_can_be_ended(void **state) {
  const char *dir = *state;
  struct arena arena;
  struct str cert;
  int64_t now_ms = clock_wall_ms();
  arena_init(&arena);
  struct str first = ca_of(dir, now_ms, &arena, &cert);
  assert_int_equal(pki_rotate(dir, now_ms, DAY_MS, NULL), 0);
  struct str both = ca_of(dir, now_ms, &arena, &cert);
  assert_int_equal(pki_rotate(dir, now_ms, 0, NULL), 0);
  struct str second = ca_of(dir, now_ms, &arena, &cert);
  assert_true(str_ends(both, second) && !str_eq(first, second));
  arena_dispose(&arena);
}

static void only_the_servers_certificate_is_renewed(void **state) {
  const char *dir = *state;
  struct arena arena;
  struct str before, after;
  int64_t now_ms = clock_wall_ms();
  arena_init(&arena);
  struct str ca = ca_of(dir, now_ms, &arena, &before);
  assert_int_equal(pki_renew_server(dir, NULL), 0);
  assert_true(str_eq(ca, ca_of(dir, now_ms, &arena, &after)));
  assert_false(str_eq(before, after));
  struct pki_info info;
  assert_int_equal(pki_describe(dir, &info, NULL), 0);
  assert_true(info.ca_end_ms > info.cert_end_ms && info.cert_end_ms > now_ms);
  assert_int_equal(info.switch_ms, 0);
  arena_dispose(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(certificates_are_kept_until_they_near_their_end),
      TEST(a_foreign_or_broken_pair_is_made_anew),
      TEST(an_authority_is_exchanged_with_an_overlap),
      TEST(an_overlap_can_be_ended),
      TEST(only_the_servers_certificate_is_renewed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
