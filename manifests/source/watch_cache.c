// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/watch_cache.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"

#include <stddef.h>
#include <string.h>

static void tree_free(struct watch_tree *tree) {
  if (!tree)
    return;
  arena_dispose(&tree->arena);
  xfree(tree);
}

static void entry_free(struct watch_entry *entry) {
  if (!entry)
    return;
  tree_free(entry->tree);
  text_words_release(entry->words);
  xfree(entry);
}

void watch_cache_init(struct watch_cache *cache, enum kube_keep keep, bool without_old) {
  *cache =
      (struct watch_cache){.keep = keep, .without_old = without_old, .entries.borrows_keys = true};
}

void watch_cache_dispose(struct watch_cache *cache) {
  struct map_iter it = map_begin(&cache->entries);
  while (map_each(&it))
    entry_free(it.value);
  map_dispose(&cache->entries);
  text_pack_dispose(&cache->pack);
}

struct watch_entry *watch_cache_get(const struct watch_cache *cache, struct str key) {
  return map_get(&cache->entries, key);
}

// --- what an entry holds ---

struct str watch_entry_key(const struct watch_entry *entry) {
  return (struct str){entry->bytes, entry->key_len};
}

static struct str revision_of(const struct watch_entry *entry) {
  return (struct str){entry->bytes + entry->key_len, entry->revision_len};
}

static struct str packed_text(const struct watch_entry *entry) {
  return (struct str){entry->bytes + entry->key_len + entry->revision_len, entry->packed_len};
}

static struct watch_entry *entry_new(struct str key, struct str revision, struct str packed) {
  struct watch_entry *entry =
      xcalloc(1, offsetof(struct watch_entry, bytes) + key.len + revision.len + packed.len);
  const struct str parts[] = {key, revision, packed};
  entry->key_len = (uint32_t)key.len;
  entry->revision_len = (uint32_t)revision.len;
  entry->packed_len = (uint32_t)packed.len;
  for (size_t i = 0, at = 0; i < ARRAY_LEN(parts); at += parts[i++].len)
    if (parts[i].len)
      memcpy(entry->bytes + at, parts[i].ptr, parts[i].len);
  return entry;
}

static struct watch_entry *entry_packed(struct watch_cache *cache, struct str key,
                                        const struct json *object) {
  struct buf text, packed;
  buf_init(&text, SIZE_MAX / 4);
  buf_init(&packed, SIZE_MAX / 2);
  (void)json_write(&text, object);
  struct text_words *words = text_pack_add(&cache->pack, buf_str(&text), &packed);
  struct watch_entry *entry = entry_new(key, kube_revision(object), buf_str(&packed));
  entry->words = words;
  entry->text_len = (uint32_t)text.len;
  buf_dispose(&text);
  buf_dispose(&packed);
  return entry;
}

static struct watch_entry *entry_as_tree(struct str key, const struct json *object) {
  struct watch_entry *entry = entry_new(key, kube_revision(object), STR_NULL);
  entry->tree = XNEW(struct watch_tree);
  entry->tree->entry = entry;
  entry->tree->object = json_dup(&entry->tree->arena, object);
  return entry;
}

// It was written from a tree, so only its limits could be in the way: as if it were not there.
static struct json *unpack(const struct watch_entry *entry, struct arena *arena) {
  char *text = xmalloc(entry->text_len);
  struct json *object = NULL;
  if (!text_unpack(entry->words, packed_text(entry), text, entry->text_len) ||
      json_parse((struct str){text, entry->text_len}, arena, &object, NULL) != RC_OK)
    object = NULL;
  xfree(text);
  return object;
}

const struct json *watch_cache_tree(struct watch_cache *cache, struct watch_entry *entry) {
  if (entry->tree)
    return entry->tree->object;
  if (!entry->text_len)
    return NULL;
  struct watch_tree *tree = XNEW(struct watch_tree);
  tree->object = unpack(entry, &tree->arena);
  if (!tree->object) {
    tree_free(tree);
    return NULL;
  }
  tree->entry = entry;
  tree->next_warm = cache->warm;
  cache->warm = tree;
  entry->tree = tree;
  return tree->object;
}

void watch_cache_cool(struct watch_cache *cache) {
  while (cache->warm) {
    struct watch_tree *tree = cache->warm;
    cache->warm = tree->next_warm;
    tree->entry->tree = NULL;
    tree_free(tree);
  }
}

// --- changes ---

static void unlink_warm(struct watch_cache *cache, const struct watch_entry *entry) {
  for (struct watch_tree **at = &cache->warm; entry->tree && *at; at = &(*at)->next_warm)
    if (*at == entry->tree) {
      *at = entry->tree->next_warm;
      return;
    }
}

static struct watch_entry *entry_of(struct watch_cache *cache, struct str key,
                                    const struct json *object) {
  switch (cache->keep) {
  case KUBE_KEEP_PACKED: return entry_packed(cache, key, object);
  case KUBE_KEEP_REVISIONS: return entry_new(key, kube_revision(object), STR_NULL);
  case KUBE_KEEP_TREES: break;
  }
  return entry_as_tree(key, object);
}

static struct watch_change put_new_state(struct watch_cache *cache, struct str key,
                                         const struct json *object) {
  struct watch_entry *old = map_get(&cache->entries, key);
  if (old && old->revision_len && str_eq(revision_of(old), kube_revision(object))) {
    old->seen = true;
    return (struct watch_change){0};
  }
  struct watch_entry *entry = entry_of(cache, key, object);
  entry->seen = true;
  struct watch_change change = {.happened = true,
                                .event = old ? KUBE_MODIFIED : KUBE_ADDED,
                                .key = watch_entry_key(entry),
                                .object = entry->tree ? entry->tree->object : object,
                                .gone = old};
  if (old && !(cache->keep == KUBE_KEEP_PACKED && cache->without_old))
    change.old = watch_cache_tree(cache, old);
  if (old)
    unlink_warm(cache, old); // its tree stays with it
  map_put(&cache->entries, change.key, entry);
  return change;
}

struct watch_change watch_cache_put(struct watch_cache *cache, const struct json *object) {
  struct arena arena = {0};
  struct watch_change change = put_new_state(cache, kube_key(&arena, object), object);
  arena_dispose(&arena);
  return change;
}

struct watch_change watch_cache_del(struct watch_cache *cache, struct str key) {
  struct watch_entry *entry = map_del(&cache->entries, key);
  if (!entry)
    return (struct watch_change){0};
  const struct json *object = watch_cache_tree(cache, entry);
  unlink_warm(cache, entry);
  return (struct watch_change){
      .happened = true,
      .event = KUBE_DELETED,
      .key = watch_entry_key(entry),
      .object = object,
      .old = object,
      .gone = entry,
  };
}

void watch_change_dispose(struct watch_change *change) {
  entry_free(change->gone);
  change->gone = NULL;
}
