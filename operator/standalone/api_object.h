// SPDX-License-Identifier: Apache-2.0
// Small things every part of the API server does with an object's json or text. Pure.
#pragma once

#include "manifests/schema/kind.h"
#include "manifests/text/json.h"
#include "operator/standalone/selector.h"
#include "operator/standalone/store.h"

struct json *api_meta(const struct json *object); // NULL when there is none
struct str api_meta_string(const struct json *object, const char *key);
bool api_is_deleting(const struct json *object);
bool api_has_finalizer(const struct json *object, const char *finalizer);
void api_set_revision(struct arena *arena, struct json *object, int64_t revision);
// Sets apiVersion to `version` of the kind.
void api_set_version(struct arena *arena, struct json *object, const struct kind_desc *kind,
                     struct str version);
// A stored object always begins {"apiVersion":...,"kind":...: apiVersion first, then kind, metadata
// and the rest.
struct json *api_ordered(struct arena *arena, struct json *object, const struct kind_desc *kind);
// Appends a stored body as `version` of its kind.
int api_write_body(struct buf *out, struct str body, const struct kind_desc *kind,
                   struct str version);
// The spelling of an object that a store key has.
struct store_key api_key(struct arena *arena, const struct kind_desc *kind, struct str ns,
                         struct str name);

// What a list or watch shows.
struct api_filter {
  struct str ns; // "" is all
  struct selector labels, fields;
};
bool api_filter_is_empty(const struct api_filter *filter); // but for the namespace
bool api_filter_match(const struct api_filter *filter, const struct json *object);
// The fields of a kind that may be selected by: "spec.nodeName", ...; metadata.name and namespace
// always.
bool api_field_is_selectable(const struct kind_desc *kind, struct str field);
bool api_has_selectable_fields(const struct kind_desc *kind); // beside those two
// Whether any selector could tell the two states apart.
bool api_selectable_differs(const struct kind_desc *kind, const struct json *a,
                            const struct json *b);

// A random version 4 UUID.
struct str api_new_uid(struct arena *arena);
// generateName's five characters.
struct str api_name_suffix(struct arena *arena);
// DNS-1123 label or subdomain, as names must be.
bool api_name_is_valid(const struct kind_desc *kind, struct str name);
