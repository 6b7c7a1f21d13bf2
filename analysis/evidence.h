// SPDX-License-Identifier: Apache-2.0
// The evidence of one block of requests, as a log likelihood ratio whose expectation under the null
// is at most 1 (an e-value). Products of such ratios may be looked at as often as one likes.
// Canary (c) and stable (s): requests n, bad ones x. Natural logs. Pure arithmetic: counts from 0
// to 1e12 and any rates within 0..1 give finite results.
//
// The null is a line: theta_c = ratio * theta_s + points. Against the canary it is the tolerance,
// with an alternative above the line; for the canary it is the accept margin, with one below.
// Whoever chooses the alternative must do so before looking at the block's x.
#pragma once

#include <stdbool.h>

// Canary (c) and stable (s): requests (n) and bad ones among them (x).
struct tally {
  double n_c, x_c, n_s, x_s;
};

// theta_c = ratio * theta_s + points; `points` is a share here (0.0005, not 0.05 %).
struct line {
  double ratio, points;
};

// A pair of rates.
struct rates {
  double canary, stable;
};

// The point of the line nearest to `from` (Kullback-Leibler, weighted by the requests): the root of
// A l^2 + B l + C with A = rho (rho n_c + n_s), B = delta (rho n_c + n_s) - rho (n_c q_c + n_s
// q_s), C = -n_s q_s delta. Needs n_c > 0, from.stable > 0 and line.ratio > 0.
struct rates evidence_project(const struct line *line, const struct rates *from, double n_c,
                              double n_s);

// log e of a block for alternative `other` against the line, divided by phi >= 1 (overdispersion).
// 0 without canary or without stable requests: no control, no relative evidence.
double evidence_two_sample(const struct line *line, const struct rates *other,
                           const struct tally *block, double phi);

// log e of x bad among n against a fixed rate theta0 with alternative q:
// x log(q/theta0) - n (q - theta0), divided by phi.
double evidence_one_sample(double theta0, double q, double n, double x, double phi);

// The factor of block betting: 1 - lambda + lambda * (x/n) / theta0, as a log; 0 when n is 0.
// Its expectation is at most 1 as soon as E[x/n] <= theta0, whatever depends on what inside the
// block. lambda within 0..1; lambda 1 and x 0 give -INFINITY.
double evidence_betting(double theta0, double lambda, double n, double x);

// The rate of stable as known before a block: counts with forgetting (half-life 600 s) and a weak
// prior of 100 requests at `prior`.
struct stable_rate {
  double n, x;
};
double stable_rate_now(const struct stable_rate *rate, double prior);
// After the block; `seconds` since the last one.
void stable_rate_add(struct stable_rate *rate, double n, double x, double seconds);
// The prior that goes with a line: max(points, 1e-4).
double stable_rate_prior(const struct line *line);

// log(exp(a) + exp(b) + ...) without overflow.
double log_sum_exp(const double *logs, int count);
