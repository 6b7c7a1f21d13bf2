// SPDX-License-Identifier: Apache-2.0
// What an API server does to a custom object before it judges it: fields outside the structural
// schema go, nulls that mean nothing go, defaults come. A schema is the json of an
// openAPIV3Schema. Pure. Source: k8s.io/apiextensions-apiserver pkg/apiserver/schema/{pruning,
// defaulting}.
#pragma once

#include "manifests/base/findings.h"
#include "manifests/text/json.h"

// Takes out what the schema does not know. is_root: apiVersion, kind and metadata are always known
// (as they are in embedded resources). Each field that went is a finding with its path; NULL: none
// wanted.
void crd_prune(const struct json *schema, struct json *value, bool is_root, struct arena *arena,
               struct findings *unknown);
// Nulls where the schema is not nullable and has no default, members only.
void crd_drop_nulls(const struct json *schema, struct json *value);
// Defaults within the objects and lists that are there.
void crd_default(const struct json *schema, struct json *value, struct arena *arena);
// Whether crd_default could ever change anything.
bool crd_has_default(const struct json *schema);

// The schema of a member: its property, else that of additionalProperties; NULL when there is none.
const struct json *crd_member(const struct json *schema, struct str name);
// An extension that is true: crd_flag(schema, "x-kubernetes-preserve-unknown-fields").
bool crd_flag(const struct json *schema, const char *name);
