// SPDX-License-Identifier: Apache-2.0
// A wealth process: what a bettor against "the canary is within its bound" owns, starting from 1.
// Its stake is spread over a few experts and cash, new bets are opened all the time (fixed share:
// what makes a late change visible), and how fast it may grow is limited (burst guard). Whatever
// happens, the chance that it ever reaches 1/alpha while the bound is kept is at most alpha.
#pragma once

#include "analysis/evidence.h"

#define WEALTH_EXPERTS 6 // beside cash, which is v[0]
#define WEALTH_SLOTS (WEALTH_EXPERTS + 1)

struct wealth {
  double v[WEALTH_SLOTS]; // shares of the stake, sum 1
  double decades;         // log10 of the wealth
  double tokens;          // decades it may grow now
};

// The burst guard: a token bucket in decades. cap INFINITY switches it off.
struct guard {
  double need;   // D: decades that this process needs alone, log10(1/(alpha * weight))
  double cap;    // most it may grow in one block
  double refill; // decades per scrape
};
// From wealth 1 at least `min_detect_s` of bad scrapes are needed, and never fewer than two.
// weight within (0,1].
struct guard guard_make(double alpha, double weight, double min_detect_s, double scrape_s);

// Wealth 1, a full bucket, the stake spread as in a new step.
void wealth_init(struct wealth *wealth, int experts, const struct guard *guard);
// A new step: bets as at the start; the wealth stays.
void wealth_step(struct wealth *wealth, int experts);
// One block: the experts' log e (natural), the seconds and the scrapes it stands for. Returns the
// growth in decades before the guard cut it.
double wealth_add(struct wealth *wealth, const double *log_e, int experts, double seconds,
                  double scrapes, const struct guard *guard);
// Time that passed without a block: only tokens come back.
void wealth_idle(struct wealth *wealth, double scrapes, const struct guard *guard);

// The log e of each of the WEALTH_EXPERTS experts for "worse than the line allows": alternatives
// 1.4 to 25 times the tolerated rate, beside `stable`, the stable rate known before the block.
void wealth_bets(const struct line *line, double stable, const struct tally *block, double phi,
                 double *ret_log_e);
// The same against a fixed rate instead of a concurrent stable: alternatives are multiples of it.
void wealth_bets_fixed(double theta0, double n, double x, double phi, double *ret_log_e);

// Block betting against an absolute bound: five experts, each with one lambda.
#define BETTING_EXPERTS 5
extern const double BETTING_LAMBDAS[BETTING_EXPERTS];
void wealth_bets_absolute(double theta0, double n, double x, double *ret_log_e);

// One block for "better than the line demands": the canary equals stable. In decades. 0 where the
// stable rate is not below the line.
double pass_growth(const struct line *line, double stable, const struct tally *block, double phi);

// log10 of the weighted average of wealths given in decades: what is worth as much as one wealth
// under any dependence between them. The weights' sum is 1.
double wealth_combine(const double *weights, const double *decades, int count);
