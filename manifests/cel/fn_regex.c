// SPDX-License-Identifier: Apache-2.0
// Patterns of RE2: matches, find, findAll. A pattern that needs more steps than its text is long
// costs more than Kubernetes says, and one that needs far too many stops the rule: nobody can stall
// the server with one.
#include "manifests/cel/functions.h"
#include "manifests/cel/text.h"

#define FOUND_MAX 100000u

// Steps of backtracking for a text and a pattern: what nearly all take, and what is allowed.
#define STEPS_EACH 4u
#define STEPS_MORE 256u
#define STEPS_MAX 50000u
#define COSTLY 1000u

static bool find_in(struct cel_run *run, const struct regex *regex, struct str text,
                    struct str pattern, size_t from, size_t *ret_start, size_t *ret_end) {
  size_t steps = STEPS_EACH * (text.len - from + pattern.len) + STEPS_MORE;
  if (steps > STEPS_MAX)
    steps = STEPS_MAX;
  enum regex_result result =
      regex_find(regex, text, from, (uint32_t)steps, &run->worker, ret_start, ret_end);
  if (result == REGEX_LIMIT && cel_charge(run, COSTLY))
    result = regex_find(regex, text, from, STEPS_MAX, &run->worker, ret_start, ret_end);
  if (result == REGEX_LIMIT)
    run->stopped = true;
  return result == REGEX_YES;
}

struct cel_value cel_fn_matches(struct cel_run *run, const struct cel_value *args) {
  struct cel_value error;
  size_t start, end;
  const struct regex *regex = cel_pattern(run, args[1].text, &error);
  if (!regex)
    return error;
  return cel_bool(find_in(run, regex, args[0].text, args[1].text, 0, &start, &end));
}

struct cel_value cel_fn_find(struct cel_run *run, const struct cel_value *args) {
  struct cel_value error;
  size_t start, end;
  const struct regex *regex = cel_pattern(run, args[1].text, &error);
  if (!regex)
    return error;
  if (!find_in(run, regex, args[0].text, args[1].text, 0, &start, &end))
    return cel_string(STR(""));
  return cel_string(str_slice(args[0].text, start, end));
}

struct cel_value cel_fn_find_all(struct cel_run *run, const struct cel_value *args) {
  struct cel_value error, *items = NULL;
  struct str text = args[0].text;
  const struct regex *regex = cel_pattern(run, args[1].text, &error);
  size_t count = 0, capacity = 0, from = 0, start, end, last = SIZE_MAX;
  size_t most = FOUND_MAX;
  if (!regex)
    return error;
  if (args[2].kind == CEL_INT && args[2].integer >= 0 && args[2].integer < FOUND_MAX)
    most = (size_t)args[2].integer;
  while (count < most && from <= text.len &&
         find_in(run, regex, text, args[1].text, from, &start, &end) && cel_charge(run, 1)) {
    // An empty match right behind another is none.
    if (start != end || start != last) {
      struct cel_value *room =
          arena_push(run->arena, (void **)&items, &count, &capacity, sizeof *room);
      *room = cel_string(str_slice(text, start, end));
    }
    last = end;
    from = end > start ? end : end + cel_letter_at(str_slice(text, end, text.len), 1);
    if (from == end && start == end)
      break;
  }
  struct cel_value list = cel_list_new(run->arena, count);
  for (size_t i = 0; i < count; i++)
    list.list->items[i] = items[i];
  return list;
}
