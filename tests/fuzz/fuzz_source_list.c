// SPDX-License-Identifier: Apache-2.0
// A List cut into pieces of the length the first byte says: the items and the end are those of the
// uncut one, and where the JSON parser takes the whole text as a List, the items are the same.
#include "manifests/source/list_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct seen {
  uint64_t sum;
  size_t count;
};

static int take(struct str text, void *data) {
  struct seen *seen = data;
  seen->sum = seen->sum * 31 + str_hash(text);
  seen->count++;
  return RC_OK;
}

static int run(struct str text, size_t step, struct seen *seen) {
  struct list_stream stream;
  struct arena arena = {0};
  struct err err = {0};
  struct json *list;
  int rc = RC_OK;
  list_stream_init(&stream, take, seen);
  for (size_t at = 0; at < text.len && rc == RC_OK; at += step)
    rc = list_stream_feed(&stream, str_slice(text, at, at + step), &err);
  if (rc == RC_OK)
    rc = list_stream_end(&stream, &arena, &list, &err);
  if (rc != RC_OK && !err.msg[0])
    __builtin_trap();
  list_stream_dispose(&stream);
  arena_dispose(&arena);
  return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  if (size < 1)
    return 0;
  struct str text = {(const char *)bytes + 1, size - 1};
  struct seen whole = {0}, pieces = {0};
  struct arena arena = {0};
  struct json *root;
  int rc = run(text, text.len + 1, &whole);
  if (run(text, bytes[0] ? bytes[0] : 1, &pieces) != rc || whole.sum != pieces.sum)
    __builtin_trap();
  if (rc == RC_OK && json_parse(text, &arena, &root, NULL) == RC_OK &&
      !json_duplicate_key(root, &arena, &text)) {
    const struct json *items = json_get(root, "items");
    if (whole.count != (json_is(items, JSON_ARRAY) ? items->count : 0))
      __builtin_trap();
  }
  arena_dispose(&arena);
  return 0;
}
