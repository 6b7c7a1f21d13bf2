// SPDX-License-Identifier: Apache-2.0
// Text -> tree, macros expanded. Stops at the first fault. Pure. Source: the CEL language
// definition, "Syntax" and "Macros"; two-variable macros: cel-spec's extension "comprehensions".
#pragma once

#include "manifests/cel/ast.h"
#include "manifests/cel/issue.h"

#define CEL_SOURCE_MAX (64u << 10) // bytes of one expression
#define CEL_NODES_MAX 10000u       // nodes of its tree
#define CEL_DEPTH_MAX 250u         // levels of its tree, and of brackets

// NULL: see issues.
struct cel_node *cel_parse(struct str source, struct cel_issues *issues);
