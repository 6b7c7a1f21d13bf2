// SPDX-License-Identifier: Apache-2.0
// Protobuf bodies: read or refused.
#include "operator/standalone/rest_protobuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  struct json *object;
  arena_init(&arena);
  if (rest_protobuf_decode((struct str){(const char *)data, size}, &arena, &object, NULL) == 0)
    (void)json_text(&arena, object);
  arena_dispose(&arena);
  return 0;
}
