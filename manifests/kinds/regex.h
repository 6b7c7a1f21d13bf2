// SPDX-License-Identifier: Apache-2.0
// Regular expressions as users of RE2 write them, run by PCRE2 with limits. The only file that
// knows PCRE2. What RE2 does not have (backreferences, lookaround, possessive and atomic groups,
// recursion, callouts) is refused, so that no pattern works here and fails in a cluster; and no
// subject can keep a worker longer than the step limit.
#pragma once

#include "manifests/base/buf.h"
#include "manifests/base/err.h"

#include <stdbool.h>

struct regex; // immutable: shared by threads

// What matching needs, one for each thread.
struct regex_worker {
  void *data;        // pcre2_match_data
  void *context;     // pcre2_match_context with the limits
  struct buf joined; // header values joined with ','
  unsigned costly;   // matches of this request that may still take many steps
};

enum regex_result { REGEX_NO, REGEX_YES, REGEX_LIMIT };

#define REGEX_PATTERN_MAX 1024u

// `whole`: a match must cover the whole subject. Fails with RC_INVALID and the place in the
// pattern.
int regex_compile(struct str pattern, bool whole, struct regex **ret_regex, struct err *err);
void regex_free(struct regex *regex); // NULL is fine
// An owned list, for those that keep many.
void regex_link(struct regex **list, struct regex *regex);
void regex_free_list(struct regex *list);

void regex_worker_init(struct regex_worker *worker);
void regex_worker_dispose(struct regex_worker *worker);
// A new request: each may have a few matches that take many steps, and any number of cheap ones, so
// that a long list of expensive patterns cannot stall a worker any more than one can.
void regex_worker_begin(struct regex_worker *worker);

enum regex_result regex_match(const struct regex *regex, struct str subject,
                              struct regex_worker *worker);
// The first match from byte `from` on: [*ret_start, *ret_end). For patterns that need not match the
// whole, and subjects that are valid UTF-8. `steps`: of backtracking, at most.
enum regex_result regex_find(const struct regex *regex, struct str subject, size_t from,
                             uint32_t steps, struct regex_worker *worker, size_t *ret_start,
                             size_t *ret_end);
// Appends `subject` with every match replaced; \0 to \9 in `substitution` are groups. REGEX_NO:
// nothing matched (subject is appended as it is). REGEX_LIMIT: `out` is to be thrown away.
enum regex_result regex_replace(const struct regex *regex, struct str subject,
                                struct str substitution, struct regex_worker *worker,
                                struct buf *out);
// Whether `substitution` uses only groups the pattern has.
bool regex_substitution_ok(const struct regex *regex, struct str substitution);
