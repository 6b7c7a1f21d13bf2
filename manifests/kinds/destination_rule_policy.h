// SPDX-License-Identifier: Apache-2.0
// Field tables of the blocks of a traffic policy. Used by destination_rule.c only.
#pragma once

#include "manifests/schema/check.h"
#include "manifests/schema/field.h"

extern const struct schema dr_load_balancer_schema;
extern const struct schema dr_connection_pool_schema;
extern const struct schema dr_outlier_schema;
extern const struct schema dr_tls_schema;

// Rules of the blocks (Istio's webhook refuses the same).
void dr_check_load_balancer(const void *object, struct check *check);
void dr_check_consistent_hash(const void *object, struct check *check);
void dr_check_cookie(const void *object, struct check *check);
void dr_check_maglev(const void *object, struct check *check);
void dr_check_warmup(const void *object, struct check *check);
void dr_check_locality(const void *object, struct check *check);
void dr_check_connection_pool(const void *object, struct check *check);
void dr_check_http_pool(const void *object, struct check *check);
void dr_check_outlier(const void *object, struct check *check);
void dr_check_tls(const void *object, struct check *check);
