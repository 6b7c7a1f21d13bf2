// SPDX-License-Identifier: Apache-2.0
// What the holder of a token may do: a table of roles, each a list of rules in the form of
// Kubernetes' RBAC. The embedded API server has no Role objects: these roles are all there are.
// Pure.
#pragma once

#include "manifests/base/str.h"

enum {
  AUTH_GET = 1,
  AUTH_LIST = 2,
  AUTH_WATCH = 4,
  AUTH_CREATE = 8,
  AUTH_UPDATE = 16,
  AUTH_PATCH = 32,
  AUTH_DELETE = 64,
  AUTH_DELETE_COLLECTION = 128,
  AUTH_READ = AUTH_GET | AUTH_LIST | AUTH_WATCH,
  AUTH_ALL = 255,
};

struct auth_rule {
  const char *group;    // "*": every group
  const char *resource; // "pods", "pods/log"; "*": everything, subresources too
  const char *but;      // a resource that "*" leaves out, subresources too; may be NULL
  unsigned verbs;
};

struct auth_role {
  const char *name;
  const char *doc;
  bool all;       // may do everything, paths included
  bool component; // of `serin up` itself: its requests are not counted
  const struct auth_rule *rules;
  size_t rule_count;
};

extern const struct auth_role auth_roles[];
extern const size_t auth_role_count;

const struct auth_role *auth_role_find(struct str name); // NULL when there is none
const char *auth_role_names(void);                       // "admin, viewer, ...", for messages

// "get" -> AUTH_GET; "*" -> AUTH_ALL; 0 when the API server knows no such verb.
unsigned auth_verb_of(struct str verb);
const char *auth_verb_name(unsigned verb); // of one

struct auth_access {
  unsigned verbs; // all of them are asked for
  struct str group, resource, subresource;
};

// role may be NULL: nothing is allowed.
bool auth_role_allows(const struct auth_role *role, const struct auth_access *access);
// Which of all verbs are allowed.
unsigned auth_role_verbs(const struct auth_role *role, struct str group, struct str resource,
                         struct str subresource);
