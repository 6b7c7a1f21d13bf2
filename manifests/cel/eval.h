// SPDX-License-Identifier: Apache-2.0
// The value of a checked tree. A fault is a value of kind CEL_ERROR.
#pragma once

#include "manifests/cel/ast.h"
#include "manifests/cel/run.h"

struct cel_value cel_eval(struct cel_run *run, const struct cel_node *node);
struct cel_value cel_eval_fold(struct cel_run *run, const struct cel_node *node);
// a.b of a value: *ret_value is an error when that has no members. False: no such member.
bool cel_member(struct cel_run *run, struct cel_value value, struct str name,
                struct cel_value *ret_value);
