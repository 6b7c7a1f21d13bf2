// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/directory_set.h"
#include "manifests/base/alloc.h"
#include "manifests/base/limits.h"
#include "manifests/base/map.h"
#include "manifests/kinds/registry.h"
#include "manifests/source/directory_scan.h"
#include "manifests/source/file.h"
#include "manifests/source/kube_client.h"
#include "manifests/text/yaml.h"

struct directory_content { // what one version of a file holds
  struct arena arena;
  struct directory_object *objects;
  size_t count, capacity;
};

struct directory_file {
  struct directory_file *next;
  struct arena arena; // of the path
  struct str path;
  uint64_t hash;
  bool read; // hash is set
  struct directory_content good;
  struct arena findings_arena;
  struct findings findings; // of the version on disk
  bool present;             // during a scan
};

// ---- one file ----

static bool is_namespaced(const struct json *json) {
  const struct kind_desc *kind =
      kind_find(json_get_string(json, "apiVersion"), json_get_string(json, "kind"));
  return !kind || kind->namespaced;
}

static void add_object(struct directory_content *content, struct json *json, int line,
                       struct str file, struct findings *findings) {
  struct arena *arena = &content->arena;
  struct str kind = json_get_string(json, "kind"), api = json_get_string(json, "apiVersion");
  if (json->line)
    line = json->line;
  if (!kind.len && !api.len) {
    findings_add(findings, FINDING_WARNING, file, line, STR(""), "no-kind",
                 "neither apiVersion nor kind: not an object, passed over");
    return;
  }
  if (!kind.len || !api.len) {
    findings_add(findings, FINDING_ERROR, file, line, STR(""), "no-kind",
                 "expected apiVersion and kind; %s is missing", kind.len ? "apiVersion" : "kind");
    return;
  }
  if (!kube_name(json).len) {
    findings_add(findings, FINDING_ERROR, file, line, STR("metadata.name"), "no-name",
                 "expected a name; this %.*s has none", STR_ARG(kind));
    return;
  }
  bool namespaced = is_namespaced(json);
  struct json *metadata = json_get(json, "metadata");
  if (namespaced && !kube_namespace(json).len)
    json_put_z(arena, metadata, "namespace", "default");
  struct directory_object *object = arena_push(arena, (void **)&content->objects, &content->count,
                                               &content->capacity, sizeof *object);
  *object = (struct directory_object){
      .json = json,
      .key = namespaced ? arena_printf(arena, "%.*s/%.*s/%.*s", STR_ARG(kind),
                                       STR_ARG(kube_namespace(json)), STR_ARG(kube_name(json)))
                        : arena_printf(arena, "%.*s/%.*s", STR_ARG(kind), STR_ARG(kube_name(json))),
      .line = line,
  };
}

static void add_document(struct directory_content *content, struct yaml_doc *doc, struct str file,
                         struct findings *findings) {
  if (!json_is(doc->root, JSON_OBJECT)) {
    findings_add(findings, FINDING_ERROR, file, doc->line, STR(""), "not-an-object",
                 "expected a mapping with apiVersion, kind and metadata; found a %s",
                 json_type_name(doc->root->type));
    return;
  }
  struct json *items = json_get(doc->root, "items");
  if (!str_ends(json_get_string(doc->root, "kind"), STR("List")) || !json_is(items, JSON_ARRAY)) {
    add_object(content, doc->root, doc->line, file, findings);
    return;
  }
  JSON_EACH(item, items) {
    if (json_is(item, JSON_OBJECT))
      add_object(content, item, doc->line, file, findings);
    else
      findings_add(findings, FINDING_ERROR, file, doc->line, STR("items"), "not-an-object",
                   "expected a list of objects; found a %s in it", json_type_name(item->type));
  }
}

static void read_version(struct directory_file *file, struct str text) {
  struct directory_content content = {0};
  struct yaml_doc *docs = NULL;
  arena_dispose(&file->findings_arena);
  findings_init(&file->findings, &file->findings_arena);
  size_t count = yaml_parse(text, file->path, &content.arena, &docs, &file->findings);
  for (size_t i = 0; i < count; i++)
    add_document(&content, &docs[i], file->path, &file->findings);
  // yaml_parse put its findings' text into content.arena only if it used docs' arena; findings have
  // their own.
  if (file->findings.errors == 0) {
    arena_dispose(&file->good.arena);
    file->good = content;
    return;
  }
  arena_dispose(&content.arena);
  if (file->good.count)
    findings_add(&file->findings, FINDING_WARNING, file->path, 0, STR(""), "last-good-kept",
                 "the file is broken; its last good version (%zu objects) stays in force",
                 file->good.count);
}

// True when the file is not what it was.
static bool read_file(struct directory_file *file) {
  struct arena arena = {0};
  struct str text;
  struct err err = {0};
  int rc = file_read(file->path.ptr, LIMIT_MANIFEST_BYTES, &arena, &text, &err);
  bool changed = true;
  if (rc == RC_OK) {
    uint64_t hash = str_hash(text);
    changed = !file->read || hash != file->hash;
    file->hash = hash;
    file->read = true;
    if (changed)
      read_version(file, text);
  } else {
    file->read = false;
    arena_dispose(&file->findings_arena);
    findings_init(&file->findings, &file->findings_arena);
    findings_add(&file->findings, FINDING_ERROR, file->path, 0, STR(""), "unreadable", "%s",
                 err.msg);
  }
  arena_dispose(&arena);
  return changed;
}

static void file_free(struct directory_file *file) {
  arena_dispose(&file->arena);
  arena_dispose(&file->good.arena);
  arena_dispose(&file->findings_arena);
  xfree(file);
}

// ---- the set ----

void directory_set_init(struct directory_set *set, const char *path) {
  *set = (struct directory_set){0};
  set->path = arena_strz(&set->arena, path);
  findings_init(&set->snapshot.findings, &set->snapshot.arena);
}

void directory_set_dispose(struct directory_set *set) {
  while (set->files) {
    struct directory_file *next = set->files->next;
    file_free(set->files);
    set->files = next;
  }
  directory_snapshot_dispose(&set->snapshot);
  arena_dispose(&set->arena);
}

// Brings the list of files in line with the scan; both are sorted. True when a file came, went or
// changed.
static bool follow_scan(struct directory_set *set, const struct directory_scan *scan) {
  bool changed = false;
  struct directory_file **at = &set->files;
  for (size_t i = 0; i < scan->file_count;) {
    int order = *at ? str_cmp((*at)->path, scan->files[i]) : 1;
    if (order < 0) {
      struct directory_file *gone = *at;
      *at = gone->next;
      file_free(gone);
      changed = true;
      continue;
    }
    if (order > 0) {
      struct directory_file *file = XNEW(struct directory_file);
      file->path = arena_str(&file->arena, scan->files[i]);
      findings_init(&file->findings, &file->findings_arena);
      file->next = *at;
      *at = file;
    }
    changed |= read_file(*at);
    at = &(*at)->next;
    i++;
  }
  while (*at) {
    struct directory_file *gone = *at;
    *at = gone->next;
    file_free(gone);
    changed = true;
  }
  return changed;
}

// The group tells kinds of the same name apart (Gateway).
static struct str identity_of(struct arena *arena, const struct directory_object *object) {
  struct str api = json_get_string(object->json, "apiVersion");
  ptrdiff_t slash = str_find_char(api, '/');
  return arena_printf(arena, "%.*s %.*s", slash < 0 ? 0 : (int)slash, api.ptr,
                      STR_ARG(object->key));
}

static void copy_findings(struct findings *to, const struct findings *from) {
  for (size_t i = 0; i < from->count; i++) {
    const struct finding *item = &from->items[i];
    findings_add(to, item->level, item->file, item->line, item->path,
                 arena_str(to->arena, item->id).ptr, "%.*s", STR_ARG(item->message));
  }
}

static void add_to_snapshot(struct directory_snapshot *next, size_t *capacity, struct map *seen,
                            const struct directory_file *file,
                            const struct directory_object *object) {
  struct arena *arena = &next->arena;
  struct str identity = identity_of(arena, object);
  const struct directory_object *first = map_get(seen, identity);
  if (first) {
    findings_add(&next->findings, FINDING_ERROR, file->path, object->line, STR("metadata.name"),
                 "duplicate", "%.*s is declared before, at %.*s:%d; that one counts",
                 STR_ARG(object->key), STR_ARG(first->file), first->line);
    return;
  }
  struct directory_object *copy =
      arena_push(arena, (void **)&next->objects, &next->count, capacity, sizeof *copy);
  *copy = (struct directory_object){
      .json = json_dup(arena, object->json),
      .key = arena_str(arena, object->key),
      .file = arena_str(arena, file->path),
      .line = object->line,
  };
  // The array may move while it grows: what `seen` holds must not.
  map_put(seen, identity, arena_dup(arena, copy, sizeof *copy));
}

// Objects that are as they were keep their resourceVersion; changed content makes a new revision.
static void set_revisions(struct directory_snapshot *next, const struct directory_snapshot *last) {
  struct map before;
  struct arena arena = {0};
  map_init(&before);
  for (size_t i = 0; i < last->count; i++)
    map_put(&before, identity_of(&arena, &last->objects[i]), &last->objects[i]);
  bool changed = next->count != last->count;
  for (size_t i = 0; i < next->count; i++) {
    struct directory_object *object = &next->objects[i];
    struct json *metadata = json_get(object->json, "metadata");
    const struct directory_object *old = map_get(&before, identity_of(&arena, object));
    struct str revision = old ? arena_str(&next->arena, kube_revision(old->json)) : STR("");
    json_put_string(&next->arena, metadata, "resourceVersion", revision);
    if (old && json_equal(old->json, object->json))
      continue;
    changed = true;
    json_put_string(&next->arena, metadata, "resourceVersion",
                    arena_printf(&next->arena, "%lld", (long long)last->revision + 1));
  }
  next->revision = last->revision + (changed ? 1 : 0);
  map_dispose(&before);
  arena_dispose(&arena);
}

static void rebuild(struct directory_set *set) {
  struct directory_snapshot next = {0};
  struct map seen;
  size_t capacity = 0;
  map_init(&seen);
  findings_init(&next.findings, &next.arena);
  for (const struct directory_file *file = set->files; file; file = file->next) {
    copy_findings(&next.findings, &file->findings);
    for (size_t i = 0; i < file->good.count; i++)
      add_to_snapshot(&next, &capacity, &seen, file, &file->good.objects[i]);
  }
  map_dispose(&seen);
  set_revisions(&next, &set->snapshot);
  directory_snapshot_dispose(&set->snapshot);
  set->snapshot = next;
  set->snapshot.findings.arena = &set->snapshot.arena; // it moved
}

int directory_set_read(struct directory_set *set, struct arena *arena, bool *ret_changed,
                       struct str **ret_folders, size_t *ret_folder_count, struct err *err) {
  struct directory_scan scan;
  int rc = directory_scan(set->path.ptr, arena, &scan, err);
  if (rc)
    return rc;
  *ret_changed = follow_scan(set, &scan) || set->snapshot.revision == 0;
  if (*ret_changed)
    rebuild(set);
  if (ret_folders) {
    *ret_folders = scan.folders;
    *ret_folder_count = scan.folder_count;
  }
  return RC_OK;
}

int directory_read(const char *path, struct directory_snapshot *ret_snapshot, struct err *err) {
  struct directory_set set;
  struct arena arena = {0};
  bool changed;
  directory_set_init(&set, path);
  int rc = directory_set_read(&set, &arena, &changed, NULL, NULL, err);
  if (rc == RC_OK) {
    *ret_snapshot = set.snapshot;
    ret_snapshot->findings.arena = &ret_snapshot->arena;
    set.snapshot = (struct directory_snapshot){0};
  }
  directory_set_dispose(&set);
  arena_dispose(&arena);
  return rc;
}

void directory_snapshot_dispose(struct directory_snapshot *snapshot) {
  arena_dispose(&snapshot->arena);
  *snapshot = (struct directory_snapshot){0};
}
