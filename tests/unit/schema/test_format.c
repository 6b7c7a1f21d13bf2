// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct sample {
  const struct field_format *format;
  const char *text;
  bool valid;
};

static void judges_texts(void **state) {
  (void)state;
  const struct sample samples[] = {
      {&format_dns_label, "a-1", true},
      {&format_dns_label, "-a", false},
      {&format_dns_label, "a.b", false},
      {&format_dns_label, "A", false},
      {&format_dns_label, "", false},
      {&format_dns_label, "a23456789012345678901234567890123456789012345678901234567890123", true},
      {&format_dns_label, "a234567890123456789012345678901234567890123456789012345678901234",
       false},
      {&format_dns_subdomain, "a.b-c.d", true},
      {&format_dns_subdomain, "a..b", false},
      {&format_dns_subdomain, "a.", false},
      {&format_hostname, "*.example.com", true},
      {&format_hostname, "10.0.0.1", false},
      {&format_hostname, "*", false},
      {&format_hostname, "a.*.b", false},
      {&format_precise_hostname, "*.example.com", false},
      {&format_host, "*", true},
      {&format_host, "::1", true},
      {&format_host, "10.0.0.1", true},
      {&format_host, "Reviews.prod", true},
      {&format_host, "a b", false},
      {&format_host, "a:80", false},
      {&format_token, "x-user_id!", true},
      {&format_token, "a b", false},
      {&format_token, "a:b", false},
      {&format_header_value, "a\tb", true},
      {&format_header_value, "a\r\nb", false},
      {&format_label_key, "kubernetes.io/name", true},
      {&format_label_key, "a/b/c", false},
      {&format_label_key, "/b", false},
      {&format_label_key, "-b", false},
      {&format_label_value, "", true},
      {&format_label_value, "v1.2_3", true},
      {&format_label_value, "a b", false},
      {&format_kind, "HTTPRoute", true},
      {&format_kind, "1Route", false},
      {&format_config_key, "a.b_c-D", true},
      {&format_config_key, "..", false},
      {&format_config_key, "a/b", false},
      {&format_base64, "YWI=", true},
      {&format_base64, "YWI", false},
      {&format_base64, "YW=I", false},
      {&format_base64, "", true},
      {&format_env_name, "A_B.c", true},
      {&format_env_name, "A=B", false},
      {&format_absolute_path, "/", true},
      {&format_absolute_path, "a", false},
  };
  for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
    if (samples[i].format->is_valid(str_of(samples[i].text)) != samples[i].valid)
      fail_msg("%s: \"%s\" should be %s", samples[i].format->name, samples[i].text,
               samples[i].valid ? "valid" : "invalid");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(judges_texts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
