// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/prometheus_config.h"

void prometheus_config_write(struct buf *out, int admin_port, int operator_port) {
  buf_addf(out,
           "# Written by serin up at each start; changes are lost.\n"
           "global:\n"
           "  scrape_interval: %ds\n"
           "  scrape_timeout: %ds\n"
           "  evaluation_interval: %ds\n"
           "scrape_configs:\n"
           "- job_name: serin-proxy\n"
           "  static_configs:\n"
           "  - targets: ['127.0.0.1:%d']\n"
           "- job_name: serin-operator\n"
           "  static_configs:\n"
           "  - targets: ['127.0.0.1:%d']\n"
           "- job_name: pods\n"
           "  file_sd_configs:\n"
           "  - files: [pods.json]\n",
           PROMETHEUS_SCRAPE_MS / 1000, PROMETHEUS_SCRAPE_MS / 1000, PROMETHEUS_SCRAPE_MS / 1000,
           admin_port, operator_port);
}
