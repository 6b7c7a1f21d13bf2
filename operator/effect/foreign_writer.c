// SPDX-License-Identifier: Apache-2.0
// Who rewrote our route? The event of that write says it; a moment later our own repair may have
// taken over the fields, and with them the name.
#include "manifests/base/alloc.h"
#include "operator/effect/controller_parts.h"

void foreign_writer_note(struct release *release, struct str manager) {
  if (!manager.len || str_eq(manager, release->foreign_manager))
    return;
  xfree((void *)(uintptr_t)release->foreign_manager.ptr);
  release->foreign_manager = (struct str){xmemdup(manager.ptr, manager.len), manager.len};
}
