// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/table.h"
#include "operator/standalone/json_query.h"
#include "operator/standalone/table_columns.h"

#include <ctype.h>
#include <string.h>

struct str table_age(struct arena *arena, int64_t from_ms, int64_t now_ms) {
  int64_t s = (now_ms - from_ms) / 1000;
  if (s < 0)
    s = 0;
  int64_t m = s / 60, h = m / 60, d = h / 24;
  long long part;
  // Source: k8s.io/apimachinery pkg/util/duration.HumanDuration.
  if (s < 120)
    return arena_printf(arena, "%llds", (long long)s);
  if (m < 10) {
    part = s % 60;
    return part ? arena_printf(arena, "%lldm%llds", (long long)m, part)
                : arena_printf(arena, "%lldm", (long long)m);
  }
  if (h < 3)
    return arena_printf(arena, "%lldm", (long long)m);
  if (h < 8) {
    part = m % 60;
    return part ? arena_printf(arena, "%lldh%lldm", (long long)h, part)
                : arena_printf(arena, "%lldh", (long long)h);
  }
  if (h < 48)
    return arena_printf(arena, "%lldh", (long long)h);
  if (d < 8) {
    part = h % 24;
    return part ? arena_printf(arena, "%lldd%lldh", (long long)d, part)
                : arena_printf(arena, "%lldd", (long long)d);
  }
  if (d < 2 * 365)
    return arena_printf(arena, "%lldd", (long long)d);
  return arena_printf(arena, "%lldy%lldd", (long long)(d / 365), (long long)(d % 365));
}

static void add_column(struct json *columns, struct arena *arena, const char *name,
                       const char *type, const char *format, const char *doc, int priority) {
  struct json *column = json_new_object(arena);
  json_put_z(arena, column, "name", name);
  json_put_z(arena, column, "type", type);
  json_put_z(arena, column, "format", format ? format : "");
  json_put_z(arena, column, "description", doc ? doc : "");
  json_put_int(arena, column, "priority", priority);
  json_append(columns, column);
}

// Custom columns need not name AGE; like a real server we add it when a kind declares none at all.
static void add_columns(struct json *columns, const struct kind_desc *kind, struct arena *arena) {
  size_t count = 0;
  const struct table_column *own = table_columns_of(kind, &count);
  for (size_t i = 0; i < count; i++)
    add_column(columns, arena, own[i].name, own[i].type, strcmp(own[i].name, "Name") ? "" : "name",
               own[i].doc, own[i].priority);
  if (own)
    return;
  add_column(columns, arena, "Name", "string", "name", "Name of the object", 0);
  for (size_t i = 0; i < kind->column_count; i++)
    add_column(columns, arena, kind->columns[i].name, kind->columns[i].type,
               kind->columns[i].format, kind->columns[i].doc, kind->columns[i].priority);
  if (kind->column_count == 0)
    add_column(columns, arena, "Age", "date", "", "Time since creation", 0);
}

struct json *table_new(const struct kind_desc *kind, const char *api_version, bool columns,
                       struct arena *arena) {
  struct json *table = json_new_object(arena);
  json_put_z(arena, table, "kind", "Table");
  json_put_z(arena, table, "apiVersion", api_version);
  json_put(arena, table, "metadata", json_new_object(arena));
  struct json *list = json_need_array(arena, table, "columnDefinitions");
  if (columns)
    add_columns(list, kind, arena);
  json_put(arena, table, "rows", json_new_array(arena));
  return table;
}

static struct json *builtin_cell(const struct table_column *column, const struct table_cell *cell) {
  if (column->make)
    return column->make(cell);
  const struct json *value = json_path(cell->object, column->path);
  if (value && (json_is(value, JSON_STRING) || json_is(value, JSON_INT)))
    return json_dup(cell->arena, value);
  return json_new_z(cell->arena, strcmp(column->type, "integer") ? "<none>" : "0");
}

static struct json *custom_cell(const struct printer_column *column,
                                const struct table_cell *cell) {
  struct str path = str_of(column->path);
  const struct json *value = json_query(cell->object, path);
  if (!value)
    return strcmp(column->type, "string") ? json_new_null(cell->arena)
                                          : json_new_z(cell->arena, "");
  if (strcmp(column->type, "date") == 0) {
    struct json *copy = json_new_object(cell->arena);
    json_put_string(cell->arena, copy, "at", json_string(value));
    struct table_cell at = {copy, cell->arena, cell->now_ms};
    return json_new_string(cell->arena, table_cell_age(&at, "at"));
  }
  if (strcmp(column->type, "string") == 0 && !json_is(value, JSON_STRING))
    return json_new_string(cell->arena, json_text(cell->arena, value));
  return json_dup(cell->arena, value);
}

struct json *table_partial(const struct json *object, struct arena *arena) {
  struct json *partial = json_new_object(arena);
  json_put_z(arena, partial, "kind", "PartialObjectMetadata");
  json_put_z(arena, partial, "apiVersion", "meta.k8s.io/v1");
  const struct json *meta = json_get(object, "metadata");
  if (meta)
    json_put(arena, partial, "metadata", json_dup(arena, meta));
  return partial;
}

void table_add(struct json *table, const struct kind_desc *kind, const struct json *object,
               enum table_include include, int64_t now_ms, struct arena *arena) {
  struct table_cell cell = {object, arena, now_ms};
  struct json *row = json_new_object(arena), *cells = json_need_array(arena, row, "cells");
  size_t count = 0;
  const struct table_column *own = table_columns_of(kind, &count);
  for (size_t i = 0; i < count; i++)
    json_append(cells, builtin_cell(&own[i], &cell));
  if (!own) {
    json_append(cells, json_new_string(arena, json_path_string(object, "metadata.name")));
    for (size_t i = 0; i < kind->column_count; i++)
      json_append(cells, custom_cell(&kind->columns[i], &cell));
    if (kind->column_count == 0)
      json_append(cells,
                  json_new_string(arena, table_cell_age(&cell, "metadata.creationTimestamp")));
  }
  if (include == TABLE_OBJECT)
    json_put(arena, row, "object", json_dup(arena, object));
  else if (include == TABLE_METADATA)
    json_put(arena, row, "object", table_partial(object, arena));
  else
    json_put(arena, row, "object", json_new_null(arena));
  json_append(json_get(table, "rows"), row);
}
