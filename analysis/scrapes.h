// SPDX-License-Identifier: Apache-2.0
// When each target was scraped with success: tells a series that was born from one that is merely
// new to us. A target is the pair of labels job and instance; a series with neither has no target,
// and is never taken for born.
#pragma once

#include "analysis/prometheus.h"

struct scrapes;
struct scrapes *scrapes_new(struct arena *arena);
void scrapes_add_up(struct scrapes *scrapes, const struct prom_result *up); // points with value 1
void scrapes_add(struct scrapes *scrapes,
                 const struct prom_result *result); // each sample proves a scrape
// Ends the adding; to be called before any question.
void scrapes_seal(struct scrapes *scrapes);
bool scrapes_any_before(const struct scrapes *scrapes, const struct prom_series *series,
                        int64_t at_ms);
// Strictly between the two.
bool scrapes_any_between(const struct scrapes *scrapes, const struct prom_series *series,
                         int64_t after_ms, int64_t before_ms);
bool scrapes_is_empty(const struct scrapes *scrapes);
