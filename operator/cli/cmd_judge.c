// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "manifests/base/log.h"
#include "operator/cli/options.h"
#include "operator/effect/judge_main.h"

#include <stdio.h>

struct judge_command {
  struct str prometheus, credentials, address, token_file, log_level;
  int64_t port, scrape_ms, timeout_ms, max_runs, expire_ms;
};

#define AT(field) offsetof(struct judge_command, field)

static const struct option_row rows[] = {
    {"prometheus", 0, OPTION_STRING, AT(prometheus), "URL", NULL, "Where the metrics are.", 0, 0},
    {"prometheus-credentials", 0, OPTION_STRING, AT(credentials), "DIR", NULL,
     "Files token, or username and password; ca.crt; tls.crt and tls.key: a mounted Secret.", 0, 0},
    {"prometheus-timeout", 0, OPTION_DURATION, AT(timeout_ms), "DURATION", "5s",
     "Longest time for one query.", 0, 0},
    {"token-file", 0, OPTION_STRING, AT(token_file), "FILE", NULL,
     "Bearer token that callers must bring; a file that only its owner can read.", 0, 0},
    {"address", 0, OPTION_STRING, AT(address), "ADDR", "127.0.0.1", "IP address to listen on.", 0,
     0},
    {"port", 0, OPTION_INT, AT(port), "N", "8090", "Port to listen on; 0: any free one.", 0, 65535},
    {"scrape-interval", 0, OPTION_DURATION, AT(scrape_ms), "DURATION", "5s",
     "How often Prometheus scrapes the proxies: samples that new wait for the next look.", 0, 0},
    {"max-runs", 0, OPTION_INT, AT(max_runs), "N", "1000", "Runs that are kept at once.", 1,
     100000},
    {"expire", 0, OPTION_DURATION, AT(expire_ms), "DURATION", "1h",
     "A run that nobody asked for so long is forgotten.", 0, 0},
    {"log-level", 0, OPTION_STRING, AT(log_level), "LEVEL", "info", "debug, info, warn or error.",
     0, 0},
};

static int usage(const char *what) {
  fprintf(stderr, "serin judge: %s\n", what);
  return EXIT_USAGE;
}

static int run(const void *options, const struct str *arguments, size_t count) {
  (void)arguments, (void)count;
  const struct judge_command *given = options;
  struct err err = {0};
  enum log_level level;
  struct judge_options run_options = {.target = {.address = given->prometheus,
                                                 .credentials = given->credentials,
                                                 .timeout_ms = given->timeout_ms},
                                      .address = given->address,
                                      .port = (int)given->port,
                                      .token_file = given->token_file,
                                      .scrape_ms = given->scrape_ms,
                                      .max_runs = given->max_runs,
                                      .expire_ms = given->expire_ms};
  if (!log_parse_level(given->log_level, &level))
    return usage("--log-level: expected debug, info, warn or error");
  if (!given->prometheus.len || !given->token_file.len)
    return usage("--prometheus URL and --token-file FILE are needed");
  if (prometheus_target_check(&run_options.target, &err) != RC_OK)
    return usage(err.msg);
  log_set_part("judge");
  log_set_level(level);
  if (judge_run(&run_options, &err) == RC_OK)
    return EXIT_DONE;
  fprintf(stderr, "serin judge: %s\n", err.msg);
  return EXIT_FAILED;
}

const struct command cmd_judge = {
    .name = "judge",
    .summary = "Answer Argo Rollouts and Flagger over HTTP with the judge's verdict.",
    .details = "POST /v1/argo for Argo Rollouts' web metric provider, POST /v1/flagger for a "
               "Flagger webhook. Each run is\nlooked at by itself, once per interval; its evidence "
               "is kept until nobody asks for it any more.",
    .size = sizeof(struct judge_command),
    .options = rows,
    .option_count = ARRAY_LEN(rows),
    .run = run,
};
