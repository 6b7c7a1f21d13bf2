// SPDX-License-Identifier: Apache-2.0
#include "analysis/wealth.h"

#include <math.h>

#define BET 0.8        // of the stake; the rest is cash
#define SHARE_S 1800.0 // in so many seconds the whole stake is spread anew
#define LOG_TEN 2.302585092994045684

static const double GRID[WEALTH_EXPERTS] = {1.4, 2, 3, 5, 10, 25};
const double BETTING_LAMBDAS[BETTING_EXPERTS] = {.05, .1, .2, .4, .8};

struct guard guard_make(double alpha, double weight, double min_detect_s, double scrape_s) {
  double scrapes = fmax(2, ceil(min_detect_s / scrape_s));
  struct guard guard = {.need = -log10(alpha * weight)};
  guard.cap = guard.need / fmin(scrapes, 3);
  guard.refill = (guard.need - guard.cap) / (scrapes - 1);
  return guard;
}

static double prior(int slot, int experts) {
  return slot ? BET / experts : 1 - BET;
}

void wealth_step(struct wealth *wealth, int experts) {
  for (int i = 0; i < WEALTH_SLOTS; i++)
    wealth->v[i] = i <= experts ? prior(i, experts) : 0;
}

void wealth_init(struct wealth *wealth, int experts, const struct guard *guard) {
  *wealth = (struct wealth){.tokens = guard->cap};
  wealth_step(wealth, experts);
}

void wealth_idle(struct wealth *wealth, double scrapes, const struct guard *guard) {
  wealth->tokens = fmin(guard->cap, wealth->tokens + guard->refill * scrapes);
}

double wealth_add(struct wealth *wealth, const double *log_e, int experts, double seconds,
                  double scrapes, const struct guard *guard) {
  double logs[WEALTH_SLOTS];
  logs[0] = log(wealth->v[0]);
  for (int i = 1; i <= experts; i++)
    logs[i] = log(wealth->v[i]) + log_e[i - 1];
  double total = log_sum_exp(logs, experts + 1);
  double growth = total / LOG_TEN;
  double granted = fmin(growth, wealth->tokens);
  double share = fmin(1, fmax(seconds, 0) / SHARE_S);
  for (int i = 0; i <= experts; i++)
    wealth->v[i] = (1 - share) * exp(logs[i] - total) + share * prior(i, experts);
  wealth->decades += granted;
  wealth->tokens = wealth->tokens - fmax(granted, 0);
  wealth_idle(wealth, scrapes, guard);
  return growth;
}

void wealth_bets(const struct line *line, double stable, const struct tally *block, double phi,
                 double *ret_log_e) {
  double bound = line->ratio * stable + line->points;
  for (int i = 0; i < WEALTH_EXPERTS; i++) {
    struct rates other = {fmin(1, GRID[i] * bound), stable};
    // An alternative on the wrong side of the line would be a bet for the canary.
    ret_log_e[i] = other.canary > bound ? evidence_two_sample(line, &other, block, phi) : 0;
  }
}

void wealth_bets_fixed(double theta0, double n, double x, double phi, double *ret_log_e) {
  for (int i = 0; i < WEALTH_EXPERTS; i++) {
    double other = fmin(1, GRID[i] * theta0);
    ret_log_e[i] = other > theta0 ? evidence_one_sample(theta0, other, n, x, phi) : 0;
  }
}

void wealth_bets_absolute(double theta0, double n, double x, double *ret_log_e) {
  for (int i = 0; i < BETTING_EXPERTS; i++)
    ret_log_e[i] = evidence_betting(theta0, BETTING_LAMBDAS[i], n, x);
}

double pass_growth(const struct line *line, double stable, const struct tally *block, double phi) {
  struct rates other = {stable, stable};
  if (!(other.canary < line->ratio * stable + line->points))
    return 0;
  return evidence_two_sample(line, &other, block, phi) / LOG_TEN;
}

double wealth_combine(const double *weights, const double *decades, int count) {
  double most = -INFINITY, sum = 0;
  for (int i = 0; i < count; i++)
    if (weights[i] > 0)
      most = fmax(most, decades[i]);
  for (int i = 0; i < count; i++)
    sum += weights[i] * pow(10, decades[i] - most);
  return isfinite(most) ? most + log10(sum) : most;
}
