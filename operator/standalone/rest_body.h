// SPDX-License-Identifier: Apache-2.0
// Request bodies: JSON, YAML, and the few protobuf messages that kubectl sends -> json. Pure.
#pragma once

#include "operator/standalone/api_call.h"

#define REST_BODY_ENTRIES_MAX 10000u // of one map or list

enum rest_media {
  REST_MEDIA_JSON,
  REST_MEDIA_YAML,
  REST_MEDIA_PROTOBUF,
  REST_MEDIA_JSON_PATCH,
  REST_MEDIA_MERGE_PATCH,
  REST_MEDIA_STRATEGIC_PATCH,
  REST_MEDIA_APPLY,
  REST_MEDIA_OTHER,
};

enum rest_media rest_media_of(struct str content_type);
// ret_duplicate: path of a key that stood twice, empty when none. An empty body gives NULL.
int rest_body_parse(struct api_call *call, struct str content_type, struct str body,
                    struct json **ret_body, struct str *ret_duplicate);
