// SPDX-License-Identifier: Apache-2.0
// What must hold for an object before it is stored, and what the server sets in it. Pure: the time
// is in the call, the state before is an argument.
#pragma once

#include "operator/standalone/api_call.h"
#include "operator/standalone/api_object.h"

// apiVersion, kind, name and namespace of a body agree with the URL, or are filled from it. 400
// otherwise.
int rules_identity(struct api_call *call, const struct kind_desc *kind, struct str version,
                   struct str ns, struct str name, struct json *object);
// Warnings of finalizers that come new and name no domain, as of objects of definitions.
void rules_warn_finalizers(struct api_call *call, const struct json *object,
                           const struct json *old);
// Metadata of a new object: uid, time, generation; a name for generateName; no resourceVersion,
// which `strict` refuses.
int rules_create(struct api_call *call, const struct kind_desc *kind, struct json *object,
                 bool strict);
// Metadata of a change: what the server owns comes from `old`; uid and resourceVersion in `object`
// are preconditions.
int rules_update(struct api_call *call, const struct kind_desc *kind, struct json *object,
                 const struct json *old, bool need_revision);
// generation: one more when something outside metadata and status differs.
void rules_generation(struct arena *arena, const struct kind_desc *kind, struct json *object,
                      const struct json *old);
// Defaults that depend on the kind and are no plain value of a field table.
void rules_default(struct arena *arena, const struct kind_desc *kind, struct json *object,
                   const struct json *old, const struct api_call *call);
// Same but for managedFields' times: nothing to store.
bool rules_is_noop(struct arena *arena, const struct json *object, const struct json *old);
// Removes members that are null, at any depth: Go clients write them for what they leave out
// ("creationTimestamp":null).
void rules_drop_nulls(struct json *json);
