// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/kube_exec.h"
#include "manifests/base/bug.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define V1 "client.authentication.k8s.io/v1"
#define HEAD "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":"

static void test_answers(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int rc;
    const char *says, *token, *key;
    int64_t expires_ms;
  } cases[] = {
      {HEAD "{\"token\":\" abc\\n\"}}", RC_OK, "", "abc", "", 0},
      {HEAD "{\"token\":\"t\",\"expirationTimestamp\":\"1970-01-01T00:01:00Z\"}}", RC_OK, "", "t",
       "", 60000},
      {HEAD "{\"clientCertificateData\":\"C\",\"clientKeyData\":\"K\"}}", RC_OK, "", "", "K", 0},
      {HEAD "{\"clientKeyData\":\"K\"}}", RC_INVALID, "only one of", "", "", 0},
      {HEAD "{}}", RC_INVALID, "neither token", "", "", 0},
      {HEAD "[]}", RC_INVALID, "no status", "", "", 0},
      {HEAD "{\"token\":\"a\\u0001b\"}}", RC_INVALID, "characters", "", "", 0},
      {HEAD "{\"token\":\"t\",\"expirationTimestamp\":\"soon\"}}", RC_INVALID, "expected a time",
       "", "", 0},
      {"{\"kind\":\"Pod\"}", RC_INVALID, "ExecCredential", "", "", 0},
      {"{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1beta1\"}",
       RC_INVALID, "expected apiVersion " V1, "", "", 0},
      {"secret-token", RC_PARSE, "not JSON", "", "", 0},
      {"", RC_PARSE, "not JSON", "", "", 0},
  };
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct arena arena = {0};
    struct err err = {0};
    struct kube_exec_credential got = {0};
    assert_int_equal(kube_exec_parse(str_of(cases[i].text), STR(V1), &arena, &got, &err),
                     cases[i].rc);
    assert_non_null(strstr(err.msg, cases[i].says));
    assert_null(strstr(err.msg, "secret"));
    assert_true(str_eq_z(got.token, cases[i].token));
    assert_true(str_eq_z(got.key_pem, cases[i].key));
    assert_int_equal(got.expires_ms, cases[i].expires_ms);
    arena_dispose(&arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_answers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
