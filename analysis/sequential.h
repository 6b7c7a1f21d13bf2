// SPDX-License-Identifier: Apache-2.0
// Judge "sequential", the default: decides as soon as the evidence allows, with a proven bound on
// false alarms whatever the number of looks, steps, weight changes and the shape of the traffic.
//
//   fail  when the weighted average of all tests' wealth reaches 1/alpha: a canary never worse than
//         its tolerance gets there with a chance of at most alpha per release;
//   pass  when, since the step began, every test's evidence for the canary reaches 1/beta, and the
//         combined evidence against it is below one decade;
//   else  insufficient: the step's time limit and the user's policies decide.
//
// Comparisons with stable use the two-sample block of evidence.h; limits use block betting and,
// unless limit_alone, fail only together with the comparison. At weight 100 there is no control
// group: the comparison then is with the upper 95 % bound of stable in its last step, which is not
// concurrent and said so. A custom metric is a bet that it is over its limit in more than a tenth
// of the measurements.
#pragma once

#include "analysis/judge.h"

// With fewer scrapes than this in minDetect each is a block of evidence; with more, several make
// one, a sixth of minDetect long.
#define SEQUENTIAL_MERGE_BELOW 13
#define SEQUENTIAL_MERGED_PARTS 6

extern const struct judge judge_sequential;

// Everything a test needs to know besides its counts.
struct evidence_rule {
  struct line tolerance, accept; // relative
  struct guard guard;
  double phi;      // of the pass
  double scrape_s; // seconds that one refill of the guard stands for
};

// One block of a comparison with stable: the wealth, the pass and the stable rate, in that order.
// `in_step`: it counts for the pass.
void sequential_compare(struct test_evidence *evidence, const struct evidence_rule *rule,
                        const struct tally *block, double seconds, bool in_step);
// One block of a limit theta0; put together until it has 20 requests.
void sequential_limit(struct test_evidence *evidence, const struct evidence_rule *rule,
                      double theta0, const struct tally *block, double seconds, bool in_step);

// A new step: evidence for the canary starts again, bets are placed as at the start, and the
// evidence against it stays.
void sequential_step(struct metric_state *state);
int sequential_experts(const struct test_state *test); // beside cash

double sequential_alpha(const struct judge_settings *settings);
double sequential_beta(const struct judge_settings *settings);
// The rule of a test of specs[metric].
struct evidence_rule sequential_rule(const struct judge_scene *scene, size_t metric,
                                     const struct test_state *test);
// The share of the whole that a test of specs[metric] is worth; a custom metric's with test NULL.
double sequential_weight(const struct judge_scene *scene, size_t metric,
                         const struct test_state *test);
// Decades of one test as they count: a limit is worth no more than the comparison beside it.
double sequential_decades(const struct judge_scene *scene, size_t metric,
                          const struct test_state *test);
// log10 of the weighted average of all wealth.
double sequential_combined(const struct judge_scene *scene);
// The share of bad requests a limit stands for.
double sequential_limit_share(const struct metric_spec *spec);
// Whether the test compares with stable's last step, and that step's upper bound.
bool sequential_reference(const struct judge_scene *scene, const struct test_state *test,
                          double *ret_upper);
