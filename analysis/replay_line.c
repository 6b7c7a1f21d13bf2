// SPDX-License-Identifier: Apache-2.0
#include "analysis/replay_line.h"

#include <math.h>
#include <string.h>

#define COUNT_MAX 1e15

static int check_keys(const struct json *json, const char *const *keys, const char *what,
                      struct err *err) {
  JSON_EACH(child, json) {
    bool known = false;
    for (size_t i = 0; keys[i]; i++)
      known = known || str_eq_z(child->key, keys[i]);
    if (!known)
      return err_set(err, RC_PARSE, "%s: unknown field \"%.*s\"", what, STR_ARG(child->key));
  }
  return RC_OK;
}

static int read_count(const struct json *json, const char *side, const char *name, double most,
                      double *ret_value, struct err *err) {
  double value = json_number(json, NAN);
  if (!json)
    return err_set(err, RC_PARSE, "%s: \"%s\" is missing", side, name);
  if (!(value >= 0) || value > COUNT_MAX)
    return err_set(err, RC_PARSE, "%s: \"%s\" must be a number from 0 to 1e15", side, name);
  if (value > most)
    return err_set(err, RC_PARSE, "%s: \"%s\" is %.10g, more than the %.10g it is part of", side,
                   name, value, most);
  *ret_value = value;
  return RC_OK;
}

// The boundaries of this line, ascending.
static int read_bounds(const struct json *slow, const char *side, double *ret_bounds,
                       const struct json **ret_items, size_t *ret_count, struct err *err) {
  size_t count = 0;
  JSON_EACH(item, slow) {
    double bound = 0;
    if (!str_to_double(item->key, &bound) || !(bound > 0))
      return err_set(err, RC_PARSE,
                     "%s: slow: \"%.*s\" is no boundary in milliseconds, such as \"250\"", side,
                     STR_ARG(item->key));
    if (count == REPLAY_BOUNDS_MAX)
      return err_set(err, RC_PARSE, "%s: slow: more than %d boundaries", side, REPLAY_BOUNDS_MAX);
    size_t at = count++;
    for (; at > 0 && ret_bounds[at - 1] > bound; at--) {
      ret_bounds[at] = ret_bounds[at - 1];
      ret_items[at] = ret_items[at - 1];
    }
    if (at > 0 && ret_bounds[at - 1] == bound)
      return err_set(err, RC_PARSE, "%s: slow: \"%.*s\" is there twice", side, STR_ARG(item->key));
    ret_bounds[at] = bound;
    ret_items[at] = item;
  }
  *ret_count = count;
  return RC_OK;
}

static int read_slow(struct replay_reader *reader, const struct json *slow, const char *side,
                     double requests, double *ret_counts, struct err *err) {
  double bounds[REPLAY_BOUNDS_MAX], most = requests;
  const struct json *items[REPLAY_BOUNDS_MAX];
  size_t count = 0;
  if (slow && !json_is(slow, JSON_OBJECT))
    return err_set(err, RC_PARSE, "%s: \"slow\" must be an object", side);
  int rc = read_bounds(slow, side, bounds, items, &count, err);
  if (rc)
    return rc;
  if (!reader->has_bounds) {
    reader->has_bounds = true;
    reader->bound_count = count;
    memcpy(reader->bounds_ms, bounds, sizeof bounds);
  }
  bool same = count == reader->bound_count;
  for (size_t i = 0; same && i < count; i++)
    same = bounds[i] == reader->bounds_ms[i];
  if (!same)
    return err_set(err, RC_PARSE, "%s: \"slow\" has other boundaries than the lines before", side);
  for (size_t i = 0; i < count; i++) {
    rc = read_count(items[i], side, items[i]->key.ptr, most, &ret_counts[i], err);
    if (rc)
      return rc;
    most = ret_counts[i]; // what took longer than 500 ms took longer than 250 ms
  }
  return RC_OK;
}

// Requests, errors and slow ones of one side; `ret` has them in this order.
static int read_side(struct replay_reader *reader, const struct json *json, const char *side,
                     bool history, double *ret, struct err *err) {
  static const char *const KEYS[] = {"requests", "errors", "slow", NULL};
  const struct json *slow = json_get(json, "slow");
  if (!json_is(json, JSON_OBJECT))
    return err_set(err, RC_PARSE, "\"%s\" %s", side, json ? "must be an object" : "is missing");
  int rc = check_keys(json, KEYS, side, err);
  if (!rc)
    rc = read_count(json_get(json, "requests"), side, "requests", COUNT_MAX, &ret[0], err);
  if (!rc)
    rc = read_count(json_get(json, "errors"), side, "errors", ret[0], &ret[1], err);
  if (!rc && !(history && !slow))
    rc = read_slow(reader, slow, side, ret[0], &ret[2], err);
  return rc;
}

static int read_time(struct replay_reader *reader, const struct json *json, double *ret_s,
                     struct err *err) {
  double value = json_number(json, NAN);
  if (!json)
    return err_set(err, RC_PARSE, "\"t\" is missing");
  if (!(fabs(value) <= COUNT_MAX))
    return err_set(err, RC_PARSE, "\"t\" must be a number of seconds");
  if (reader->any && !(value > reader->last_s))
    return err_set(err, RC_PARSE, "\"t\" is %.10g, not later than %.10g before", value,
                   reader->last_s);
  *ret_s = value;
  return RC_OK;
}

static int read_history_flag(struct replay_reader *reader, const struct json *json,
                             struct replay_line *line, struct err *err) {
  const struct json *history = json_get(json, "history");
  if (history && !json_is(history, JSON_BOOL))
    return err_set(err, RC_PARSE, "\"history\" must be true or false");
  line->history = json_is_true(history);
  if (line->history && reader->past_history)
    return err_set(err, RC_PARSE, "a history line must come before all others");
  if (line->history && json_get(json, "canary"))
    return err_set(err, RC_PARSE, "a history line carries \"stable\" alone");
  return RC_OK;
}

static int read_object(struct replay_reader *reader, const struct json *json,
                       struct replay_line *line, struct err *err) {
  static const char *const KEYS[] = {"t", "history", "canary", "stable", NULL};
  double canary[2 + REPLAY_BOUNDS_MAX] = {0}, stable[2 + REPLAY_BOUNDS_MAX] = {0};
  struct str twice;
  struct arena arena;
  if (!json_is(json, JSON_OBJECT))
    return err_set(err, RC_PARSE, "expected a JSON object, found %s", json_type_name(json->type));
  arena_init(&arena);
  int rc = RC_OK;
  if (json_duplicate_key(json, &arena, &twice))
    rc = err_set(err, RC_PARSE, "field \"%.*s\" is there twice", STR_ARG(twice));
  arena_dispose(&arena);
  if (!rc)
    rc = check_keys(json, KEYS, "line", err);
  if (!rc)
    rc = read_time(reader, json_get(json, "t"), &line->counts.at_s, err);
  if (!rc)
    rc = read_history_flag(reader, json, line, err);
  if (!rc && !line->history)
    rc = read_side(reader, json_get(json, "canary"), "canary", false, canary, err);
  if (!rc)
    rc = read_side(reader, json_get(json, "stable"), "stable", line->history, stable, err);
  if (rc)
    return rc;
  line->has_slow = json_path(json, "stable.slow") != NULL;
  for (size_t i = 0; i <= REPLAY_BOUNDS_MAX; i++)
    line->counts.tests[i] = (struct tally){canary[0], canary[1 + i], stable[0], stable[1 + i]};
  reader->any = true;
  reader->last_s = line->counts.at_s;
  reader->past_history = !line->history;
  return RC_OK;
}

int replay_line_read(struct replay_reader *reader, struct str text, struct replay_line *ret_line,
                     struct err *err) {
  struct arena arena;
  struct json *json = NULL;
  *ret_line = (struct replay_line){0};
  reader->line++;
  if (str_is_empty(str_trim(text))) {
    ret_line->blank = true;
    return RC_OK;
  }
  arena_init(&arena);
  int rc = json_parse(text, &arena, &json, err);
  if (!rc)
    rc = read_object(reader, json, ret_line, err);
  arena_dispose(&arena);
  return rc ? RC_PARSE : RC_OK;
}
