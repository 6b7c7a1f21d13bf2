// SPDX-License-Identifier: Apache-2.0
// The times of "%START_TIME(form)%": the directives of strftime that people use, fractions of a
// second as Envoy writes them (%3f, %6f, %9f, %E3S), always UTC. Pure.
#pragma once

#include "manifests/base/str.h"

#include <stdint.h>

// Whether every directive of the form is known; "" stands for ISO 8601 with milliseconds.
bool header_time_is_valid(struct str form);
// `ms` since 1970. Returns the length written into out[0..room); what does not fit is cut off.
size_t header_time_write(struct str form, int64_t ms, char *out, size_t room);
