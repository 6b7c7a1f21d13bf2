// SPDX-License-Identifier: Apache-2.0
// The stream of a watch, cut in two at every length the first byte says: the events must be those
// of the uncut stream.
#include "manifests/source/watch_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int take(struct str line, void *data) {
  uint64_t *sum = data;
  struct arena arena = {0};
  struct watch_event event;
  struct err err = {0};
  int rc = watch_event_parse(line, &arena, &event, &err);
  *sum = *sum * 31 + str_hash(line) + (rc == RC_OK ? (uint64_t)event.type + 1 : 0);
  arena_dispose(&arena);
  return rc == RC_OK || err.msg[0] ? RC_OK : RC_INTERNAL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  if (size < 1)
    return 0;
  size_t step = bytes[0] ? bytes[0] : 1;
  struct str text = {(const char *)bytes + 1, size - 1};
  struct watch_lines lines;
  uint64_t whole = 0, pieces = 0;
  watch_lines_init(&lines);
  int rc = watch_lines_feed(&lines, text, take, &whole);
  watch_lines_reset(&lines);
  for (size_t at = 0; at < text.len && rc == RC_OK; at += step)
    rc = watch_lines_feed(&lines, str_slice(text, at, at + step), take, &pieces);
  if (rc != RC_OK || whole != pieces)
    __builtin_trap();
  watch_lines_dispose(&lines);
  return 0;
}
