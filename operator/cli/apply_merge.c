// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/apply_merge.h"
#include "manifests/base/bug.h"
#include "manifests/base/limits.h"
#include "manifests/text/json_patch.h"

// Lists that Kubernetes merges by a key (patchMergeKey in its API types). `parent` tells the ports
// of a Service from those of a container; NULL: any.
static const struct {
  const char *list, *parent, *key;
} merge_keys[] = {
    {"containers", NULL, "name"},
    {"initContainers", NULL, "name"},
    {"ephemeralContainers", NULL, "name"},
    {"volumes", NULL, "name"},
    {"env", NULL, "name"},
    {"imagePullSecrets", NULL, "name"},
    {"ports", "spec", "port"},
    {"ports", NULL, "containerPort"},
    {"volumeMounts", NULL, "mountPath"},
    {"volumeDevices", NULL, "devicePath"},
    {"hostAliases", NULL, "ip"},
    {"topologySpreadConstraints", NULL, "topologyKey"},
    {"conditions", NULL, "type"},
    {"ownerReferences", NULL, "uid"},
};

static const char *merge_key(struct str list, struct str parent) {
  for (size_t i = 0; i < ARRAY_LEN(merge_keys); i++)
    if (str_eq_z(list, merge_keys[i].list) &&
        (!merge_keys[i].parent || str_eq_z(parent, merge_keys[i].parent)))
      return merge_keys[i].key;
  return NULL;
}

struct json *apply_annotated(struct arena *arena, const struct json *manifest) {
  struct json *object = json_dup(arena, manifest);
  struct json *metadata = json_need_object(arena, object, "metadata");
  struct json *annotations = json_need_object(arena, metadata, "annotations");
  json_remove(annotations, STR(APPLY_ANNOTATION));
  struct buf text; // byte for byte what kubectl writes: keys in order, a newline at the end
  buf_init(&text, LIMIT_JSON_BYTES);
  json_write_canonical(&text, object);
  buf_add_char(&text, '\n');
  json_put_string(arena, annotations, APPLY_ANNOTATION, buf_str(&text));
  buf_dispose(&text);
  return object;
}

struct json *apply_remembered(struct arena *arena, const struct json *live) {
  struct json *annotations = json_path(live, "metadata.annotations"), *last;
  struct str text = json_get_string(annotations, APPLY_ANNOTATION);
  return text.len && json_parse(text, arena, &last, NULL) == RC_OK ? last : NULL;
}

struct merging {
  struct arena *arena;
  bool builtin;
};

static struct json *merge_value(const struct merging *merging, struct str name, struct str parent,
                                const struct json *live, const struct json *last,
                                const struct json *wanted);

static const struct json *find_item(const struct json *list, const char *key,
                                    const struct json *like) {
  const struct json *value = json_get(like, key);
  JSON_EACH(item, list)
    if (value && json_get(item, key) && json_equal(json_get(item, key), value))
      return item;
  return NULL;
}

static bool all_have(const struct json *list, const char *key) {
  JSON_EACH(item, list)
    if (!json_get(item, key))
      return false;
  return true;
}

static ptrdiff_t place_of(const struct json *list, const char *key, const struct json *like) {
  const struct json *found = find_item(list, key, like);
  ptrdiff_t at = 0;
  JSON_EACH(item, list) {
    if (item == found)
      return at;
    at++;
  }
  return -1;
}

static const struct json *next_foreign(const struct json *item, const char *key,
                                       const struct json *last, const struct json *wanted) {
  while (item && (find_item(wanted, key, item) || find_item(last, key, item)))
    item = item->next;
  return item;
}

// The user's items in his order, each merged with the live one, among the live ones he never named.
// Where these stand is decided as by a strategic merge with $setElementOrder (mergeSortedSlice in
// k8s.io/apimachinery): before the user's item, unless both are live and his comes first.
static struct json *merge_list(const struct merging *merging, const char *key, struct str name,
                               const struct json *live, const struct json *last,
                               const struct json *wanted) {
  struct json *merged = json_new_array(merging->arena);
  const struct json *mine = wanted->child;
  const struct json *foreign = next_foreign(live->child, key, last, wanted);
  while (mine || foreign) {
    ptrdiff_t at = mine ? place_of(live, key, mine) : -1;
    bool first = mine && foreign && at >= 0 && at < place_of(live, key, foreign);
    if (foreign && !first) {
      json_append(merged, json_dup(merging->arena, foreign));
      foreign = next_foreign(foreign->next, key, last, wanted);
      continue;
    }
    json_append(merged, merge_value(merging, STR("-"), name, find_item(live, key, mine),
                                    find_item(last, key, mine), mine));
    mine = mine->next;
  }
  return merged;
}

static struct json *merge_object(const struct merging *merging, struct str name,
                                 const struct json *live, const struct json *last,
                                 const struct json *wanted) {
  struct json *merged = json_dup(merging->arena, live);
  JSON_EACH(field, json_is(last, JSON_OBJECT) ? last : NULL)
    if (!json_get_s(wanted, field->key))
      json_remove(merged, field->key);
  JSON_EACH(field, wanted) {
    if (field->type == JSON_NULL) {
      json_remove(merged, field->key);
      continue;
    }
    json_set(merging->arena, merged, field->key,
             merge_value(merging, field->key, name, json_get_s(live, field->key),
                         json_get_s(last, field->key), field));
  }
  return merged;
}

static struct json *merge_value(const struct merging *merging, struct str name, struct str parent,
                                const struct json *live, const struct json *last,
                                const struct json *wanted) {
  if (json_is(live, JSON_OBJECT) && json_is(wanted, JSON_OBJECT))
    return merge_object(merging, name, live, last, wanted);
  const char *key = merging->builtin ? merge_key(name, parent) : NULL;
  if (key && json_is(live, JSON_ARRAY) && json_is(wanted, JSON_ARRAY) && all_have(live, key) &&
      all_have(wanted, key))
    return merge_list(merging, key, name, live, last, wanted);
  return json_dup(merging->arena, wanted);
}

struct json *apply_merge(struct arena *arena, const struct json *live, const struct json *last,
                         const struct json *wanted, bool builtin) {
  struct merging merging = {arena, builtin};
  return merge_object(&merging, STR(""), live, last, wanted);
}

struct json *apply_patch(struct arena *arena, const struct json *live, const struct json *wanted,
                         bool builtin) {
  struct json *after = apply_merge(arena, live, apply_remembered(arena, live),
                                   apply_annotated(arena, wanted), builtin);
  // What the server alone writes is no difference, whatever the manifest says.
  static const char *const servers_own[] = {"resourceVersion", "uid",      "creationTimestamp",
                                            "generation",      "selfLink", "managedFields"};
  struct json *metadata = json_need_object(arena, after, "metadata");
  for (size_t i = 0; i < ARRAY_LEN(servers_own); i++) {
    const struct json *value = json_get(json_get(live, "metadata"), servers_own[i]);
    json_remove(metadata, str_of(servers_own[i]));
    if (value)
      json_put(arena, metadata, servers_own[i], json_dup(arena, value));
  }
  return json_merge_diff(arena, live, after);
}
