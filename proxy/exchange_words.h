// SPDX-License-Identifier: Apache-2.0
// How the reasons and flags of an exchange are called: in answers, in logs and in metrics. For
// exchange.c; the texts themselves are declared in exchange.h.
#pragma once

#include "proxy/exchange.h"

struct exchange_reason_row {
  struct str text, body, body_retried, details;
  int status;
  uint32_t flag;
};

const struct exchange_reason_row *exchange_reason_row(enum exchange_reason reason);
