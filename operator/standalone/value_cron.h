// SPDX-License-Identifier: Apache-2.0
// Schedules of CronJobs. Pure. Source: github.com/robfig/cron/v3, ParseStandard.
#pragma once

#include "manifests/base/arena.h"

// Five fields or "@daily" and such; *ret_why says what is wrong.
bool value_cron_is_valid(struct str text, struct arena *arena, struct str *ret_why);
