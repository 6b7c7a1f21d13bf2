// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/wait_for.h"

static const char forms[] =
    "condition=NAME[=VALUE], jsonpath={.path}[=VALUE], phase=NAME, create or delete";

// {.status.phase}, .status.containers[0].ready or status.phase, as json_path takes it. Only plain
// names and indexes.
static bool plain_path(struct str text, struct arena *arena, struct str *ret_path) {
  text = str_trim(text);
  if (str_starts(text, STR("{")) && str_ends(text, STR("}")))
    text = str_slice(text, 1, text.len - 1);
  if (str_starts(text, STR("$")))
    text = str_slice(text, 1, text.len);
  if (str_starts(text, STR(".")))
    text = str_slice(text, 1, text.len);
  char *path = arena_alloc(arena, text.len + 1);
  size_t len = 0;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    if (c == ']' || c == '\'' || c == '"')
      continue;
    if (c == '*' || c == '?' || c == '@' || c == '(' || c == ':')
      return false;
    path[len++] = c == '[' ? '.' : c;
  }
  *ret_path = (struct str){path, len};
  return len > 0;
}

// Splits "name=value" behind the first '=' that is outside of braces.
static void split_value(struct str text, struct str *ret_name, struct wait_for *what) {
  int depth = 0;
  *ret_name = text;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    depth += c == '{' ? 1 : c == '}' ? -1 : 0;
    if (c != '=' || depth > 0)
      continue;
    *ret_name = str_slice(text, 0, i);
    size_t from = i + 1 < text.len && text.ptr[i + 1] == '=' ? i + 2 : i + 1;
    what->value = str_slice(text, from, text.len);
    what->has_value = true;
    return;
  }
}

int wait_for_parse(struct str text, struct arena *arena, struct wait_for *ret_what,
                   struct err *err) {
  struct wait_for what = {.text = text};
  struct str rest = text, word, name;
  if (!text.len)
    return err_set(err, RC_USAGE, "--for is missing: %s", forms);
  str_next(&rest, '=', &word);
  bool has_rest = rest.ptr && rest.len;
  if (str_eq_nocase(text, STR("delete"))) {
    what.kind = WAIT_DELETE;
  } else if (str_eq_nocase(text, STR("create"))) {
    what.kind = WAIT_CREATE;
  } else if (str_eq_nocase(word, STR("condition")) && has_rest) {
    split_value(rest, &what.name, &what);
    if (!what.has_value)
      what.value = STR("True");
  } else if (str_eq_nocase(word, STR("jsonpath")) && has_rest) {
    what.kind = WAIT_PATH;
    split_value(rest, &name, &what);
    if (!plain_path(name, arena, &what.path))
      return err_set(err, RC_USAGE, "--for: \"%.*s\" is not a plain path such as {.status.phase}",
                     STR_ARG(name));
  } else if (str_eq_nocase(word, STR("phase")) && has_rest) {
    what = (struct wait_for){.kind = WAIT_PATH,
                             .path = {"status.phase", 12},
                             .value = rest,
                             .has_value = true,
                             .current = true,
                             .text = text};
  } else {
    return err_set(err, RC_USAGE, "--for=%.*s is none of %s", STR_ARG(text), forms);
  }
  *ret_what = what;
  return RC_OK;
}

static bool is_current(const struct json *object, const struct json *condition) {
  int64_t generation = json_int(json_path(object, "metadata.generation"), 0);
  const struct json *observed = json_get(condition, "observedGeneration");
  if (!observed)
    observed = json_path(object, "status.observedGeneration");
  return !observed || json_int(observed, 0) >= generation;
}

static bool condition_is_met(const struct wait_for *what, const struct json *object) {
  JSON_EACH(condition, json_path(object, "status.conditions"))
    if (str_eq_nocase(json_get_string(condition, "type"), what->name) &&
        str_eq_nocase(json_get_string(condition, "status"), what->value) &&
        is_current(object, condition))
      return true;
  return false;
}

static bool path_is_met(const struct wait_for *what, const struct json *object) {
  const struct json *value = json_path(object, what->path.ptr);
  if (!value || value->type == JSON_NULL)
    return false;
  struct arena arena = {0};
  struct str text = value->type == JSON_STRING ? value->string : json_text(&arena, value);
  bool met = what->has_value ? str_eq(text, what->value) : text.len > 0;
  arena_dispose(&arena);
  return met;
}

bool wait_for_is_met(const struct wait_for *what, const struct json *object) {
  switch (what->kind) {
  case WAIT_DELETE: return object == NULL;
  case WAIT_CREATE: return object != NULL;
  case WAIT_CONDITION: return object && condition_is_met(what, object);
  case WAIT_PATH:
    return object && (!what->current || is_current(object, NULL)) && path_is_met(what, object);
  }
  return false;
}
