// SPDX-License-Identifier: Apache-2.0
// Where workers leave tables whose last reference they gave back: taking a large one apart takes
// milliseconds, which are the main thread's, not those of a request.
#pragma once

#include "proxy/table.h"

struct table_grave {
  _Atomic(struct proxy_table *) dead;
  void (*wake)(void *ctx); // from any thread: there is something to clear
  void *ctx;
};

// As table_unref, but what is to be freed is left here. grave NULL: freed at once.
void table_unref_to(struct proxy_table *table, struct table_grave *grave);
void table_grave_clear(struct table_grave *grave);
