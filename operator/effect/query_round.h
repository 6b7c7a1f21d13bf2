// SPDX-License-Identifier: Apache-2.0
// One round of questions to one Prometheus for all releases that are due, however many: a few
// queries, and when the last is answered, a judgement for each release. Private to operator/effect.
#pragma once

#include "operator/effect/controller_parts.h"

struct round_release {
  struct release *release;
  const struct judge *judge;
  struct judge_settings settings;
  struct arena arena; // of subject and verdict; becomes the release's
  struct subject *subject;
};

// The round of that source among `rounds` (by source key), made when there is none.
struct round *round_of(struct controller *controller, struct map *rounds,
                       const struct prometheus_source *source);
void round_join(struct round *round, const struct round_release *asked);
// How often the proxies are scraped: as the operator was told, or longer where that was seen.
int64_t round_scrape_ms(const struct controller *controller, struct str source_key);
void round_ask(struct round *round); // ends by itself
void round_cancel_all(struct controller *controller);
