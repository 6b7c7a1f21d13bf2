// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/runtime_address.h"
#include "operator/standalone/shim_file.h"

static struct str text_of(uint32_t address, struct arena *arena) {
  return arena_printf(arena, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
                      address & 255);
}

void address_pool_init(struct address_pool *pool, struct str seed) {
  // FNV-1a and not str_hash: the range must not change with a version of ours.
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < seed.len; i++)
    hash = (hash ^ (unsigned char)seed.ptr[i]) * 16777619u;
  *pool = (struct address_pool){
      .base = 127u << 24 | (1 + hash % 254) << 16 | (hash >> 16 & 15) << 12, .next = 1};
  map_init(&pool->used);
}

void address_pool_dispose(struct address_pool *pool) {
  map_dispose(&pool->used);
}

bool address_pool_claim(struct address_pool *pool, struct str address) {
  if (map_get(&pool->used, address))
    return false;
  (void)map_put(&pool->used, address, pool);
  return true;
}

int address_pool_take(struct address_pool *pool, struct arena *arena, struct str *ret_address,
                      struct err *err) {
  for (uint32_t i = 0; i < ADDRESS_RANGE; i++) {
    struct str address = text_of(pool->base + pool->next, arena);
    pool->next = pool->next % ADDRESS_RANGE + 1;
    if (address_pool_claim(pool, address)) {
      *ret_address = address;
      return RC_OK;
    }
  }
  return err_set(err, RC_LIMIT, "all %u loopback addresses of this machine's range are in use",
                 ADDRESS_RANGE);
}

void address_pool_release(struct address_pool *pool, struct str address) {
  (void)map_del(&pool->used, address);
}

int address_pool_load(struct address_pool *pool, const char *path, struct err *err) {
  struct arena arena;
  arena_init(&arena);
  struct json *json;
  int rc = shim_file_read_json(path, &arena, &json, err);
  if (rc == RC_OK) {
    int64_t base = json_int(json_get(json, "base"), 0), next = json_int(json_get(json, "next"), 1);
    if (base >> 24 != 127 || (base & 0xfff) != 0 || next < 1 || next > ADDRESS_RANGE) {
      rc = err_set(err, RC_INVALID, "%s: expected a base of 127.x.y.0 and a next within its range",
                   path);
    } else {
      pool->base = (uint32_t)base;
      pool->next = (uint32_t)next;
    }
  }
  arena_dispose(&arena);
  return rc == RC_NOT_FOUND ? RC_OK : rc;
}

int address_pool_save(const struct address_pool *pool, const char *path, struct err *err) {
  struct arena arena;
  arena_init(&arena);
  struct json *json = json_new_object(&arena);
  json_put_int(&arena, json, "base", pool->base);
  json_put_int(&arena, json, "next", pool->next);
  int rc = shim_file_write_json(path, json, err);
  arena_dispose(&arena);
  return rc;
}
