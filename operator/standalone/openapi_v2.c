// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/openapi_v2.h"
#include "manifests/kinds/registry.h"
#include "manifests/schema/openapi.h"

#include <string.h>

#define LAST_MINOR_WITHOUT_V3 26

// Field numbers of the messages that are written.
enum {
  DOCUMENT_SWAGGER = 1,
  DOCUMENT_INFO = 2,
  DOCUMENT_PATHS = 8,
  DOCUMENT_DEFINITIONS = 9,
  INFO_TITLE = 1,
  INFO_VERSION = 2,
  PATHS_PATH = 2,
  NAMED_NAME = 1,
  NAMED_VALUE = 2,
  LIST_ITEM = 1, // of Definitions, Properties, TypeItem, ItemsItem
  PATH_POST = 4,
  PATH_PATCH = 8,
  OPERATION_PARAMETERS = 8,
  OPERATION_EXTENSION = 13,
  PARAMETERS_PARAMETER = 1,
  PARAMETER_NON_BODY = 2,
  NON_BODY_QUERY = 3,
  QUERY_IN = 2,
  QUERY_NAME = 4,
  QUERY_TYPE = 6,
  ANY_YAML = 2,
  SCHEMA_FORMAT = 2,
  SCHEMA_DESCRIPTION = 4,
  SCHEMA_REQUIRED = 19,
  SCHEMA_ADDITIONAL = 21,
  SCHEMA_TYPE = 22,
  SCHEMA_ITEMS = 23,
  SCHEMA_PROPERTIES = 25,
  SCHEMA_EXTENSION = 31,
  ADDITIONAL_SCHEMA = 1,
};

bool openapi_v2_is_wanted(struct str user_agent) {
  // "kubectl/v1.20.2 (linux/amd64) ...", also "kubectl1.20.2/v1.20.2"
  const char *mark = user_agent.len ? memmem(user_agent.ptr, user_agent.len, "/v1.", 4) : NULL;
  if (!str_starts(user_agent, STR("kubectl")) || !mark)
    return false;
  size_t from = (size_t)(mark - user_agent.ptr) + 4, end = from;
  while (end < user_agent.len && user_agent.ptr[end] >= '0' && user_agent.ptr[end] <= '9')
    end++;
  int64_t minor;
  return str_to_i64(str_slice(user_agent, from, end), &minor) && minor <= LAST_MINOR_WITHOUT_V3;
}

static void put_varint(struct buf *out, uint64_t value) {
  while (value > 0x7f) {
    buf_add_char(out, (char)(value | 0x80));
    value >>= 7;
  }
  buf_add_char(out, (char)value);
}

static void put_bytes(struct buf *out, unsigned field, struct str bytes) {
  put_varint(out, field << 3 | 2); // wire type 2: a length and as many bytes
  put_varint(out, bytes.len);
  buf_add_str(out, bytes);
}

// Appends `part` as one message field and empties it.
static void put_part(struct buf *out, unsigned field, struct buf *part) {
  put_bytes(out, field, buf_str(part));
  out->failed |= part->failed;
  buf_dispose(part);
}

static void put_named(struct buf *out, unsigned field, struct str name, struct buf *value) {
  struct buf named;
  buf_init(&named, OPENAPI_V2_BYTES);
  put_bytes(&named, NAMED_NAME, name);
  put_part(&named, NAMED_VALUE, value);
  put_part(out, field, &named);
}

// Extensions hold YAML text, and JSON is YAML.
static void put_extension(struct buf *out, unsigned field, const struct json *extension) {
  struct buf any, text;
  buf_init(&any, OPENAPI_V2_BYTES);
  buf_init(&text, OPENAPI_V2_BYTES);
  json_write(&text, extension);
  put_part(&any, ANY_YAML, &text);
  put_named(out, field, extension->key, &any);
}

// `ours`: of a kind that is not Kubernetes' own. What is open in such a kind has no fields here, as
// a real API server leaves them out: these kubectls refuse all further ones of an object that has
// any.
static void put_schema(struct buf *out, unsigned field, const struct json *schema, bool ours);

// These kubectls print descriptions through a format: a percent sign needs two.
static void put_description(struct buf *out, struct str text) {
  struct buf doubled;
  buf_init(&doubled, OPENAPI_V2_BYTES);
  for (size_t i = 0; i < text.len; i++) {
    buf_add_char(&doubled, text.ptr[i]);
    if (text.ptr[i] == '%')
      buf_add_char(&doubled, '%');
  }
  put_part(out, SCHEMA_DESCRIPTION, &doubled);
}

static void put_type(struct buf *out, const struct json *schema) {
  struct buf type;
  bool either = json_is_true(json_get(schema, "x-kubernetes-int-or-string"));
  struct str name = either ? STR("string") : json_get_string(schema, "type");
  struct str format = either ? STR("int-or-string") : json_get_string(schema, "format");
  if (format.len)
    put_bytes(out, SCHEMA_FORMAT, format);
  if (!name.len)
    return; // anything goes
  buf_init(&type, 256);
  put_bytes(&type, LIST_ITEM, name);
  put_part(out, SCHEMA_TYPE, &type);
}

static void put_properties(struct buf *out, const struct json *properties, bool ours) {
  struct buf list;
  buf_init(&list, OPENAPI_V2_BYTES);
  JSON_EACH(property, properties) {
    struct buf named;
    buf_init(&named, OPENAPI_V2_BYTES);
    put_bytes(&named, NAMED_NAME, property->key);
    put_schema(&named, NAMED_VALUE, property, ours);
    put_part(&list, LIST_ITEM, &named);
  }
  put_part(out, SCHEMA_PROPERTIES, &list);
}

static void put_inner(struct buf *out, unsigned field, unsigned inner_field,
                      const struct json *schema, bool ours) {
  struct buf inner;
  buf_init(&inner, OPENAPI_V2_BYTES);
  put_schema(&inner, inner_field, schema, ours);
  put_part(out, field, &inner);
}

static void put_schema(struct buf *out, unsigned field, const struct json *schema, bool ours) {
  struct buf body;
  buf_init(&body, OPENAPI_V2_BYTES);
  struct str description = json_get_string(schema, "description");
  if (description.len)
    put_description(&body, description);
  put_type(&body, schema);
  JSON_EACH(name, json_get(schema, "required"))
    put_bytes(&body, SCHEMA_REQUIRED, json_string(name));
  if (json_is(json_get(schema, "additionalProperties"), JSON_OBJECT))
    put_inner(&body, SCHEMA_ADDITIONAL, ADDITIONAL_SCHEMA, json_get(schema, "additionalProperties"),
              ours);
  bool hidden = ours && json_is_true(json_get(schema, "x-kubernetes-preserve-unknown-fields"));
  if (json_get(schema, "items") && !hidden)
    put_inner(&body, SCHEMA_ITEMS, LIST_ITEM, json_get(schema, "items"), ours);
  if (json_get(schema, "properties") && !hidden)
    put_properties(&body, json_get(schema, "properties"), ours);
  JSON_EACH(extension, schema) {
    if (str_starts(extension->key, STR("x-kubernetes-")))
      put_extension(&body, SCHEMA_EXTENSION, extension);
  }
  put_part(out, field, &body);
}

static void put_parameter(struct buf *out, const char *name) {
  struct buf query, non_body, parameter, item;
  buf_init(&query, 256);
  put_bytes(&query, QUERY_IN, STR("query"));
  put_bytes(&query, QUERY_NAME, str_of(name));
  put_bytes(&query, QUERY_TYPE, STR("string"));
  buf_init(&non_body, 256);
  put_part(&non_body, NON_BODY_QUERY, &query);
  buf_init(&parameter, 256);
  put_part(&parameter, PARAMETER_NON_BODY, &non_body);
  buf_init(&item, 256);
  put_part(&item, PARAMETERS_PARAMETER, &parameter);
  put_part(out, OPERATION_PARAMETERS, &item);
}

static void put_operation(struct buf *out, unsigned field, const struct json *gvk) {
  struct buf operation;
  buf_init(&operation, OPENAPI_V2_BYTES);
  put_parameter(&operation, "dryRun");
  put_parameter(&operation, "fieldManager");
  put_parameter(&operation, "fieldValidation");
  put_extension(&operation, OPERATION_EXTENSION, gvk);
  put_part(out, field, &operation);
}

static void put_paths(struct buf *paths, const struct kind_desc *kind, struct str version,
                      struct arena *arena) {
  struct json *holder = json_new_object(arena), *gvk;
  gvk = json_need_object(arena, holder, "x-kubernetes-group-version-kind");
  json_put_z(arena, gvk, "group", kind->group);
  json_put_z(arena, gvk, "kind", kind->kind);
  json_put_string(arena, gvk, "version", version);
  const char *ns = kind->namespaced ? "/namespaces/{namespace}" : "";
  struct str api_version = kind_api_version(kind, version, arena);
  struct str base = arena_printf(arena, "/%s/%.*s%s/%s", kind->group[0] ? "apis" : "api",
                                 STR_ARG(api_version), ns, kind->plural);
  struct buf item;
  buf_init(&item, OPENAPI_V2_BYTES);
  put_operation(&item, PATH_POST, gvk);
  put_named(paths, PATHS_PATH, base, &item);
  buf_init(&item, OPENAPI_V2_BYTES);
  put_operation(&item, PATH_PATCH, gvk);
  put_named(paths, PATHS_PATH, arena_printf(arena, "%.*s/{name}", STR_ARG(base)), &item);
}

void openapi_v2_write(const struct api_kinds *kinds, struct buf *out) {
  struct buf info, paths, definitions;
  buf_init(&info, 256);
  buf_init(&paths, OPENAPI_V2_BYTES);
  buf_init(&definitions, OPENAPI_V2_BYTES);
  for (size_t i = 0; i < api_kind_count(kinds); i++) {
    const struct kind_desc *kind = api_kind_at(kinds, i);
    for (size_t v = 0; kind->versions[v]; v++) {
      struct arena arena;
      struct buf named;
      arena_init(&arena);
      buf_init(&named, OPENAPI_V2_BYTES);
      struct str version = str_of(kind->versions[v]);
      put_bytes(&named, NAMED_NAME, openapi_component_name(kind, version, &arena));
      put_schema(&named, NAMED_VALUE, openapi_kind(kind, version, false, &arena), !kind->builtin);
      put_part(&definitions, LIST_ITEM, &named);
      put_paths(&paths, kind, version, &arena);
      arena_dispose(&arena);
    }
  }
  put_bytes(&info, INFO_TITLE, STR("Serin"));
  put_bytes(&info, INFO_VERSION, STR(SERIN_VERSION));
  put_bytes(out, DOCUMENT_SWAGGER, STR("2.0"));
  put_part(out, DOCUMENT_INFO, &info);
  put_part(out, DOCUMENT_PATHS, &paths);
  put_part(out, DOCUMENT_DEFINITIONS, &definitions);
}
