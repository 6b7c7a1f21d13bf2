// SPDX-License-Identifier: Apache-2.0
#include "manifests/cel/type.h"
#include "manifests/base/bug.h"
#include "manifests/base/buf.h"

#include <ctype.h>

#define TEXT_MAX (64u << 10)

static const struct cel_type simple_types[CEL_KINDS] = {
    [CEL_ERROR] = {.kind = CEL_ERROR},
    [CEL_DYN] = {.kind = CEL_DYN},
    [CEL_NULL] = {.kind = CEL_NULL},
    [CEL_BOOL] = {.kind = CEL_BOOL},
    [CEL_INT] = {.kind = CEL_INT},
    [CEL_UINT] = {.kind = CEL_UINT},
    [CEL_DOUBLE] = {.kind = CEL_DOUBLE},
    [CEL_STRING] = {.kind = CEL_STRING},
    [CEL_BYTES] = {.kind = CEL_BYTES},
    [CEL_DURATION] = {.kind = CEL_DURATION},
    [CEL_TIMESTAMP] = {.kind = CEL_TIMESTAMP},
    [CEL_TYPE] = {.kind = CEL_TYPE},
    [CEL_URL] = {.kind = CEL_URL},
    [CEL_IP] = {.kind = CEL_IP},
    [CEL_CIDR] = {.kind = CEL_CIDR},
    [CEL_QUANTITY] = {.kind = CEL_QUANTITY},
    [CEL_SEMVER] = {.kind = CEL_SEMVER},
};
static const struct cel_type any_list = {.kind = CEL_LIST, .a = &simple_types[CEL_DYN]};
static const struct cel_type any_map = {
    .kind = CEL_MAP, .a = &simple_types[CEL_DYN], .b = &simple_types[CEL_DYN]};
static const struct cel_type any_optional = {.kind = CEL_OPTIONAL, .a = &simple_types[CEL_DYN]};

const struct cel_type *cel_simple(enum cel_kind kind) {
  return &simple_types[kind];
}

static struct cel_type *new_type(struct arena *arena, enum cel_kind kind, const struct cel_type *a,
                                 const struct cel_type *b) {
  struct cel_type *type = ARENA_NEW(arena, struct cel_type);
  *type = (struct cel_type){.kind = kind, .a = a, .b = b};
  return type;
}

const struct cel_type *cel_type_list(struct arena *arena, const struct cel_type *item) {
  return new_type(arena, CEL_LIST, item, NULL);
}

const struct cel_type *cel_type_map(struct arena *arena, const struct cel_type *key,
                                    const struct cel_type *value) {
  return new_type(arena, CEL_MAP, key, value);
}

const struct cel_type *cel_type_optional(struct arena *arena, const struct cel_type *inner) {
  return new_type(arena, CEL_OPTIONAL, inner, NULL);
}

const struct cel_type *cel_type_type(struct arena *arena, const struct cel_type *inner) {
  return new_type(arena, CEL_TYPE, inner, NULL);
}

const struct cel_field *cel_type_field(const struct cel_type *object, struct str name) {
  for (size_t i = 0; i < object->field_count; i++)
    if (str_eq(object->fields[i].name, name))
      return &object->fields[i];
  return NULL;
}

// --- Names

// The names of kinds as values of type() show them, and as messages of the checker do.
static const struct {
  const char *value, *message;
} kind_names[CEL_KINDS] = {
    [CEL_ERROR] = {"error", "!error!"},
    [CEL_DYN] = {"dyn", "dyn"},
    [CEL_NULL] = {"null_type", "null"},
    [CEL_BOOL] = {"bool", "bool"},
    [CEL_INT] = {"int", "int"},
    [CEL_UINT] = {"uint", "uint"},
    [CEL_DOUBLE] = {"double", "double"},
    [CEL_STRING] = {"string", "string"},
    [CEL_BYTES] = {"bytes", "bytes"},
    [CEL_DURATION] = {"google.protobuf.Duration", "duration"},
    [CEL_TIMESTAMP] = {"google.protobuf.Timestamp", "timestamp"},
    [CEL_LIST] = {"list", "list"},
    [CEL_MAP] = {"map", "map"},
    [CEL_OBJECT] = {"map", "object"},
    [CEL_TYPE] = {"type", "type"},
    [CEL_OPTIONAL] = {"optional_type", "optional_type"},
    [CEL_URL] = {"kubernetes.URL", "kubernetes.URL"},
    [CEL_IP] = {"net.IP", "net.IP"},
    [CEL_CIDR] = {"net.CIDR", "net.CIDR"},
    [CEL_QUANTITY] = {"kubernetes.Quantity", "kubernetes.Quantity"},
    [CEL_SEMVER] = {"kubernetes.Semver", "kubernetes.Semver"},
    [CEL_PARAM] = {"dyn", "dyn"},
};

const char *cel_kind_name(enum cel_kind kind) {
  return kind_names[kind].value;
}

const struct cel_type *cel_type_named(struct str name) {
  if (str_eq_z(name, "list"))
    return &any_list;
  if (str_eq_z(name, "map"))
    return &any_map;
  if (str_eq_z(name, "optional_type"))
    return &any_optional;
  for (size_t i = CEL_NULL; i < CEL_PARAM; i++)
    if (i != CEL_OBJECT && simple_types[i].kind == i && str_eq_z(name, kind_names[i].value))
      return &simple_types[i];
  return NULL;
}

static void put_text(struct buf *out, const struct cel_type *type) {
  if (type->kind == CEL_OBJECT) {
    buf_add_str(out, type->name);
    return;
  }
  buf_add_z(out, kind_names[type->kind].message);
  if (!type->a)
    return;
  buf_add_char(out, '(');
  put_text(out, type->a);
  if (type->b) {
    buf_add_z(out, ", ");
    put_text(out, type->b);
  }
  buf_add_char(out, ')');
}

struct str cel_type_text(const struct cel_type *type, struct arena *arena) {
  struct buf out;
  buf_init(&out, TEXT_MAX);
  put_text(&out, type);
  struct str text = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}

bool cel_type_equal(const struct cel_type *a, const struct cel_type *b) {
  if (a == b)
    return true;
  if (!a || !b || a->kind != b->kind || a->kind == CEL_OBJECT)
    return false;
  if (a->kind == CEL_PARAM)
    return a->param == b->param;
  return cel_type_equal(a->a, b->a) && cel_type_equal(a->b, b->b);
}

// --- Escaping

static bool is_reserved(struct str name) {
  static const char *const words[] = {"true",   "false",    "null", "in",   "as",      "break",
                                      "const",  "continue", "else", "for",  "while",   "function",
                                      "if",     "import",   "let",  "loop", "package", "namespace",
                                      "return", "var",      "void"};
  for (size_t i = 0; i < ARRAY_LEN(words); i++)
    if (str_eq_z(name, words[i]))
      return true;
  return false;
}

bool cel_escape(struct str key, struct arena *arena, struct str *ret_name) {
  struct buf out;
  bool ok = key.len > 0 && !isdigit((unsigned char)key.ptr[0]);
  if (is_reserved(key)) {
    *ret_name = arena_printf(arena, "__%.*s__", STR_ARG(key));
    return true;
  }
  buf_init(&out, TEXT_MAX);
  for (size_t i = 0; ok && i < key.len; i++) {
    char c = key.ptr[i];
    if (c == '_' && i + 1 < key.len && key.ptr[i + 1] == '_') {
      buf_add_z(&out, "__underscores__");
      i++;
    } else if (c == '.') {
      buf_add_z(&out, "__dot__");
    } else if (c == '-') {
      buf_add_z(&out, "__dash__");
    } else if (c == '/') {
      buf_add_z(&out, "__slash__");
    } else {
      ok = c == '_' || isalnum((unsigned char)c);
      buf_add_char(&out, c);
    }
  }
  if (ok)
    *ret_name = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return ok;
}
