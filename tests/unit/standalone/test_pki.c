// SPDX-License-Identifier: Apache-2.0
// Certificates, token and kubeconfig on disk.
#include "manifests/base/clock.h"
#include "operator/standalone/auth.h"
#include "operator/standalone/pki.h"
#include "operator/standalone/private_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
  static const char *const names[] = {"pki/ca.crt",     "pki/ca.key", "pki/server.crt",
                                      "pki/server.key", "token",      "kubeconfig"};
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

static void only_the_token_opens(void **state) {
  const char *dir = *state;
  struct auth auth, again;
  struct arena arena;
  arena_init(&arena);
  assert_int_equal(auth_open(dir, &auth, NULL), 0);
  struct str good = arena_printf(&arena, "Bearer %.*s", STR_ARG(auth.token));
  assert_non_null(auth_check(&auth, good));
  assert_true(auth_check(&auth, good)->name.len > 0);
  assert_null(auth_check(&auth, auth.token));
  assert_null(auth_check(&auth, STR("")));
  assert_null(auth_check(&auth, STR("Bearer ")));
  assert_null(auth_check(&auth, str_slice(good, 0, good.len - 1)));
  assert_null(auth_check(&auth, arena_printf(&arena, "%.*sx", STR_ARG(good))));
  assert_int_equal(auth_open(dir, &again, NULL), 0);
  assert_true(str_eq(auth.token, again.token));
  auth_close(&again);
  auth_close(&auth);
  arena_dispose(&arena);
}

static void a_short_token_is_refused(void **state) {
  const char *dir = *state;
  struct auth auth;
  struct err err = {.msg = ""};
  char path[128];
  snprintf(path, sizeof(path), "%s/token", dir);
  assert_int_equal(private_file_write(path, STR("short"), NULL), 0);
  assert_int_equal(auth_open(dir, &auth, &err), RC_INVALID);
  assert_non_null(strstr(err.msg, "16 characters"));
}

static void private_files_are_private(void **state) {
  const char *dir = *state;
  struct auth auth;
  char path[128];
  struct stat info;
  assert_int_equal(auth_open(dir, &auth, NULL), 0);
  assert_int_equal(auth_write_kubeconfig(&auth, dir, 1234, STR("pem"), NULL), 0);
  snprintf(path, sizeof(path), "%s/kubeconfig", dir);
  assert_int_equal(chmod(path, 0644), 0);
  assert_int_equal(auth_write_kubeconfig(&auth, dir, 1234, STR("pem"), NULL), 0);
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0600);
  auth_close(&auth);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(certificates_are_kept_until_they_near_their_end),
      TEST(a_foreign_or_broken_pair_is_made_anew),
      TEST(only_the_token_opens),
      TEST(a_short_token_is_refused),
      TEST(private_files_are_private),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
