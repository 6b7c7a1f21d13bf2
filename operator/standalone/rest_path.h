// SPDX-License-Identifier: Apache-2.0
// The path and query of a request to the API server -> what is asked for. Pure; knows no kinds.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/err.h"

enum rest_place {
  REST_UNKNOWN,
  REST_LIVEZ, // also readyz and healthz, with anything below
  REST_VERSION,
  REST_API,           // /api
  REST_APIS,          // /apis
  REST_GROUP,         // /apis/G
  REST_GROUP_VERSION, // /api/v1, /apis/G/V
  REST_OPENAPI_V2,
  REST_OPENAPI_V3,     // the index
  REST_OPENAPI_V3_DOC, // of group and version
  REST_RESOURCE,       // anything below a group version
};

struct rest_query {
  bool watch, follow, force, has_force, previous, timestamps;
  bool allow_bookmarks, send_initial_events, has_send_initial;
  struct str label_selector, field_selector;
  struct str resource_version, version_match, continue_token;
  struct str field_manager, field_validation, dry_run, include_object, propagation;
  struct str container, since_time;
  int64_t limit, timeout_seconds, grace_seconds, tail_lines, since_seconds,
      limit_bytes; // -1: not given
};

struct rest_path {
  enum rest_place place;
  struct str group, version;                  // "" and "v1" for the core group
  struct str ns, resource, name, subresource; // empty when not in the path
  bool namespaced;                            // a namespace was named
  struct rest_query query;
};

#define REST_URL_MAX 32768u

// `url` as it stood in the request line. RC_PARSE: bad escapes or numbers; an unknown place is not
// an error.
int rest_path_parse(struct str url, struct arena *arena, struct rest_path *ret_path,
                    struct err *err);
