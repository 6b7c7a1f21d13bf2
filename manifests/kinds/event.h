// SPDX-License-Identifier: Apache-2.0
// v1 Event: something that happened to an object.
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/schema/kind.h"

struct event_source {
  struct str component, host;
};
struct event {
  struct object_meta metadata;
  struct object_reference involved_object;
  struct str reason, message, type; // type: Normal Warning
  struct event_source source;
  int64_t count;
  int64_t first_timestamp_ms, last_timestamp_ms, event_time_ms;
  struct str action, reporting_component, reporting_instance;
  struct object_reference *related;
  const struct json *series;
};
extern const struct kind_desc event_kind;
extern const struct kind_desc event_alias_kind; // events.k8s.io/v1
