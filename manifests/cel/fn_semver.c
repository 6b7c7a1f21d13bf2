// SPDX-License-Identifier: Apache-2.0
// semver(), and the order of versions and quantities. Source: semver.org 2.0.0; Kubernetes'
// documentation, "CEL in Kubernetes", semver library.
#include "manifests/cel/functions.h"

#include <ctype.h>

static bool is_number(struct str text) {
  for (size_t i = 0; i < text.len; i++)
    if (!isdigit((unsigned char)text.ptr[i]))
      return false;
  return text.len > 0;
}

static bool take_number(struct str part, bool loose, uint64_t *ret_number) {
  while (loose && part.len > 1 && part.ptr[0] == '0')
    part = str_slice(part, 1, part.len);
  return is_number(part) && (part.len == 1 || part.ptr[0] != '0') && str_to_u64(part, ret_number);
}

// "alpha.1": dotted words of letters, digits and '-'; `strict`: numbers without leading zeros.
static bool words_ok(struct str text, bool strict) {
  struct str rest = text, word;
  while (str_next(&rest, '.', &word)) {
    if (word.len == 0 || (strict && word.len > 1 && word.ptr[0] == '0' && is_number(word)))
      return false;
    for (size_t i = 0; i < word.len; i++)
      if (!isalnum((unsigned char)word.ptr[i]) && word.ptr[i] != '-')
        return false;
  }
  return true;
}

static bool parse(struct str text, bool loose, struct cel_semver *ret_version) {
  *ret_version = (struct cel_semver){0};
  if (loose && text.len && (text.ptr[0] == 'v' || text.ptr[0] == 'V'))
    text = str_slice(text, 1, text.len);
  ptrdiff_t plus = str_find_char(text, '+');
  if (plus >= 0) {
    ret_version->build = str_slice(text, (size_t)plus + 1, text.len);
    text = str_slice(text, 0, (size_t)plus);
    if (!words_ok(ret_version->build, false))
      return false;
  }
  ptrdiff_t dash = str_find_char(text, '-');
  if (dash >= 0) {
    ret_version->pre = str_slice(text, (size_t)dash + 1, text.len);
    text = str_slice(text, 0, (size_t)dash);
    if (!words_ok(ret_version->pre, true))
      return false;
  }
  struct str part;
  size_t count = 0;
  while (str_next(&text, '.', &part)) {
    if (count == 3 || !take_number(part, loose, &ret_version->numbers[count++]))
      return false;
  }
  return count == 3 || (loose && count > 0 && plus < 0 && dash < 0);
}

static bool is_loose(const struct cel_value *args) {
  return args[1].kind == CEL_BOOL && args[1].boolean;
}

struct cel_value cel_fn_semver(struct cel_run *run, const struct cel_value *args) {
  struct cel_semver version;
  if (!parse(args[0].text, is_loose(args), &version))
    return cel_error(run->arena, "\"%.*s\" is not a semantic version", STR_ARG(args[0].text));
  const struct cel_semver *kept = arena_dup(run->arena, &version, sizeof version);
  return (struct cel_value){.kind = CEL_SEMVER, .semver = kept};
}

struct cel_value cel_fn_is_semver(struct cel_run *run, const struct cel_value *args) {
  struct cel_semver version;
  (void)run;
  return cel_bool(parse(args[0].text, is_loose(args), &version));
}

static struct cel_value number(struct cel_run *run, struct cel_value version, size_t index) {
  uint64_t value = version.semver->numbers[index];
  return value > INT64_MAX ? cel_error(run->arena, "integer overflow") : cel_int((int64_t)value);
}

struct cel_value cel_fn_semver_major(struct cel_run *run, const struct cel_value *args) {
  return number(run, args[0], 0);
}

struct cel_value cel_fn_semver_minor(struct cel_run *run, const struct cel_value *args) {
  return number(run, args[0], 1);
}

struct cel_value cel_fn_semver_patch(struct cel_run *run, const struct cel_value *args) {
  return number(run, args[0], 2);
}

static int compare_words(struct str a, struct str b) {
  bool x = is_number(a), y = is_number(b);
  if (x != y)
    return x ? -1 : 1;
  if (x && a.len != b.len) // no leading zeros
    return a.len < b.len ? -1 : 1;
  return str_cmp(a, b);
}

static int compare_versions(const struct cel_semver *a, const struct cel_semver *b) {
  for (size_t i = 0; i < 3; i++)
    if (a->numbers[i] != b->numbers[i])
      return a->numbers[i] < b->numbers[i] ? -1 : 1;
  if (!a->pre.len || !b->pre.len) // a release comes behind its candidates
    return (a->pre.len ? 0 : 1) - (b->pre.len ? 0 : 1);
  struct str x = a->pre, y = b->pre, one, other;
  for (;;) {
    bool more = str_next(&x, '.', &one), also = str_next(&y, '.', &other);
    if (!more || !also)
      return (more ? 1 : 0) - (also ? 1 : 0);
    int order = compare_words(one, other);
    if (order)
      return order < 0 ? -1 : 1;
  }
}

static int compare(const struct cel_value *args) {
  if (args[0].kind == CEL_SEMVER)
    return compare_versions(args[0].semver, args[1].semver);
  return *args[0].quantity < *args[1].quantity ? -1 : *args[0].quantity > *args[1].quantity;
}

struct cel_value cel_fn_is_greater(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_bool(compare(args) > 0);
}

struct cel_value cel_fn_is_less(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_bool(compare(args) < 0);
}

struct cel_value cel_fn_compare_to(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_int(compare(args));
}
