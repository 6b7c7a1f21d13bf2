// SPDX-License-Identifier: Apache-2.0
// get and list: objects, Lists and Tables as JSON text.
#pragma once

#include "operator/standalone/api.h"
#include "operator/standalone/rest_path.h"
#include "operator/standalone/table.h"

struct read_request {
  const struct kind_desc *kind;
  struct str version, ns, name;
  enum table_include include; // TABLE_OFF: plain objects
  const struct rest_query *query;
};

#define READ_LIST_BYTES (64u << 20)
#define READ_LIMIT_MAX 10000

// What may not be asked for together (resourceVersionMatch, sendInitialEvents, continue); 422 or
// 400 in Kubernetes' words.
int read_check_options(struct api_call *call, const struct rest_query *query);

int read_get(struct api *api, struct api_call *call, const struct read_request *request,
             struct buf *out);
int read_list(struct api *api, struct api_call *call, const struct read_request *request,
              struct buf *out);
// The selectors and the namespace of a query; 400 for what cannot be selected by.
int read_filter(struct api_call *call, const struct kind_desc *kind, struct str ns, struct str name,
                const struct rest_query *query, struct api_filter *ret_filter);
// A resourceVersion parameter; 0 when absent. 400 unless a number.
int read_revision(struct api_call *call, struct str text, int64_t *ret_revision);
// One object as the client wants it.
int read_write_object(struct api_call *call, const struct read_request *request,
                      struct json *object, struct buf *out);
