// SPDX-License-Identifier: Apache-2.0
// metadata of every object, and the small types that many kinds share.
#pragma once

#include "manifests/kinds/label_selector.h"
#include "manifests/schema/field.h"

struct owner_reference {
  struct str api_version, kind, name, uid;
  bool controller, block_owner_deletion;
};

struct object_meta {
  struct str name, generate_name, namespace_, uid, resource_version;
  int64_t generation;
  int64_t creation_timestamp_ms; // 0: never stored
  int64_t deletion_timestamp_ms; // 0: not being deleted
  bool has_deletion_grace_period_s;
  int64_t deletion_grace_period_s;
  struct string_map labels, annotations;
  struct owner_reference *owner_references;
  size_t owner_references_count;
  struct str *finalizers;
  size_t finalizers_count;
  struct str self_link;
  const struct json *managed_fields;
};
extern const struct schema object_meta_schema;

// The owner with controller: true, NULL when there is none.
const struct owner_reference *object_meta_controller(const struct object_meta *meta);
bool object_meta_has_finalizer(const struct object_meta *meta, const char *finalizer);

struct condition {
  struct str type, status, reason, message;
  int64_t last_transition_time_ms, last_update_time_ms, last_probe_time_ms;
  bool has_observed_generation;
  int64_t observed_generation;
};
extern const struct schema condition_schema;

// NULL when there is none of that type.
const struct condition *condition_find(const struct condition *items, size_t count,
                                       const char *type);

struct object_reference {
  struct str api_version, kind, name, namespace_, uid, resource_version, field_path;
};
extern const struct schema object_reference_schema;
