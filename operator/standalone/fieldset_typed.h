// SPDX-License-Identifier: Apache-2.0
// Objects as server-side apply sees them: which fields they have, what differs between two, the
// merge of an applied one into the live one, and taking fields out. A schema is the json of an
// OpenAPI schema with x-kubernetes-list-type, -list-map-keys and -map-type; NULL stands for what no
// schema knows (maps are taken apart, lists are not). Pure. Source: structured-merge-diff v6 typed,
// kube-openapi schemaconv.
#pragma once

#include "manifests/base/err.h"
#include "operator/standalone/fieldset.h"

struct fieldset *typed_fields(const struct json *schema, const struct json *value,
                              struct arena *arena);
// What b has and a has not, what both have differently, what only a has.
struct typed_change {
  struct fieldset *added, *modified, *removed;
};
struct typed_change typed_compare(const struct json *schema, const struct json *a,
                                  const struct json *b, struct arena *arena);
// The live object with all that is applied put into it.
struct json *typed_merge(const struct json *schema, const struct json *live,
                         const struct json *applied, struct arena *arena);
// A copy without the paths of the set, and all that is below them.
struct json *typed_remove(const struct json *schema, const struct json *value,
                          const struct fieldset *set, struct arena *arena);
// The set with each declared field a member that has members below it.
struct fieldset *typed_ensure(const struct json *schema, const struct fieldset *set,
                              struct arena *arena);
// Fields that are members below what the schema now holds as a whole become that.
struct fieldset *typed_reconcile(const struct json *schema, const struct json *value,
                                 const struct fieldset *set, struct arena *arena);
// What stands for absent parts in Go's structs: structs that are no pointers are there, lists that
// are required are null. For Kubernetes' own kinds, before they are compared.
void typed_fill(const struct json *schema, struct json *value, struct arena *arena);
// RC_INVALID: an applied object has an undeclared field or an item twice, or one without its keys.
int typed_check(const struct json *schema, const struct json *value, struct arena *arena,
                struct err *err);
