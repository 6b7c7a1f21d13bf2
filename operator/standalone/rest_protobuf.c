// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/rest_protobuf.h"
#include "manifests/base/bug.h"
#include "manifests/base/limits.h"
#include "manifests/source/base64.h"

#include <string.h>

enum wire_type { WIRE_VARINT = 0, WIRE_BYTES = 2 };

enum value_type {
  VALUE_STRING,
  VALUE_BOOL,
  VALUE_INT,
  VALUE_MESSAGE,
  VALUE_STRINGS,    // repeated
  VALUE_MESSAGES,   // repeated
  VALUE_STRING_MAP, // map<string, string>
  VALUE_BYTES_MAP,  // map<string, bytes>
  VALUE_INT_OR_STRING,
  VALUE_SKIPPED, // the server's own to set (status, times), whatever it is
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

#define MESSAGE_DEPTH 10
#define MESSAGE(rows)                                                                              \
  { rows, ARRAY_LEN(rows) }

// Fields that are not in a table must be empty, else the body is refused: nothing is dropped in
// silence.
static const struct message_row meta_rows[] = {
    {1, VALUE_STRING, "name", NULL},        {2, VALUE_STRING, "generateName", NULL},
    {3, VALUE_STRING, "namespace", NULL},   {8, VALUE_SKIPPED, NULL, NULL}, // creationTimestamp
    {11, VALUE_STRING_MAP, "labels", NULL}, {12, VALUE_STRING_MAP, "annotations", NULL},
    {14, VALUE_STRINGS, "finalizers", NULL}};
static const struct message meta_message = MESSAGE(meta_rows);

static const struct message_row namespace_spec_rows[] = {{1, VALUE_STRINGS, "finalizers", NULL}};
static const struct message namespace_spec = MESSAGE(namespace_spec_rows);
static const struct message_row namespace_rows[] = {{1, VALUE_MESSAGE, "metadata", &meta_message},
                                                    {2, VALUE_MESSAGE, "spec", &namespace_spec},
                                                    {3, VALUE_SKIPPED, NULL, NULL}};

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
                                                 {2, VALUE_MESSAGE, "spec", &access_spec},
                                                 {3, VALUE_SKIPPED, NULL, NULL}};
static const struct message_row rules_spec_rows[] = {{1, VALUE_STRING, "namespace", NULL}};
static const struct message rules_spec = MESSAGE(rules_spec_rows);
static const struct message_row rules_rows[] = {{1, VALUE_MESSAGE, "metadata", &meta_message},
                                                {2, VALUE_MESSAGE, "spec", &rules_spec},
                                                {3, VALUE_SKIPPED, NULL, NULL}};
static const struct message_row self_rows[] = {{1, VALUE_MESSAGE, "metadata", &meta_message},
                                               {2, VALUE_SKIPPED, NULL, NULL}};

// What `kubectl create deployment` fills in.
static const struct message_row label_selector_rows[] = {
    {1, VALUE_STRING_MAP, "matchLabels", NULL}};
static const struct message label_selector_message = MESSAGE(label_selector_rows);
static const struct message_row port_rows[] = {{1, VALUE_STRING, "name", NULL},
                                               {2, VALUE_INT, "hostPort", NULL},
                                               {3, VALUE_INT, "containerPort", NULL},
                                               {4, VALUE_STRING, "protocol", NULL},
                                               {5, VALUE_STRING, "hostIP", NULL}};
static const struct message port_message = MESSAGE(port_rows);
static const struct message_row env_rows[] = {{1, VALUE_STRING, "name", NULL},
                                              {2, VALUE_STRING, "value", NULL}};
static const struct message env_message = MESSAGE(env_rows);
static const struct message_row container_rows[] = {
    {1, VALUE_STRING, "name", NULL},          {2, VALUE_STRING, "image", NULL},
    {3, VALUE_STRINGS, "command", NULL},      {4, VALUE_STRINGS, "args", NULL},
    {5, VALUE_STRING, "workingDir", NULL},    {6, VALUE_MESSAGES, "ports", &port_message},
    {7, VALUE_MESSAGES, "env", &env_message}, {14, VALUE_STRING, "imagePullPolicy", NULL}};
static const struct message container_message = MESSAGE(container_rows);
static const struct message_row pod_spec_rows[] = {
    {2, VALUE_MESSAGES, "containers", &container_message},
    {3, VALUE_STRING, "restartPolicy", NULL},
    {4, VALUE_INT, "terminationGracePeriodSeconds", NULL}};
static const struct message pod_spec_message = MESSAGE(pod_spec_rows);
static const struct message_row template_rows[] = {{1, VALUE_MESSAGE, "metadata", &meta_message},
                                                   {2, VALUE_MESSAGE, "spec", &pod_spec_message}};
static const struct message template_message = MESSAGE(template_rows);
static const struct message_row deployment_spec_rows[] = {
    {1, VALUE_INT, "replicas", NULL},
    {2, VALUE_MESSAGE, "selector", &label_selector_message},
    {3, VALUE_MESSAGE, "template", &template_message}};
static const struct message deployment_spec = MESSAGE(deployment_spec_rows);
static const struct message_row deployment_rows[] = {{1, VALUE_MESSAGE, "metadata", &meta_message},
                                                     {2, VALUE_MESSAGE, "spec", &deployment_spec},
                                                     {3, VALUE_SKIPPED, NULL, NULL}};

// And `kubectl create service`.
static const struct message_row service_port_rows[] = {{1, VALUE_STRING, "name", NULL},
                                                       {2, VALUE_STRING, "protocol", NULL},
                                                       {3, VALUE_INT, "port", NULL},
                                                       {4, VALUE_INT_OR_STRING, "targetPort", NULL},
                                                       {5, VALUE_INT, "nodePort", NULL}};
static const struct message service_port_message = MESSAGE(service_port_rows);
static const struct message_row service_spec_rows[] = {
    {1, VALUE_MESSAGES, "ports", &service_port_message},
    {2, VALUE_STRING_MAP, "selector", NULL},
    {3, VALUE_STRING, "clusterIP", NULL},
    {4, VALUE_STRING, "type", NULL},
    {10, VALUE_STRING, "externalName", NULL}};
static const struct message service_spec = MESSAGE(service_spec_rows);
static const struct message_row service_rows[] = {{1, VALUE_MESSAGE, "metadata", &meta_message},
                                                  {2, VALUE_MESSAGE, "spec", &service_spec},
                                                  {3, VALUE_SKIPPED, NULL, NULL}};

static const struct {
  const char *kind;
  struct message message;
} kinds[] = {{"Deployment", MESSAGE(deployment_rows)},
             {"Service", MESSAGE(service_rows)},
             {"Namespace", MESSAGE(namespace_rows)},
             {"ConfigMap", MESSAGE(config_map_rows)},
             {"Secret", MESSAGE(secret_rows)},
             {"SelfSubjectAccessReview", MESSAGE(access_rows)},
             {"SelfSubjectRulesReview", MESSAGE(rules_rows)},
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
                                 struct str bytes) {
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
  else if (number)
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
  case VALUE_BOOL: json_put_bool(arena, object, row->name, field->varint != 0); return true;
  case VALUE_INT: // zero is how Go writes "not set" for all of these
    if (field->varint)
      json_put_int(arena, object, row->name, (int64_t)field->varint);
    return true;
  case VALUE_STRINGS:
    json_append(json_need_array(arena, object, row->name), json_new_string(arena, field->bytes));
    return true;
  case VALUE_STRING_MAP:
  case VALUE_BYTES_MAP: return decode_entry(arena, object, row, field->bytes);
  case VALUE_INT_OR_STRING: return decode_int_or_string(arena, object, row->name, field->bytes);
  case VALUE_MESSAGE:
    child = json_need_object(arena, object, row->name);
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
  for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
    if (!str_eq_z(kind, kinds[i].kind))
      continue;
    struct json *object = json_new_object(arena);
    json_put_string(arena, object, "apiVersion", version);
    json_put_string(arena, object, "kind", kind);
    if (!decode_message(arena, &kinds[i].message, raw, object, 0))
      return err_set(
          err, RC_PARSE,
          "the protobuf body is malformed, or sets a %s field that this server reads only as JSON "
          "(write a manifest and use kubectl create -f)",
          kinds[i].kind);
    *ret_object = object;
    return RC_OK;
  }
  return err_set(
      err, RC_UNSUPPORTED,
      "this server reads no protobuf of kind %.*s; send JSON (write a manifest and use kubectl "
      "create -f)",
      STR_ARG(kind));
}
