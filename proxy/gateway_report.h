// SPDX-License-Identifier: Apache-2.0
// What became of the Gateway API's objects while a table was made: who was accepted, what is
// attached to what, and why not. Filled by table_build, kept by the table; gateway_status.h makes
// status of it. Reasons are the words of docs/dataplane.md 4.8. No behaviour.
#pragma once

#include "manifests/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gateway_report_listener {
  struct str name;
  const char *accepted;   // "Accepted", "UnsupportedProtocol", "PortUnavailable"
  const char *resolved;   // "ResolvedRefs", "InvalidRouteKinds"
  const char *conflicted; // "NoConflicts", "HostnameConflict", "ProtocolConflict"
  struct str message;     // of what is wrong, "" when all is well
  bool takes_http_routes; // supportedKinds
  int64_t attached_routes;
  const uint32_t *listeners; // indexes into table.listeners: one for each address
  size_t listener_count;
};

struct gateway_report_gateway {
  struct str namespace_, name;
  int64_t generation;
  const char *accepted; // "Accepted", "ListenersNotValid" (is_accepted says which way),
                        // "UnsupportedAddress"
  bool is_accepted;
  struct str message;
  struct gateway_report_listener *listeners;
  size_t listener_count;
};

// One entry of parentRefs.
struct gateway_report_parent {
  struct str group, kind, namespace_, name, section_name; // as written; "" where nothing was
  int64_t port;
  const char *accepted; // "Accepted", "NoMatchingParent", "NotAllowedByListeners" ...
  struct str accepted_message;
  const char *resolved; // "ResolvedRefs", "BackendNotFound" ...
  struct str resolved_message;
  struct str dropped; // PartiallyInvalid: "Dropped Rule ..."; "" when all rules are in force
};

struct gateway_report_route {
  struct str namespace_, name;
  int64_t generation;
  struct gateway_report_parent *parents; // of our Gateways only
  size_t parent_count;
};

struct gateway_report_class {
  struct str name;
  int64_t generation;
};

struct gateway_report {
  struct str controller; // ours
  const struct gateway_report_class *classes;
  size_t class_count, class_capacity;
  struct gateway_report_gateway *gateways;
  size_t gateway_count, gateway_capacity;
  const struct gateway_report_route *routes;
  size_t route_count, route_capacity;
};
