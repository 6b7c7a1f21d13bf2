// SPDX-License-Identifier: Apache-2.0
// What /metrics says of a Rollout, taken from its status when it changes: a scrape reads no object.
#include "manifests/base/alloc.h"
#include "manifests/schema/decode.h"
#include "operator/effect/controller_parts.h"

static void keep(struct str *to, struct str from) {
  if (str_eq(*to, from))
    return;
  xfree((void *)(uintptr_t)to->ptr);
  *to = from.len ? (struct str){xmemdup(from.ptr, from.len), from.len} : STR_NULL;
}

void release_take_facts(struct release *release, const struct json *json) {
  struct arena arena = {0};
  struct decode_options options = {
      .unknown = UNKNOWN_IGNORE, .skip_checks = true, .skip_verbatim = true};
  struct rollout *rollout = NULL;
  (void)kind_decode(&rollout_kind, json, &options, &arena, NULL, (void **)&rollout);
  if (rollout) {
    const struct rollout_status *status = &rollout->status;
    struct release_facts *facts = &release->facts;
    bool ended = status->history_count > 0;
    facts->phase = status->phase;
    facts->has_asked = str_to_double(status->weight.canary, &facts->asked);
    facts->has_observed = str_to_double(status->weight.observed, &facts->observed);
    facts->judged_at_ms = status->release ? status->judge.at : 0;
    keep(&facts->result, ended ? status->history[0].result : STR_NULL);
    keep(&facts->reason, ended ? status->history[0].reason : STR_NULL);
  }
  arena_dispose(&arena);
}

void release_forget_facts(struct release *release) {
  keep(&release->facts.result, STR_NULL);
  keep(&release->facts.reason, STR_NULL);
}
