// SPDX-License-Identifier: Apache-2.0
// What a route does to its requests beside sending them somewhere: faults, cross-origin rules,
// mirrors (docs/dataplane.md 1.11 to 1.13). Few routes have any, so a table_route holds one pointer
// to all of it, NULL for none. Part of the table: immutable, alive as long as it is.
#pragma once

#include "proxy/table.h"

// Shares are counted in millionths, as Envoy does: 0.0001 % is 1.
#define TABLE_SHARE_ALL 1000000u

struct table_fault {
  uint32_t delay_share, abort_share; // of TABLE_SHARE_ALL
  int64_t delay_ms;
  int abort_status; // 0 with abort_grpc
  int abort_grpc;   // gRPC status; -1: none
};

struct table_cors {
  const struct string_matcher *origins;
  size_t origin_count;
  bool any_origin;        // "*" is among them
  bool allow_credentials; //
  bool ignore_unmatched;  // preflights of other origins are answered here instead of forwarded
  bool echo_methods;      // allow_methods is "*": what is asked for is allowed
  bool echo_headers;
  struct str allow_methods, allow_headers, expose_headers, max_age; // joined; "" is left out
};

struct table_mirror {
  uint32_t share;                       // of TABLE_SHARE_ALL
  struct table_destination destination; // header operations of it are not used
};

struct table_filters {
  const struct table_fault *fault; // NULL: none
  const struct table_cors *cors;   // NULL: none
  const struct table_mirror *mirrors;
  size_t mirror_count;
};
