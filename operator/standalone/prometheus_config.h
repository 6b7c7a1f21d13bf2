// SPDX-License-Identifier: Apache-2.0
// The configuration of the Prometheus that `serin up` starts. It scrapes the proxy's admin page and
// the operator every second: a release on one machine is judged within minutes, so 15 s would be
// too coarse, and two small pages a second cost nothing to speak of. Pure.
#pragma once

#include "manifests/base/buf.h"

#define PROMETHEUS_SCRAPE_MS 1000

void prometheus_config_write(struct buf *out, int admin_port, int operator_port);
