// SPDX-License-Identifier: Apache-2.0
#include "manifests/cel/parse.h"
#include "manifests/base/bug.h"
#include "manifests/cel/parse_state.h"
#include "manifests/text/utf8.h"

static struct cel_node *expression(struct cel_parser *parser);
static struct cel_node *unary(struct cel_parser *parser);

static void next(struct cel_parser *parser) {
  parser->token = cel_lex(&parser->lexer);
  if (parser->token.kind == CEL_TOKEN_BAD)
    cel_parse_fail(parser, parser->token.at, "Syntax error: %s at: '%.*s'", parser->token.error,
                   STR_ARG(str_slice(parser->token.text, 0, 40)));
}

static bool is_sign(const struct cel_parser *parser, const char *sign) {
  return !parser->failed && parser->token.kind == CEL_TOKEN_SIGN &&
         str_eq_z(str_of(parser->token.sign), sign);
}

static bool is_word(const struct cel_parser *parser, const char *word) {
  return !parser->failed && parser->token.kind == CEL_TOKEN_NAME &&
         str_eq_z(parser->token.text, word);
}

static bool accept(struct cel_parser *parser, const char *sign) {
  if (!is_sign(parser, sign))
    return false;
  next(parser);
  return true;
}

static void unexpected(struct cel_parser *parser, const char *wanted) {
  if (parser->token.kind == CEL_TOKEN_END)
    cel_parse_fail(parser, parser->token.at, "Syntax error: mismatched input '<EOF>' expecting %s",
                   wanted);
  else
    cel_parse_fail(parser, parser->token.at, "Syntax error: mismatched input '%.*s' expecting %s",
                   STR_ARG(str_slice(parser->token.text, 0, 40)), wanted);
}

static void expect(struct cel_parser *parser, const char *sign) {
  char wanted[8] = {'\'', sign[0], '\'', '\0'};
  if (!accept(parser, sign))
    unexpected(parser, wanted);
}

static bool enter(struct cel_parser *parser) {
  if (++parser->depth > CEL_DEPTH_MAX)
    cel_parse_fail(parser, parser->token.at, "expression recursion limit exceeded: %u",
                   CEL_DEPTH_MAX);
  return !parser->failed;
}

// --- Lists of expressions

static void arguments(struct cel_parser *parser, struct cel_nodes *args) {
  while (!parser->failed && !is_sign(parser, ")")) {
    cel_nodes_push(parser, args, expression(parser));
    if (!accept(parser, ","))
      break;
    if (is_sign(parser, ")"))
      unexpected(parser, "an expression");
  }
  expect(parser, ")");
}

// The inside of [...] and {...}; each item may be optional ("?item").
static struct cel_node *items(struct cel_parser *parser, enum cel_node_kind kind, uint32_t at) {
  const char *end = kind == CEL_NODE_LIST ? "]" : "}";
  struct cel_nodes list = {0};
  bool *optional = NULL;
  size_t count = 0, capacity = 0;
  while (!parser->failed && !is_sign(parser, end)) {
    bool *is_optional =
        arena_push(parser->arena, (void **)&optional, &count, &capacity, sizeof *optional);
    *is_optional = accept(parser, "?");
    cel_nodes_push(parser, &list, expression(parser));
    if (kind == CEL_NODE_MAP) {
      expect(parser, ":");
      cel_nodes_push(parser, &list, expression(parser));
    }
    if (!accept(parser, ","))
      break;
  }
  expect(parser, end);
  struct cel_node *node = cel_node_new(parser, kind, at);
  if (node) {
    node->list.items = list.items;
    node->list.optional = optional;
    node->list.count = list.count;
  }
  return node;
}

// --- What an expression begins with

static bool is_reserved(struct str name) {
  static const char *const words[] = {"as",  "break",   "const",    "continue", "else",      "for",
                                      "if",  "import",  "function", "let",      "namespace", "loop",
                                      "var", "package", "return",   "void",     "while",     "in"};
  for (size_t i = 0; i < ARRAY_LEN(words); i++)
    if (str_eq_z(name, words[i]))
      return true;
  return false;
}

static struct cel_node *literal(struct cel_parser *parser, struct cel_value value) {
  struct cel_node *node = cel_node_new(parser, CEL_NODE_LITERAL, parser->token.at);
  if (node)
    node->literal = value;
  next(parser);
  return node;
}

static struct cel_node *name(struct cel_parser *parser, bool absolute, uint32_t at) {
  struct str text = parser->token.text;
  if (parser->token.kind != CEL_TOKEN_NAME) {
    unexpected(parser, "an expression");
    return NULL;
  }
  if (!absolute && is_word(parser, "true"))
    return literal(parser, cel_bool(true));
  if (!absolute && is_word(parser, "false"))
    return literal(parser, cel_bool(false));
  if (!absolute && is_word(parser, "null"))
    return literal(parser, cel_null());
  if (is_reserved(text))
    cel_parse_fail(parser, at, "reserved identifier: %.*s", STR_ARG(text));
  next(parser);
  uint32_t open = parser->token.at;
  struct cel_nodes args = {0};
  if (accept(parser, "(")) {
    arguments(parser, &args);
    return cel_parse_macro(parser, cel_node_call(parser, open, text, NULL, &args));
  }
  struct cel_node *node = cel_node_new(parser, CEL_NODE_NAME, at);
  if (node) {
    node->name.name = text;
    node->name.absolute = absolute;
  }
  return node;
}

static struct cel_node *value(struct cel_parser *parser) {
  if (parser->token.only_negative)
    cel_parse_fail(parser, parser->token.at, "invalid int literal");
  return literal(parser, parser->token.value);
}

static struct cel_node *primary(struct cel_parser *parser) {
  uint32_t at = parser->token.at;
  if (parser->token.kind == CEL_TOKEN_VALUE)
    return value(parser);
  if (accept(parser, "(")) {
    struct cel_node *node = expression(parser);
    expect(parser, ")");
    return node;
  }
  if (accept(parser, "["))
    return items(parser, CEL_NODE_LIST, at);
  if (accept(parser, "{"))
    return items(parser, CEL_NODE_MAP, at);
  if (accept(parser, "."))
    return name(parser, true, at);
  return name(parser, false, at);
}

// --- What may follow it

static struct cel_node *select_field(struct cel_parser *parser, struct cel_node *operand,
                                     uint32_t at, bool optional) {
  struct cel_node *node = cel_node_new(parser, CEL_NODE_SELECT, at);
  if (!node)
    return NULL;
  node->select.operand = operand;
  node->select.field = parser->token.text;
  node->select.optional = optional;
  next(parser);
  return node;
}

static struct cel_node *member(struct cel_parser *parser, struct cel_node *operand) {
  uint32_t at = parser->token.at;
  next(parser);
  bool optional = accept(parser, "?");
  bool quoted = parser->token.kind == CEL_TOKEN_QUOTED_NAME;
  bool word = parser->token.kind == CEL_TOKEN_NAME && !is_word(parser, "in") &&
              !is_word(parser, "true") && !is_word(parser, "false") && !is_word(parser, "null");
  if (!quoted && !word) {
    unexpected(parser, "IDENTIFIER");
    return NULL;
  }
  struct cel_node *node = select_field(parser, operand, at, optional);
  if (optional || quoted || !is_sign(parser, "("))
    return node;
  struct cel_nodes args = {0};
  struct str function = node->select.field;
  at = parser->token.at;
  next(parser);
  arguments(parser, &args);
  return cel_parse_macro(parser, cel_node_call(parser, at, function, operand, &args));
}

static struct cel_node *pair(struct cel_parser *parser, uint32_t at, const char *function,
                             struct cel_node *a, struct cel_node *b) {
  struct cel_nodes args = {0};
  cel_nodes_push(parser, &args, a);
  if (b)
    cel_nodes_push(parser, &args, b);
  return cel_node_call(parser, at, str_of(function), NULL, &args);
}

static struct cel_node *element(struct cel_parser *parser, struct cel_node *operand) {
  uint32_t at = parser->token.at;
  next(parser);
  bool optional = accept(parser, "?");
  struct cel_node *index = expression(parser);
  expect(parser, "]");
  return parser->failed ? NULL : pair(parser, at, optional ? "_[?_]" : "_[_]", operand, index);
}

static struct cel_node *members(struct cel_parser *parser) {
  struct cel_node *node = primary(parser);
  for (unsigned length = 0; node && !parser->failed; length++) {
    if (length > CEL_DEPTH_MAX)
      cel_parse_fail(parser, parser->token.at, "expression recursion limit exceeded: %u",
                     CEL_DEPTH_MAX);
    else if (is_sign(parser, "."))
      node = member(parser, node);
    else if (is_sign(parser, "["))
      node = element(parser, node);
    else if (is_sign(parser, "{") && (node->kind == CEL_NODE_NAME || node->kind == CEL_NODE_SELECT))
      cel_parse_fail(parser, parser->token.at,
                     "messages (\"Type{field: value}\") are not supported; use maps");
    else
      return node;
  }
  return NULL;
}

// --- Operators

static struct cel_node *negative_literal(struct cel_parser *parser, struct cel_value value) {
  if (value.kind == CEL_INT)
    return literal(parser, cel_int((int64_t)(0 - (uint64_t)value.integer)));
  return literal(parser, cel_double(-value.number));
}

// "-1" is a number, "-x" a call.
static struct cel_node *negation(struct cel_parser *parser, uint32_t at) {
  bool number = parser->token.kind == CEL_TOKEN_VALUE &&
                (parser->token.value.kind == CEL_INT || parser->token.value.kind == CEL_DOUBLE);
  if (!number) {
    struct cel_node *operand = unary(parser);
    return operand ? pair(parser, at, "-_", operand, NULL) : NULL;
  }
  struct cel_node *node = negative_literal(parser, parser->token.value);
  if (node)
    node->at = at;
  while (node && !parser->failed && (is_sign(parser, ".") || is_sign(parser, "[")))
    node = is_sign(parser, ".") ? member(parser, node) : element(parser, node);
  return node;
}

static struct cel_node *unary(struct cel_parser *parser) {
  uint32_t at = parser->token.at;
  struct cel_node *node = NULL;
  if (enter(parser)) {
    if (accept(parser, "!")) {
      struct cel_node *operand = unary(parser);
      node = operand ? pair(parser, at, "!_", operand, NULL) : NULL;
    } else if (accept(parser, "-")) {
      node = negation(parser, at);
    } else {
      node = members(parser);
    }
  }
  parser->depth--;
  return node;
}

struct infix {
  const char *sign, *function;
};

static const struct infix products[] = {{"*", "_*_"}, {"/", "_/_"}, {"%", "_%_"}, {0}};
static const struct infix sums[] = {{"+", "_+_"}, {"-", "_-_"}, {0}};
static const struct infix relations[] = {
    {"<", "_<_"},   {"<=", "_<=_"}, {">=", "_>=_"}, {">", "_>_"},
    {"==", "_==_"}, {"!=", "_!=_"}, {"in", "@in"},  {0}};
static const struct infix *const levels[] = {relations, sums, products};

static const char *operator_here(const struct cel_parser *parser, const struct infix *row) {
  for (; row->sign; row++)
    if (is_sign(parser, row->sign) || (row->sign[0] == 'i' && is_word(parser, row->sign)))
      return row->function;
  return NULL;
}

static struct cel_node *binary(struct cel_parser *parser, size_t level) {
  if (level == ARRAY_LEN(levels))
    return unary(parser);
  struct cel_node *left = binary(parser, level + 1);
  const char *function;
  for (unsigned length = 0; left && (function = operator_here(parser, levels[level])); length++) {
    uint32_t at = parser->token.at;
    if (length > CEL_DEPTH_MAX)
      cel_parse_fail(parser, at, "expression recursion limit exceeded: %u", CEL_DEPTH_MAX);
    next(parser);
    struct cel_node *right = binary(parser, level + 1);
    left = right ? pair(parser, at, function, left, right) : NULL;
  }
  return left;
}

static struct cel_node *logical(struct cel_parser *parser, bool any) {
  const char *sign = any ? "||" : "&&";
  struct cel_node *first = any ? logical(parser, false) : binary(parser, 0);
  if (!first || !is_sign(parser, sign))
    return first;
  uint32_t at = parser->token.at;
  struct cel_nodes terms = {0};
  cel_nodes_push(parser, &terms, first);
  while (accept(parser, sign))
    cel_nodes_push(parser, &terms, any ? logical(parser, false) : binary(parser, 0));
  struct cel_node *node = cel_node_new(parser, CEL_NODE_ALL, at);
  if (node) {
    node->all.terms = terms.items;
    node->all.count = terms.count;
    node->all.any = any;
  }
  return node;
}

static struct cel_node *expression(struct cel_parser *parser) {
  struct cel_node *node = NULL;
  if (enter(parser))
    node = logical(parser, true);
  uint32_t at = parser->token.at;
  if (node && accept(parser, "?")) {
    struct cel_nodes args = {0};
    cel_nodes_push(parser, &args, node);
    cel_nodes_push(parser, &args, logical(parser, true));
    expect(parser, ":");
    cel_nodes_push(parser, &args, expression(parser));
    node = parser->failed ? NULL : cel_node_call(parser, at, STR("_?_:_"), NULL, &args);
  }
  parser->depth--;
  return parser->failed ? NULL : node;
}

struct cel_node *cel_parse(struct str source, struct cel_issues *issues) {
  struct cel_parser parser = {
      .lexer = {source, 0, issues->arena}, .issues = issues, .arena = issues->arena};
  size_t at;
  if (source.len > CEL_SOURCE_MAX) {
    cel_parse_fail(&parser, 0, "expression of %zu bytes is longer than %u", source.len,
                   CEL_SOURCE_MAX);
    return NULL;
  }
  if (!utf8_valid(source, &at)) {
    cel_parse_fail(&parser, (uint32_t)at, "expression is not valid UTF-8");
    return NULL;
  }
  next(&parser);
  struct cel_node *node = expression(&parser);
  if (!parser.failed && parser.token.kind != CEL_TOKEN_END)
    unexpected(&parser, "<EOF>");
  return parser.failed ? NULL : node;
}
