// SPDX-License-Identifier: Apache-2.0
// Random counts for simulations, exact in law: Hoermann's transformed rejection for large means
// (1993), inversion for small ones.
#pragma once

#include "manifests/base/rng.h"

double draw_poisson(struct rng *rng, double mean);
double draw_binomial(struct rng *rng, double n, double p); // n whole, p within 0..1
double draw_normal(struct rng *rng);                       // mean 0, deviation 1
