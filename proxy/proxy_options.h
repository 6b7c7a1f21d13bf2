// SPDX-License-Identifier: Apache-2.0
// What the options of `serin proxy` mean. For proxy_main.c.
#pragma once

#include "proxy/proxy_main.h"
#include "proxy/worker.h"

// RC_USAGE: two that exclude each other, one that is missing, or a word that is none of an
// option's.
int proxy_options_check(const struct proxy_options *options, unsigned *ret_reporters,
                        struct http1_rules *ret_http1, struct err *err);
// Of each of that many workers.
struct worker_limits proxy_options_limits(const struct proxy_options *options, unsigned workers);
