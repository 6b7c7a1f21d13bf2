// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/buf.h"
#include "manifests/cel/parse_state.h"

#include <stdarg.h>

void cel_parse_fail(struct cel_parser *parser, uint32_t at, const char *format, ...) {
  if (parser->failed)
    return;
  struct buf text;
  va_list args;
  parser->failed = true;
  buf_init(&text, 2048);
  va_start(args, format);
  (void)buf_addv(&text, format, args);
  va_end(args);
  cel_issue_add(parser->issues, at, "%.*s", STR_ARG(buf_str(&text)));
  buf_dispose(&text);
}

struct cel_node *cel_node_new(struct cel_parser *parser, enum cel_node_kind kind, uint32_t at) {
  if (parser->failed)
    return NULL;
  if (++parser->nodes > CEL_NODES_MAX) {
    cel_parse_fail(parser, at, "expression has more than %u parts", CEL_NODES_MAX);
    return NULL;
  }
  struct cel_node *node = ARENA_NEW(parser->arena, struct cel_node);
  node->kind = kind;
  node->at = at;
  return node;
}

void cel_nodes_push(struct cel_parser *parser, struct cel_nodes *list, struct cel_node *node) {
  struct cel_node **room =
      arena_push(parser->arena, (void **)&list->items, &list->count, &list->capacity, sizeof *room);
  *room = node;
}

struct cel_node *cel_node_call(struct cel_parser *parser, uint32_t at, struct str name,
                               struct cel_node *target, const struct cel_nodes *args) {
  struct cel_node *node = cel_node_new(parser, CEL_NODE_CALL, at);
  if (!node)
    return NULL;
  node->call.name = name;
  node->call.target = target;
  node->call.args = args->items;
  node->call.count = args->count;
  return node;
}
