// SPDX-License-Identifier: Apache-2.0
// A kind with every type of field, for the tests of the schema room.
#pragma once

#include "manifests/base/findings.h"
#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

enum thing_mode { THING_MODE_UNSET, THING_FAST, THING_SLOW, THING_OLD };

struct thing_part {
  struct str name;
  int64_t size;
};
struct named_part {
  struct str key;
  struct thing_part part;
};
struct thing_spec {
  bool on, has_strict, strict;
  int64_t count;
  bool has_limit;
  int64_t limit;
  double ratio, share, memory;
  struct str title;
  enum thing_mode mode;
  int64_t wait_ms, gep_ms;
  bool has_max_ms;
  int64_t max_ms;
  int64_t at_ms;
  struct int_or_string port;
  struct thing_part main;
  struct thing_part *extra;
  struct thing_part *parts;
  size_t parts_count;
  struct str *tags;
  size_t tags_count;
  int64_t *codes;
  size_t codes_count;
  struct string_map labels;
  struct int_map ports;
  struct named_part *named;
  size_t named_count;
  const struct json *free_form;
};
struct thing_meta {
  struct str name;
};
struct thing {
  struct thing_meta metadata;
  struct thing_spec spec;
};
extern const struct kind_desc thing_kind;

struct json *thing_parse(const char *yaml, struct arena *arena);
// All findings as text, one a line.
struct str thing_findings(const struct findings *findings, struct arena *arena);
