// SPDX-License-Identifier: Apache-2.0
// Any text as a regular expression, a list of retry conditions and every text form of the schema
// room.
#include "manifests/kinds/regex_form.h"
#include "manifests/kinds/retry_on.h"
#include "manifests/schema/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct field_format *const formats[] = {
      &format_dns_label, &format_dns_subdomain, &format_hostname,  &format_host,
      &format_token,     &format_header_value,  &format_label_key, &format_label_value,
      &format_kind,      &format_config_key,    &format_env_name,  &format_base64};
  struct str text = {(const char *)data, size};
  (void)regex_form_fault(text);
  (void)retry_on_is_known(text);
  (void)retry_on_nearest(text);
  for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
    (void)formats[i]->is_valid(text);
  return 0;
}
