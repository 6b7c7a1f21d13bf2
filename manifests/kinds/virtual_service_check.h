// SPDX-License-Identifier: Apache-2.0
// Rules between the fields of a VirtualService (Istio's webhook refuses the same). Used by its
// tables only.
#pragma once

#include "manifests/kinds/virtual_service.h"
#include "manifests/schema/check.h"

void vs_check_match(const void *object, struct check *check);
void vs_check_headers(const void *object, struct check *check);
void vs_check_header_ops(const void *object, struct check *check);
void vs_check_redirect(const void *object, struct check *check);
void vs_check_direct_response(const void *object, struct check *check);
void vs_check_rewrite(const void *object, struct check *check);
void vs_check_retries(const void *object, struct check *check);
void vs_check_delay(const void *object, struct check *check);
void vs_check_abort(const void *object, struct check *check);
void vs_check_fault(const void *object, struct check *check);
void vs_check_percentage(const void *object, struct check *check);
void vs_check_cors(const void *object, struct check *check);
void vs_check_http(const void *object, struct check *check);
void vs_check_l4(const void *object, struct check *check);
void vs_check_spec(const void *object, struct check *check);
