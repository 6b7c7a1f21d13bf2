// SPDX-License-Identifier: Apache-2.0
// What is shown beside a decision, and what warns without deciding: intervals that hold at all
// times, whether the canary gets its share of the requests, how much more than chance the errors
// vary between equal pods. And two that were examined and
// not chosen, for cross-checks.
#pragma once

#include <stddef.h>

// Gamma-Poisson confidence sequence for a rate: log E(theta) after x bad among n, prior shape a and
// rate b. The interval is where log E <= log(1/alpha).
double confidence_log_e(double a, double b, double n, double x, double theta);
struct interval {
  double low, high;
};
// Valid at all times: it may be looked at after each scrape. [0,1] for n = 0. Prior a = 0.5, b =
// 100.
struct interval confidence_interval(double n, double x, double alpha);

// Dirichlet-multinomial log Bayes factor of counts against configured shares, with the prior
// 100 * share (two versions). 3 decades or more: the canary does not get its share of the requests
// (lost pods, wrong labels, sticky sessions). Never a reason to put the traffic back.
double share_log_bayes(double n_c, double n_s, double canary_share);

// Overdispersion from the split of each block's bad requests over equal pods: seasons and common
// shocks cancel out.
struct phi_estimate {
  double squares, expected;
};
// `requests` of each pod, or NULL: the same for all. One pod says nothing.
void phi_add(struct phi_estimate *estimate, const double *bad, const double *requests, size_t pods);
double phi_hat(const struct phi_estimate *estimate); // >= 1; 1 before there is anything

// One-sided conditional binomial test of rate ratio 1, beta(1,1) mixture: x_c of x_c + x_s bad
// requests against the canary's share pi0 of the requests (Lindon and Malek 2022).
double conditional_log_e(double x_c, double x_s, double pi0);
// Time-uniform band of a distribution function (Howard and Ramdas): half width after n values.
// INFINITY for n < 100.
double dkw_width(double n, double c);
double dkw_constant(double alpha); // C(alpha), for A = 0.85 and m = 100
