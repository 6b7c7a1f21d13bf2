// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/kube_path.h"

const char *kube_path_method(enum kube_verb verb) {
  static const char *const methods[] = {
      [KUBE_GET] = "GET",    [KUBE_LIST] = "GET",    [KUBE_CREATE] = "POST",
      [KUBE_UPDATE] = "PUT", [KUBE_PATCH] = "PATCH", [KUBE_DELETE] = "DELETE",
  };
  return methods[verb];
}

const char *kube_path_content_type(const struct kube_request *request) {
  static const char *const types[] = {
      [KUBE_PATCH_MERGE] = "application/merge-patch+json",
      [KUBE_PATCH_JSON] = "application/json-patch+json",
      [KUBE_PATCH_STRATEGIC] = "application/strategic-merge-patch+json",
      [KUBE_PATCH_APPLY] = "application/apply-patch+yaml",
  };
  return request->verb == KUBE_PATCH ? types[request->patch] : "application/json";
}

struct str kube_path(struct arena *arena, const struct kube_resource *resource, struct str ns,
                     struct str name, const char *subresource) {
  struct buf path;
  buf_init(&path, 4096);
  if (*resource->group)
    buf_addf(&path, "/apis/%s/%s", resource->group, resource->version);
  else
    buf_addf(&path, "/api/%s", resource->version);
  if (resource->namespaced && ns.len)
    buf_addf(&path, "/namespaces/%.*s", STR_ARG(http_escape(arena, ns)));
  buf_addf(&path, "/%s", resource->plural);
  if (name.len)
    buf_addf(&path, "/%.*s", STR_ARG(http_escape(arena, name)));
  if (subresource)
    buf_addf(&path, "/%s", subresource);
  struct str text = arena_str(arena, buf_str(&path));
  buf_dispose(&path);
  return text;
}

static void add(struct buf *query, struct arena *arena, const char *name, struct str value) {
  if (value.len)
    buf_addf(query, "%c%s=%.*s", query->len ? '&' : '?', name, STR_ARG(http_escape(arena, value)));
}

static void add_write(struct buf *query, struct arena *arena, const struct kube_request *request,
                      const char *field_manager) {
  const char *manager = request->field_manager ? request->field_manager : field_manager;
  bool is_delete = request->verb == KUBE_DELETE;
  if (!is_delete)
    add(query, arena, "fieldManager", str_of(manager));
  if (!is_delete)
    add(query, arena, "fieldValidation", str_of(request->field_validation));
  if (request->dry_run)
    add(query, arena, "dryRun", STR("All"));
  if (request->verb == KUBE_PATCH && request->patch == KUBE_PATCH_APPLY)
    add(query, arena, "force", request->force ? STR("true") : STR("false"));
}

static void add_list(struct buf *query, struct arena *arena, const struct kube_request *request) {
  add(query, arena, "labelSelector", request->label_selector);
  add(query, arena, "fieldSelector", request->field_selector);
}

static struct str finish(struct buf *query, struct arena *arena) {
  struct str text = arena_str(arena, buf_str(query));
  buf_dispose(query);
  return text;
}

struct str kube_path_query(struct arena *arena, const struct kube_request *request,
                           const char *field_manager, int64_t page, struct str token) {
  struct buf query;
  buf_init(&query, 65536);
  switch (request->verb) {
  case KUBE_GET: break;
  case KUBE_LIST:
    add_list(&query, arena, request);
    if (page > 0)
      add(&query, arena, "limit", arena_printf(arena, "%lld", (long long)page));
    add(&query, arena, "continue", token);
    break;
  case KUBE_CREATE:
  case KUBE_UPDATE:
  case KUBE_PATCH:
  case KUBE_DELETE: add_write(&query, arena, request, field_manager); break;
  }
  return finish(&query, arena);
}

struct str kube_path_watch(struct arena *arena, const struct kube_request *request,
                           struct str revision, int64_t seconds) {
  struct str path = kube_path(arena, request->resource, request->ns, STR_NULL, NULL);
  struct buf query;
  buf_init(&query, 65536);
  add_list(&query, arena, request);
  add(&query, arena, "watch", STR("true"));
  add(&query, arena, "allowWatchBookmarks", STR("true"));
  add(&query, arena, "resourceVersion", revision);
  add(&query, arena, "timeoutSeconds", arena_printf(arena, "%lld", (long long)seconds));
  struct str text = finish(&query, arena);
  return arena_printf(arena, "%.*s%.*s", STR_ARG(path), STR_ARG(text));
}

struct str kube_name(const struct json *object) {
  return json_path_string(object, "metadata.name");
}

struct str kube_namespace(const struct json *object) {
  return json_path_string(object, "metadata.namespace");
}

struct str kube_revision(const struct json *object) {
  return json_path_string(object, "metadata.resourceVersion");
}

struct str kube_uid(const struct json *object) {
  return json_path_string(object, "metadata.uid");
}

struct str kube_key(struct arena *arena, const struct json *object) {
  struct str ns = kube_namespace(object), name = kube_name(object);
  return ns.len ? arena_printf(arena, "%.*s/%.*s", STR_ARG(ns), STR_ARG(name))
                : arena_str(arena, name);
}
