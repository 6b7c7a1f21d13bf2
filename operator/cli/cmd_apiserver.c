// SPDX-License-Identifier: Apache-2.0
// `serin apiserver`: the embedded API server alone. Started by `serin up`; hidden.
#include "manifests/base/log.h"
#include "operator/cli/options.h"
#include "operator/standalone/apiserver.h"

#include <stddef.h>
#include <stdio.h>

struct apiserver_cli {
  struct str data, log_level;
  int64_t listen_fd, port, rate, burst;
};

static const struct option_row rows[] = {
    {.name = "data",
     .type = OPTION_STRING,
     .offset = offsetof(struct apiserver_cli, data),
     .value = "DIR",
     .help = "Where everything is kept."},
    {.name = "listen-fd",
     .type = OPTION_INT,
     .offset = offsetof(struct apiserver_cli, listen_fd),
     .value = "N",
     .fallback = "-1",
     .help = "An inherited listening socket.",
     .min = -1,
     .max = 65535},
    {.name = "port",
     .type = OPTION_INT,
     .offset = offsetof(struct apiserver_cli, port),
     .value = "N",
     .fallback = "0",
     .help = "The port on 127.0.0.1, without an inherited socket; 0 takes a free one.",
     .min = 0,
     .max = 65535},
    {.name = "rate",
     .type = OPTION_INT,
     .offset = offsetof(struct apiserver_cli, rate),
     .value = "N",
     .fallback = "0",
     .help = "Requests a second that one token may make; 0: 1000.",
     .min = 0,
     .max = 1000000},
    {.name = "burst",
     .type = OPTION_INT,
     .offset = offsetof(struct apiserver_cli, burst),
     .value = "N",
     .fallback = "0",
     .help = "How many of them at once, after a pause; 0: 10000.",
     .min = 0,
     .max = 1000000},
    {.name = "log-level",
     .type = OPTION_STRING,
     .offset = offsetof(struct apiserver_cli, log_level),
     .value = "LEVEL",
     .fallback = "info",
     .help = "debug, info, warn or error."},
};

static int run(const void *given, const struct str *arguments, size_t count) {
  const struct apiserver_cli *cli = given;
  enum log_level level;
  struct err err;
  (void)arguments, (void)count;
  if (cli->data.len == 0) {
    fprintf(stderr, "serin apiserver: --data DIR is needed\n");
    return EXIT_USAGE;
  }
  if (!log_parse_level(cli->log_level, &level)) {
    fprintf(stderr, "serin apiserver: --log-level is debug, info, warn or error, not \"%.*s\"\n",
            STR_ARG(cli->log_level));
    return EXIT_USAGE;
  }
  log_set_part("apiserver");
  log_set_level(level);
  struct apiserver_options options = {.data = cli->data.ptr,
                                      .listen_fd = (int)cli->listen_fd,
                                      .port = (int)cli->port,
                                      .rate = cli->rate,
                                      .burst = cli->burst,
                                      .announce = cli->listen_fd < 0};
  if (apiserver_run(&options, &err)) {
    LOG(LOG_ERROR, "cannot serve", LOG_Z("error", err.msg));
    return EXIT_FAILED;
  }
  return EXIT_DONE;
}

const struct command cmd_apiserver = {
    .name = "apiserver",
    .summary = "The embedded API server alone.",
    .size = sizeof(struct apiserver_cli),
    .options = rows,
    .option_count = sizeof(rows) / sizeof(rows[0]),
    .hidden = true,
    .run = run,
};
