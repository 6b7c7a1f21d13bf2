// SPDX-License-Identifier: Apache-2.0
// The endpoint of a request's next try: what pick.h decides, with the worker's loads, health and
// random numbers.
#pragma once

#include <stdbool.h>

struct exchange_run;
struct table_endpoint;

// `avoid`: not those this request has tried. NULL when there is no usable one.
const struct table_endpoint *balance_pick(struct exchange_run *run, bool avoid);
