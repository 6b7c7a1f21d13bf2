// SPDX-License-Identifier: Apache-2.0
// Fields behind a body. They come after everything was decided, so only those pass that decide
// nothing (RFC 9110 6.5.1): what frames, routes, authenticates or describes a message is dropped.
// Filled by a codec, written by a codec; allocated only for messages that have some. Pure.
#pragma once

#include "proxy/head.h"

#define HEAD_TRAILERS_MAX 32u
#define HEAD_TRAILERS_BYTES 8192u // of one message on the wire

struct head_trailers {
  unsigned count;
  struct head_field fields[HEAD_TRAILERS_MAX];
  size_t len;
  char text[HEAD_TRAILERS_BYTES]; // the fields point in here
};

// Appends a field whose name was lowered; one that may not be a trailer is dropped. False when
// there are too many.
bool head_trailers_add(struct head_trailers *trailers, struct str name, struct str value);
bool head_trailer_is_allowed(struct str lower_name);
// The first of that name, or NULL.
const struct head_field *head_trailers_find(const struct head_trailers *trailers, struct str name);
