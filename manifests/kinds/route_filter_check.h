// SPDX-License-Identifier: Apache-2.0
// Rules between the fields of Gateway API routes. Used by the tables of route_fields.c and
// http_route.c only.
#pragma once

#include "manifests/kinds/http_route.h"
#include "manifests/schema/check.h"

void route_check_regex(struct str pattern, const char *field, struct check *check);
void route_check_header_modifier(const void *object, struct check *check);
void route_check_backend_object(const void *object, struct check *check);
void route_check_backend_ref(const void *object, struct check *check);
void route_check_mirror(const void *object, struct check *check);
void route_check_path_modifier(const void *object, struct check *check);
void route_check_redirect(const void *object, struct check *check);
void route_check_cors(const void *object, struct check *check);
void route_check_filter(const void *object, struct check *check);
void route_check_persistence(const void *object, struct check *check);
// A list of filters as a whole; `name` is the field's.
void route_check_filters(const struct route_filter *filters, size_t count, const char *name,
                         struct check *check);
// parentRefs as a whole.
void route_check_parents(const struct route_parent_ref *refs, size_t count, struct check *check);
