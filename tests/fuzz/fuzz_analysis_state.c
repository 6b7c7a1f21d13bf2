// SPDX-License-Identifier: Apache-2.0
// The state kept in a Rollout's status, which anybody who may write status can damage: read or
// refused, and what was read is written and read back the same.
#include "analysis/assessment_json.h"
#include "manifests/base/bug.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  struct json *json = NULL;
  arena_init(&arena);
  if (json_parse((struct str){(const char *)data, size}, &arena, &json, NULL) == 0) {
    struct assessment state, again;
    if (assessment_from_json(&state, json, 1, NULL) == 0) {
      struct json *written = assessment_json(&state, &arena);
      BUG_ON(assessment_from_json(&again, written, 1, NULL) != 0);
      BUG_ON(!json_equal(written, assessment_json(&again, &arena)));
      assessment_dispose(&again);
    }
    assessment_dispose(&state);
  }
  arena_dispose(&arena);
  return 0;
}
