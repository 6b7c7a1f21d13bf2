// SPDX-License-Identifier: Apache-2.0
// Inside of the parser: parse.c reads, parse_node.c builds, parse_macro.c expands macros.
#pragma once

#include "manifests/cel/lex.h"
#include "manifests/cel/parse.h"

struct cel_parser {
  struct cel_lexer lexer;
  struct cel_token token; // the next one
  struct cel_issues *issues;
  struct arena *arena;
  size_t nodes;
  unsigned depth;
  bool failed;
};

// A list under construction.
struct cel_nodes {
  struct cel_node **items;
  size_t count, capacity;
};

void cel_parse_fail(struct cel_parser *parser, uint32_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// NULL behind a fault or over a limit.
struct cel_node *cel_node_new(struct cel_parser *parser, enum cel_node_kind kind, uint32_t at);
struct cel_node *cel_node_call(struct cel_parser *parser, uint32_t at, struct str name,
                               struct cel_node *target, const struct cel_nodes *args);
void cel_nodes_push(struct cel_parser *parser, struct cel_nodes *list, struct cel_node *node);
// The node a call of a macro stands for; `call` itself when it is no macro.
struct cel_node *cel_parse_macro(struct cel_parser *parser, struct cel_node *call);
