// SPDX-License-Identifier: Apache-2.0
#include "proxy/config_set.h"

#include "manifests/base/alloc.h"
#include "manifests/kinds/destination_rule.h"
#include "manifests/kinds/endpoints.h"
#include "manifests/kinds/gateway.h"
#include "manifests/kinds/gateway_class.h"
#include "manifests/kinds/grpc_route.h"
#include "manifests/kinds/http_route.h"
#include "manifests/kinds/istio_gateway.h"
#include "manifests/kinds/namespace.h"
#include "manifests/kinds/pod.h"
#include "manifests/kinds/reference_grant.h"
#include "manifests/kinds/registry.h"
#include "manifests/kinds/service.h"
#include "manifests/kinds/service_entry.h"
#include "manifests/kinds/virtual_service.h"
#include "manifests/kinds/workload_entry.h"
#include "manifests/schema/decode.h"
#include "manifests/schema/enforced.h"

enum config_use {
  CONFIG_ENFORCED, // decoded, checked, reported
  CONFIG_JOINED,   // decoded without a word: its faults are not about routing
  CONFIG_REPORTED, // only said to be not enforced yet
};

static const struct {
  const struct kind_desc *kind;
  enum config_use use;
} config_kinds[] = {
    {&virtual_service_kind, CONFIG_ENFORCED}, {&destination_rule_kind, CONFIG_ENFORCED},
    {&service_kind, CONFIG_JOINED},           {&endpoint_slice_kind, CONFIG_JOINED},
    {&endpoints_kind, CONFIG_JOINED},         {&pod_kind, CONFIG_JOINED},
    {&istio_gateway_kind, CONFIG_ENFORCED},   {&service_entry_kind, CONFIG_ENFORCED},
    {&workload_entry_kind, CONFIG_ENFORCED},  {&gateway_kind, CONFIG_ENFORCED},
    {&gateway_class_kind, CONFIG_ENFORCED},   {&reference_grant_kind, CONFIG_ENFORCED},
    {&namespace_kind, CONFIG_JOINED},         {&http_route_kind, CONFIG_ENFORCED},
    {&grpc_route_kind, CONFIG_REPORTED},
};

// One decoded version of an object.
struct config_object {
  struct arena arena;
  const struct object_meta
      *meta; // the typed object starts with it; NULL when nothing could be decoded
  struct findings findings;
  struct str file, revision, uid;
  int line;
  uint64_t content; // CONFIG_JOINED: hash of what matters here
};

struct config_entry {
  const struct kind_desc *kind;
  struct config_object *good;   // the newest without errors, NULL when there never was one
  struct config_object *broken; // the newest, when it has errors
  uint64_t round;
};

static void config_object_free(struct config_object *object) {
  if (!object)
    return;
  arena_dispose(&object->arena);
  xfree(object);
}

static void config_entry_free(struct config_entry *entry) {
  config_object_free(entry->good);
  config_object_free(entry->broken);
  xfree(entry);
}

void config_set_init(struct config_set *set) {
  *set = (struct config_set){0};
  map_init(&set->entries);
}

void config_set_dispose(struct config_set *set) {
  struct map_iter it = map_begin(&set->entries);
  while (map_each(&it))
    config_entry_free(it.value);
  map_dispose(&set->entries);
}

static bool config_find_kind(struct str api_version, struct str kind,
                             const struct kind_desc **ret_kind, enum config_use *ret_use) {
  const struct kind_desc *found = kind_find(api_version, kind);
  for (size_t i = 0; found && i < sizeof config_kinds / sizeof config_kinds[0]; i++) {
    if (config_kinds[i].kind == found) {
      *ret_kind = found;
      *ret_use = config_kinds[i].use;
      return true;
    }
  }
  return false;
}

bool config_set_wants(struct str api_version, struct str kind) {
  const struct kind_desc *found;
  enum config_use use;
  return config_find_kind(api_version, kind, &found, &use);
}

// What VirtualServices can hold beyond what their fields say, such as patterns, shows when routes
// are made of them.
static void config_check_routes(const struct kind_desc *kind, const void *object, struct str file,
                                int line, struct findings *findings) {
  const struct table_object only = {.kind = kind, .object = object, .file = file, .line = line};
  const struct table_settings settings = {0};
  struct table_ids *ids = table_ids_new();
  const struct table_input input = {
      .objects = &only, .object_count = 1, .settings = &settings, .ids = ids, .version = 1};
  struct proxy_table *table = table_build(&input);
  for (size_t i = 0; i < table->findings.count; i++) {
    const struct finding *item = &table->findings.items[i];
    struct str id = arena_str(findings->arena, item->id);
    if (item->level == FINDING_ERROR && !str_eq_z(item->id, "not-in-force"))
      findings_add(findings, item->level, item->file, item->line, item->path, id.ptr, "%.*s",
                   STR_ARG(item->message));
  }
  table_unref(table);
  table_ids_unref(ids);
}

// Only what joins endpoints to Pods; a PodSpec is large and none of our business.
static const struct json *config_trim_pod(const struct json *json, struct arena *arena) {
  struct json *trimmed = json_new_object(arena);
  const struct json *metadata = json_get(json, "metadata");
  const struct json *ip = json_path(json, "status.podIP");
  if (metadata)
    (void)json_put(arena, trimmed, "metadata", json_dup(arena, metadata));
  if (ip)
    (void)json_put(arena, json_need_object(arena, trimmed, "status"), "podIP", json_dup(arena, ip));
  // Whether it is ready, for entries that choose Pods themselves; without the times of probes.
  const struct json *conditions = json_path(json, "status.conditions");
  for (const struct json *item = conditions ? conditions->child : NULL; item; item = item->next) {
    if (!str_eq(json_get_string(item, "type"), STR("Ready")))
      continue;
    struct json *ready = json_new_object(arena);
    json_put_string(arena, ready, "type", STR("Ready"));
    json_put_string(arena, ready, "status", json_get_string(item, "status"));
    json_append(json_need_array(arena, json_need_object(arena, trimmed, "status"), "conditions"),
                ready);
  }
  return trimmed;
}

static struct str config_key(struct arena *arena, const char *kind, struct str namespace_,
                             struct str name) {
  return arena_printf(arena, "%s/%.*s/%.*s", kind, STR_ARG(namespace_), STR_ARG(name));
}

// Pods and slices are written often (probes, annotations, heartbeats) without anything new for
// routing; a table for each of these writes would keep a large cluster's proxies busy with nothing.
static uint64_t config_content(const struct json *json, bool without_status) {
  struct arena arena;
  arena_init(&arena);
  struct json *copy = json_dup(&arena, json);
  struct json *metadata = json_get(copy, "metadata");
  static const char *const ignored[] = {"resourceVersion", "generation", "managedFields",
                                        "annotations"};
  for (size_t i = 0; metadata && i < sizeof ignored / sizeof ignored[0]; i++)
    (void)json_remove(metadata, str_of(ignored[i]));
  if (without_status)
    (void)json_remove(copy, STR("status"));
  uint64_t hash = str_hash(json_text(&arena, copy));
  arena_dispose(&arena);
  return hash;
}

// Of these kinds this proxy, or another controller, writes the status: no news for routing.
static bool config_writes_status(const struct kind_desc *kind) {
  return kind == &http_route_kind || kind == &gateway_kind || kind == &gateway_class_kind;
}

static void config_report(const struct kind_desc *kind, struct config_object *object,
                          struct str namespace_, struct str name) {
  findings_add(&object->findings, FINDING_WARNING, object->file, object->line, STR(""),
               "not-enforced", "%s %.*s/%.*s: this kind is not enforced yet", kind->kind,
               STR_ARG(namespace_), STR_ARG(name));
}

static struct config_object *config_object_new(const struct kind_desc *kind, enum config_use use,
                                               const struct json *json, struct str file, int line) {
  struct config_object *object = XNEW(struct config_object);
  arena_init(&object->arena);
  findings_init(&object->findings, &object->arena);
  // Objects of an API are in no file: their own name says where a fault is.
  object->file = file.len ? arena_str(&object->arena, file)
                          : config_key(&object->arena, kind->kind,
                                       json_path_string(json, "metadata.namespace"),
                                       json_path_string(json, "metadata.name"));
  object->line = line;
  object->revision = arena_str(&object->arena, json_path_string(json, "metadata.resourceVersion"));
  object->uid = arena_str(&object->arena, json_path_string(json, "metadata.uid"));
  const struct decode_options options = {
      .file = object->file, .unknown = UNKNOWN_WARN, .skip_checks = use == CONFIG_JOINED};
  const struct json *tree = kind == &pod_kind ? config_trim_pod(json, &object->arena) : json;
  bool is_silent = kind == &pod_kind;
  void *typed = NULL;
  int rc = kind_decode(kind, tree, &options, &object->arena, is_silent ? NULL : &object->findings,
                       &typed);
  if (use == CONFIG_REPORTED) {
    config_report(kind, object, json_path_string(json, "metadata.namespace"),
                  json_path_string(json, "metadata.name"));
    return object;
  }
  object->meta = typed;
  if (use == CONFIG_JOINED)
    object->content = config_content(tree, false);
  if (config_writes_status(kind))
    object->content = config_content(tree, true);
  if (use == CONFIG_ENFORCED) {
    (void)unenforced_report(kind, json, object->file, &object->arena, &object->findings);
    if (rc == 0 && kind == &virtual_service_kind)
      config_check_routes(kind, typed, object->file, line, &object->findings);
  }
  return object;
}

// Puts the newest version in its place; an error keeps the last good one beside it. False: nothing
// is new but its revision.
static bool config_entry_take(struct config_entry *entry, struct config_object *object,
                              struct str name) {
  bool changed = entry->broken || !entry->good || object->findings.errors || !object->content ||
                 entry->good->content != object->content || entry->good->line != object->line;
  config_object_free(entry->broken);
  entry->broken = NULL;
  if (object->findings.errors == 0) {
    config_object_free(entry->good);
    entry->good = object;
    return changed;
  }
  entry->broken = object;
  bool has_good = entry->good && entry->good->meta;
  findings_add(&object->findings, FINDING_ERROR, object->file, object->line, STR(""),
               has_good ? "last-good" : "not-in-force",
               has_good ? "%s %.*s: because of its errors, the last good version (resourceVersion "
                          "%.*s) stays in force"
                        : "%s %.*s: because of its errors, it is not in force%.*s",
               entry->kind->kind, STR_ARG(name),
               STR_ARG(has_good ? entry->good->revision : STR("")));
  return true;
}

static bool config_is_same(const struct config_entry *entry, const struct json *json, int line) {
  const struct config_object *newest = entry->broken ? entry->broken : entry->good;
  struct str revision = json_path_string(json, "metadata.resourceVersion");
  return newest && revision.len && str_eq(newest->revision, revision) &&
         str_eq(newest->uid, json_path_string(json, "metadata.uid")) && newest->line == line;
}

bool config_set_put(struct config_set *set, const struct json *json, struct str file, int line) {
  const struct kind_desc *kind;
  enum config_use use;
  if (!config_find_kind(json_get_string(json, "apiVersion"), json_get_string(json, "kind"), &kind,
                        &use))
    return false;
  struct arena scratch;
  arena_init(&scratch);
  struct str namespace_ = json_path_string(json, "metadata.namespace");
  struct str name = json_path_string(json, "metadata.name");
  // Two kinds may have one name (Gateway): the group keeps them apart.
  struct str key = arena_printf(&scratch, "%s|%.*s", kind->group,
                                STR_ARG(config_key(&scratch, kind->kind, namespace_, name)));
  struct config_entry *entry = map_get(&set->entries, key);
  bool is_new = entry == NULL;
  if (is_new) {
    entry = XNEW(struct config_entry);
    entry->kind = kind;
    (void)map_put(&set->entries, key, entry);
  }
  entry->round = set->round;
  bool changed = is_new || !config_is_same(entry, json, line);
  if (changed)
    changed =
        config_entry_take(entry, config_object_new(kind, use, json, file, line),
                          arena_printf(&scratch, "%.*s/%.*s", STR_ARG(namespace_), STR_ARG(name)));
  arena_dispose(&scratch);
  return changed;
}

bool config_set_delete(struct config_set *set, const struct kind_desc *kind, struct str namespace_,
                       struct str name) {
  struct arena scratch;
  arena_init(&scratch);
  struct str key = arena_printf(&scratch, "%s|%.*s", kind->group,
                                STR_ARG(config_key(&scratch, kind->kind, namespace_, name)));
  struct config_entry *entry = map_del(&set->entries, key);
  if (entry)
    config_entry_free(entry);
  arena_dispose(&scratch);
  return entry != NULL;
}

void config_set_mark(struct config_set *set) {
  set->round++;
}

bool config_set_sweep(struct config_set *set) {
  bool any = false;
  struct map_iter it = map_begin(&set->entries);
  while (map_each(&it)) {
    struct config_entry *entry = it.value;
    if (entry->round == set->round)
      continue;
    (void)map_del(&set->entries, it.key);
    config_entry_free(entry);
    any = true;
  }
  return any;
}

void config_set_objects(const struct config_set *set, const struct findings *more,
                        struct arena *arena, struct table_object **ret_objects, size_t *ret_count) {
  struct table_object *objects =
      ARENA_ARRAY(arena, struct table_object, map_count(&set->entries) + 1);
  size_t count = 0;
  if (more)
    objects[count++] = (struct table_object){.findings = more};
  struct map_iter it = map_begin(&set->entries);
  while (map_each(&it)) {
    const struct config_entry *entry = it.value;
    const struct config_object *said = entry->broken ? entry->broken : entry->good;
    const struct config_object *used = entry->good;
    objects[count++] = (struct table_object){
        .kind = entry->kind,
        .object = used ? used->meta : NULL,
        .findings = &said->findings,
        .file = used ? used->file : said->file,
        .line = used ? used->line : said->line,
    };
  }
  *ret_objects = objects;
  *ret_count = count;
}
