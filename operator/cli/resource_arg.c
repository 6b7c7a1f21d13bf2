// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/resource_arg.h"
#include "manifests/base/alloc.h"
#include "manifests/kinds/registry.h"
#include "manifests/source/kube_resource.h"

const struct kube_resource resource_rollouts = {"serin.dev", "v1alpha1", "Rollout", "rollouts",
                                                true};
const struct kube_resource resource_actions = {"serin.dev", "v1alpha1", "RolloutAction",
                                               "rolloutactions", true};
const struct kube_resource resource_deployments = {"apps", "v1", "Deployment", "deployments", true};

static const struct kube_resource *keep(struct arena *arena, struct kube_resource resource) {
  return arena_dup(arena, &resource, sizeof resource);
}

// ---- asking the server ----

struct wanted { // typed: any of its names; or exactly group, version and kind
  struct str typed;
  struct str kind;
};

static bool has_short_name(const struct json *row, struct str typed) {
  JSON_EACH(name, json_get(row, "shortNames"))
    if (str_eq(json_string(name), typed))
      return true;
  return false;
}

static bool is_wanted(const struct json *row, struct str group, const struct wanted *wanted,
                      struct arena *arena) {
  struct str plural = json_get_string(row, "name"), kind = json_get_string(row, "kind");
  if (str_find_char(plural, '/') >= 0)
    return false; // a subresource
  if (wanted->kind.len)
    return str_eq(kind, wanted->kind);
  return str_eq_nocase(plural, wanted->typed) || str_eq_nocase(kind, wanted->typed) ||
         str_eq_nocase(json_get_string(row, "singularName"), wanted->typed) ||
         has_short_name(row, wanted->typed) ||
         str_eq(arena_printf(arena, "%.*s.%.*s", STR_ARG(plural), STR_ARG(group)), wanted->typed);
}

// One group and version: its resources, or nothing when it has no such kind.
static const struct kube_resource *ask_version(struct session *session, struct str group,
                                               struct str version, const struct wanted *wanted,
                                               struct arena *arena) {
  struct str path = group.len
                        ? arena_printf(arena, "/apis/%.*s/%.*s", STR_ARG(group), STR_ARG(version))
                        : arena_printf(arena, "/api/%.*s", STR_ARG(version));
  struct str text;
  struct json *list;
  if (session_raw(session, path, arena, &text, NULL) != RC_OK ||
      json_parse(text, arena, &list, NULL) != RC_OK)
    return NULL;
  JSON_EACH(row, json_get(list, "resources"))
    if (is_wanted(row, group, wanted, arena))
      return keep(arena, (struct kube_resource){
                             .group = arena_str(arena, group).ptr,
                             .version = arena_str(arena, version).ptr,
                             .kind = json_get_string(row, "kind").ptr,
                             .plural = json_get_string(row, "name").ptr,
                             .namespaced = json_is_true(json_get(row, "namespaced")),
                         });
  return NULL;
}

// The kind with a name nearest to what was typed; "" when none is near.
static const char *nearest_name(struct str typed) {
  const char *nearest = "";
  size_t best = typed.len < 4 ? 2 : 4;
  for (size_t i = 0; i < kind_count(); i++) {
    const struct kind_desc *kind = kind_at(i);
    const char *names[] = {kind->singular, kind->plural, NULL};
    for (const char *const *at = kind->short_names; at && *at; at++)
      names[2] = *at;
    for (size_t k = 0; k < 3; k++) {
      size_t distance = names[k] ? str_distance(typed, str_of(names[k]), best) : best;
      if (distance >= best)
        continue;
      best = distance;
      nearest = names[k];
    }
  }
  return nearest;
}

static int ask_all(struct session *session, struct str typed, struct arena *arena,
                   const struct kube_resource **ret_resource, struct err *err) {
  struct wanted wanted = {.typed = typed};
  struct str text;
  struct json *groups = NULL;
  int rc = session_raw(session, STR("/apis"), arena, &text, err);
  if (rc)
    return rc;
  (void)json_parse(text, arena, &groups, NULL);
  *ret_resource = ask_version(session, STR(""), STR("v1"), &wanted, arena);
  JSON_EACH(group, json_get(groups, "groups")) {
    if (*ret_resource)
      return RC_OK;
    *ret_resource =
        ask_version(session, json_get_string(group, "name"),
                    json_path_string(group, "preferredVersion.version"), &wanted, arena);
  }
  if (*ret_resource)
    return RC_OK;
  const char *near = nearest_name(typed);
  return err_set(err, RC_NOT_FOUND, "the server has no kind \"%.*s\"%s%s%s", STR_ARG(typed),
                 *near ? "; did you mean \"" : "", near, *near ? "\"?" : "");
}

// ---- finding ----

int resource_find(struct session *session, struct str typed, struct arena *arena,
                  const struct kube_resource **ret_resource, struct err *err) {
  const struct kind_desc *kind = kind_find_name(typed);
  if (!kind)
    return ask_all(session, typed, arena, ret_resource, err);
  *ret_resource = keep(arena, kube_resource_of(kind, NULL));
  return RC_OK;
}

int resource_of_object(struct session *session, const struct json *object, struct arena *arena,
                       const struct kube_resource **ret_resource, struct err *err) {
  struct str api = json_get_string(object, "apiVersion"), name = json_get_string(object, "kind");
  struct str group, version;
  kind_split_api_version(api, &group, &version);
  version = arena_str(arena, version);
  const struct kind_desc *kind = kind_find(api, name);
  if (kind) {
    *ret_resource = keep(arena, kube_resource_of(kind, version.ptr));
    return RC_OK;
  }
  struct wanted wanted = {.kind = name};
  *ret_resource = ask_version(session, group, version, &wanted, arena);
  if (*ret_resource)
    return RC_OK;
  const struct kind_desc *near = kind_nearest(name);
  return err_set(err, RC_INVALID, "the server has no kind %.*s in %.*s%s%s%s", STR_ARG(name),
                 STR_ARG(api), near ? "; did you mean " : "", near ? near->kind : "",
                 near ? "?" : "");
}

struct name_list {
  struct resource_name *items;
  size_t count, capacity;
};

static void push(struct name_list *list, struct arena *arena, const struct kube_resource *resource,
                 struct str name) {
  void *items = list->items;
  struct resource_name *added =
      arena_push(arena, &items, &list->count, &list->capacity, sizeof *added);
  list->items = items;
  *added = (struct resource_name){resource, name};
}

static void push_category(struct name_list *list, struct arena *arena, struct str category) {
  for (size_t i = 0; i < kind_count(); i++) {
    const struct kind_desc *kind = kind_at(i);
    for (const char *const *at = kind->categories; at && *at; at++)
      if (str_eq_z(category, *at))
        push(list, arena, keep(arena, kube_resource_of(kind, NULL)), STR_NULL);
  }
}

static int parse_kinds(struct session *session, struct str kinds, struct arena *arena,
                       struct name_list *list, struct err *err) {
  struct str kind;
  while (str_next(&kinds, ',', &kind)) {
    size_t before = list->count;
    push_category(list, arena, kind);
    if (list->count > before)
      continue;
    const struct kube_resource *resource;
    int rc = resource_find(session, kind, arena, &resource, err);
    if (rc)
      return rc;
    push(list, arena, resource, STR_NULL);
  }
  return RC_OK;
}

static int parse_slashed(struct session *session, struct str argument, struct arena *arena,
                         struct name_list *list, struct err *err) {
  ptrdiff_t slash = str_find_char(argument, '/');
  if (slash <= 0 || (size_t)slash + 1 == argument.len)
    return err_set(err, RC_USAGE, "expected KIND/NAME, found \"%.*s\"", STR_ARG(argument));
  const struct kube_resource *resource;
  int rc = resource_find(session, str_slice(argument, 0, (size_t)slash), arena, &resource, err);
  if (rc == RC_OK)
    push(list, arena, resource,
         arena_str(arena, str_slice(argument, (size_t)slash + 1, argument.len)));
  return rc;
}

int resource_parse(struct session *session, const struct str *arguments, size_t count,
                   struct arena *arena, struct resource_name **ret_names, size_t *ret_count,
                   struct err *err) {
  struct name_list list = {0};
  int rc = RC_OK;
  bool slashed = str_find_char(arguments[0], '/') >= 0;
  if (!slashed)
    rc = parse_kinds(session, arguments[0], arena, &list, err);
  if (!slashed && count > 1 && list.count > 1)
    return err_set(err, RC_USAGE, "names may follow one kind only; write KIND/NAME for several");
  for (size_t i = slashed ? 0 : 1; rc == RC_OK && i < count; i++) {
    if (slashed)
      rc = parse_slashed(session, arguments[i], arena, &list, err);
    else if (i == 1)
      list.items[0].name = arguments[1];
    else
      push(&list, arena, list.items[0].resource, arguments[i]);
  }
  *ret_names = list.items;
  *ret_count = list.count;
  return rc;
}

struct str resource_title(const struct kube_resource *resource, struct str name,
                          struct arena *arena) {
  char *kind = xstrdup(resource->kind);
  for (char *c = kind; *c; c++)
    if (*c >= 'A' && *c <= 'Z')
      *c = (char)(*c + 32);
  struct str title = *resource->group
                         ? arena_printf(arena, "%s.%s/%.*s", kind, resource->group, STR_ARG(name))
                         : arena_printf(arena, "%s/%.*s", kind, STR_ARG(name));
  xfree(kind);
  return title;
}

struct str resource_base_name(struct str typed) {
  for (size_t i = typed.len; i > 0; i--)
    if (typed.ptr[i - 1] == '/')
      return str_slice(typed, i, typed.len);
  return typed;
}

int resource_get_rollout(struct session *session, struct str typed, struct arena *arena,
                         struct json **ret_rollout, struct err *err) {
  struct str name = resource_base_name(typed);
  if (!name.len)
    return err_set(err, RC_USAGE, "\"%.*s\" is no name of a rollout", STR_ARG(typed));
  int rc = session_get(session, &resource_rollouts, session->ns, name, arena, ret_rollout, err);
  if (rc == RC_NOT_FOUND)
    err_set(err, rc, "there is no rollout \"%.*s\" in namespace %.*s; `serin list -A` shows all",
            STR_ARG(name), STR_ARG(session->ns));
  return rc;
}

struct str resource_ns(const struct kube_resource *resource, struct str ns) {
  return resource->namespaced ? ns : STR_NULL;
}
