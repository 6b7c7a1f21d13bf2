// SPDX-License-Identifier: Apache-2.0
// One kind of resource: its names in the Kubernetes API and its schema. The API server, the
// clients, lint and the generators know kinds only through this description
// (manifests/kinds/registry.h lists them all).
#pragma once

#include "manifests/base/arena.h"
#include "manifests/schema/field.h"

struct printer_column {
  const char *name;
  const char *type;   // string integer number boolean date
  const char *path;   // JSONPath: .status.phase
  int priority;       // above 0: only with -o wide
  const char *format; // OpenAPI format, may be NULL
  const char *doc;
};

struct crd_rules; // operator/standalone/crd_rules.h

struct kind_desc {
  const char *group;              // "" is the core group
  const char *const *versions;    // NULL-terminated; [0] is preferred, and stored but for `stored`
  const char *stored;             // the version objects are stored as; NULL: versions[0]
  const char *kind;               // "VirtualService"
  const char *list_kind;          // NULL: the kind and "List"
  const char *plural;             // "virtualservices"
  const char *singular;           // "virtualservice"
  const char *const *short_names; // NULL-terminated or NULL
  const char *const *categories;  // NULL-terminated or NULL
  bool namespaced;
  bool builtin;    // part of Kubernetes itself: never a CRD; strategic merge patch is allowed
  bool idle;       // kept and served on a single machine, but nothing there acts on it
  bool ours;       // serin.dev: a CRD is generated into manifests/install
  bool has_status; // status subresource; generation counts only changes outside metadata and status
  bool has_generation; // metadata.generation is kept (true for all kinds with a spec)
  bool immutable_spec; // an update of spec is refused
  // scale subresource: JSON paths, NULL when there is none
  const char *scale_spec, *scale_status, *scale_selector;
  const struct printer_column *columns;
  size_t column_count;
  const struct schema
      *schema; // of the whole object; its struct starts with struct object_meta metadata
  // Kinds that a CustomResourceDefinition adds have no `schema` but these: the openAPIV3Schema as
  // it is written, the same completed by apiVersion, kind and metadata, whether there are defaults
  // in it, the fields that may be selected by (".spec.x"; NULL-terminated or NULL), and a warning
  // to those who use this version (NULL: none). One description for each version.
  const struct json *structural, *openapi;
  const struct crd_rules *rules; // of x-kubernetes-validations, compiled; NULL: none
  bool has_defaults;
  const char *const *selectable;
  const char *deprecated;
  // Rules over the whole object, after those of its schemas. May be NULL.
  void (*check)(const void *object, struct check *check);
  // The same objects in the form of another group or version (events.k8s.io/v1 Events): they are
  // stored as that kind, and these two turn one form into the other, in place.
  const struct kind_desc *alias_of;
  void (*to_alias)(struct json *object, struct arena *arena);
  void (*from_alias)(struct json *object, struct arena *arena);
  const char *doc; // opening paragraphs of the reference page
};

// Whether two descriptions are of one kind: a kind that a definition adds has one for each version.
bool kind_is_same(const struct kind_desc *a, const struct kind_desc *b);
// True when the kind has this version.
bool kind_has_version(const struct kind_desc *kind, struct str version);
// "apps/v1", "v1": the version `version` or, when it is empty, the stored one. A version with a
// slash is a group version already: that of an alias.
struct str kind_api_version(const struct kind_desc *kind, struct str version, struct arena *arena);
// "networking.istio.io/v1" -> group and version; "v1" -> "" and "v1".
void kind_split_api_version(struct str api_version, struct str *ret_group, struct str *ret_version);
