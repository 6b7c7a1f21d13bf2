// SPDX-License-Identifier: Apache-2.0
// Whether a pattern has the form of an RE2 regular expression, without compiling it: brackets are
// closed, repetitions have something to repeat, and nothing is used that RE2 lacks. Compiling it
// stays the proxy's business.
#pragma once

#include "manifests/base/str.h"

// NULL when it has, else what is wrong with it.
const char *regex_form_fault(struct str pattern);
// The same for what replaces its matches: \0 to \9 are groups that the pattern has.
const char *regex_form_rewrite_fault(struct str pattern, struct str rewrite);
