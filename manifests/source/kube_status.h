// SPDX-License-Identifier: Apache-2.0
// What a reply of the Kubernetes API means: Status objects to codes and messages. Pure. Private to
// this folder.
#pragma once

#include "manifests/source/http_client.h"
#include "manifests/text/json.h"

// The code of an HTTP status and a Status reason: 409 AlreadyExists is RC_EXISTS, 410 RC_EXPIRED,
// ...
int kube_status_code(int http_status, struct str reason);
// RC_OK for 2xx; else fills err: the server's message where there is one, else `what` ("GET /path")
// and the status. body may be NULL (not JSON).
int kube_status_check(const struct http_reply *reply, const struct json *body, struct str what,
                      struct err *err);
// Retry-After in milliseconds, from the header (seconds) or the Status' details; 0 when absent.
int64_t kube_status_retry_after_ms(const struct http_reply *reply, const struct json *body);
