// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_definition.h"
#include "manifests/base/bug.h"
#include "manifests/kinds/custom_resource_definition.h"
#include "manifests/kinds/registry.h"
#include "operator/standalone/crd_check.h"
#include "operator/standalone/crd_kind.h"

#include <string.h>

struct str definition_resource(const struct json *definition, struct arena *arena) {
  struct str group = json_path_string(definition, "spec.group");
  struct str plural = json_path_string(definition, "spec.names.plural");
  return arena_printf(arena, "%.*s.%.*s", STR_ARG(plural), STR_ARG(group));
}

static const struct kind_desc *built_in(const struct json *definition) {
  struct str group = json_path_string(definition, "spec.group");
  struct str plural = json_path_string(definition, "spec.names.plural");
  for (size_t i = 0; i < kind_count(); i++)
    if (str_eq_z(group, kind_at(i)->group) && str_eq_z(plural, kind_at(i)->plural))
      return kind_at(i);
  return NULL;
}

// --- Names

static bool is_resource_name(const struct kind_desc *kind, struct str name) {
  if (str_eq_z(name, kind->plural) || str_eq_z(name, kind->singular))
    return true;
  for (size_t i = 0; kind->short_names && kind->short_names[i]; i++)
    if (str_eq_z(name, kind->short_names[i]))
      return true;
  return false;
}

// Whether another kind of the group has the name already, as a resource or as a kind.
static bool is_taken(const struct api *api, const struct json *definition, struct str name,
                     bool as_kind) {
  struct str group = json_path_string(definition, "spec.group");
  struct str plural = json_path_string(definition, "spec.names.plural");
  for (size_t i = 0; i < api_kind_count(api->kinds); i++) {
    const struct kind_desc *kind = api_kind_at(api->kinds, i);
    if (!str_eq_z(group, kind->group) || str_eq_z(plural, kind->plural))
      continue;
    if (as_kind ? str_eq_z(name, kind->kind) || (kind->list_kind && str_eq_z(name, kind->list_kind))
                : is_resource_name(kind, name))
      return true;
  }
  return false;
}

static struct str conflict(const struct api *api, const struct json *definition,
                           struct arena *arena, const char **ret_reason) {
  static const struct {
    const char *member, *reason;
    bool as_kind;
  } rows[] = {{"singular", "SingularConflict", false},
              {"kind", "KindConflict", true},
              {"listKind", "ListKindConflict", true}};
  const struct json *names = json_path(definition, "spec.names");
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    struct str name = json_get_string(names, rows[i].member);
    *ret_reason = rows[i].reason;
    if (is_taken(api, definition, name, rows[i].as_kind))
      return arena_printf(arena, "\"%.*s\" is already in use", STR_ARG(name));
  }
  JSON_EACH(name, json_get(names, "shortNames")) {
    *ret_reason = "ShortNamesConflict";
    if (is_taken(api, definition, json_string(name), false))
      return arena_printf(arena, "\"%.*s\" is already in use", STR_ARG(json_string(name)));
  }
  return STR_NULL;
}

// --- Status

// Earlier versions of this server did not evaluate rules and said so.
static void drop_rules_condition(struct json *status) {
  struct json *conditions = json_get(status, "conditions");
  size_t index = 0;
  for (struct json *item = conditions ? conditions->child : NULL, *next; item; item = next) {
    next = item->next;
    if (str_eq_z(json_get_string(item, "type"), "ValidationRulesEvaluated"))
      json_remove_at(conditions, index);
    else
      index++;
  }
}

static void set_stored_versions(struct json *status, const struct json *definition,
                                struct arena *arena) {
  struct json *stored = json_need_array(arena, status, "storedVersions");
  JSON_EACH(version, json_path(definition, "spec.versions")) {
    struct str name = json_get_string(version, "name");
    bool known = !json_is_true(json_get(version, "storage"));
    JSON_EACH(have, stored)
      known = known || str_eq(json_string(have), name);
    if (!known)
      json_append(stored, json_new_string(arena, name));
  }
}

static void set_status(struct api *api, struct api_call *call, struct json *object) {
  struct arena *arena = call->arena;
  struct json *status = json_need_object(arena, object, "status");
  const char *reason = NULL;
  drop_rules_condition(status);
  bool in_tables = built_in(object) != NULL;
  struct str taken = in_tables ? STR_NULL : conflict(api, object, arena, &reason);
  if (in_tables) {
    struct str message = STR("this server has the kind built in");
    crd_set_condition(object, "NamesAccepted", "True", "BuiltIn", message, call->now_ms, arena);
    crd_set_condition(object, "Established", "True", "BuiltIn", message, call->now_ms, arena);
  } else if (taken.ptr) {
    crd_set_condition(object, "NamesAccepted", "False", reason, taken, call->now_ms, arena);
    if (!crd_has_condition(object, "Established"))
      crd_set_condition(object, "Established", "False", "NotAccepted",
                        STR("not all names are accepted"), call->now_ms, arena);
  } else {
    crd_set_condition(object, "NamesAccepted", "True", "NoConflicts", STR("no conflicts found"),
                      call->now_ms, arena);
    crd_set_condition(object, "Established", "True", "InitialNamesAccepted",
                      STR("the initial names have been accepted"), call->now_ms, arena);
  }
  const struct json *names = json_path(object, "spec.names");
  if (names && !taken.ptr)
    json_put(arena, status, "acceptedNames", json_dup(arena, names));
  else
    (void)json_need_object(arena, status, "acceptedNames");
  set_stored_versions(status, object, arena);
}

static void add_finalizer(struct json *object, struct arena *arena) {
  if (api_has_finalizer(object, CRD_FINALIZER) || api_is_deleting(object))
    return;
  json_append(json_need_array(arena, api_meta(object), "finalizers"),
              json_new_z(arena, CRD_FINALIZER));
}

int definition_settle(struct api *api, struct api_call *call, struct json *object,
                      const struct json *old) {
  struct findings findings, before;
  const struct kind_desc *own = &custom_resource_definition_kind;
  crd_check_default(object, call->arena);
  findings_init(&findings, call->arena);
  if (old)
    set_stored_versions(json_need_object(call->arena, object, "status"), object, call->arena);
  const struct kind_desc *kind = built_in(object);
  if (!kind) // such a definition changes nothing, whatever it says
    crd_check(object, old, &findings);
  findings_init(&before, call->arena);
  if (findings.errors && old && json_equal(json_get(object, "spec"), json_get(old, "spec")))
    findings = before; // what is stored stays changeable in other parts
  int rc = api_invalid_findings(call, own, api_meta_string(object, "name"), &findings);
  if (rc)
    return rc;
  set_status(api, call, object);
  if (kind && !kind->ours)
    api_warn(call,
             "this embedded API server has %s.%s built in: the schema of this definition is "
             "not used",
             kind->plural, kind->group);
  if (kind)
    return RC_OK;
  if (str_eq_z(json_path_string(object, "spec.conversion.strategy"), "Webhook"))
    api_warn(call, "this embedded API server calls no conversion webhooks");
  add_finalizer(object, call->arena);
  return RC_OK;
}
