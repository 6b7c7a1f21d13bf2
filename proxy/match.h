// SPDX-License-Identifier: Apache-2.0
// Whether a request meets one match block (docs/dataplane.md 1.3). Pure, compiled once when the
// table is built; used by route. It knows nothing of hosts, weights or destinations.
#pragma once

#include "manifests/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct regex;
struct regex_worker;
struct table_listener;

// A request as routing sees it: views into the head that the connection keeps.
struct route_request {
  const struct table_listener *listener; // where it came in; NULL: the mesh hosts answer
  uint16_t listener_port;
  struct str authority; // Host or :authority as sent, with its port if it has one
  struct str method;
  struct str scheme; // "http" or "https"
  struct str path;   // normalised, without query and fragment
  struct str query;  // without '?'; STR_NULL when there is none
  // The n-th (from 0) field of this lower-case name; false when there are not so many. `headers` is
  // the caller's. Called with names of at most 256 bytes.
  bool (*header)(const void *headers, struct str name, size_t nth, struct str *ret_value);
  const void *headers;
};

enum string_match_kind {
  STRING_MATCH_NONE,    // not asked for
  STRING_MATCH_PRESENT, // any value
  STRING_MATCH_EXACT,
  STRING_MATCH_PREFIX,
  STRING_MATCH_PATH_PREFIX, // by path element: "/a" meets "/a" and "/a/b", not "/ab"; no '/' at the
                            // end but for "/" itself
  STRING_MATCH_REGEX,       // the whole value
};

struct string_matcher {
  enum string_match_kind kind;
  bool ignore_case; // exact and prefix only
  struct str value; // for regex its source
  const struct regex *regex;
};

// What a header or query matcher looks at.
enum field_match_source {
  FIELD_HEADER,
  FIELD_METHOD,    // :method
  FIELD_AUTHORITY, // :authority
  FIELD_SCHEME,    // :scheme
  FIELD_PATH,      // :path, with the query
  FIELD_QUERY,
};

struct field_match {
  enum field_match_source source;
  struct str name; // headers: lower-case
  struct string_matcher match;
  bool inverted; // withoutHeaders
};

struct match {
  struct str name; // of the match block, "" for none
  uint16_t port;   // 0: any; else the service port the request is for
  struct string_matcher uri, scheme, method, authority;
  const struct field_match *fields; // headers, withoutHeaders, queryParams: all must hold
  size_t field_count;
};

enum match_result {
  MATCH_NO,
  MATCH_YES,
  MATCH_LIMIT, // a pattern needed more steps than allowed: the request must be refused, not routed
};

// `port` is the service port the request is for. No allocation but for the first use of worker's
// buffers.
enum match_result match_request(const struct match *match, const struct route_request *request,
                                uint16_t port, struct regex_worker *worker);
enum match_result string_match_value(const struct string_matcher *match, struct str value,
                                     struct regex_worker *worker);
// Whether every request meets it: no other block behind it can be reached.
bool match_is_catch_all(const struct match *match);
// The raw value of the first query parameter of this name; "k" and "k=" have the empty value.
bool match_query_param(struct str query, struct str name, struct str *ret_value);
