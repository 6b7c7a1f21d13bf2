// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/rest.h"
#include "manifests/base/bug.h"
#include "operator/standalone/api_review.h"
#include "operator/standalone/api_write.h"
#include "operator/standalone/discovery.h"
#include "operator/standalone/rest_body.h"
#include "operator/standalone/rest_exchange.h"

int rest_put_json(struct exchange *x, int status, const struct json *json) {
  x->reply->status = status;
  return json_write(&x->reply->body, json);
}

bool rest_is_method(const struct exchange *x, const char *method) {
  return str_eq_z(x->request->method, method);
}

bool rest_is_read(const struct exchange *x) {
  return rest_is_method(x, "GET") || rest_is_method(x, "HEAD");
}

void rest_fault(struct api_call *call, struct rest_reply *reply) {
  buf_reset(&reply->body);
  reply->kind = REST_REPLY_BODY;
  reply->status = call->fault.code;
  reply->content_type = "application/json";
  reply->cache_control = NULL;
  json_write(&reply->body, api_status(call));
}

int rest_no_such_path(struct exchange *x) {
  x->reply->status = 404;
  x->reply->content_type = "text/plain; charset=utf-8";
  buf_add_z(&x->reply->body, "404 page not found\n");
  return RC_OK;
}

// Within a group version that is served, an unknown path is a Status.
static int no_such_resource(struct exchange *x) {
  struct json *resources =
      discovery_resources(x->api->kinds, x->path.group, x->path.version, x->call->arena);
  if (!resources)
    return rest_no_such_path(x);
  int rc = api_fail(x->call, 404, "NotFound", "the server could not find the requested resource");
  x->call->fault.details = json_new_object(x->call->arena);
  return rc;
}

int rest_bad_method(struct exchange *x) {
  int rc = api_fail(x->call, 405, "MethodNotAllowed",
                    "the server does not allow this method on the requested "
                    "resource");
  x->call->fault.details = json_new_object(x->call->arena);
  return rc;
}

// JSON is all we speak; a client that names only other types is told so.
static bool takes_json(struct str accept) {
  static const char *const fine[] = {"application/json", "application/*", "*/*"};
  struct str part;
  if (!accept.len)
    return true;
  while (accept.ptr && str_next(&accept, ',', &part))
    for (size_t i = 0; i < ARRAY_LEN(fine); i++)
      if (str_starts(str_trim(part), str_of(fine[i])))
        return true;
  return false;
}

static enum table_include table_wanted(const struct exchange *x) {
  // The first type the client names decides, as content negotiation without weights does.
  struct str accept = x->request->accept, first;
  if (!accept.ptr || !str_next(&accept, ',', &first))
    return TABLE_OFF;
  if (str_contains(first, STR("as=PartialObjectMetadata")))
    return TABLE_PARTIAL;
  if (!str_contains(first, STR("as=Table")))
    return TABLE_OFF;
  struct str include = x->path.query.include_object;
  if (str_eq_z(include, "Object"))
    return TABLE_OBJECT;
  return str_eq_z(include, "None") ? TABLE_NONE : TABLE_METADATA;
}

struct read_request rest_as_read(struct exchange *x) {
  return (struct read_request){.kind = x->kind,
                               .version = x->path.version,
                               .ns = x->path.ns,
                               .name = x->path.name,
                               .include = table_wanted(x),
                               .query = &x->path.query};
}

// --- Verbs

static int serve_watch(struct exchange *x) {
  const struct rest_query *query = &x->path.query;
  int64_t revision;
  struct watch_options options = {.kind = x->kind,
                                  .version = x->path.version,
                                  .include = table_wanted(x),
                                  .bookmarks = query->allow_bookmarks,
                                  .initial_bookmark =
                                      query->send_initial_events && query->allow_bookmarks};
  int rc = read_check_options(x->call, query);
  if (!rc)
    rc = read_filter(x->call, x->kind, x->path.ns, x->path.name, query, &options.filter);
  if (!rc)
    rc = read_revision(x->call, query->resource_version, &revision);
  if (rc)
    return rc;
  options.from_start = query->has_send_initial ? query->send_initial_events : revision == 0;
  options.revision = revision;
  x->reply->kind = REST_REPLY_WATCH;
  x->reply->status = 200;
  x->reply->watch = options;
  x->reply->timeout_ms = query->timeout_seconds > 0 && query->timeout_seconds < 86400
                             ? query->timeout_seconds * 1000
                             : 0;
  return RC_OK;
}

static int serve_read(struct exchange *x) {
  struct read_request read = rest_as_read(x);
  if (x->path.query.watch)
    return serve_watch(x);
  x->reply->status = 200;
  return x->path.name.len ? read_get(x->api, x->call, &read, &x->reply->body)
                          : read_list(x->api, x->call, &read, &x->reply->body);
}

static int serve_review(struct exchange *x, const struct kind_desc *kind) {
  struct json *body;
  struct str duplicate;
  if (!rest_is_method(x, "POST"))
    return rest_bad_method(x);
  int rc = rest_body_parse(x->call, x->request->content_type, x->request->body, &body, &duplicate);
  if (rc)
    return rc;
  return rest_put_json(x, 201,
                       api_review_answer(x->call, x->api->kinds, kind, x->path.version, body));
}

static int serve_log(struct exchange *x) {
  if (!rest_is_read(x))
    return rest_bad_method(x);
  int rc = api_log_open(x->api, x->call, x->path.ns, x->path.name, &x->path.query, &x->reply->log);
  if (rc)
    return rc;
  x->reply->kind = REST_REPLY_LOG;
  x->reply->status = 200;
  x->reply->content_type = "text/plain; charset=utf-8";
  return RC_OK;
}

static int serve_scale_read(struct exchange *x) {
  struct json *object;
  int rc = api_load(x->api, x->call, api_key(x->call->arena, x->kind, x->path.ns, x->path.name),
                    &object, NULL);
  if (rc == RC_NOT_FOUND && !x->call->fault.code)
    return api_not_found(x->call, x->kind, x->path.name);
  if (!rc && !x->kind->builtin && !json_path(object, x->kind->scale_spec + 1)) {
    struct json *details = json_new_object(x->call->arena),
                *cause = json_new_object(x->call->arena);
    struct str text = arena_printf(x->call->arena, "the spec replicas field \"%s\" does not exist",
                                   x->kind->scale_spec);
    json_put_string(x->call->arena, cause, "message", text);
    json_append(json_need_array(x->call->arena, details, "causes"), cause);
    rc = api_fail(x->call, 500, "InternalError", "Internal error occurred: %.*s", STR_ARG(text));
    x->call->fault.details = details;
  }
  return rc ? rc : rest_put_json(x, 200, write_scale_of(x->kind, object, x->call->arena));
}

// What a kubelet would do.
static int serve_pod_stream(struct exchange *x, struct str part) {
  static const char *const streams[] = {"exec", "attach", "portforward", "eviction",
                                        "ephemeralcontainers"};
  struct json *pod;
  bool known = false;
  for (size_t i = 0; i < ARRAY_LEN(streams); i++)
    known |= str_eq_z(part, streams[i]);
  if (!known)
    return no_such_resource(x);
  int rc = api_load(x->api, x->call, api_key(x->call->arena, x->kind, x->path.ns, x->path.name),
                    &pod, NULL);
  if (rc == RC_NOT_FOUND && !x->call->fault.code)
    return api_not_found(x->call, x->kind, x->path.name);
  struct str ip = rc ? STR("") : json_path_string(pod, "status.podIP");
  return rc ? rc
            : api_fail(x->call, 501, "NotImplemented",
                       "this embedded API server does not serve pods/%.*s: the pod is a process of "
                       "this machine. Connect to it at %.*s, read it with kubectl logs %.*s, run "
                       "commands beside it in a shell of this machine",
                       STR_ARG(part), STR_ARG(ip.len ? ip : STR("its address")),
                       STR_ARG(x->path.name));
}

static int serve_subresource(struct exchange *x) {
  struct str part = x->path.subresource;
  if (str_eq_z(part, "status") && x->kind->has_status)
    return rest_is_read(x) ? serve_read(x) : rest_write(x, WRITE_STATUS);
  if (str_eq_z(part, "scale") && x->kind->scale_spec)
    return rest_is_read(x) ? serve_scale_read(x) : rest_write(x, WRITE_SCALE);
  if (str_eq_z(part, "log") && str_eq_z(str_of(x->kind->kind), "Pod"))
    return serve_log(x);
  if (str_eq_z(str_of(x->kind->kind), "Pod"))
    return serve_pod_stream(x, part);
  return no_such_resource(x);
}

static int serve_resource(struct exchange *x) {
  const struct rest_path *path = &x->path;
  if (!takes_json(x->request->accept) && !str_eq_z(path->subresource, "log"))
    return api_fail(x->call, 406, "NotAcceptable", "only application/json is served, not \"%.*s\"",
                    STR_ARG(x->request->accept));
  const struct kind_desc *review = api_review_find(path->group, path->version, path->resource);
  if (review && !path->name.len)
    return serve_review(x, review);
  x->kind = api_kind_find_plural(x->api->kinds, path->group, path->version, path->resource);
  if (!x->kind || (path->namespaced && !x->kind->namespaced))
    return no_such_resource(x);
  if (x->kind->alias_of) {
    x->path.version = kind_api_version(x->kind, path->version, x->call->arena);
    x->kind = x->kind->alias_of;
  }
  if (x->kind->deprecated)
    api_warn(x->call, "%s", x->kind->deprecated);
  bool everywhere = x->kind->namespaced && !path->namespaced;
  if (everywhere && (path->name.len || !rest_is_read(x)))
    return path->name.len ? no_such_resource(x) : rest_bad_method(x);
  if (path->subresource.len)
    return serve_subresource(x);
  if (rest_is_read(x))
    return serve_read(x);
  if (rest_is_method(x, "DELETE"))
    return path->name.len ? rest_delete(x) : rest_delete_collection(x);
  return rest_write(x, WRITE_MAIN);
}

static int serve(struct exchange *x) {
  enum rest_place place = x->path.place;
  bool open = place == REST_LIVEZ || place == REST_VERSION; // to everybody
  if (!open && !x->request->user)
    return api_fail(x->call, 401, "Unauthorized", "Unauthorized");
  int rc = open ? RC_OK : rest_authorize(x);
  if (rc)
    return rc;
  if (place != REST_RESOURCE && place != REST_UNKNOWN && !rest_is_read(x))
    return rest_bad_method(x);
  switch (place) {
  case REST_UNKNOWN: return rest_no_such_path(x);
  case REST_LIVEZ:
    x->reply->status = 200;
    x->reply->content_type = "text/plain; charset=utf-8";
    return buf_add_z(&x->reply->body, "ok");
  case REST_VERSION: return rest_version(x);
  case REST_API:
  case REST_APIS:
  case REST_GROUP:
  case REST_GROUP_VERSION: return rest_discovery(x);
  case REST_OPENAPI_V2:
  case REST_OPENAPI_V3:
  case REST_OPENAPI_V3_DOC: return rest_openapi(x);
  case REST_RESOURCE: return serve_resource(x);
  }
  return rest_no_such_path(x);
}

void rest_handle(struct api *api, struct api_call *call, const struct rest_request *request,
                 struct rest_reply *ret_reply) {
  struct exchange x = {.api = api, .call = call, .request = request, .reply = ret_reply};
  struct err err;
  *ret_reply = (struct rest_reply){.status = 500, .content_type = "application/json"};
  buf_init(&ret_reply->body, READ_LIST_BYTES + (1u << 20));
  int rc = RC_OK;
  api_refresh(api);
  if (rest_path_parse(request->url, call->arena, &x.path, &err))
    rc = request->user ? api_bad_request(call, "%s", err.msg)
                       : api_fail(call, 401, "Unauthorized", "Unauthorized");
  else
    rc = serve(&x);
  if (call->fault.code) {
    rest_fault(call, ret_reply);
  } else if (rc || ret_reply->body.failed) {
    (void)api_fail(call, 500, "InternalError", "the answer is too large");
    rest_fault(call, ret_reply);
  }
}
