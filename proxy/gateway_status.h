// SPDX-License-Identifier: Apache-2.0
// gateway_report.h -> the status of GatewayClasses, Gateways and HTTPRoutes as the Gateway API
// words it (docs/dataplane.md 4.8). Pure: the same report, listeners, old status and time give the
// same status. Used by the writer of status and by /config_dump.
#pragma once

#include "manifests/text/json.h"
#include "proxy/dump.h"
#include "proxy/gateway_report.h"

struct gateway_status_view {
  const struct proxy_table *table;
  const struct dump_listening *listening; // NULL: all listeners are open
  int64_t now_ms;                         // of conditions that change
};

// `old` is the status as it stands, or NULL: conditions keep their lastTransitionTime while their
// status stays. The result lives in the arena and shares nothing with `old`.
struct json *gateway_status_class(const struct gateway_status_view *view,
                                  const struct gateway_report_class *item, const struct json *old,
                                  struct arena *arena);
struct json *gateway_status_gateway(const struct gateway_status_view *view,
                                    const struct gateway_report_gateway *item,
                                    const struct json *old, struct arena *arena);
// Entries of other controllers stay as they are.
struct json *gateway_status_route(const struct gateway_status_view *view,
                                  const struct gateway_report_route *item, const struct json *old,
                                  struct arena *arena);
// All of it, for people: {"gatewayClasses": [{"name", "status"}], "gateways": ..., "httpRoutes":
// ...}
struct json *gateway_status_all(const struct gateway_status_view *view, struct arena *arena);
