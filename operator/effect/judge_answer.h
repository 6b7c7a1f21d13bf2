// SPDX-License-Identifier: Apache-2.0
// The words `serin judge` speaks: what Argo Rollouts' web metric provider and Flagger's webhooks
// send, and what they are answered. Pure.
#pragma once

#include "analysis/verdict.h"
#include "operator/effect/judge_request.h"

#define JUDGE_PARAMS_MAX 32u

enum judge_role {
  JUDGE_ARGO,             // always 200; the verdict is in the body
  JUDGE_FLAGGER_CHECK,    // type rollout: 200 unless fail
  JUDGE_FLAGGER_ROLLBACK, // type rollback: 200 when fail
  JUDGE_FLAGGER_GATE,     // type confirm-traffic-increase, confirm-promotion: 200 when pass
};

struct judge_call {
  enum judge_role role;
  struct str run;
  struct str token; // Flagger's metadata.token; it can send no headers
  struct judge_param params[JUDGE_PARAMS_MAX];
  size_t count;
};

// Argo: a flat object with `run` and the parameters (judge_request.h) as texts or numbers.
int judge_call_argo(const struct json *body, struct arena *arena, struct judge_call *ret_call,
                    struct err *err);
// Flagger: {"name", "namespace", "phase", "checksum", "metadata": {...}}; the metadata has the
// parameters, `as` (check, rollback, gate; check by default) and `token`. The run is
// namespace/name/checksum, so a new revision begins anew.
int judge_call_flagger(const struct json *body, struct arena *arena, struct judge_call *ret_call,
                       struct err *err);

// HTTP status and body. `verdict` NULL: nothing has been measured yet.
int judge_answer(const struct judge_call *call, const struct verdict *verdict, struct arena *arena,
                 struct str *ret_body);
// Of an error: 400, 409, 429 or 500.
int judge_answer_error(const struct err *err);
