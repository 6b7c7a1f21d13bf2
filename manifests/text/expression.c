// SPDX-License-Identifier: Apache-2.0
#include "manifests/text/expression.h"

#include "manifests/base/bug.h"
#include "manifests/text/expression_code.h"

#include <ctype.h>
#include <math.h>

enum type { TYPE_NUMBER, TYPE_TRUTH, TYPE_FAILED };

struct parser {
  struct str text;
  size_t at;
  int depth;
  struct expression *out;
  struct err *err;
};

static enum type parse_or(struct parser *parser);

static enum type fail(struct parser *parser, const char *expected) {
  if (parser->at < parser->text.len)
    (void)err_set(parser->err, RC_PARSE, "at byte %zu, near \"%.*s\": expected %s", parser->at,
                  (int)(parser->text.len - parser->at > 12 ? 12 : parser->text.len - parser->at),
                  parser->text.ptr + parser->at, expected);
  else
    (void)err_set(parser->err, RC_PARSE, "at its end: expected %s", expected);
  return TYPE_FAILED;
}

static void skip_space(struct parser *parser) {
  while (parser->at < parser->text.len && isspace((unsigned char)parser->text.ptr[parser->at]))
    parser->at++;
}

// Takes the sign if it comes next.
static bool take(struct parser *parser, const char *sign) {
  skip_space(parser);
  struct str rest = str_slice(parser->text, parser->at, parser->text.len);
  if (!str_starts(rest, str_of(sign)))
    return false;
  parser->at += str_of(sign).len;
  return true;
}

static bool emit(struct parser *parser, enum expression_code code, double number) {
  if (parser->out->count == EXPRESSION_OPS_MAX) {
    (void)fail(parser, "a shorter condition");
    return false;
  }
  parser->out->ops[parser->out->count].code = (unsigned char)code;
  parser->out->ops[parser->out->count++].number = number;
  return true;
}

static enum type emit_as(struct parser *parser, enum expression_code code, double number,
                         enum type type) {
  return emit(parser, code, number) ? type : TYPE_FAILED;
}

static struct str take_word(struct parser *parser) {
  size_t from = parser->at;
  while (parser->at < parser->text.len && isalpha((unsigned char)parser->text.ptr[parser->at]))
    parser->at++;
  return str_slice(parser->text, from, parser->at);
}

static enum type parse_number(struct parser *parser) {
  size_t from = parser->at;
  double value = 0;
  const char *text = parser->text.ptr;
  while (parser->at < parser->text.len) {
    char c = text[parser->at];
    bool sign = (c == '+' || c == '-') && parser->at > from &&
                (text[parser->at - 1] == 'e' || text[parser->at - 1] == 'E');
    if (!isdigit((unsigned char)c) && c != '.' && c != 'e' && c != 'E' && !sign)
      break;
    parser->at++;
  }
  if (str_to_double(str_slice(parser->text, from, parser->at), &value))
    return emit_as(parser, OP_NUMBER, value, TYPE_NUMBER);
  parser->at = from;
  return fail(parser, "a number");
}

static enum type parse_result(struct parser *parser) {
  int64_t index = 0;
  if (!take(parser, "["))
    return emit_as(parser, OP_ONLY, 0, TYPE_NUMBER);
  skip_space(parser);
  size_t from = parser->at;
  while (parser->at < parser->text.len && isdigit((unsigned char)parser->text.ptr[parser->at]))
    parser->at++;
  if (!str_to_i64(str_slice(parser->text, from, parser->at), &index) || index > 100000) {
    parser->at = from;
    return fail(parser, "an index such as 0");
  }
  if (!take(parser, "]"))
    return fail(parser, "]");
  return emit_as(parser, OP_VALUE, (double)index, TYPE_NUMBER);
}

static enum type parse_typed(struct parser *parser, enum type wanted, const char *what) {
  skip_space(parser);
  size_t from = parser->at;
  enum type type = parse_or(parser);
  if (type == TYPE_FAILED || type == wanted)
    return type;
  parser->at = from;
  return fail(parser, what);
}

// The arguments of a function, after its name.
static enum type parse_call(struct parser *parser, enum expression_code code, bool has_code,
                            int arguments, enum type type) {
  if (!take(parser, "("))
    return fail(parser, "(");
  for (int i = 0; i < arguments; i++) {
    if (i > 0 && !take(parser, ","))
      return fail(parser, ", and a second value");
    if (parse_typed(parser, TYPE_NUMBER, "a number, not a truth value") == TYPE_FAILED)
      return TYPE_FAILED;
  }
  if (!take(parser, ")"))
    return fail(parser, ")");
  return has_code ? emit_as(parser, code, 0, type) : type;
}

static enum type parse_length(struct parser *parser) {
  if (!take(parser, "(") || (skip_space(parser), !str_eq_z(take_word(parser), "result")) ||
      !take(parser, ")"))
    return fail(parser, "(result)");
  return emit_as(parser, OP_LENGTH, 0, TYPE_NUMBER);
}

static enum type parse_word(struct parser *parser) {
  size_t from = parser->at;
  struct str word = take_word(parser);
  if (str_eq_z(word, "result"))
    return parse_result(parser);
  if (str_eq_z(word, "true") || str_eq_z(word, "false"))
    return emit_as(parser, OP_NUMBER, str_eq_z(word, "true"), TYPE_TRUTH);
  if (str_eq_z(word, "isNaN"))
    return parse_call(parser, OP_IS_NAN, true, 1, TYPE_TRUTH);
  if (str_eq_z(word, "isInf"))
    return parse_call(parser, OP_IS_INF, true, 1, TYPE_TRUTH);
  if (str_eq_z(word, "asFloat"))
    return parse_call(parser, OP_NUMBER, false, 1, TYPE_NUMBER);
  if (str_eq_z(word, "asInt"))
    return parse_call(parser, OP_AS_INT, true, 1, TYPE_NUMBER);
  if (str_eq_z(word, "default"))
    return parse_call(parser, OP_DEFAULT, true, 2, TYPE_NUMBER);
  if (str_eq_z(word, "len"))
    return parse_length(parser);
  parser->at = from;
  return fail(parser, "result, a number, isNaN, isInf, asInt, asFloat, default or len");
}

static enum type parse_primary(struct parser *parser) {
  skip_space(parser);
  char c = parser->at < parser->text.len ? parser->text.ptr[parser->at] : 0;
  if (isdigit((unsigned char)c) || c == '.')
    return parse_number(parser);
  if (!take(parser, "("))
    return parse_word(parser);
  enum type type = parse_or(parser);
  if (type != TYPE_FAILED && !take(parser, ")"))
    return fail(parser, ")");
  return type;
}

static enum type parse_unary(struct parser *parser) {
  if (++parser->depth > EXPRESSION_DEPTH_MAX)
    return fail(parser, "less nesting");
  enum type type;
  if (take(parser, "-")) {
    type = parse_unary(parser);
    if (type == TYPE_TRUTH)
      return fail(parser, "a number behind -");
    if (type == TYPE_NUMBER)
      type = emit_as(parser, OP_NEGATE, 0, TYPE_NUMBER);
  } else {
    type = parse_primary(parser);
  }
  parser->depth--;
  return type;
}

struct sign {
  const char *text;
  enum expression_code code;
};

// operand {sign operand}, all of one type.
static enum type parse_chain(struct parser *parser, enum type (*operand)(struct parser *),
                             const struct sign *signs, size_t count, enum type needed) {
  enum type type = operand(parser);
  for (;;) {
    size_t i = 0;
    if (type == TYPE_FAILED)
      return type;
    while (i < count && !take(parser, signs[i].text))
      i++;
    if (i == count)
      return type;
    if (type != needed)
      return fail(parser,
                  needed == TYPE_NUMBER ? "numbers around this" : "comparisons around this");
    type = operand(parser);
    if (type == TYPE_FAILED)
      return type;
    if (type != needed)
      return fail(parser,
                  needed == TYPE_NUMBER ? "a number before this" : "a comparison before this");
    if (!emit(parser, signs[i].code, 0))
      return TYPE_FAILED;
  }
}

static enum type parse_product(struct parser *parser) {
  static const struct sign SIGNS[] = {{"*", OP_MULTIPLY}, {"/", OP_DIVIDE}};
  return parse_chain(parser, parse_unary, SIGNS, ARRAY_LEN(SIGNS), TYPE_NUMBER);
}

static enum type parse_sum(struct parser *parser) {
  static const struct sign SIGNS[] = {{"+", OP_ADD}, {"-", OP_SUBTRACT}};
  return parse_chain(parser, parse_product, SIGNS, ARRAY_LEN(SIGNS), TYPE_NUMBER);
}

static enum type parse_compare(struct parser *parser) {
  static const struct sign SIGNS[] = {{"==", OP_EQUAL},         {"!=", OP_NOT_EQUAL},
                                      {"<=", OP_LESS_EQUAL},    {"<", OP_LESS},
                                      {">=", OP_GREATER_EQUAL}, {">", OP_GREATER}};
  enum type type = parse_sum(parser);
  for (size_t i = 0; type != TYPE_FAILED && i < ARRAY_LEN(SIGNS); i++) {
    if (!take(parser, SIGNS[i].text))
      continue;
    if (type != TYPE_NUMBER)
      return fail(parser, "a number on the left of a comparison");
    type = parse_sum(parser);
    if (type == TYPE_TRUTH)
      return fail(parser, "a number on the right of a comparison");
    return type == TYPE_FAILED ? type : emit_as(parser, SIGNS[i].code, 0, TYPE_TRUTH);
  }
  return type;
}

static enum type parse_not(struct parser *parser) {
  skip_space(parser);
  struct str rest = str_slice(parser->text, parser->at, parser->text.len);
  if (!str_starts(rest, STR("!")) || str_starts(rest, STR("!=")))
    return parse_compare(parser);
  parser->at++;
  if (++parser->depth > EXPRESSION_DEPTH_MAX)
    return fail(parser, "less nesting");
  enum type type = parse_not(parser);
  parser->depth--;
  if (type == TYPE_NUMBER)
    return fail(parser, "a comparison behind !");
  return type == TYPE_FAILED ? type : emit_as(parser, OP_NOT, 0, TYPE_TRUTH);
}

static enum type parse_and(struct parser *parser) {
  static const struct sign SIGNS[] = {{"&&", OP_AND}};
  return parse_chain(parser, parse_not, SIGNS, ARRAY_LEN(SIGNS), TYPE_TRUTH);
}

static enum type parse_or(struct parser *parser) {
  static const struct sign SIGNS[] = {{"||", OP_OR}};
  return parse_chain(parser, parse_and, SIGNS, ARRAY_LEN(SIGNS), TYPE_TRUTH);
}

int expression_parse(struct str text, struct expression *ret_expression, struct err *err) {
  struct parser parser = {.text = text, .out = ret_expression, .err = err};
  ret_expression->count = 0;
  if (text.len > EXPRESSION_BYTES_MAX)
    return err_set(err, RC_PARSE, "longer than %d bytes", EXPRESSION_BYTES_MAX);
  enum type type = parse_or(&parser);
  skip_space(&parser);
  if (type != TYPE_FAILED && parser.at < text.len)
    type = fail(&parser, "an operator or the end");
  else if (type == TYPE_NUMBER)
    type = fail(&parser, "a comparison, such as result[0] >= 0.95");
  if (type != TYPE_TRUTH)
    ret_expression->count = 0;
  return type == TYPE_TRUTH ? RC_OK : RC_PARSE;
}
