// SPDX-License-Identifier: Apache-2.0
#include "operator/reconcile/content.h"
#include "operator/reconcile/snapshot.h"

#define NAME_LONGEST 253
#define ABSENT_TAIL "-absent"

// --- the places of a template ---

// `holder` has the object's name under the key `field`.
typedef void (*place_fn)(struct json *holder, const char *kind, const char *field, bool in_volume,
                         void *data);

static void visit(struct json *holder, const char *kind, const char *field, bool in_volume,
                  place_fn each, void *data) {
  if (json_get_string(holder, field).len)
    each(holder, kind, field, in_volume, data);
}

static void visit_container(const struct json *container, place_fn each, void *data) {
  JSON_EACH(from, json_get(container, "envFrom")) {
    visit(json_get(from, "configMapRef"), "ConfigMap", "name", false, each, data);
    visit(json_get(from, "secretRef"), "Secret", "name", false, each, data);
  }
  JSON_EACH(env, json_get(container, "env")) {
    const struct json *from = json_get(env, "valueFrom");
    visit(json_get(from, "configMapKeyRef"), "ConfigMap", "name", false, each, data);
    visit(json_get(from, "secretKeyRef"), "Secret", "name", false, each, data);
  }
}

static void visit_all(const struct json *pod_template, place_fn each, void *data) {
  const struct json *spec = json_get(pod_template, "spec");
  static const char *const lists[] = {"initContainers", "containers"};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
    JSON_EACH(container, json_get(spec, lists[i]))
      visit_container(container, each, data);
  JSON_EACH(volume, json_get(spec, "volumes")) {
    visit(json_get(volume, "configMap"), "ConfigMap", "name", true, each, data);
    visit(json_get(volume, "secret"), "Secret", "secretName", true, each, data);
    JSON_EACH(source, json_get(json_get(volume, "projected"), "sources")) {
      visit(json_get(source, "configMap"), "ConfigMap", "name", true, each, data);
      visit(json_get(source, "secret"), "Secret", "name", true, each, data);
    }
  }
}

// --- references ---

struct gathered {
  struct arena *arena;
  struct content_ref *items;
  size_t count, capacity;
};

static void gather(struct json *holder, const char *kind, const char *field, bool in_volume,
                   void *data) {
  struct gathered *all = data;
  struct str name = json_get_string(holder, field);
  bool optional = json_is_true(json_get(holder, "optional"));
  for (size_t i = 0; i < all->count; i++) {
    struct content_ref *ref = &all->items[i];
    if (str_eq_z(ref->kind, kind) && str_eq(ref->name, name)) {
      ref->optional &= optional;
      ref->in_volume |= in_volume;
      return;
    }
  }
  struct content_ref *ref =
      arena_push(all->arena, (void **)&all->items, &all->count, &all->capacity, sizeof *all->items);
  *ref = (struct content_ref){str_of(kind), name, optional, in_volume};
}

struct content_ref *content_refs(const struct json *pod_template, struct arena *arena,
                                 size_t *ret_count) {
  struct gathered all = {.arena = arena};
  visit_all(pod_template, gather, &all);
  *ret_count = all.count;
  return all.items;
}

struct replacement {
  struct arena *arena;
  const struct rollout_content *items;
  size_t count;
};

static void replace(struct json *holder, const char *kind, const char *field, bool in_volume,
                    void *data) {
  (void)in_volume;
  const struct replacement *by = data;
  const struct rollout_content *item =
      content_find(by->items, by->count, str_of(kind), json_get_string(holder, field));
  if (item && item->copy.len)
    json_put_string(by->arena, holder, field, item->copy);
}

struct json *content_apply(const struct json *pod_template, const struct rollout_content *items,
                           size_t count, struct arena *arena) {
  struct json *copy = json_dup(arena, pod_template);
  struct replacement by = {arena, items, count};
  visit_all(copy, replace, &by);
  return copy;
}

// --- items ---

const struct rollout_content *content_find(const struct rollout_content *items, size_t count,
                                           struct str kind, struct str name) {
  for (size_t i = 0; i < count; i++)
    if (str_eq(items[i].kind, kind) && str_eq(items[i].name, name))
      return &items[i];
  return NULL;
}

// "hmac:<key>:" and "sha256:"
static struct str method_of(struct str hash) {
  for (size_t i = hash.len; i-- > 0;)
    if (hash.ptr[i] == ':')
      return str_slice(hash, 0, i + 1);
  return STR_NULL;
}

bool content_hash_comparable(struct str a, struct str b) {
  return str_eq_z(a, CONTENT_ABSENT_HASH) || str_eq_z(b, CONTENT_ABSENT_HASH) ||
         str_eq(method_of(a), method_of(b));
}

bool content_hash_differs(struct str a, struct str b) {
  return content_hash_comparable(a, b) && !str_eq(a, b);
}

struct str content_copy_name(struct str rollout_uid, const struct rollout_content *item,
                             struct arena *arena) {
  if (str_eq_z(item->hash, CONTENT_ABSENT_HASH))
    return arena_printf(arena, "%.*s" ABSENT_TAIL,
                        STR_ARG(str_slice(item->name, 0, NAME_LONGEST - (sizeof ABSENT_TAIL - 1))));
  struct json *of = json_new_array(arena);
  json_append(of, json_new_string(arena, rollout_uid));
  json_append(of, json_new_string(arena, item->kind));
  json_append(of, json_new_string(arena, item->name));
  json_append(of, json_new_string(arena, item->hash));
  struct str tail = snapshot_hash(of, arena);
  struct str head = str_slice(item->name, 0, NAME_LONGEST - 1 - tail.len);
  while (head.len && (head.ptr[head.len - 1] == '.' || head.ptr[head.len - 1] == '-'))
    head.len--;
  return arena_printf(arena, "%.*s-%.*s", STR_ARG(head), STR_ARG(tail));
}

struct str content_mark(const struct rollout_content *items, size_t count, struct arena *arena) {
  struct json *of = json_new_array(arena);
  for (size_t i = 0; i < count; i++)
    if (items[i].copy.len)
      json_append(of, json_new_string(arena, items[i].copy));
  return of->count ? snapshot_hash(of, arena) : STR_NULL;
}

struct json *content_with_mark(const struct json *pod_template, struct str mark,
                               struct arena *arena) {
  struct json *copy = json_dup(arena, pod_template);
  struct json *metadata = json_get(copy, "metadata");
  struct json *annotations = json_get(metadata, "annotations");
  if (mark.len) {
    metadata = json_need_object(arena, copy, "metadata");
    annotations = json_need_object(arena, metadata, "annotations");
    json_put_string(arena, annotations, ROLLOUT_CONTENT_MARK, mark);
  } else if (json_remove(annotations, STR(ROLLOUT_CONTENT_MARK)) && annotations->count == 0) {
    json_remove(metadata, STR("annotations"));
  }
  return copy;
}

// --- on a Deployment ---

struct str content_record(struct str template_hash, const struct rollout_content *items,
                          size_t count, struct arena *arena) {
  struct json *record = json_new_object(arena), *list = json_new_array(arena);
  for (size_t i = 0; i < count; i++) {
    struct json *item = json_new_object(arena);
    json_put_string(arena, item, "kind", items[i].kind);
    json_put_string(arena, item, "name", items[i].name);
    json_put_string(arena, item, "hash", items[i].hash);
    json_put_string(arena, item, "copy", items[i].copy);
    json_append(list, item);
  }
  json_put_string(arena, record, "templateHash", template_hash);
  json_put(arena, record, "items", list);
  return json_text(arena, record);
}

struct rollout_content *content_recorded(const struct json *deployment, struct arena *arena,
                                         size_t *ret_count, struct str *ret_template_hash) {
  struct str text = json_get_string(json_path(deployment, "metadata.annotations"), ROLLOUT_CONTENT);
  struct json *record = NULL;
  *ret_count = 0;
  *ret_template_hash = STR_NULL;
  if (!text.len || json_parse(text, arena, &record, NULL) != RC_OK)
    return NULL;
  const struct json *list = json_get(record, "items");
  struct rollout_content *items =
      ARENA_ARRAY(arena, struct rollout_content, (list ? list->count : 0) + 1);
  *ret_template_hash = json_get_string(record, "templateHash");
  JSON_EACH(item, list)
    items[(*ret_count)++] = (struct rollout_content){.kind = json_get_string(item, "kind"),
                                                     .name = json_get_string(item, "name"),
                                                     .hash = json_get_string(item, "hash"),
                                                     .copy = json_get_string(item, "copy")};
  return items;
}
