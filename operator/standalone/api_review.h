// SPDX-License-Identifier: Apache-2.0
// Questions that are asked by POST and stored nowhere: SelfSubjectAccessReview and
// SelfSubjectRulesReview (kubectl auth can-i), SelfSubjectReview (kubectl auth whoami).
#pragma once

#include "operator/standalone/api_call.h"
#include "operator/standalone/api_kinds.h"

extern const struct kind_desc *const api_review_kinds[];
extern const size_t api_review_count;

const struct kind_desc *api_review_find(struct str group, struct str version, struct str plural);
// The body with its status filled in.
struct json *api_review_answer(struct api_call *call, const struct api_kinds *kinds,
                               const struct kind_desc *kind, struct str version,
                               const struct json *body);
