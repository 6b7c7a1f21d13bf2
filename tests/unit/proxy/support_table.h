// SPDX-License-Identifier: Apache-2.0
// Tables from YAML text and requests from one line, for the tests of routing.
#pragma once

#include "proxy/config_set.h"
#include "proxy/route.h"

struct fixture {
  struct config_set set;
  struct table_ids *ids;
  struct table_settings settings;
  uint64_t version;
  struct arena arena;
  const struct table_dns *dns; // NULL: no name has an address
  int64_t steady_ms;
  const struct proxy_table *previous; // may be NULL
};

void fixture_init(struct fixture *fixture);
void fixture_dispose(struct fixture *fixture);
// Objects of one or more documents; a namespace that is not given is "default".
void fixture_apply(struct fixture *fixture, const char *yaml);
void fixture_apply_text(struct fixture *fixture, struct str yaml, struct str file);
// `head`: what comes before `rest` in every object of a kind.
void fixture_apply_of(struct fixture *fixture, const char *head, const char *rest);
struct proxy_table *fixture_build(struct fixture *fixture);
// A Service with one HTTP port 8080 and, for each version, one ready Pod.
void fixture_add_service(struct fixture *fixture, const char *name, const char *namespace_,
                         const char *const *versions, size_t count);

// A finding with that id whose message or path contains `part`.
bool table_has_finding(const struct proxy_table *table, const char *id, const char *part);

#define TEST_HEADERS_MAX 32

struct test_request {
  struct route_request request;
  struct {
    struct str name, value;
  } headers[TEST_HEADERS_MAX];
  size_t header_count;
  struct arena arena;
};

// "GET reviews:8080 /a?b=c" with further words "name:value" as headers ('+' stands for a space in
// values).
struct test_request *test_request_new(const char *line);
void test_request_free(struct test_request *request);

// Text of the cluster, or "404 NR" and the like, of one request.
struct str test_route_at(struct fixture *fixture, const struct proxy_table *table,
                         const struct table_listener *listener, const char *line);
// The same where the mesh answers.
struct str test_route(struct fixture *fixture, const struct proxy_table *table, const char *line);
