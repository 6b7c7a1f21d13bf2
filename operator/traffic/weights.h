// SPDX-License-Identifier: Apache-2.0
// Shares as whole numbers. Shares of the canary are parts of 10,000 everywhere in the operator; a
// route wants small whole weights. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Divides `share` (what stable and canary have together) so that the canary gets `parts` of 10,000
// of it, exactly. `others` are the weights of the destinations that are not ours; they keep their
// share, and their very number wherever that is exact. Without others the sum is 100, 1000 or
// 10,000, the least that is exact. `share` > 0.
void weights_split(int64_t parts, int64_t share, int64_t *others, size_t others_count,
                   int64_t *ret_stable, int64_t *ret_canary);
// The canary's parts of 10,000, to the nearest; 0 when both are 0.
int64_t weights_parts(int64_t stable, int64_t canary);
// Whether `canary` of `all` requests is what a canary with `parts` of 10,000 gets: within three
// standard deviations of the binomial distribution, and of so many requests that another share
// would be told from it. With 0 or 10,000 parts one request in 200 may be on its way still.
bool weights_agree(int64_t parts, double canary, double all);
