// SPDX-License-Identifier: Apache-2.0
#include "manifests/cel/run.h"

bool cel_charge(struct cel_run *run, uint64_t cost) {
  run->cost += cost;
  if (run->cost > run->limit || run->arena->used > run->memory_limit)
    run->stopped = true;
  return !run->stopped;
}

uint64_t cel_text_cost(uint64_t size) {
  return (size + 9) / 10;
}

struct cel_value cel_stopped(void) {
  return (struct cel_value){.kind = CEL_ERROR, .text = STR(CEL_STOPPED)};
}

void *cel_room(struct cel_run *run, size_t bytes) {
  if (bytes > run->memory_limit || run->arena->used > run->memory_limit - bytes) {
    run->stopped = true;
    return NULL;
  }
  return arena_alloc(run->arena, bytes ? bytes : 1);
}

const struct regex *cel_pattern(struct cel_run *run, struct str pattern,
                                struct cel_value *ret_error) {
  struct regex *regex = map_get(&run->patterns, pattern);
  struct err err;
  if (regex)
    return regex;
  if (regex_compile(pattern, false, &regex, &err)) {
    *ret_error = cel_error(run->arena, "error parsing regexp: %s", err.msg);
    return NULL;
  }
  regex_link(&run->compiled, regex);
  (void)map_put(&run->patterns, pattern, regex);
  return regex;
}

struct cel_value cel_take_text(struct cel_run *run, struct buf *text) {
  struct str content = buf_str(text);
  struct cel_value value = cel_stopped();
  char *room = text->failed ? NULL : cel_room(run, content.len + 1);
  if (room) {
    if (content.len)
      __builtin_memcpy(room, content.ptr, content.len);
    room[content.len] = '\0';
    value = cel_string((struct str){room, content.len});
  }
  buf_dispose(text);
  return value;
}
