// SPDX-License-Identifier: Apache-2.0
#include "proxy/dump_filters.h"

#include "manifests/text/duration.h"
#include "proxy/header_format.h"
#include "proxy/table_filters.h"

static void dump_values(struct arena *arena, struct json *item, const char *name,
                        const struct table_header *headers, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const struct table_header *header = &headers[i];
    json_set(arena, json_need_object(arena, item, name), header->name,
             json_new_string(arena, header->format ? header_format_source(header->format)
                                                   : header->value));
  }
}

static void dump_ops(struct arena *arena, struct json *item, const char *name,
                     const struct table_header_ops *ops) {
  if (ops->remove_count + ops->set_count + ops->add_count == 0)
    return;
  struct json *out = json_need_object(arena, json_need_object(arena, item, "headers"), name);
  for (size_t i = 0; i < ops->remove_count; i++)
    json_append(json_need_array(arena, out, "remove"), json_new_string(arena, ops->remove[i]));
  dump_values(arena, out, "set", ops->set, ops->set_count);
  dump_values(arena, out, "add", ops->add, ops->add_count);
}

static void dump_share(struct arena *arena, struct json *item, uint32_t share) {
  json_put_string(arena, item, "percentage",
                  arena_printf(arena, "%g", (double)share / (TABLE_SHARE_ALL / 100.0)));
}

static void dump_fault(struct arena *arena, struct json *item, const struct table_fault *fault) {
  struct json *out = json_need_object(arena, item, "fault");
  if (fault->delay_ms > 0) {
    struct json *delay = json_need_object(arena, out, "delay");
    json_put_string(arena, delay, "fixedDelay", duration_format(arena, fault->delay_ms));
    dump_share(arena, delay, fault->delay_share);
  }
  if (fault->abort_status > 0 || fault->abort_grpc >= 0) {
    struct json *abort = json_need_object(arena, out, "abort");
    if (fault->abort_grpc >= 0)
      json_put_int(arena, abort, "grpcStatus", fault->abort_grpc);
    else
      json_put_int(arena, abort, "httpStatus", fault->abort_status);
    dump_share(arena, abort, fault->abort_share);
  }
}

static void dump_mirror(struct arena *arena, struct json *list, const struct table_mirror *mirror) {
  struct json *out = json_new_object(arena);
  const struct table_destination *to = &mirror->destination;
  json_put_string(arena, out, "host", to->host);
  if (to->subset.len)
    json_put_string(arena, out, "subset", to->subset);
  if (to->port)
    json_put_int(arena, out, "port", to->port);
  dump_share(arena, out, mirror->share);
  json_append(list, out);
}

static void dump_cors(struct arena *arena, struct json *item, const struct table_cors *cors) {
  struct json *out = json_need_object(arena, item, "corsPolicy");
  const struct {
    const char *name;
    struct str value;
  } texts[] = {{"allowMethods", cors->allow_methods},
               {"allowHeaders", cors->allow_headers},
               {"exposeHeaders", cors->expose_headers},
               {"maxAge", cors->max_age}};
  if (cors->any_origin)
    json_append(json_need_array(arena, out, "allowOrigins"), json_new_z(arena, "*"));
  for (size_t i = 0; i < cors->origin_count && !cors->any_origin; i++)
    json_append(json_need_array(arena, out, "allowOrigins"),
                json_new_string(arena, cors->origins[i].value));
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (texts[i].value.len)
      json_put_string(arena, out, texts[i].name, texts[i].value);
  }
  if (cors->allow_credentials)
    json_put_bool(arena, out, "allowCredentials", true);
  if (cors->ignore_unmatched)
    json_put_string(arena, out, "unmatchedPreflights", STR("IGNORE"));
}

void dump_filters(struct arena *arena, struct json *item, const struct table_route *route) {
  dump_ops(arena, item, "request", &route->request_headers);
  dump_ops(arena, item, "response", &route->response_headers);
  const struct table_filters *filters = route->filters;
  if (!filters)
    return;
  if (filters->fault)
    dump_fault(arena, item, filters->fault);
  for (size_t i = 0; i < filters->mirror_count; i++)
    dump_mirror(arena, json_need_array(arena, item, "mirrors"), &filters->mirrors[i]);
  if (filters->cors)
    dump_cors(arena, item, filters->cors);
}
