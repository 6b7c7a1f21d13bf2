// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "operator/cli/analyze.h"

#include <stdio.h>

bool analyze_number(struct str text, const char *option, double low, double high, double fallback,
                    double *ret_value) {
  bool percent = str_ends(text, STR("%"));
  double value = fallback;
  if (text.len && !str_to_double(str_slice(text, 0, text.len - (percent ? 1 : 0)), &value))
    value = -1;
  *ret_value = percent ? value / 100 : value;
  if (*ret_value >= low && *ret_value <= high)
    return true;
  fprintf(stderr, "serin analyze: --%s: expected a number from %g to %g%s, found \"%.*s\"\n",
          option, low, high, high <= 1 ? " (or such as 10%)" : "", STR_ARG(text));
  return false;
}

bool analyze_rules(const struct analyze_options *options, struct replay_rules *ret_rules) {
  struct err err = {0};
  const struct judge_preset *preset = judge_preset_find(options->preset, &err);
  if (!preset) {
    fprintf(stderr, "serin analyze: --preset: %s\n", err.msg);
    return false;
  }
  struct replay_rules rules = replay_rules(preset);
  if (!analyze_number(options->alpha, "alpha", 1e-9, .5, rules.alpha, &rules.alpha) ||
      !analyze_number(options->beta, "beta", 1e-9, .5, rules.beta, &rules.beta))
    return false;
  rules.interval_s = (double)options->interval_ms / 1000;
  rules.min_step_s = (double)options->min_ms / 1000;
  rules.warmup_s = (double)options->warmup_ms / 1000;
  if (options->min_detect_ms)
    rules.min_detect_s = (double)options->min_detect_ms / 1000;
  *ret_rules = rules;
  return true;
}

static bool has_replay(const struct analyze_options *options) {
  return options->replay.len > 0;
}
static bool has_simulate(const struct analyze_options *options) {
  return options->simulate;
}

static bool has_prometheus(const struct analyze_options *options) {
  return options->prometheus.len > 0;
}

static const struct {
  const char *option;
  bool (*is_asked)(const struct analyze_options *options);
  int (*run)(const struct analyze_options *options);
} MODES[] = {
    {"--replay FILE", has_replay, analyze_replay},
    {"--simulate", has_simulate, analyze_simulate},
    {"--prometheus URL", has_prometheus, analyze_backtest},
};

// An option of another mode would be ignored in silence.
static bool has_foreign(const struct analyze_options *options) {
  const struct {
    const char *name;
    struct str value;
  } backtest[] = {{"service", options->service},
                  {"canary", options->canary},
                  {"stable", options->stable},
                  {"judge", options->judge}};
  for (size_t i = 0; i < ARRAY_LEN(backtest) && !has_prometheus(options); i++) {
    if (!backtest[i].value.len)
      continue;
    fprintf(stderr, "serin analyze: --%s is for --prometheus\n", backtest[i].name);
    return true;
  }
  return false;
}

static int run(const void *data, const struct str *arguments, size_t count) {
  const struct analyze_options *options = data;
  size_t asked = 0, which = 0;
  (void)arguments, (void)count;
  for (size_t i = 0; i < ARRAY_LEN(MODES); i++)
    if (MODES[i].is_asked(options)) {
      which = i;
      asked++;
    }
  if (asked == 1 && has_foreign(options))
    return EXIT_USAGE;
  if (asked == 1)
    return MODES[which].run(options);
  fprintf(stderr, "serin analyze: expected one of");
  for (size_t i = 0; i < ARRAY_LEN(MODES); i++)
    fprintf(stderr, "%s %s", i ? " |" : "", MODES[i].option);
  fputc('\n', stderr);
  return EXIT_USAGE;
}

#define FIELD(name) offsetof(struct analyze_options, name)
static const struct option_row rows[] = {
    {"replay", 0, OPTION_STRING, FIELD(replay), "FILE", NULL,
     "Judge recorded counts, one JSON object a line; - for standard input.", 0, 0},
    {"simulate", 0, OPTION_FLAG, FIELD(simulate), NULL, NULL,
     "Judge made-up traffic many times: false alarms and detection delays.", 0, 0},
    {"output", 'o', OPTION_STRING, FIELD(output), "FORMAT", NULL, "json, or a table.", 0, 0},
    {"stop", 0, OPTION_FLAG, FIELD(stop), NULL, NULL,
     "With --replay and --prometheus: end at the first decision.", 0, 0},
    {"preset", 0, OPTION_STRING, FIELD(preset), "NAME", NULL,
     "Tolerances and margins: default, strict or tolerant.", 0, 0},
    {"alpha", 0, OPTION_STRING, FIELD(alpha), "CHANCE", NULL,
     "Bound on the chance of a false rollback; the preset's is 0.01.", 0, 0},
    {"beta", 0, OPTION_STRING, FIELD(beta), "CHANCE", NULL,
     "Bound on the chance of a false pass by evidence; the preset's is 0.05.", 0, 0},
    {"interval", 0, OPTION_DURATION, FIELD(interval_ms), "DURATION", NULL,
     "Between two scrapes. Left out: what is usual in FILE; 5s with --simulate.", 0, 0},
    {"min-detect", 0, OPTION_DURATION, FIELD(min_detect_ms), "DURATION", NULL,
     "Shortest decision against the canary; the preset's is 30s.", 0, 0},
    {"min", 0, OPTION_DURATION, FIELD(min_ms), "DURATION", "1m", "No pass before.", 0, 0},
    {"warmup", 0, OPTION_DURATION, FIELD(warmup_ms), "DURATION", "1m",
     "Slow requests are ignored so long.", 0, 0},
    {"rps", 0, OPTION_STRING, FIELD(rps), "N", NULL,
     "With --simulate: requests per second of both versions; 50.", 0, 0},
    {"weight", 0, OPTION_STRING, FIELD(weight), "SHARE", NULL, "The canary's share; 10%.", 0, 0},
    {"stable-errors", 0, OPTION_STRING, FIELD(stable_errors), "SHARE", NULL,
     "Error rate of stable; 0.1%.", 0, 0},
    {"canary-errors", 0, OPTION_LIST, FIELD(canary_errors), "SHARE", NULL,
     "Error rate of a canary, repeated for several; stable's, 0.5%, 1% and 5%.", 0, 0},
    {"stable-p99", 0, OPTION_STRING, FIELD(stable_p99), "MS", NULL, "p99 of stable; 300.", 0, 0},
    {"canary-p99", 0, OPTION_STRING, FIELD(canary_p99), "MS", NULL, "p99 of the canary; stable's.",
     0, 0},
    {"duration", 0, OPTION_DURATION, FIELD(duration_ms), "DURATION", "1h", "Of each run.", 0, 0},
    {"runs", 0, OPTION_INT, FIELD(runs), "N", "1000", "How many runs.", 1, 1000000},
    {"seed", 0, OPTION_INT, FIELD(seed), "N", "1", "The same seed gives the same result.", 0,
     INT64_MAX},
    {"prometheus", 0, OPTION_STRING, FIELD(prometheus), "URL", NULL,
     "Judge what this Prometheus has recorded.", 0, 0},
    {"prometheus-credentials", 0, OPTION_STRING, FIELD(credentials), "DIR", NULL,
     "Files token, or username and password; ca.crt; tls.crt and tls.key: a mounted Secret.", 0, 0},
    {"start", 0, OPTION_STRING, FIELD(start), "TIME", NULL,
     "With --prometheus: when the canary got its traffic; 2026-11-24T10:00:00Z, seconds since "
     "1970, "
     "or how long ago. 1h ago.",
     0, 0},
    {"end", 0, OPTION_STRING, FIELD(end), "TIME", NULL, "And until when. Now.", 0, 0},
    {"service", 0, OPTION_STRING, FIELD(service), "NAME", NULL,
     "destination_service, for example web.demo.svc.cluster.local.", 0, 0},
    {"canary-service", 0, OPTION_STRING, FIELD(canary_service), "NAME", NULL,
     "That of the canary, where it has its own.", 0, 0},
    {"canary", 0, OPTION_STRING, FIELD(canary), "VALUE", NULL, "Of the label, for the canary.", 0,
     0},
    {"stable", 0, OPTION_STRING, FIELD(stable), "VALUE", NULL, "Of the label, for stable.", 0, 0},
    {"label", 0, OPTION_STRING, FIELD(label), "NAME", NULL,
     "Which tells them apart; destination_version.", 0, 0},
    {"reporter", 0, OPTION_STRING, FIELD(reporter), "NAME", NULL, "source or destination; source.",
     0, 0},
    {"metrics", 0, OPTION_STRING, FIELD(metrics), "LIST", NULL,
     "NAME or NAME=LIMIT, separated by commas; error-rate,latency-p99.", 0, 0},
    {"judge", 0, OPTION_STRING, FIELD(judge), "NAME", NULL,
     "With --prometheus: another judge than sequential.", 0, 0},
};

const struct command cmd_analyze = {
    .name = "analyze",
    .arguments = "--replay FILE | --simulate | --prometheus URL --service NAME --canary VALUE "
                 "--stable VALUE",
    .summary = "Run the judge without a rollout: on recorded counts, made-up traffic, or what "
               "Prometheus knows.",
    .details = "A line of FILE has the counts since the line before:\n"
               "  {\"t\": 5, \"canary\": {\"requests\": 50, \"errors\": 1, \"slow\": {\"250\": 3, "
               "\"500\": 1}}, "
               "\"stable\": {...}}\n"
               "Lines with \"history\": true come first, carry \"stable\" alone and tell its usual "
               "rates.\n"
               "Evidence is in decades, as have/need: 2 against is a chance of at most 1 in 100 "
               "for a canary "
               "within its tolerance.\n"
               "Exit code of --replay and --prometheus: 0 pass, 1 fail, 3 inconclusive, by the "
               "first decision.",
    .size = sizeof(struct analyze_options),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .run = run,
};
