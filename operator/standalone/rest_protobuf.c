// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/rest_protobuf.h"
#include "manifests/base/bug.h"
#include "manifests/base/limits.h"
#include "manifests/source/base64.h"

#include <string.h>

enum wire_type { WIRE_VARINT = 0, WIRE_BYTES = 2 };

enum value_type {
  VALUE_STRING,
  VALUE_BYTES, // base64 in JSON
  VALUE_BOOL,
  VALUE_INT,
  VALUE_MESSAGE,
  VALUE_STRINGS,    // repeated
  VALUE_STRING_MAP, // map<string, string>
  VALUE_BYTES_MAP,  // map<string, bytes>
};

struct message;

struct message_row {
  uint32_t number;
  enum value_type type;
  const char *name;
  const struct message *message;
};

struct message {
  const struct message_row *rows;
  size_t count;
};

#define MESSAGE(rows)                                                                              \
  { rows, ARRAY_LEN(rows) }

static const struct message_row meta_rows[] = {{1, VALUE_STRING, "name", NULL},
                                               {2, VALUE_STRING, "generateName", NULL},
                                               {3, VALUE_STRING, "namespace", NULL},
                                               {11, VALUE_STRING_MAP, "labels", NULL},
                                               {12, VALUE_STRING_MAP, "annotations", NULL},
                                               {14, VALUE_STRINGS, "finalizers", NULL}};
static const struct message meta_message = MESSAGE(meta_rows);

static const struct message_row namespace_spec_rows[] = {{1, VALUE_STRINGS, "finalizers", NULL}};
static const struct message namespace_spec = MESSAGE(namespace_spec_rows);
static const struct message_row namespace_rows[] = {{1, VALUE_MESSAGE, "metadata", &meta_message},
                                                    {2, VALUE_MESSAGE, "spec", &namespace_spec}};

static const struct message_row config_map_rows[] = {{1, VALUE_MESSAGE, "metadata", &meta_message},
                                                     {2, VALUE_STRING_MAP, "data", NULL},
                                                     {3, VALUE_BYTES_MAP, "binaryData", NULL},
                                                     {4, VALUE_BOOL, "immutable", NULL}};

static const struct message_row secret_rows[] = {{1, VALUE_MESSAGE, "metadata", &meta_message},
                                                 {2, VALUE_BYTES_MAP, "data", NULL},
                                                 {3, VALUE_STRING, "type", NULL},
                                                 {4, VALUE_STRING_MAP, "stringData", NULL},
                                                 {5, VALUE_BOOL, "immutable", NULL}};

static const struct message_row resource_rows[] = {
    {1, VALUE_STRING, "namespace", NULL}, {2, VALUE_STRING, "verb", NULL},
    {3, VALUE_STRING, "group", NULL},     {4, VALUE_STRING, "version", NULL},
    {5, VALUE_STRING, "resource", NULL},  {6, VALUE_STRING, "subresource", NULL},
    {7, VALUE_STRING, "name", NULL}};
static const struct message resource_message = MESSAGE(resource_rows);
static const struct message_row path_rows[] = {{1, VALUE_STRING, "path", NULL},
                                               {2, VALUE_STRING, "verb", NULL}};
static const struct message path_message = MESSAGE(path_rows);
static const struct message_row access_spec_rows[] = {
    {1, VALUE_MESSAGE, "resourceAttributes", &resource_message},
    {2, VALUE_MESSAGE, "nonResourceAttributes", &path_message}};
static const struct message access_spec = MESSAGE(access_spec_rows);
static const struct message_row access_rows[] = {{1, VALUE_MESSAGE, "metadata", &meta_message},
                                                 {2, VALUE_MESSAGE, "spec", &access_spec}};
static const struct message_row self_rows[] = {{1, VALUE_MESSAGE, "metadata", &meta_message}};

static const struct {
  const char *kind;
  struct message message;
} kinds[] = {{"Namespace", MESSAGE(namespace_rows)},
             {"ConfigMap", MESSAGE(config_map_rows)},
             {"Secret", MESSAGE(secret_rows)},
             {"SelfSubjectAccessReview", MESSAGE(access_rows)},
             {"SelfSubjectReview", MESSAGE(self_rows)}};

static bool read_varint(struct str *rest, uint64_t *ret_value) {
  uint64_t value = 0;
  for (size_t i = 0; i < 10 && i < rest->len; i++) {
    unsigned char byte = (unsigned char)rest->ptr[i];
    value |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (!(byte & 0x80)) {
      *rest = str_slice(*rest, i + 1, rest->len);
      *ret_value = value;
      return true;
    }
  }
  return false;
}

struct wire_field {
  uint32_t number;
  uint32_t wire;
  uint64_t varint;
  struct str bytes;
};

static bool read_field(struct str *rest, struct wire_field *field) {
  uint64_t tag, len;
  if (!read_varint(rest, &tag))
    return false;
  *field = (struct wire_field){.number = (uint32_t)(tag >> 3), .wire = (uint32_t)(tag & 7)};
  switch (field->wire) {
  case WIRE_VARINT: return read_varint(rest, &field->varint);
  case WIRE_BYTES:
    if (!read_varint(rest, &len) || len > rest->len)
      return false;
    field->bytes = str_slice(*rest, 0, (size_t)len);
    *rest = str_slice(*rest, (size_t)len, rest->len);
    return true;
  default: return false; // groups and fixed widths are in none of these messages
  }
}

static const struct message_row *find_row(const struct message *message, uint32_t number) {
  for (size_t i = 0; i < message->count; i++)
    if (message->rows[i].number == number)
      return &message->rows[i];
  return NULL;
}

static bool decode_entry(struct arena *arena, struct json *object, const struct message_row *row,
                         struct str bytes) {
  struct wire_field field;
  struct str key = STR(""), value = STR("");
  while (bytes.len) {
    if (!read_field(&bytes, &field))
      return false;
    if (field.number == 1)
      key = field.bytes;
    else if (field.number == 2)
      value = field.bytes;
  }
  if (row->type == VALUE_BYTES_MAP)
    value = base64_encode(arena, value);
  json_set(arena, json_need_object(arena, object, row->name), arena_str(arena, key),
           json_new_string(arena, value));
  return true;
}

static bool decode_message(struct arena *arena, const struct message *message, struct str bytes,
                           struct json *object, int depth) {
  struct wire_field field;
  while (bytes.len) {
    if (!read_field(&bytes, &field))
      return false;
    const struct message_row *row = find_row(message, field.number);
    if (!row)
      continue;
    switch (row->type) {
    case VALUE_STRING:
      if (field.bytes.len)
        json_put_string(arena, object, row->name, field.bytes);
      break;
    case VALUE_BYTES:
      json_put_string(arena, object, row->name, base64_encode(arena, field.bytes));
      break;
    case VALUE_BOOL: json_put_bool(arena, object, row->name, field.varint != 0); break;
    case VALUE_INT: json_put_int(arena, object, row->name, (int64_t)field.varint); break;
    case VALUE_STRINGS:
      json_append(json_need_array(arena, object, row->name), json_new_string(arena, field.bytes));
      break;
    case VALUE_STRING_MAP:
    case VALUE_BYTES_MAP:
      if (!decode_entry(arena, object, row, field.bytes))
        return false;
      break;
    case VALUE_MESSAGE:
      if (depth > 8 || !decode_message(arena, row->message, field.bytes,
                                       json_need_object(arena, object, row->name), depth + 1))
        return false;
      break;
    }
  }
  return true;
}

// runtime.Unknown: typeMeta (1: apiVersion, 2: kind) and raw.
static bool decode_envelope(struct str body, struct str *ret_version, struct str *ret_kind,
                            struct str *ret_raw) {
  struct wire_field field, inner;
  while (body.len) {
    if (!read_field(&body, &field))
      return false;
    if (field.number == 2)
      *ret_raw = field.bytes;
    while (field.number == 1 && field.bytes.len) {
      if (!read_field(&field.bytes, &inner))
        return false;
      if (inner.number == 1)
        *ret_version = inner.bytes;
      else if (inner.number == 2)
        *ret_kind = inner.bytes;
    }
  }
  return true;
}

int rest_protobuf_decode(struct str body, struct arena *arena, struct json **ret_object,
                         struct err *err) {
  struct str version = STR(""), kind = STR(""), raw = STR("");
  if (body.len < 4 || memcmp(body.ptr, "k8s", 4) != 0 || body.len > LIMIT_OBJECT_BYTES ||
      !decode_envelope(str_slice(body, 4, body.len), &version, &kind, &raw))
    return err_set(err, RC_PARSE, "the protobuf body is malformed");
  for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
    if (!str_eq_z(kind, kinds[i].kind))
      continue;
    struct json *object = json_new_object(arena);
    json_put_string(arena, object, "apiVersion", version);
    json_put_string(arena, object, "kind", kind);
    if (!decode_message(arena, &kinds[i].message, raw, object, 0))
      return err_set(err, RC_PARSE, "the protobuf body is malformed");
    *ret_object = object;
    return RC_OK;
  }
  return err_set(
      err, RC_UNSUPPORTED,
      "this server reads no protobuf of kind %.*s; send JSON (write a manifest and use kubectl "
      "create -f)",
      STR_ARG(kind));
}
