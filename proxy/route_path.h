// SPDX-License-Identifier: Apache-2.0
// Between route.c and route_path.c only.
#pragma once

#include "proxy/route.h"

// Whether the rewrite of the decision's route can be done; worker->path then holds the new path.
bool route_path_fits(const struct route_decision *decision, const struct route_request *request,
                     struct route_worker *worker);
