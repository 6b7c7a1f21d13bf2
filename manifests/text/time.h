// SPDX-License-Identifier: Apache-2.0
// RFC 3339 time stamps (as metav1.Time) and milliseconds since 1970 UTC. Pure.
#pragma once

#include "manifests/base/arena.h"

// "2026-01-29T12:00:00Z", also with fractions and offsets.
bool time_parse(struct str text, int64_t *ret_ms);
struct str time_format(struct arena *arena, int64_t ms);       // seconds, as metav1.Time
struct str time_format_micro(struct arena *arena, int64_t ms); // as metav1.MicroTime (Leases)
struct str time_format_ms(struct arena *arena, int64_t ms);    // with milliseconds
// Days since 1970-01-01 of a date of the Gregorian calendar, and back; months and days from 1.
int64_t time_days_of(int64_t year, int64_t month, int64_t day);
void time_date_of(int64_t days, int64_t *ret_year, int64_t *ret_month, int64_t *ret_day);
