// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/rest_protobuf.h"
#include "manifests/base/bug.h"
#include "manifests/base/limits.h"
#include "manifests/text/base64.h"
#include "operator/standalone/rest_protobuf_messages.h"

#include <string.h>

enum wire_type { WIRE_VARINT = 0, WIRE_BYTES = 2 };

#define MESSAGE_DEPTH 16

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

// Quantity: 1: its text.
static struct str quantity_text(struct str bytes) {
  struct wire_field field;
  while (bytes.len && read_field(&bytes, &field))
    if (field.number == 1)
      return field.bytes;
  return STR("0");
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
  if (row->type == VALUE_QUANTITY_MAP)
    value = quantity_text(value);
  json_set(arena, json_need_object(arena, object, row->name), arena_str(arena, key),
           json_new_string(arena, value));
  return true;
}

// Zeros, empty texts and messages of nothing else: what Go writes for fields that are not set.
static bool is_void(struct str bytes, int depth) {
  struct wire_field field;
  while (bytes.len) {
    if (depth > MESSAGE_DEPTH || !read_field(&bytes, &field) || field.varint ||
        !is_void(field.bytes, depth + 1))
      return false;
  }
  return true;
}

// Kubernetes' IntOrString: 1: 0 for a number, 2: the number, 3: the text.
static bool decode_int_or_string(struct arena *arena, struct json *object, const char *name,
                                 bool keep_zero, struct str bytes) {
  struct wire_field field;
  struct str text = STR("");
  uint64_t is_text = 0, number = 0;
  while (bytes.len) {
    if (!read_field(&bytes, &field))
      return false;
    if (field.number == 1)
      is_text = field.varint;
    else if (field.number == 2)
      number = field.varint;
    else if (field.number == 3)
      text = field.bytes;
  }
  if (is_text)
    json_put_string(arena, object, name, text);
  else if (number || keep_zero)
    json_put_int(arena, object, name, (int64_t)number);
  return true;
}

static bool decode_message(struct arena *arena, const struct message *message, struct str bytes,
                           struct json *object, int depth);

static bool decode_value(struct arena *arena, const struct message_row *row,
                         const struct wire_field *field, struct json *object, int depth) {
  struct json *child;
  switch (row->type) {
  case VALUE_STRING:
    if (field->bytes.len)
      json_put_string(arena, object, row->name, field->bytes);
    return true;
  case VALUE_BOOL:
    if (field->varint)
      json_put_bool(arena, object, row->name, true);
    return true;
  case VALUE_POINTER_BOOL: json_put_bool(arena, object, row->name, field->varint != 0); return true;
  case VALUE_POINTER_INT:
    json_put_int(arena, object, row->name, (int64_t)field->varint);
    return true;
  case VALUE_INT: // zero is how Go writes "not set" for all of these
    if (field->varint)
      json_put_int(arena, object, row->name, (int64_t)field->varint);
    return true;
  case VALUE_STRINGS:
    json_append(json_need_array(arena, object, row->name), json_new_string(arena, field->bytes));
    return true;
  case VALUE_STRING_MAP:
  case VALUE_BYTES_MAP:
  case VALUE_QUANTITY_MAP: return decode_entry(arena, object, row, field->bytes);
  case VALUE_INT_OR_STRING:
  case VALUE_POINTER_INT_OR_STRING:
    return decode_int_or_string(arena, object, row->name, row->type == VALUE_POINTER_INT_OR_STRING,
                                field->bytes);
  case VALUE_QUANTITY:
    json_put_string(arena, object, row->name, quantity_text(field->bytes));
    return true;
  case VALUE_MESSAGE:
    child = row->name ? json_need_object(arena, object, row->name) : object;
    return decode_message(arena, row->message, field->bytes, child, depth + 1);
  case VALUE_MESSAGES:
    child = json_new_object(arena);
    json_append(json_need_array(arena, object, row->name), child);
    return decode_message(arena, row->message, field->bytes, child, depth + 1);
  case VALUE_SKIPPED: return true;
  }
  return false;
}

static bool decode_message(struct arena *arena, const struct message *message, struct str bytes,
                           struct json *object, int depth) {
  struct wire_field field;
  if (depth > MESSAGE_DEPTH)
    return false;
  while (bytes.len) {
    if (!read_field(&bytes, &field))
      return false;
    const struct message_row *row = find_row(message, field.number);
    if (!row && (field.varint || !is_void(field.bytes, 0)))
      return false;
    if (row && !decode_value(arena, row, &field, object, depth))
      return false;
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
  const struct message *message = protobuf_message(version, kind);
  if (message) {
    struct json *object = json_new_object(arena);
    json_put_string(arena, object, "apiVersion", version);
    json_put_string(arena, object, "kind", kind);
    if (!decode_message(arena, message, raw, object, 0))
      return err_set(
          err, RC_PARSE,
          "the protobuf body is malformed, or sets a %.*s field that this server reads only as "
          "JSON (write a manifest and use kubectl create -f)",
          STR_ARG(kind));
    *ret_object = object;
    return RC_OK;
  }
  return err_set(
      err, RC_UNSUPPORTED,
      "this server reads no protobuf of kind %.*s; send JSON (write a manifest and use kubectl "
      "create -f)",
      STR_ARG(kind));
}
