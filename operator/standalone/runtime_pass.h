// SPDX-License-Identifier: Apache-2.0
// One pass over everything: workers for the pods of the API, then the controllers' plans for each
// owner whose earlier writes have been seen.
#pragma once

#include "operator/standalone/runtime_state.h"

void pass_run(struct runtime *runtime);
