// SPDX-License-Identifier: Apache-2.0
// The one record of an exchange that has ended: counters, metrics, access log.
#pragma once

struct exchange_run;

// Once, when the answer has ended or will never come.
void exchange_record(struct exchange_run *run);
