// SPDX-License-Identifier: Apache-2.0
// Writes the defaults of a kind's schema into a json tree, as an API server does before it stores
// an object. Only within objects that are there: an absent optional object stays absent.
#pragma once

#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

void kind_default(const struct kind_desc *kind, struct json *json, struct arena *arena);
// Leaves out what Go leaves out of its structs: empty maps and lists, zeros and "" of fields that
// are no pointers (FIELD_x_OPT keeps them, and what has a default).
void schema_tidy(const struct schema *schema, struct json *json);
void schema_default(const struct schema *schema, struct json *json, struct arena *arena);
// The other way: takes out what the defaults would put back, and nulls. Two objects that mean the
// same are then equal, whichever version's CRD filled them in.
void schema_undefault(const struct schema *schema, struct json *json, struct arena *arena);
