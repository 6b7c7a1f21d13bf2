// SPDX-License-Identifier: Apache-2.0
// The protobuf messages that kubectl posts from 1.32 on (`create`, `autoscale`, reviews), as
// tables. Numbers: the generated.proto files of k8s.io/api. A field that is in no table must be
// empty, else the body is refused: nothing is dropped in silence.
#pragma once

#include "manifests/base/bug.h"
#include "manifests/base/str.h"

#include <stddef.h>
#include <stdint.h>

enum value_type {
  VALUE_STRING,
  VALUE_BOOL,         // false: not set
  VALUE_POINTER_BOOL, // a pointer in Go: false is false
  VALUE_INT,          // zero: not set
  VALUE_POINTER_INT,  // a pointer in Go: written when set, zero too
  VALUE_MESSAGE,
  VALUE_STRINGS,    // repeated
  VALUE_MESSAGES,   // repeated
  VALUE_STRING_MAP, // map<string, string>
  VALUE_BYTES_MAP,  // map<string, bytes>
  VALUE_QUANTITY,
  VALUE_QUANTITY_MAP, // map<string, Quantity>
  VALUE_INT_OR_STRING,
  VALUE_POINTER_INT_OR_STRING,
  VALUE_SKIPPED, // the server's own to set (status, times), whatever it is
};

struct message;

struct message_row {
  uint32_t number;
  enum value_type type;
  const char *name; // NULL with a message: its fields stand in this one (Go's embedding)
  const struct message *message;
};

struct message {
  const struct message_row *rows;
  size_t count;
};

#define PROTOBUF_MESSAGE(rows)                                                                     \
  { rows, ARRAY_LEN(rows) }

extern const struct message protobuf_role, protobuf_cluster_role, protobuf_binding, protobuf_access,
    protobuf_rules, protobuf_self;
extern const struct message protobuf_meta, protobuf_selector, protobuf_local, protobuf_template;

// NULL when there is no table for the kind.
const struct message *protobuf_message(struct str api_version, struct str kind);
