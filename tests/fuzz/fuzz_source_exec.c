// SPDX-License-Identifier: Apache-2.0
// What a credential plugin prints: never a crash, an error always has a message, and what is taken
// may stand in a header.
#include "manifests/source/http_text.h"
#include "manifests/source/kube_exec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct arena arena = {0};
  struct kube_exec_credential credential;
  struct err err = {0};
  int rc = kube_exec_parse((struct str){(const char *)bytes, size},
                           STR("client.authentication.k8s.io/v1"), &arena, &credential, &err);
  if (rc ? !err.msg[0] : !http_text_is_clean(credential.token))
    __builtin_trap();
  arena_dispose(&arena);
  return 0;
}
