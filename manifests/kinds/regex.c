// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/regex.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/kinds/regex_syntax.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

// Backtracking steps for one subject. PCRE2 does some 20 to 50 million a second, so this is a few
// milliseconds.
#define REGEX_STEPS 50000u
// What nearly every match is done with; those that need more are counted per request.
#define REGEX_CHEAP_STEPS 2000u
#define REGEX_COSTLY_MAX 4u
// A replacement starts again at every byte and the limit counts per start; the product is what is
// bounded.
#define REGEX_REPLACE_STEPS 1000000u
#define REGEX_REPLACE_SUBJECT_MAX 8192u
// PCRE2 looks through text that is not ASCII again for every match.
#define REGEX_REPLACE_TEXT_MAX 1024u
#define REGEX_HEAP_KIB 1024u
#define REGEX_PAIRS 10u // \0 to \9
#define REGEX_JOINED_MAX (64u << 10)

struct regex {
  pcre2_code *code;
  pcre2_code *ascii; // the same for ASCII subjects, which need no check; only where there are many
                     // matches of one subject, else NULL
  bool is_whole, is_anchored;
  uint32_t groups;
  struct regex *next;
};

int regex_compile(struct str pattern, bool whole, struct regex **ret_regex, struct err *err) {
  if (pattern.len > REGEX_PATTERN_MAX)
    return err_set(err, RC_INVALID, "expected a pattern of at most %u bytes, found %zu",
                   REGEX_PATTERN_MAX, pattern.len);
  int rc = regex_syntax_check(pattern, err);
  if (rc)
    return rc;
  // RE2's "$" is the very end, and text is UTF-8; bytes that are not simply do not match.
  uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY;
  if (whole)
    options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
  int code = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code *compiled =
      pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, options, &code, &offset, NULL);
  if (!compiled) {
    PCRE2_UCHAR text[160];
    (void)pcre2_get_error_message(code, text, sizeof text);
    return err_set(err, RC_INVALID, "%s at byte %zu of \"%.*s\"", (const char *)text,
                   (size_t)offset, STR_ARG(pattern));
  }
  struct regex *regex = XNEW(struct regex);
  regex->code = compiled;
  if (!whole)
    regex->ascii = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len,
                                 options & ~PCRE2_MATCH_INVALID_UTF, &code, &offset, NULL);
  regex->is_whole = whole;
  uint32_t all = 0;
  (void)pcre2_pattern_info(compiled, PCRE2_INFO_ALLOPTIONS, &all);
  (void)pcre2_pattern_info(compiled, PCRE2_INFO_CAPTURECOUNT, &regex->groups);
  regex->is_anchored = (all & PCRE2_ANCHORED) != 0;
  *ret_regex = regex;
  return 0;
}

void regex_free(struct regex *regex) {
  if (!regex)
    return;
  pcre2_code_free(regex->code);
  pcre2_code_free(regex->ascii);
  xfree(regex);
}

void regex_link(struct regex **list, struct regex *regex) {
  regex->next = *list;
  *list = regex;
}

void regex_free_list(struct regex *list) {
  while (list) {
    struct regex *next = list->next;
    regex_free(list);
    list = next;
  }
}

void regex_worker_init(struct regex_worker *worker) {
  worker->data = pcre2_match_data_create(REGEX_PAIRS, NULL);
  pcre2_match_context *context = pcre2_match_context_create(NULL);
  BUG_ON(!worker->data || !context);
  (void)pcre2_set_heap_limit(context, REGEX_HEAP_KIB);
  worker->context = context;
  buf_init(&worker->joined, REGEX_JOINED_MAX);
  regex_worker_begin(worker);
}

void regex_worker_begin(struct regex_worker *worker) {
  worker->costly = REGEX_COSTLY_MAX;
}

void regex_worker_dispose(struct regex_worker *worker) {
  pcre2_match_data_free(worker->data);
  pcre2_match_context_free(worker->context);
  worker->data = NULL;
  worker->context = NULL;
  buf_dispose(&worker->joined);
}

// Whether PCRE2 need not check the subject for being UTF-8.
static bool regex_is_ascii(struct str subject) {
  unsigned char all = 0;
  for (size_t i = 0; i < subject.len; i++)
    all |= (unsigned char)subject.ptr[i];
  return all < 0x80;
}

struct run {
  const pcre2_code *code;
  struct str subject;
  uint32_t steps, options;
};

static struct run regex_prepare(const struct regex *regex, struct str subject, uint32_t steps) {
  struct run run = {regex->code, subject, steps, 0};
  if (regex->ascii && regex_is_ascii(subject)) {
    run.code = regex->ascii;
    run.options = PCRE2_NO_UTF_CHECK;
  }
  return run;
}

static int regex_try(const struct run *run, size_t from, uint32_t steps,
                     struct regex_worker *worker) {
  (void)pcre2_set_match_limit(worker->context, steps);
  PCRE2_SPTR text = run->subject.ptr ? (PCRE2_SPTR)run->subject.ptr : (PCRE2_SPTR) "";
  return pcre2_match(run->code, text, run->subject.len, from, run->options, worker->data,
                     worker->context);
}

static enum regex_result regex_run(const struct run *run, size_t from,
                                   struct regex_worker *worker) {
  bool is_costly = run->steps > REGEX_CHEAP_STEPS;
  int rc = regex_try(run, from, is_costly ? REGEX_CHEAP_STEPS : run->steps, worker);
  if (is_costly && rc == PCRE2_ERROR_MATCHLIMIT && worker->costly > 0) {
    worker->costly--;
    rc = regex_try(run, from, run->steps, worker);
  }
  if (rc >= 0)
    return REGEX_YES;
  // Whatever else stops PCRE2 is one of its limits: the pattern is valid and the subject is allowed
  // to be anything.
  return rc == PCRE2_ERROR_NOMATCH ? REGEX_NO : REGEX_LIMIT;
}

enum regex_result regex_match(const struct regex *regex, struct str subject,
                              struct regex_worker *worker) {
  uint32_t steps = regex->is_anchored || subject.len == 0
                       ? REGEX_STEPS
                       : (uint32_t)(REGEX_REPLACE_STEPS / subject.len) + 1;
  const struct run run = regex_prepare(regex, subject, steps);
  enum regex_result result = regex_run(&run, 0, worker);
  if (result != REGEX_YES || !regex->is_whole)
    return result;
  // Bytes that are not UTF-8 cut the subject into pieces for PCRE2, and one piece is not the whole.
  const size_t *pairs = pcre2_get_ovector_pointer(worker->data);
  return pairs[0] == 0 && pairs[1] == subject.len ? REGEX_YES : REGEX_NO;
}

enum regex_result regex_find(const struct regex *regex, struct str subject, size_t from,
                             uint32_t steps, struct regex_worker *worker, size_t *ret_start,
                             size_t *ret_end) {
  BUG_ON(!regex->ascii);
  const struct run run = {regex->ascii, subject, steps, PCRE2_NO_UTF_CHECK};
  enum regex_result result = regex_run(&run, from, worker);
  if (result == REGEX_YES) {
    const size_t *pairs = pcre2_get_ovector_pointer(worker->data);
    *ret_start = pairs[0];
    *ret_end = pairs[1];
  }
  return result;
}

static void regex_expand(const size_t *pairs, uint32_t pair_count, struct str subject,
                         struct str substitution, struct buf *out) {
  for (size_t i = 0; i < substitution.len; i++) {
    char c = substitution.ptr[i];
    if (c != '\\' || i + 1 == substitution.len) {
      (void)buf_add_char(out, c);
      continue;
    }
    char next = substitution.ptr[++i];
    if (next < '0' || next > '9') {
      (void)buf_add_char(out, next);
      continue;
    }
    uint32_t group = (uint32_t)(next - '0');
    if (group < pair_count && pairs[2 * group] != PCRE2_UNSET)
      (void)buf_add_str(out, str_slice(subject, pairs[2 * group], pairs[2 * group + 1]));
  }
}

enum regex_result regex_replace(const struct regex *regex, struct str subject,
                                struct str substitution, struct regex_worker *worker,
                                struct buf *out) {
  if (subject.len > REGEX_REPLACE_SUBJECT_MAX)
    return REGEX_LIMIT;
  uint32_t steps =
      regex->is_anchored ? REGEX_STEPS : REGEX_REPLACE_STEPS / (uint32_t)(subject.len + 1) + 1;
  const struct run run = regex_prepare(regex, subject, steps);
  if (!run.options && subject.len > REGEX_REPLACE_TEXT_MAX)
    return REGEX_LIMIT;
  bool replaced = false;
  size_t from = 0;
  while (from <= subject.len) {
    enum regex_result result = regex_run(&run, from, worker);
    if (result == REGEX_LIMIT)
      return result;
    if (result == REGEX_NO)
      break;
    const size_t *pairs = pcre2_get_ovector_pointer(worker->data);
    size_t start = pairs[0], end = pairs[1];
    (void)buf_add_str(out, str_slice(subject, from, start));
    regex_expand(pairs, pcre2_get_ovector_count(worker->data), subject, substitution, out);
    replaced = true;
    from = end;
    if (start == end) { // an empty match: one byte on, or it would match here for ever
      (void)buf_add_str(out, str_slice(subject, end, end + 1));
      from = end + 1;
    }
    if (regex->is_anchored)
      break;
  }
  (void)buf_add_str(out, str_slice(subject, from, subject.len));
  if (out->failed)
    return REGEX_LIMIT;
  return replaced ? REGEX_YES : REGEX_NO;
}

bool regex_substitution_ok(const struct regex *regex, struct str substitution) {
  for (size_t i = 0; i + 1 < substitution.len; i++) {
    if (substitution.ptr[i] != '\\')
      continue;
    char next = substitution.ptr[++i];
    if (next == '\\')
      continue;
    if (next < '0' || next > '9' || (uint32_t)(next - '0') > regex->groups)
      return false;
  }
  return substitution.len == 0 || substitution.ptr[substitution.len - 1] != '\\' ||
         (substitution.len > 1 && substitution.ptr[substitution.len - 2] == '\\');
}
