// SPDX-License-Identifier: Apache-2.0
// Functions of texts; places are counted in letters (code points). Source: CEL language definition;
// cel-go's extension "strings", version 2.
#include "manifests/cel/functions.h"
#include "manifests/cel/text.h"

#include <ctype.h>
#include <string.h>

#define TEXT_MAX (16u << 20)

static bool finds(struct str text, size_t from, struct str part, size_t *ret_at) {
  if (part.len > text.len || from > text.len - part.len)
    return false;
  const char *at =
      part.len ? memmem(text.ptr + from, text.len - from, part.ptr, part.len) : text.ptr + from;
  if (at)
    *ret_at = (size_t)(at - text.ptr);
  return at != NULL;
}

static struct cel_value out_of_range(struct cel_run *run, int64_t index) {
  return cel_error(run->arena, "index out of range: %lld", (long long)index);
}

struct cel_value cel_fn_contains(struct cel_run *run, const struct cel_value *args) {
  size_t at;
  (void)run;
  return cel_bool(args[1].text.len == 0 || finds(args[0].text, 0, args[1].text, &at));
}

struct cel_value cel_fn_starts_with(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_bool(str_starts(args[0].text, args[1].text));
}

struct cel_value cel_fn_ends_with(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_bool(str_ends(args[0].text, args[1].text));
}

struct cel_value cel_fn_add_texts(struct cel_run *run, const struct cel_value *args) {
  struct str a = args[0].text, b = args[1].text;
  char *room = cel_room(run, a.len + b.len + 1);
  if (!room)
    return cel_stopped();
  if (a.len)
    memcpy(room, a.ptr, a.len);
  if (b.len)
    memcpy(room + a.len, b.ptr, b.len);
  room[a.len + b.len] = '\0';
  return (struct cel_value){.kind = args[0].kind, .text = {room, a.len + b.len}};
}

struct cel_value cel_fn_char_at(struct cel_run *run, const struct cel_value *args) {
  struct str text = args[0].text;
  int64_t index = args[1].integer, count = (int64_t)cel_letters(text);
  if (index < 0 || index > count)
    return out_of_range(run, index);
  size_t from = cel_letter_at(text, (size_t)index);
  return cel_string(str_slice(text, from, cel_letter_at(text, (size_t)index + 1)));
}

// How many arguments a call gave is not told: what was not given is of no kind.
static bool given(const struct cel_value *arg, enum cel_kind kind) {
  return arg->kind == kind;
}

struct cel_value cel_fn_index_of(struct cel_run *run, const struct cel_value *args) {
  struct str text = args[0].text, part = args[1].text;
  int64_t offset = given(&args[2], CEL_INT) ? args[2].integer : 0;
  size_t at;
  if (part.len == 0)
    return cel_int(offset);
  if (offset < 0)
    return out_of_range(run, offset);
  if (offset >= (int64_t)cel_letters(text) ||
      !finds(text, cel_letter_at(text, (size_t)offset), part, &at))
    return cel_int(-1);
  return cel_int((int64_t)cel_letters(str_slice(text, 0, at)));
}

struct cel_value cel_fn_last_index_of(struct cel_run *run, const struct cel_value *args) {
  struct str text = args[0].text, part = args[1].text;
  int64_t count = (int64_t)cel_letters(text);
  bool has_offset = given(&args[2], CEL_INT);
  int64_t offset = has_offset ? args[2].integer : count - 1;
  if (part.len == 0)
    return cel_int(has_offset ? offset : count);
  if (has_offset && offset < 0)
    return out_of_range(run, offset);
  if (part.len > text.len || offset >= count)
    return cel_int(-1);
  size_t last = cel_letter_at(text, (size_t)offset);
  if (last > text.len - part.len)
    last = text.len - part.len;
  for (size_t at = last + 1; at-- > 0;)
    if (memcmp(text.ptr + at, part.ptr, part.len) == 0)
      return cel_int((int64_t)cel_letters(str_slice(text, 0, at)));
  return cel_int(-1);
}

static struct cel_value map_letters(struct cel_run *run, struct str text, int (*map)(int)) {
  char *room = cel_room(run, text.len + 1);
  if (!room)
    return cel_stopped();
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.ptr[i];
    room[i] = (char)(c < 0x80 ? map(c) : c);
  }
  room[text.len] = '\0';
  return cel_string((struct str){room, text.len});
}

struct cel_value cel_fn_lower_ascii(struct cel_run *run, const struct cel_value *args) {
  return map_letters(run, args[0].text, tolower);
}

struct cel_value cel_fn_upper_ascii(struct cel_run *run, const struct cel_value *args) {
  return map_letters(run, args[0].text, toupper);
}

struct cel_value cel_fn_replace(struct cel_run *run, const struct cel_value *args) {
  struct str text = args[0].text, old = args[1].text, with = args[2].text;
  int64_t left = given(&args[3], CEL_INT) && args[3].integer >= 0 ? args[3].integer : INT64_MAX;
  struct buf out;
  size_t from = 0, at;
  buf_init(&out, TEXT_MAX);
  for (; left > 0 && from <= text.len && finds(text, from, old, &at); left--) {
    if (old.len) {
      buf_add_str(&out, str_slice(text, from, at));
      buf_add_str(&out, with);
      from = at + old.len;
      continue;
    }
    // Nothing is found before each letter and at the end.
    size_t next = from + cel_letter_at(str_slice(text, from, text.len), 1);
    buf_add_str(&out, with);
    buf_add_str(&out, str_slice(text, from, next));
    from = from == text.len ? text.len + 1 : next;
  }
  buf_add_str(&out, str_slice(text, from, text.len));
  return cel_take_text(run, &out);
}

// Pieces of `text` between separators, at most `most`.
static size_t cut(struct str text, struct str separator, int64_t most, struct cel_value *items) {
  size_t count = 0, from = 0, at;
  while ((int64_t)count + 1 < most) {
    if (separator.len) {
      if (!finds(text, from, separator, &at))
        break;
    } else {
      at = from + cel_letter_at(str_slice(text, from, text.len), 1);
      if (at >= text.len)
        break;
    }
    if (items)
      items[count] = cel_string(str_slice(text, from, at));
    count++;
    from = at + separator.len;
  }
  if (items)
    items[count] = cel_string(str_slice(text, from, text.len));
  return count + 1;
}

struct cel_value cel_fn_split(struct cel_run *run, const struct cel_value *args) {
  struct str text = args[0].text, separator = args[1].text;
  int64_t most = given(&args[2], CEL_INT) && args[2].integer >= 0 ? args[2].integer : INT64_MAX;
  if (most == 0 || (separator.len == 0 && text.len == 0))
    return cel_list_new(run->arena, 0);
  size_t count = cut(text, separator, most, NULL);
  if (!cel_room(run, 0) || !cel_charge(run, count / 10) ||
      count > run->memory_limit / sizeof(struct cel_value))
    return cel_stopped();
  struct cel_value list = cel_list_new(run->arena, count);
  (void)cut(text, separator, most, list.list->items);
  return list;
}

struct cel_value cel_fn_substring(struct cel_run *run, const struct cel_value *args) {
  struct str text = args[0].text;
  int64_t count = (int64_t)cel_letters(text), from = args[1].integer;
  int64_t to = given(&args[2], CEL_INT) ? args[2].integer : count;
  if (given(&args[2], CEL_INT) && from > to)
    return cel_error(run->arena, "invalid substring range. start: %lld, end: %lld", (long long)from,
                     (long long)to);
  if (from < 0 || from > count)
    return out_of_range(run, from);
  if (to < 0 || to > count)
    return out_of_range(run, to);
  size_t start = cel_letter_at(text, (size_t)from);
  return cel_string(str_slice(text, start, cel_letter_at(text, (size_t)to)));
}

// Unicode's spaces, as Go trims them.
static size_t space_at(struct str text, size_t at) {
  static const char *const wide[] = {"\xc2\x85", "\xc2\xa0", "\u1680", "\u2000", "\u2001",
                                     "\u2002",   "\u2003",   "\u2004", "\u2005", "\u2006",
                                     "\u2007",   "\u2008",   "\u2009", "\u200a", "\u2028",
                                     "\u2029",   "\u202f",   "\u205f", "\u3000"};
  if (at < text.len && strchr("\t\n\v\f\r ", text.ptr[at]) && text.ptr[at])
    return 1;
  for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
    if (str_starts(str_slice(text, at, text.len), str_of(wide[i])))
      return strlen(wide[i]);
  return 0;
}

struct cel_value cel_fn_trim(struct cel_run *run, const struct cel_value *args) {
  struct str text = args[0].text;
  size_t size;
  (void)run;
  while (text.len && (size = space_at(text, 0)) > 0)
    text = str_slice(text, size, text.len);
  for (bool more = true; more && text.len;) {
    more = false;
    for (size_t back = 1; back <= 3 && back <= text.len && !more; back++)
      if (space_at(text, text.len - back) == back) {
        text = str_slice(text, 0, text.len - back);
        more = true;
      }
  }
  return cel_string(text);
}

struct cel_value cel_fn_join(struct cel_run *run, const struct cel_value *args) {
  struct str separator = given(&args[1], CEL_STRING) ? args[1].text : STR("");
  struct buf out;
  buf_init(&out, TEXT_MAX);
  for (size_t i = 0; i < args[0].list->count; i++) {
    struct cel_value item = cel_list_at(args[0].list, i, run->arena);
    if (item.kind != CEL_STRING) {
      buf_dispose(&out);
      return item.kind == CEL_ERROR ? item : cel_error(run->arena, "join: invalid input");
    }
    if (i)
      buf_add_str(&out, separator);
    buf_add_str(&out, item.text);
  }
  struct cel_value joined = cel_take_text(run, &out);
  return cel_charge(run, cel_text_cost(joined.text.len)) ? joined : cel_stopped();
}
