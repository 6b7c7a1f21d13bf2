// SPDX-License-Identifier: Apache-2.0
// Bodies that strangers send to `serin judge`: read as Argo's and as Flagger's, never trusted.
#include "operator/effect/judge_answer.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  struct json *body = NULL;
  arena_init(&arena);
  if (json_parse((struct str){(const char *)data, size}, &arena, &body, NULL) == RC_OK)
    for (int flagger = 0; flagger < 2; flagger++) {
      struct err err = {0};
      struct judge_call call;
      struct judge_request request;
      struct str text;
      int rc = flagger ? judge_call_flagger(body, &arena, &call, &err)
                       : judge_call_argo(body, &arena, &call, &err);
      if (rc != RC_OK)
        continue;
      (void)judge_request_of(call.params, call.count, &arena, &request, &err);
      (void)judge_answer(&call, NULL, &arena, &text);
    }
  arena_dispose(&arena);
  return 0;
}
