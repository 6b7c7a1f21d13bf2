// SPDX-License-Identifier: Apache-2.0
// /version, discovery, OpenAPI.
#include "operator/standalone/discovery.h"
#include "operator/standalone/openapi_serve.h"
#include "operator/standalone/openapi_v2.h"
#include "operator/standalone/rest_exchange.h"

// The Kubernetes whose wire form this server speaks; kubectl's dispatcher picks its version by it.
#define WIRE_MAJOR "1"
#define WIRE_MINOR "32"

int rest_version(struct exchange *x) {
  struct arena *arena = x->call->arena;
  struct json *json = json_new_object(arena);
  json_put_z(arena, json, "major", WIRE_MAJOR);
  json_put_z(arena, json, "minor", WIRE_MINOR);
  json_put_z(arena, json, "gitVersion", "v" WIRE_MAJOR "." WIRE_MINOR ".0+serin-" SERIN_VERSION);
  json_put_z(arena, json, "gitCommit", "");
  json_put_z(arena, json, "gitTreeState", "");
  json_put_z(arena, json, "buildDate", "1970-01-01T00:00:00Z");
  json_put_z(arena, json, "goVersion", "");
  json_put_z(arena, json, "compiler", "");
  json_put_z(arena, json, "platform", "linux");
  return rest_put_json(x, 200, json);
}

// "v2", "v2beta1", or NULL when the client does not want the aggregated form.
static const char *aggregated_wanted(struct str accept) {
  struct str part;
  while (accept.ptr && str_next(&accept, ',', &part)) {
    if (!str_contains(part, STR("as=APIGroupDiscoveryList")))
      continue;
    return str_contains(part, STR("v=v2beta1")) ? "v2beta1" : "v2";
  }
  return NULL;
}

// Names the content; a client that has it already gets no body.
static int tag(struct exchange *x, int rc) {
  struct rest_reply *reply = x->reply;
  if (rc || reply->status != 200 || x->call->fault.code)
    return rc;
  reply->etag = arena_printf(x->call->arena, "\"%016llX\"",
                             (unsigned long long)str_hash(buf_str(&reply->body)));
  if (str_contains(x->request->if_none_match, reply->etag)) {
    reply->status = 304;
    buf_reset(&reply->body);
  }
  return RC_OK;
}

static int put_discovery(struct exchange *x) {
  struct arena *arena = x->call->arena;
  bool core = x->path.place == REST_API;
  const char *version = aggregated_wanted(x->request->accept);
  struct json *json = NULL;
  if (version && (core || x->path.place == REST_APIS)) {
    x->reply->content_type = version[2] ? "application/json;g=apidiscovery.k8s.io;v=v2beta1;"
                                          "as=APIGroupDiscoveryList"
                                        : "application/json;g=apidiscovery.k8s.io;v=v2;"
                                          "as=APIGroupDiscoveryList";
    return rest_put_json(x, 200, discovery_aggregated(x->api->kinds, core, version, arena));
  }
  if (core)
    json = discovery_api(arena);
  else if (x->path.place == REST_APIS)
    json = discovery_apis(x->api->kinds, arena);
  else if (x->path.place == REST_GROUP)
    json = discovery_group(x->api->kinds, x->path.group, arena);
  else
    json = discovery_resources(x->api->kinds, x->path.group, x->path.version, arena);
  return json ? rest_put_json(x, 200, json) : rest_no_such_path(x);
}

int rest_discovery(struct exchange *x) {
  return tag(x, put_discovery(x));
}

static int put_openapi(struct exchange *x) {
  struct arena *arena = x->call->arena;
  if (x->path.place == REST_OPENAPI_V2) {
    x->reply->status = 200;
    if (openapi_v2_is_wanted(x->request->user_agent)) {
      x->reply->content_type = OPENAPI_V2_TYPE;
      openapi_v2_write(x->api->kinds, &x->reply->body);
      return RC_OK;
    }
    // Empty: kubectl 1.27 and 1.28 insist on an answer, and like all later ones take everything
    // from v3.
    x->reply->content_type = "application/octet-stream";
    return RC_OK;
  }
  if (x->path.place == REST_OPENAPI_V3) {
    struct buf *index = &x->api->openapi_index;
    if (!index->len)
      json_write(index, openapi_serve_index(x->api->kinds, arena));
    x->reply->status = 200;
    return buf_add_str(&x->reply->body, buf_str(index));
  }
  struct json *document =
      openapi_serve_document(x->api->kinds, x->path.group, x->path.version, arena);
  if (document && str_contains(x->request->url, STR("hash=")))
    x->reply->cache_control = "public, immutable, max-age=31536000";
  return document ? rest_put_json(x, 200, document) : rest_no_such_path(x);
}

int rest_openapi(struct exchange *x) {
  return tag(x, put_openapi(x));
}
