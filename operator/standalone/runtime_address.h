// SPDX-License-Identifier: Apache-2.0
// Loopback addresses of pods: each DATA has a range of its own, 127.a.b.0/20 with a from 1 to 254,
// so that every replica keeps its containerPort. The next address is always the one after the last
// given out, so one is not reused soon after its pod has gone (a proxy may still know it). Pure but
// for load and save.
#pragma once

#include "manifests/base/err.h"
#include "manifests/base/arena.h"
#include "manifests/base/map.h"

#define ADDRESS_RANGE 4094u // usable addresses of a range

struct address_pool {
  uint32_t base;   // 127.a.b.0 as a number
  uint32_t next;   // offset to try first, 1..ADDRESS_RANGE
  struct map used; // "127.a.b.c" -> &used
};

// A new pool whose range follows from `seed` (the path of DATA).
void address_pool_init(struct address_pool *pool, struct str seed);
void address_pool_dispose(struct address_pool *pool);
// Marks an address that a pod on record has. False when another has it.
bool address_pool_claim(struct address_pool *pool, struct str address);
// RC_LIMIT when all are in use.
int address_pool_take(struct address_pool *pool, struct arena *arena, struct str *ret_address,
                      struct err *err);
void address_pool_release(struct address_pool *pool, struct str address);
// The range and the place in it, DATA/pods/addresses.json; load keeps what init chose when there is
// no file.
int address_pool_load(struct address_pool *pool, const char *path, struct err *err);
int address_pool_save(const struct address_pool *pool, const char *path, struct err *err);
