// SPDX-License-Identifier: Apache-2.0
// What people are to be told (docs/notifications.md): which events a change of status is, and the
// texts of their messages. Pure. A notice is written into status in the same write as the change it
// is about, so that it survives the operator; it leaves status when it was delivered or given up.
#pragma once

#include "manifests/kinds/rollout.h"
#include "manifests/text/json.h"

#define NOTICE_FLAP_MS (10 * 60000) // the same again within that is not told again

// The events that the step from `before` to `after` is, most urgent first; how many.
size_t notice_due(const struct rollout_status *before, const struct rollout_status *after,
                  enum rollout_event ret_events[ROLLOUT_EVENTS]);

struct notice_about {
  struct str ns, name, uid;
};
// The same for every try and every receiver: "<uid>-<number>".
struct str notice_id(const struct notice_about *about, const struct rollout_notice *notice,
                     struct arena *arena);
// The message in the words of the form.
struct json *notice_body(enum rollout_notification_form form, const struct notice_about *about,
                         const struct rollout_notice *notice, struct arena *arena);
