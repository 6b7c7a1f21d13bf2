// SPDX-License-Identifier: Apache-2.0
// Declared objects -> table. Pure: the objects, the settings and the time in, one immutable table
// out; every fault and every field that is not enforced becomes a finding of the table. Never
// fails: an object it cannot use is left out.
#pragma once

#include "manifests/schema/kind.h"
#include "proxy/table.h"

// One decoded object. The kinds that count: VirtualService, DestinationRule, Service,
// EndpointSlice, Endpoints, Pod (only metadata and status.podIPs are read), both kinds of Gateway,
// GatewayClass, HTTPRoute, ReferenceGrant and Namespace; of others only the findings are taken
// over. Nothing of it need outlive table_build.
struct table_object {
  const struct kind_desc *kind;
  const void *object;              // starts with struct object_meta; NULL: only the findings count
  const struct findings *findings; // of its decoding, and what of it is not enforced; may be NULL
  struct str file;                 // where it stands; from an API: "Kind/ns/name"
  int line;
};

struct table_label {
  struct str name, value;
};

// Addresses of names. `find` notes that the name is wanted and yields the IP addresses known now;
// when others become known another table has to be built.
struct table_dns {
  size_t (*find)(void *ctx, struct str name, const struct str **ret_addresses);
  void *ctx;
};

struct table_settings {
  struct str name, namespace_;      // of this proxy
  struct str domain;                // "" for cluster.local
  const struct table_label *labels; // of this proxy, for sourceLabels and selectors of Gateways
  size_t label_count;
  struct str locality;                    // of this proxy: "region/zone/subzone", "" when not known
  struct str controller;                  // which GatewayClasses are ours; "" for the default
  const struct table_listener *listeners; // from --listen
  size_t listener_count;
  bool consecutive_errors_5xx; // outlierDetection.consecutiveErrors counts as consecutive5xxErrors
  bool literal_uuid;           // ${UUID} in header values of HTTPRoutes stays text, as in Istio
};

#define TABLE_CONTROLLER STR("serin.dev/gateway-controller")

struct table_input {
  const struct table_object *objects;
  size_t object_count;
  const struct table_settings *settings;
  struct table_ids *ids; // a reference is taken
  uint64_t version;
  int64_t now_ms;    // wall clock
  int64_t steady_ms; // steady clock, for the age of endpoints
  // The table before, or NULL: hash rings that stay as they are are shared with it.
  const struct proxy_table *previous;
  const struct table_dns *dns; // NULL: no name has an address
};

// One reference, the caller's.
struct proxy_table *table_build(const struct table_input *input);
