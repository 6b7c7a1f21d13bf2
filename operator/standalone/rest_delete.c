// SPDX-License-Identifier: Apache-2.0
// DELETE of one object, and of all that match.
#include "manifests/base/bug.h"
#include "manifests/kinds/idle.h"
#include "manifests/kinds/pod.h"
#include "manifests/kinds/service.h"
#include "operator/standalone/api_delete.h"
#include "operator/standalone/rest_body.h"
#include "operator/standalone/rest_exchange.h"

static int read_delete_options(struct exchange *x, struct delete_options *options) {
  struct json *body;
  struct str duplicate, policy = x->path.query.propagation, dry_run = x->path.query.dry_run;
  int64_t grace = x->path.query.grace_seconds;
  int rc = rest_body_parse(x->call, x->request->content_type, x->request->body, &body, &duplicate);
  if (rc)
    return rc;
  if (body) { // then nothing counts that the query says
    policy = json_get_string(body, "propagationPolicy");
    dry_run = STR_NULL;
    grace = -1;
  }
  if (json_at(json_get(body, "dryRun"), 0))
    dry_run = json_string(json_at(json_get(body, "dryRun"), 0));
  *options = (struct delete_options){
      .grace_seconds = json_int(json_get(body, "gracePeriodSeconds"), grace),
      .uid = json_path_string(body, "preconditions.uid"),
      .revision = json_path_string(body, "preconditions.resourceVersion")};
  options->drop_finalizers = policy.len > 0;
  if (str_eq_z(policy, "Foreground"))
    options->propagation = PROPAGATE_FOREGROUND;
  else if (str_eq_z(policy, "Orphan") || json_is_true(json_get(body, "orphanDependents")))
    options->propagation = PROPAGATE_ORPHAN;
  else if (policy.len && !str_eq_z(policy, "Background"))
    return api_bad_request(x->call, "unknown propagationPolicy \"%.*s\"", STR_ARG(policy));
  return rest_dry_run(x, dry_run, &options->dry_run);
}

// Of these a real server shows what it deleted, of all others only that it did.
static bool returns_object(const struct kind_desc *kind) {
  const struct kind_desc *const kinds[] = {&pod_kind, &service_kind, &persistent_volume_claim_kind,
                                           &resource_quota_kind, &service_account_kind};
  for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
    if (kinds[i] == kind)
      return true;
  return false;
}

int rest_delete(struct exchange *x) {
  struct delete_options options;
  struct json *left;
  struct str uid;
  int rc = read_delete_options(x, &options);
  struct json *before = NULL;
  if (!rc && returns_object(x->kind))
    (void)api_load(x->api, x->call, api_key(x->call->arena, x->kind, x->path.ns, x->path.name),
                   &before, NULL);
  if (!rc)
    rc = api_delete_run(x->api, x->call, x->kind, x->path.ns, x->path.name, &options, &left, &uid);
  if (rc)
    return rc;
  if (!left)
    left = before;
  if (!left)
    return rest_put_json(x, 200, api_status_deleted(x->call, x->kind, x->path.name, uid));
  struct read_request read = rest_as_read(x);
  x->reply->status = 200;
  return read_write_object(x->call, &read, left, &x->reply->body);
}

struct matching {
  struct exchange *x;
  struct api_filter filter;
  struct store_key *keys;
  size_t count, capacity;
};

static bool collect_matching(const struct store_row *row, void *context) {
  struct matching *m = context;
  struct arena *arena = m->x->call->arena;
  struct json *object;
  if (json_parse(row->body, arena, &object, NULL) || !api_filter_match(&m->filter, object))
    return true;
  struct store_key *key =
      arena_push(arena, (void **)&m->keys, &m->count, &m->capacity, sizeof(*key));
  *key =
      (struct store_key){STR(""), arena_str(arena, row->key.ns), arena_str(arena, row->key.name)};
  return true;
}

int rest_delete_collection(struct exchange *x) {
  struct matching m = {.x = x};
  struct delete_options options;
  struct err err;
  int rc = read_delete_options(x, &options);
  if (!rc)
    rc = read_filter(x->call, x->kind, x->path.ns, STR(""), &x->path.query, &m.filter);
  if (rc)
    return rc;
  rc = store_list(x->api->store, api_resource_name(x->call->arena, x->kind), m.filter.ns,
                  (struct store_key){0}, collect_matching, &m, &err);
  if (rc)
    return api_fail_err(x->call, &err);
  struct read_request read = rest_as_read(x); // the answer: what is there before
  rc = read_list(x->api, x->call, &read, &x->reply->body);
  for (size_t i = 0; !rc && i < m.count; i++) {
    struct json *left;
    struct str uid;
    rc = api_delete_run(x->api, x->call, x->kind, m.keys[i].ns, m.keys[i].name, &options, &left,
                        &uid);
    if (rc == RC_NOT_FOUND) { // it went with an owner that was deleted before it
      x->call->fault = (struct api_fault){0};
      rc = RC_OK;
    }
  }
  x->reply->status = 200;
  return rc;
}
