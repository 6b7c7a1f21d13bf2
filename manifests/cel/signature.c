// SPDX-License-Identifier: Apache-2.0
// The letters of signatures, and names that are left out on purpose.
#include "manifests/base/bug.h"
#include "manifests/cel/table.h"

#include <string.h>

static const char letters[] = "biudsyntUPCQV";
static const enum cel_kind kinds[] = {
    CEL_BOOL,      CEL_INT, CEL_UINT, CEL_DOUBLE, CEL_STRING,   CEL_BYTES, CEL_DURATION,
    CEL_TIMESTAMP, CEL_URL, CEL_IP,   CEL_CIDR,   CEL_QUANTITY, CEL_SEMVER};

const struct cel_type *cel_signature_take(const char **signature,
                                          const struct cel_type *const open[2],
                                          struct arena *arena) {
  char letter = *(*signature)++;
  const char *simple = strchr(letters, letter);
  if (simple)
    return cel_simple(kinds[simple - letters]);
  if (letter == 'A' || letter == 'B')
    return open[letter - 'A'];
  if (letter == '*')
    return cel_simple(CEL_DYN);
  const struct cel_type *first = cel_signature_take(signature, open, arena);
  if (letter == 'L')
    return cel_type_list(arena, first);
  if (letter == 'O')
    return cel_type_optional(arena, first);
  if (letter == 'T')
    return cel_type_type(arena, first);
  BUG_ON(letter != 'M');
  return cel_type_map(arena, first, cel_signature_take(signature, open, arena));
}

// The outermost kind of one argument: CEL_DYN for any.
static enum cel_kind take_kind(const char **signature) {
  char letter = *(*signature)++;
  const char *simple = strchr(letters, letter);
  if (simple)
    return kinds[simple - letters];
  if (letter == 'L' || letter == 'O' || letter == 'T') {
    (void)take_kind(signature);
    return letter == 'L' ? CEL_LIST : letter == 'O' ? CEL_OPTIONAL : CEL_TYPE;
  }
  if (letter != 'M')
    return CEL_DYN;
  (void)take_kind(signature);
  (void)take_kind(signature);
  return CEL_MAP;
}

size_t cel_function_args(const struct cel_function *function) {
  const char *signature = function->signature + cel_function_is_member(function);
  size_t count = 0;
  for (; *signature != ':'; count++)
    (void)take_kind(&signature);
  return count;
}

bool cel_function_takes(const struct cel_function *function, const struct cel_value *args,
                        size_t count) {
  const char *signature = function->signature + cel_function_is_member(function);
  for (size_t i = 0; i < count; i++) {
    if (*signature == ':')
      return false;
    enum cel_kind kind = take_kind(&signature);
    if (kind != CEL_DYN && kind != args[i].kind)
      return false;
  }
  return *signature == ':';
}

const char *cel_function_missing(struct str name) {
  static const struct {
    const char *name, *why;
  } rows[] = {
      {"authorizer", "authorizer is for admission policies, not for rules of definitions"},
      {"format.named", "format.named() is not supported by this server; use matches()"},
  };
  for (size_t i = 0; i < ARRAY_LEN(rows); i++)
    if (str_eq_z(name, rows[i].name))
      return rows[i].why;
  if (str_starts(name, STR("format.")))
    return "the format library (format.NAME().validate()) is not supported by this server; use "
           "matches()";
  return NULL;
}
