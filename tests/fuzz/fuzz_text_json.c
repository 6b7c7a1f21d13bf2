// SPDX-License-Identifier: Apache-2.0
// Any bytes as JSON: refused, or a tree that is written and read back as the same.
#include "manifests/base/bug.h"
#include "manifests/text/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  arena_init(&arena);
  struct json *json = NULL, *again = NULL;
  struct err err = {0};
  if (json_parse((struct str){(const char *)data, size}, &arena, &json, &err) == 0) {
    struct str path;
    bool twice = json_duplicate_key(json, &arena, &path);
    struct str text = json_text(&arena, json);
    BUG_ON(json_parse(text, &arena, &again, &err) != 0);
    BUG_ON(!twice && !json_equal(json, again));
    struct buf pretty;
    buf_init(&pretty, 16u << 20);
    (void)json_write_pretty(&pretty, json_dup(&arena, json));
    (void)json_write_canonical(&pretty, json);
    buf_dispose(&pretty);
  }
  arena_dispose(&arena);
  return 0;
}
