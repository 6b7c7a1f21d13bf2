// SPDX-License-Identifier: Apache-2.0
// Header values with variables: Envoy's "%COMMAND(argument):length%" of VirtualServices and
// "${UUID}" of HTTPRoutes (docs/dataplane.md 1.7). Compiled once when the table is built, written
// for each request without allocation. Pure: what a command stands for is asked of the caller.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/kinds/header_command.h"
#include "proxy/head.h"
#include "proxy/table.h"

enum {
  HEADER_FORMAT_PERCENT = 1, // %COMMAND% and %%
  HEADER_FORMAT_UUID = 2,    // exactly ${UUID}: the request's id
};

#define HEADER_TEXT_ROOM 80u

// What a value is made of, at the time of the evaluation.
struct header_format_view {
  const struct head *request;  // as it was before this change
  const struct head *response; // NULL while the request is on its way
  struct str scheme;           // http or https
  int64_t start_ms;            // wall clock, when the request began; read only for START_TIME
  // "" when there is no value (yet). May use out[0..HEADER_TEXT_ROOM).
  struct str (*text)(void *ctx, enum header_command command, char *out);
  void *ctx;
};

// Sets header->value, or header->format when something of it depends on the request; and
// header->replaces for an x-request-id that is the request's own id. header->name is set already.
// Fails with RC_INVALID for an unknown command, a lone %, and for bytes that would end the header.
int header_format_compile(struct arena *arena, struct str text, unsigned flags,
                          struct table_header *header, struct err *err);
// Whether the program needs view->start_ms.
bool header_format_needs_time(const struct header_format *format);
// Writes the value into out[0..room). SIZE_MAX when it does not fit; 0 when there is nothing to
// say: such a header is left out, as in Envoy.
size_t header_format_write(const struct header_format *format,
                           const struct header_format_view *view, char *out, size_t room);
// The form again, for dumps.
struct str header_format_source(const struct header_format *format);
