// SPDX-License-Identifier: Apache-2.0
// What the files of the OpenAPI writer share. Private to openapi*.c.
#pragma once

#include "manifests/schema/openapi.h"

#define META_PREFIX "io.k8s.apimachinery.pkg.apis.meta.v1."

struct writer {
  struct arena *arena;
  bool structural;             // for a CRD
  bool bare;                   // in a list whose items get no defaults
  bool builtin;                // of Kubernetes itself: with what its Go types say of ownership
  bool verbatim;               // below such a row (struct field)
  bool lean;                   // only what says who owns which field
  struct json *components;     // named types go there, and stand as references; NULL: all in one
  const char *prefix;          // of their names
  struct openapi_types *types; // each type is made once, for all that have it; NULL: each time
};

struct json *openapi_typed(const struct writer *w, const char *type, const char *format);
// The same value in another place. What is below it is not copied, so nobody may change it.
struct json *openapi_shared(const struct writer *w, const struct json *json);
// `type` as a component of this name, and what stands for it. Another type that has the name
// already keeps it: this one then stands where it is.
struct json *openapi_by_name(const struct writer *w, const char *prefix, const char *name,
                             struct json *type);
void openapi_put_number(const struct writer *w, struct json *json, const char *key, double value);
// The schema of a row, and of a struct.
struct json *openapi_field(const struct writer *outer, const struct field *row);
struct json *openapi_object(const struct writer *w, const struct schema *schema);
