// SPDX-License-Identifier: Apache-2.0
// Any bytes as a kubeconfig: never a crash, and an error always has a message. Files it names are
// read from /nonexistent, so nothing outside is touched.
#include "manifests/source/kube_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct kube_config config;
  struct err err = {0};
  struct str text = {(const char *)bytes, size};
  if (str_contains(text, STR(": /")) || str_contains(text, STR("../")))
    return 0;
  if (kube_config_parse(text, STR("/nonexistent/config"), STR(""), &config, &err) == RC_OK)
    kube_config_dispose(&config);
  else if (!err.msg[0])
    __builtin_trap();
  return 0;
}
