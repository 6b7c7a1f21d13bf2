// SPDX-License-Identifier: Apache-2.0
#include "manifests/cel/check_state.h"
#include "manifests/cel/text.h"
#include "manifests/kinds/regex.h"

static bool is_pattern(struct str text, struct str *ret_why, struct arena *arena) {
  struct regex *regex = NULL;
  struct err err;
  bool ok = regex_compile(text, false, &regex, &err) == 0;
  regex_free(regex);
  if (!ok)
    *ret_why = arena_strz(arena, err.msg);
  return ok;
}

void cel_check_constants(struct cel_checker *c, const struct cel_node *call) {
  struct str name = call->call.name, why = STR_NULL;
  const struct cel_node *arg =
      call->call.count ? call->call.args[call->call.target ? 0 : call->call.count - 1] : NULL;
  int64_t nanos;
  struct cel_instant instant;
  bool ok = true;
  if (!arg || arg->kind != CEL_NODE_LITERAL || arg->literal.kind != CEL_STRING || c->issues->count)
    return;
  bool regex = str_eq_z(name, "matches") || str_eq_z(name, "find") || str_eq_z(name, "findAll");
  if (regex)
    ok = is_pattern(arg->literal.text, &why, c->arena);
  else if (str_eq_z(name, "duration"))
    ok = cel_parse_duration(arg->literal.text, &nanos);
  else if (str_eq_z(name, "timestamp"))
    ok = cel_parse_timestamp(arg->literal.text, &instant);
  if (ok)
    return;
  // A pattern that only this server refuses (one of more than 1024 bytes) needs the reason.
  if (arg->literal.text.len > REGEX_PATTERN_MAX)
    cel_issue_add(c->issues, arg->at, "invalid %.*s argument: %.*s", STR_ARG(name), STR_ARG(why));
  else
    cel_issue_add(c->issues, arg->at, "invalid %.*s argument", STR_ARG(name));
}
