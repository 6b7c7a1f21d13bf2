// SPDX-License-Identifier: Apache-2.0
// Whether the user of a request may do what it asks for; the words of refusals are Kubernetes' own.
#include "operator/standalone/api_review.h"
#include "operator/standalone/auth_role.h"
#include "operator/standalone/rest_exchange.h"

// 0: no verb of a resource; the method is refused later.
static unsigned verb_of(const struct exchange *x) {
  const struct rest_path *path = &x->path;
  if (rest_is_read(x))
    return path->query.watch ? AUTH_WATCH : path->name.len ? AUTH_GET : AUTH_LIST;
  if (rest_is_method(x, "POST"))
    return AUTH_CREATE;
  if (rest_is_method(x, "PUT"))
    return AUTH_UPDATE;
  if (rest_is_method(x, "PATCH"))
    return AUTH_PATCH;
  if (rest_is_method(x, "DELETE"))
    return path->name.len ? AUTH_DELETE : AUTH_DELETE_COLLECTION;
  return 0;
}

static int forbidden(struct exchange *x, unsigned verb) {
  const struct rest_path *path = &x->path;
  struct arena *arena = x->call->arena;
  struct buf text;
  buf_init(&text, 8192);
  bool named = path->name.len && verb != AUTH_CREATE;
  buf_addf(&text, "%.*s%s%.*s", STR_ARG(path->resource), path->group.len ? "." : "",
           STR_ARG(path->group));
  if (named)
    buf_addf(&text, " \"%.*s\"", STR_ARG(path->name));
  buf_addf(&text,
           " is forbidden: User \"%.*s\" cannot %s resource \"%.*s%s%.*s\" in API group \"%.*s\"",
           STR_ARG(x->call->user->name), auth_verb_name(verb), STR_ARG(path->resource),
           path->subresource.len ? "/" : "", STR_ARG(path->subresource), STR_ARG(path->group));
  if (path->ns.len)
    buf_addf(&text, " in the namespace \"%.*s\"", STR_ARG(path->ns));
  else
    buf_add_z(&text, " at the cluster scope");
  int rc = api_fail(x->call, 403, "Forbidden", "%s", buf_z(&text));
  buf_dispose(&text);
  struct json *details = json_new_object(arena);
  if (named)
    json_put_string(arena, details, "name", path->name);
  if (path->group.len)
    json_put_string(arena, details, "group", path->group);
  json_put_string(arena, details, "kind", path->resource);
  x->call->fault.details = details;
  return rc;
}

static bool in_namespace(const struct exchange *x, unsigned verb) {
  const struct rest_path *path = &x->path;
  struct str ns = x->call->user->ns;
  if (!ns.len)
    return true;
  if (path->namespaced)
    return str_eq(path->ns, ns);
  return verb == AUTH_GET && str_eq_z(path->resource, "namespaces") && str_eq(path->name, ns);
}

static bool may(const struct exchange *x, unsigned verb) {
  const struct rest_path *path = &x->path;
  struct auth_access access = {.verbs = verb,
                               .group = path->group,
                               .resource = path->resource,
                               .subresource = path->subresource};
  return in_namespace(x, verb) && auth_role_allows(x->call->user->role, &access);
}

// kubectl --as: answered as its own user, who may more, a client would believe what is not so.
static int check_impersonation(struct exchange *x) {
  const struct {
    struct str who;
    const char *resource;
  } rows[] = {{x->request->as_user, "users"},
              {x->request->as_group, "groups"},
              {x->request->as_uid, "uids"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (rows[i].who.len)
      return api_fail(
          x->call, 403, "Forbidden",
          "%s \"%.*s\" is forbidden: User \"%.*s\" cannot impersonate resource \"%s\" in "
          "API group \"\" at the cluster scope: this server knows no impersonation; "
          "give out a token (serin token create)",
          rows[i].resource, STR_ARG(str_slice(rows[i].who, 0, 100)), STR_ARG(x->call->user->name),
          rows[i].resource);
  return RC_OK;
}

int rest_authorize(struct exchange *x) {
  const struct rest_path *path = &x->path;
  const struct auth_role *role = x->call->user->role;
  if (path->place == REST_UNKNOWN && !(role && role->all))
    return api_fail(x->call, 403, "Forbidden", "forbidden: User \"%.*s\" cannot %s path \"%.*s\"",
                    STR_ARG(x->call->user->name), rest_is_read(x) ? "get" : "post",
                    STR_ARG(str_slice(x->request->url, 0, 200)));
  // Everybody may look at what there is, and ask what he may do.
  if (path->place != REST_RESOURCE)
    return RC_OK;
  int rc = check_impersonation(x);
  if (rc || api_review_find(path->group, path->version, path->resource))
    return rc;
  unsigned verb = verb_of(x);
  return !verb || may(x, verb) ? RC_OK : forbidden(x, verb);
}

int rest_authorize_apply(struct exchange *x) {
  struct json *object;
  if (may(x, AUTH_CREATE))
    return RC_OK;
  int rc = api_load(x->api, x->call, api_key(x->call->arena, x->kind, x->path.ns, x->path.name),
                    &object, NULL);
  return rc == RC_NOT_FOUND && !x->call->fault.code ? forbidden(x, AUTH_CREATE) : rc;
}
