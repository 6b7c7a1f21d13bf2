// SPDX-License-Identifier: Apache-2.0
// One request on its way through the files rest*.c. Private to them.
#pragma once

#include "operator/standalone/api_read.h"
#include "operator/standalone/api_write.h"
#include "operator/standalone/rest.h"

struct exchange {
  struct api *api;
  struct api_call *call;
  const struct rest_request *request;
  struct rest_path path;
  const struct kind_desc *kind; // REST_RESOURCE only
  struct rest_reply *reply;
};

int rest_put_json(struct exchange *x, int status, const struct json *json);
bool rest_is_method(const struct exchange *x, const char *method);
bool rest_is_read(const struct exchange *x); // GET or HEAD
int rest_no_such_path(struct exchange *x);   // the plain-text 404 of an unknown path
int rest_bad_method(struct exchange *x);     // 405
// The dryRun of a query or of DeleteOptions; 422 unless "All" or empty.
int rest_dry_run(struct exchange *x, struct str text, bool *ret_dry_run);
struct read_request rest_as_read(struct exchange *x); // how the client wants objects

// rest_access.c: 403 unless the user's role allows it. call->user is set.
int rest_authorize(struct exchange *x);
// A server-side apply that would create its object needs that verb, too.
int rest_authorize_apply(struct exchange *x);

// rest_about.c: what is not a resource.
int rest_version(struct exchange *x);
int rest_discovery(struct exchange *x);
int rest_openapi(struct exchange *x);

// rest_write.c
int rest_write(struct exchange *x, enum write_part part);
// rest_delete.c
int rest_delete(struct exchange *x);
int rest_delete_collection(struct exchange *x);
