// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_memory.h"

#include "manifests/base/bug.h"
#include "operator/standalone/api_kinds.h"

#include <malloc.h>

#define LOOK_MS 2000
#define LOOKS_MAX 15            // where requests never pause
#define IDLE_BYTES (256u << 10) // free memory that is kept for the next requests

void api_memory_thresholds(void) {
  // A large list or body must not stay with us: without these glibc raises its own thresholds at
  // the first one.
  (void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  (void)mallopt(M_TRIM_THRESHOLD, 2 * 1024 * 1024);
}

// Giving back costs the next request, so it waits for a pause.
static void on_look(uv_timer_t *timer) {
  struct api_memory *memory = container_of(timer, struct api_memory, timer);
  if (memory->uses != memory->seen && ++memory->looks < LOOKS_MAX) {
    memory->seen = memory->uses;
    uv_timer_start(timer, on_look, LOOK_MS, 0);
    return;
  }
  if (memory->uses == memory->seen) // else they are wanted again at once
    api_kinds_rest(memory->kinds);
  memory->looks = 0;
  if (mallinfo2().fordblks > IDLE_BYTES)
    (void)malloc_trim(0);
}

void api_memory_open(struct api_memory *memory, uv_loop_t *loop, struct api_kinds *kinds) {
  memory->kinds = kinds;
  uv_timer_init(loop, &memory->timer);
}

void api_memory_used(struct api_memory *memory) {
  memory->uses++;
  if (uv_is_active((uv_handle_t *)&memory->timer) || uv_is_closing((uv_handle_t *)&memory->timer))
    return;
  memory->seen = memory->uses;
  uv_timer_start(&memory->timer, on_look, LOOK_MS, 0);
}
