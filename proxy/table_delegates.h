// SPDX-License-Identifier: Apache-2.0
// Delegates: an http entry of a VirtualService that stands for the entries of another one without
// hosts (docs/dataplane.md 1.2). Part of table_build; used by table_routes.c only.
#pragma once

#include "proxy/table_parts.h"

// An http entry and where it was written, for findings and for names without a namespace.
struct part_http {
  const struct vs_http *http;
  struct part_place place;
};

// What an entry stands for: itself, or the entries of the VirtualService it delegates to, each
// narrowed by the entry's own conditions and filled up with its policies. Entries that ask for more
// than the delegating one lets through are left out, with a warning. The list lives as long as the
// builder.
struct part_http *table_expand_http(struct builder *builder, const struct part_place *place,
                                    const struct vs_http *http, size_t *ret_count);
