// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_rules.h"
#include "operator/standalone/api_default.h"
#include "manifests/base/bug.h"
#include "manifests/kinds/deployment.h"
#include "manifests/kinds/namespace.h"
#include "manifests/kinds/pod.h"
#include "manifests/kinds/rollout_action.h"
#include "manifests/kinds/secret.h"
#include "manifests/kinds/service.h"
#include "manifests/text/base64.h"
#include "manifests/text/time.h"

int rules_identity(struct api_call *call, const struct kind_desc *kind, struct str version,
                   struct str ns, struct str name, struct json *object) {
  if (!json_is(object, JSON_OBJECT))
    return api_bad_request(call, "the body must be an object, not %s",
                           json_type_name(object->type));
  struct str want = kind_api_version(kind, version, call->arena);
  struct str have = json_get_string(object, "apiVersion");
  if (have.len && !str_eq(have, want))
    return api_bad_request(
        call, "the API version in the data (%.*s) does not match the expected API version (%.*s)",
        STR_ARG(have), STR_ARG(want));
  struct str have_kind = json_get_string(object, "kind");
  if (have_kind.len && !str_eq_z(have_kind, kind->kind))
    return api_bad_request(call,
                           "the kind in the data (%.*s) does not match the expected kind (%s)",
                           STR_ARG(have_kind), kind->kind);
  struct json *meta = json_need_object(call->arena, object, "metadata");
  struct str have_ns = json_get_string(meta, "namespace");
  if (have_ns.len && !str_eq(have_ns, ns))
    return api_bad_request(
        call,
        "the namespace of the provided object does not match the namespace sent on the request");
  if (kind->namespaced)
    json_put_string(call->arena, meta, "namespace", ns);
  struct str have_name = json_get_string(meta, "name");
  if (name.len && have_name.len && !str_eq(have_name, name))
    return api_bad_request(
        call, "the name of the object (%.*s) does not match the name on the URL (%.*s)",
        STR_ARG(have_name), STR_ARG(name));
  if (name.len)
    json_put_string(call->arena, meta, "name", name);
  json_put_string(call->arena, object, "apiVersion", want);
  json_put_z(call->arena, object, "kind", kind->kind);
  return RC_OK;
}

static void remove_z(struct json *object, const char *key) {
  json_remove(object, str_of(key));
}

static int bad_revision(struct api_call *call, struct str revision) {
  return api_fail(call, 500, NULL, "strconv.ParseUint: parsing \"%.*s\": invalid syntax",
                  STR_ARG(revision));
}

int rules_create(struct api_call *call, const struct kind_desc *kind, struct json *object,
                 bool strict) {
  struct arena *arena = call->arena;
  struct json *meta = api_meta(object);
  struct str name = json_get_string(meta, "name"), base = json_get_string(meta, "generateName");
  struct str revision = json_get_string(meta, "resourceVersion");
  uint64_t number;
  if (!strict && revision.len && !str_to_u64(revision, &number))
    return bad_revision(call, revision);
  if (strict && str_to_u64(revision, &number) && number)
    return api_fail(call, 500, NULL, "resourceVersion should not be set on objects to be created");
  if (name.len == 0 && base.len) {
    struct str suffix = api_name_suffix(arena);
    name = arena_printf(arena, "%.*s%.*s", STR_ARG(str_slice(base, 0, 58)), STR_ARG(suffix));
    json_put_string(arena, meta, "name", name);
  }
  if (name.len == 0)
    return api_invalid(call, kind, STR(""), "metadata.name", "FieldValueRequired",
                       "Required value: name or generateName is required");
  if (!api_name_is_valid(kind, name))
    return api_invalid(
        call, kind, name, "metadata.name", "FieldValueInvalid",
        "Invalid value: \"%.*s\": a lowercase RFC 1123 subdomain must consist of lower case "
        "alphanumeric characters, '-' or '.', and must start and end with an "
        "alphanumeric character (e.g. 'example.com', regex used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        STR_ARG(name));
  static const char *const servers_own[] = {"resourceVersion", "selfLink", "deletionTimestamp",
                                            "deletionGracePeriodSeconds", "generation"};
  for (size_t i = 0; i < ARRAY_LEN(servers_own); i++)
    remove_z(meta, servers_own[i]);
  json_put_string(arena, meta, "uid", api_new_uid(arena));
  json_put_string(arena, meta, "creationTimestamp", time_format(arena, call->now_ms));
  if (kind->has_generation)
    json_put_int(arena, meta, "generation", 1);
  return RC_OK;
}

void rules_warn_finalizers(struct api_call *call, const struct json *object,
                           const struct json *old) {
  static const char *const known[] = {"orphan", "foregroundDeletion", "kubernetes"};
  JSON_EACH(item, json_get(api_meta(object), "finalizers")) {
    struct str name = json_string(item);
    bool fine = str_find_char(name, '/') >= 0 || (old && api_has_finalizer(old, name.ptr));
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
      fine |= str_eq_z(name, known[i]);
    if (!fine)
      api_warn(call,
               "metadata.finalizers: \"%.*s\": prefer a domain-qualified finalizer name%s to avoid "
               "accidental conflicts with other finalizer writers",
               STR_ARG(name), str_find_char(name, '.') >= 0 ? " including a path (/)" : "");
  }
}

static int check_new_finalizers(struct api_call *call, const struct kind_desc *kind,
                                const struct json *object, const struct json *old) {
  if (!api_is_deleting(old))
    return RC_OK;
  JSON_EACH(item, json_get(api_meta(object), "finalizers")) {
    struct str finalizer = json_string(item);
    if (finalizer.len && !api_has_finalizer(old, finalizer.ptr))
      return api_invalid(
          call, kind, api_meta_string(object, "name"), "metadata.finalizers", "FieldValueForbidden",
          "Forbidden: no new finalizers can be added if the object is being deleted, found "
          "new finalizers []string{\"%.*s\"}",
          STR_ARG(finalizer));
  }
  return RC_OK;
}

int rules_update(struct api_call *call, const struct kind_desc *kind, struct json *object,
                 const struct json *old, bool need_revision) {
  struct arena *arena = call->arena;
  struct json *meta = api_meta(object);
  const struct json *was = api_meta(old);
  struct str name = json_get_string(was, "name");
  struct str uid = json_get_string(meta, "uid"),
             revision = json_get_string(meta, "resourceVersion");
  if (uid.len && !str_eq(uid, json_get_string(was, "uid"))) {
    struct str why = arena_printf(
        arena, "Precondition failed: UID in precondition: %.*s, UID in object meta: %.*s",
        STR_ARG(uid), STR_ARG(json_get_string(was, "uid")));
    return api_conflict(call, kind, name, why.ptr);
  }
  bool has_revision = revision.len && !str_eq_z(revision, "0");
  uint64_t number;
  if (has_revision && !str_to_u64(revision, &number))
    return bad_revision(call, revision);
  struct kind_desc by_resource = *kind; // a real server names that here, not the kind
  by_resource.kind = kind->plural;
  if (need_revision && !has_revision)
    return api_invalid(call, &by_resource, name, "metadata.resourceVersion", "FieldValueInvalid",
                       "Invalid value: 0: must be specified for an update");
  if (has_revision && !str_eq(revision, json_get_string(was, "resourceVersion")))
    return api_conflict(
        call, kind, name,
        "the object has been modified; please apply your changes to the latest version "
        "and try again");
  static const char *const fixed[] = {"creationTimestamp", "deletionTimestamp"};
  for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
    const struct json *given = json_get(meta, fixed[i]), *had = json_get(was, fixed[i]);
    if (json_is(given, JSON_STRING) && !(had && json_equal(given, had)))
      return api_invalid(call, kind, name, arena_printf(arena, "metadata.%s", fixed[i]).ptr,
                         "FieldValueInvalid", "Invalid value: \"%.*s\": field is immutable",
                         STR_ARG(json_string(given)));
  }
  static const char *const servers_own[] = {
      "uid",        "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
      "generation", "resourceVersion"};
  for (size_t i = 0; i < ARRAY_LEN(servers_own); i++) {
    const struct json *value = json_get(was, servers_own[i]);
    remove_z(meta, servers_own[i]);
    if (value)
      json_put(arena, meta, servers_own[i], json_dup(arena, value));
  }
  remove_z(meta, "selfLink");
  return check_new_finalizers(call, kind, object, old);
}

static bool same_member(const struct json *a, const struct json *b, const char *key) {
  const struct json *x = json_get(a, key), *y = json_get(b, key);
  return !x || !y ? x == y : json_equal(x, y);
}

void rules_generation(struct arena *arena, const struct kind_desc *kind, struct json *object,
                      const struct json *old) {
  if (!kind->has_generation)
    return;
  bool same = true;
  const struct json *pair[2][2] = {{object, old}, {old, object}};
  for (size_t i = 0; i < 2 && same; i++) {
    JSON_EACH(item, pair[i][0]) {
      bool counts = !str_eq_z(item->key, "metadata") && !str_eq_z(item->key, "status") &&
                    !str_eq_z(item->key, "apiVersion") && !str_eq_z(item->key, "kind");
      if (counts && !same_member(pair[i][0], pair[i][1], item->key.ptr))
        same = false;
    }
  }
  // A Deployment's annotations count: its revision is one of them.
  if (kind == &deployment_kind && !same_member(api_meta(object), api_meta(old), "annotations"))
    same = false;
  int64_t generation = json_int(json_get(api_meta(old), "generation"), 1);
  json_put_int(arena, api_meta(object), "generation", same ? generation : generation + 1);
}

static void default_namespace(struct arena *arena, struct json *object) {
  struct json *labels = json_need_object(arena, api_meta(object), "labels");
  json_put_string(arena, labels, "kubernetes.io/metadata.name", api_meta_string(object, "name"));
  struct json *spec = json_need_object(arena, object, "spec");
  struct json *finalizers = json_need_array(arena, spec, "finalizers");
  if (!finalizers->count)
    json_append(finalizers, json_new_z(arena, "kubernetes"));
  struct json *status = json_need_object(arena, object, "status");
  if (!json_get(status, "phase"))
    json_put_z(arena, status, "phase", "Active");
}

// stringData is write-only: each entry goes into data.
static void default_secret(struct arena *arena, struct json *object) {
  const struct json *plain = json_get(object, "stringData");
  if (json_is(plain, JSON_OBJECT)) {
    struct json *data = json_need_object(arena, object, "data");
    JSON_EACH(item, plain) {
      if (json_is(item, JSON_STRING))
        json_set(arena, data, item->key,
                 json_new_string(arena, base64_encode(arena, json_string(item))));
    }
    bool texts = true; // what else stands there is left for the verdict
    JSON_EACH(item, plain)
      texts = texts && json_is(item, JSON_STRING);
    if (texts)
      json_remove(object, STR("stringData"));
  }
  if (json_get_string(object, "type").len == 0)
    json_put_z(arena, object, "type", "Opaque");
}

// Who asked is known here, and only here: what the client claims in this annotation does not count.
static void stamp_user(struct arena *arena, struct json *object, const struct json *old,
                       const struct api_call *call) {
  struct str user = call->user->name;
  if (old)
    user = json_get_string(json_get(api_meta(old), "annotations"), ROLLOUT_ACTION_USER);
  json_put_string(arena, json_need_object(arena, api_meta(object), "annotations"),
                  ROLLOUT_ACTION_USER, user);
}

// What an update leaves out of it stays as it is.
static void keep_cluster_ip(struct arena *arena, struct json *object, const struct json *old) {
  const struct json *had = json_path(old, "spec.clusterIP");
  struct json *spec = json_need_object(arena, object, "spec");
  if (had && !json_get_string(spec, "clusterIP").len &&
      !str_eq_z(json_get_string(spec, "type"), "ExternalName"))
    json_put(arena, spec, "clusterIP", json_dup(arena, had));
}

void rules_default(struct arena *arena, const struct kind_desc *kind, struct json *object,
                   const struct json *old, const struct api_call *call) {
  if (kind == &namespace_kind)
    default_namespace(arena, object);
  else if (kind == &secret_kind)
    default_secret(arena, object);
  else if (kind == &rollout_action_kind)
    stamp_user(arena, object, old, call);
  else if (kind == &service_kind && old)
    keep_cluster_ip(arena, object, old);
  else if (kind == &pod_kind && !json_get(object, "status"))
    json_put_z(arena, json_need_object(arena, object, "status"), "phase", "Pending");
  api_default(arena, kind, object);
}

static struct json *without_times(struct arena *arena, const struct json *object) {
  struct json *copy = json_dup(arena, object);
  JSON_EACH(entry, json_get(api_meta(copy), "managedFields"))
    remove_z(entry, "time");
  return copy;
}

bool rules_is_noop(struct arena *arena, const struct json *object, const struct json *old) {
  if (json_equal(object, old))
    return true;
  if (!json_get(api_meta(object), "managedFields"))
    return false;
  return json_equal(without_times(arena, object), without_times(arena, old));
}

void rules_drop_nulls(struct json *json) {
  if (!json_is(json, JSON_OBJECT) && !json_is(json, JSON_ARRAY))
    return;
  for (struct json *item = json->child, *next; item; item = next) {
    next = item->next;
    if (json_is(json, JSON_OBJECT) && json_is(item, JSON_NULL))
      json_remove(json, item->key);
    else
      rules_drop_nulls(item);
  }
}
