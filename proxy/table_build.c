// SPDX-License-Identifier: Apache-2.0
#include "proxy/table_build.h"

#include "manifests/base/alloc.h"
#include "manifests/kinds/regex.h"
#include "proxy/table_gateways.h"
#include "proxy/table_ids.h"
#include "proxy/table_live.h"
#include "proxy/table_parts.h"

#include <stdlib.h>
#include <string.h>

struct str table_object_key(struct arena *arena, const struct part_object *object) {
  return TABLE_CONCAT(arena, str_of(object->from->kind->kind), STR("/"), object->meta->namespace_,
                      STR("/"), object->meta->name);
}

void table_finding(struct builder *builder, enum finding_level level,
                   const struct part_object *object, struct str path, const char *id,
                   const char *format, ...) {
  va_list args;
  struct buf text;
  if (builder->is_quiet)
    return;
  buf_init(&text, 4096);
  (void)buf_addf(&text, "%s %.*s/%.*s: ", object->from->kind->kind,
                 STR_ARG(object->meta->namespace_), STR_ARG(object->meta->name));
  va_start(args, format);
  (void)buf_addv(&text, format, args);
  va_end(args);
  findings_add(&builder->table->findings, level, object->from->file, object->from->line, path, id,
               "%s", buf_z(&text));
  buf_dispose(&text);
}

struct str table_place(struct builder *builder, const struct part_place *place, const char *below) {
  struct arena *arena = builder->arena;
  if (place->match >= 0)
    return arena_printf(arena, "spec.http[%d].match[%d]%s", place->http, place->match, below);
  if (place->route >= 0)
    return arena_printf(arena, "spec.http[%d].route[%d]%s", place->http, place->route, below);
  return arena_printf(arena, "spec.http[%d]%s", place->http, below);
}

const struct regex *table_regex(struct builder *builder, const struct part_place *place,
                                const char *below, struct str pattern, bool whole) {
  struct regex *regex = NULL;
  struct err err;
  if (regex_compile(pattern, whole, &regex, &err)) {
    table_finding(builder, FINDING_ERROR, place->object, table_place(builder, place, below),
                  "regex", "%s", err.msg);
    return NULL;
  }
  regex_link(&builder->table->regexes, regex);
  return regex;
}

struct str table_concat(struct arena *arena, const struct str *parts, size_t count) {
  size_t len = 0;
  for (size_t i = 0; i < count; i++)
    len += parts[i].len;
  char *bytes = arena_alloc(arena, len + 1);
  char *at = bytes;
  for (size_t i = 0; i < count; i++) {
    if (parts[i].len)
      memcpy(at, parts[i].ptr, parts[i].len);
    at += parts[i].len;
  }
  return (struct str){bytes, len};
}

void table_add_source(struct builder *builder, const struct part_object *object) {
  struct table_source *source =
      arena_push(builder->arena, (void **)&builder->sources, &builder->source_count,
                 &builder->source_capacity, sizeof *source);
  source->key = table_object_key(builder->arena, object);
  // Parents write into the status of a route, which makes revisions without a word on routing: of
  // these kinds what is served is told by the generation of the spec.
  bool by_generation = object->from->kind == &http_route_kind && object->meta->generation > 0;
  source->revision = by_generation ? arena_printf(builder->arena, "generation:%lld",
                                                  (long long)object->meta->generation)
                                   : arena_str(builder->arena, object->meta->resource_version);
}

struct str table_lower(struct arena *arena, struct str text) {
  char *bytes = arena_alloc(arena, text.len + 1);
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    bytes[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
  }
  return (struct str){bytes, text.len};
}

static int part_order(const void *a, const void *b) {
  const struct object_meta *x = ((const struct part_object *)a)->meta;
  const struct object_meta *y = ((const struct part_object *)b)->meta;
  if (x->creation_timestamp_ms != y->creation_timestamp_ms)
    return x->creation_timestamp_ms < y->creation_timestamp_ms ? -1 : 1;
  int order = str_cmp(x->name, y->name);
  return order ? order : str_cmp(x->namespace_, y->namespace_);
}

static void part_list_sort(struct part_list *list) {
  if (list->count)
    qsort(list->items, list->count, sizeof *list->items, part_order);
}

static struct part_list *builder_list(struct builder *builder, const struct kind_desc *kind) {
  const struct {
    const struct kind_desc *kind;
    struct part_list *list;
  } lists[] = {
      {&virtual_service_kind, &builder->virtual_services},
      {&destination_rule_kind, &builder->rules},
      {&service_kind, &builder->services},
      {&endpoint_slice_kind, &builder->slices},
      {&endpoints_kind, &builder->endpoints},
      {&pod_kind, &builder->pods},
      {&service_entry_kind, &builder->service_entries},
      {&workload_entry_kind, &builder->workload_entries},
      {&gateway_class_kind, &builder->classes},
      {&gateway_kind, &builder->gateways},
      {&http_route_kind, &builder->http_routes},
      {&istio_gateway_kind, &builder->istio_gateways},
      {&reference_grant_kind, &builder->grants},
      {&namespace_kind, &builder->namespaces},
  };
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
    if (lists[i].kind == kind)
      return lists[i].list;
  }
  return NULL;
}

static void builder_take_findings(struct builder *builder, const struct findings *findings) {
  for (size_t i = 0; findings && i < findings->count; i++) {
    const struct finding *item = &findings->items[i];
    struct str id = arena_str(builder->arena, item->id);
    findings_add(&builder->table->findings, item->level, item->file, item->line, item->path, id.ptr,
                 "%.*s", STR_ARG(item->message));
  }
}

static void builder_sort_objects(struct builder *builder) {
  const struct table_input *input = builder->input;
  for (size_t i = 0; i < input->object_count; i++) {
    const struct table_object *from = &input->objects[i];
    builder_take_findings(builder, from->findings);
    struct part_list *list = builder_list(builder, from->kind);
    if (!list || !from->object)
      continue;
    struct part_object *part = arena_push(&builder->scratch, (void **)&list->items, &list->count,
                                          &list->capacity, sizeof *part);
    *part = (struct part_object){from->object, from};
  }
  part_list_sort(&builder->virtual_services);
  part_list_sort(&builder->rules);
  part_list_sort(&builder->services);
  part_list_sort(&builder->slices);
  part_list_sort(&builder->service_entries);
  part_list_sort(&builder->workload_entries);
  part_list_sort(&builder->classes);
  part_list_sort(&builder->gateways);
  part_list_sort(&builder->http_routes);
  part_list_sort(&builder->istio_gateways);
}

static void builder_init(struct builder *builder, const struct table_input *input) {
  struct proxy_table *table = XNEW(struct proxy_table);
  atomic_init(&table->refs, 1);
  arena_init(&table->arena);
  table_ids_ref(input->ids);
  table->ids = input->ids;
  table->version = input->version;
  table->built_ms = input->now_ms;
  findings_init(&table->findings, &table->arena);
  *builder = (struct builder){.input = input, .table = table, .arena = &table->arena};
  builder->domain = input->settings->domain.len ? input->settings->domain : STR("cluster.local");
  arena_init(&builder->scratch);
  struct map *maps[] = {&builder->service_by_name, &builder->pod_by_name, &builder->pod_by_ip,
                        &builder->rule_by_host, &builder->delegates};
  for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
    map_init(maps[i]);
}

static void builder_dispose(struct builder *builder) {
  map_dispose(&builder->service_by_name);
  map_dispose(&builder->pod_by_name);
  map_dispose(&builder->pod_by_ip);
  map_dispose(&builder->rule_by_host);
  table_gateways_dispose(builder);
  map_dispose(&builder->delegates);
  for (size_t i = 0; i < builder->scope_count; i++)
    map_dispose(&builder->scopes[i]->by_domain);
  arena_dispose(&builder->scratch);
}

struct proxy_table *table_build(const struct table_input *input) {
  struct builder builder;
  builder_init(&builder, input);
  builder_sort_objects(&builder);
  table_add_services(&builder);
  table_add_endpoints(&builder);
  table_add_clusters(&builder);
  table_add_listeners(&builder);
  table_add_gateways(&builder);
  table_add_istio_gateways(&builder);
  table_add_hosts(&builder);
  table_redirect_https(&builder);
  table_finish_hosts(&builder);
  table_report_gateways(&builder);
  struct proxy_table *table = builder.table;
  table->sources = builder.sources;
  table->source_count = builder.source_count;
  table->cluster_slots = table_ids_count(input->ids, TABLE_IDS_CLUSTER);
  table->endpoint_slots = table_ids_count(input->ids, TABLE_IDS_ENDPOINT);
  table_mark_live(table);
  builder_dispose(&builder);
  return table;
}
