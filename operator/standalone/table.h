// SPDX-License-Identifier: Apache-2.0
// meta.k8s.io Table: what `kubectl get` prints. Columns of Kubernetes' own kinds are as its
// printers make them; all others come from the kind's printer columns. Pure.
#pragma once

#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

// How a client wants objects: as they are, as rows of a Table with this much of the object, or as
// PartialObjectMetadata.
enum table_include { TABLE_OFF, TABLE_METADATA, TABLE_OBJECT, TABLE_NONE, TABLE_PARTIAL };

// The object's metadata as PartialObjectMetadata.
struct json *table_partial(const struct json *object, struct arena *arena);

// The Table's head: {"kind":"Table",...}; columns left out in later events of a watch. revision <
// 0: none given.
struct json *table_new(const struct kind_desc *kind, const char *api_version, bool columns,
                       struct arena *arena);
// Appends the row of `object` to the table. now_ms: for ages.
void table_add(struct json *table, const struct kind_desc *kind, const struct json *object,
               enum table_include include, int64_t now_ms, struct arena *arena);
// "5m", "3h20m", "12d": as kubectl prints ages.
struct str table_age(struct arena *arena, int64_t from_ms, int64_t now_ms);
