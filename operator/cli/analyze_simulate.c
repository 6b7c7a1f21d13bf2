// SPDX-License-Identifier: Apache-2.0
#include "analysis/sequential.h"
#include "analysis/simulate.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/text/json.h"
#include "operator/cli/analyze.h"
#include "operator/cli/print_object.h"
#include "operator/cli/table_text.h"

#include <math.h>
#include <stdio.h>

#define CANARIES_MAX 20

// What all runs with one canary came to.
struct canary_result {
  double canary_errors;
  size_t runs;
  struct simulate_quantiles fail, pass; // delays in seconds; pass: runs whose first decision is one
  double bad;                           // canary requests that failed, on average
};

struct study {
  struct simulate_traffic traffic;
  struct replay_rules rules;
  double canaries[CANARIES_MAX];
  size_t count;
};

static bool read_canaries(const struct analyze_options *options, struct study *study) {
  static const double USUAL[] = {.005, .01, .05};
  study->canaries[study->count++] = study->traffic.stable.errors;
  if (!options->canary_errors.count)
    for (size_t i = 0; i < ARRAY_LEN(USUAL); i++)
      if (USUAL[i] > study->traffic.stable.errors)
        study->canaries[study->count++] = USUAL[i];
  if (options->canary_errors.count > CANARIES_MAX - 1) {
    fprintf(stderr, "serin analyze: --canary-errors: at most %d\n", CANARIES_MAX - 1);
    return false;
  }
  if (options->canary_errors.count)
    study->count = 0;
  for (size_t i = 0; i < options->canary_errors.count; i++)
    if (!analyze_number(options->canary_errors.items[i], "canary-errors", 0, 1, 0,
                        &study->canaries[study->count++]))
      return false;
  return true;
}

static bool read_study(const struct analyze_options *options, struct study *study) {
  struct simulate_traffic *traffic = &study->traffic;
  *study = (struct study){.traffic = {.duration_s = (double)options->duration_ms / 1000}};
  if (!analyze_rules(options, &study->rules) ||
      !analyze_number(options->rps, "rps", .01, 1e6, 50, &traffic->rps) ||
      !analyze_number(options->weight, "weight", .0001, .9999, .1, &traffic->weight) ||
      !analyze_number(options->stable_errors, "stable-errors", 0, 1, .001,
                      &traffic->stable.errors) ||
      !analyze_number(options->stable_p99, "stable-p99", 1, 1e5, 300, &traffic->stable.p99_ms) ||
      !analyze_number(options->canary_p99, "canary-p99", 1, 1e5, traffic->stable.p99_ms,
                      &traffic->canary.p99_ms))
    return false;
  if (study->rules.interval_s <= 0)
    study->rules.interval_s = 5;
  // As in a release: of many scrapes in minDetect several make one block.
  double part_s = study->rules.min_detect_s / SEQUENTIAL_MERGED_PARTS;
  if (study->rules.interval_s * SEQUENTIAL_MERGE_BELOW < study->rules.min_detect_s)
    study->rules.interval_s *= floor(part_s / study->rules.interval_s);
  if (traffic->duration_s < study->rules.interval_s) {
    fprintf(stderr, "serin analyze: --duration is shorter than --interval\n");
    return false;
  }
  return read_canaries(options, study);
}

static struct canary_result run_all(const struct study *study, double canary_errors, size_t runs,
                                    uint64_t seed) {
  struct canary_result outcome = {.canary_errors = canary_errors, .runs = runs};
  struct simulate_traffic traffic = study->traffic;
  double *fails = xmalloc(runs * sizeof *fails), *passes = xmalloc(runs * sizeof *passes);
  struct rng rng;
  rng_init(&rng, seed);
  traffic.canary.errors = canary_errors;
  for (size_t i = 0; i < runs; i++) {
    struct simulate_run run = simulate_once(&rng, &traffic, &study->rules);
    fails[i] = run.fail_s;
    passes[i] = run.pass_s;
    outcome.bad += run.bad / (double)runs;
  }
  outcome.fail = simulate_quantiles(fails, runs);
  outcome.pass = simulate_quantiles(passes, runs);
  xfree(fails);
  xfree(passes);
  return outcome;
}

static void add_share(struct table_text *table, size_t part, size_t runs) {
  double share = 100 * (double)part / (double)runs;
  // Seen never: with 95 % confidence rarer than 3 in so many runs.
  table_text_add(table, part ? arena_printf(table->arena, "%.3g%%", share)
                             : arena_printf(table->arena, "0 (< %.2g%%)", 300 / (double)runs));
}

static void add_seconds(struct table_text *table, double seconds) {
  table_text_add(table, isnan(seconds) ? STR("-") : arena_printf(table->arena, "%.0fs", seconds));
}

static void print_table(const struct study *study, const struct canary_result *outcomes) {
  static const char *const HEAD[] = {"CANARY ERRORS",   "ROLLED BACK", "MEDIAN", "P95",
                                     "FAILED REQUESTS", "PASSED",      "MEDIAN"};
  const struct simulate_traffic *traffic = &study->traffic;
  struct arena arena = {0};
  struct table_text table;
  struct buf out;
  table_text_init(&table, &arena, ARRAY_LEN(HEAD));
  for (size_t i = 0; i < ARRAY_LEN(HEAD); i++)
    table_text_addz(&table, HEAD[i]);
  for (size_t i = 0; i < study->count; i++) {
    const struct canary_result *outcome = &outcomes[i];
    table_text_add(&table, arena_printf(&arena, "%.4g%%", 100 * outcome->canary_errors));
    add_share(&table, outcome->fail.count, outcome->runs);
    add_seconds(&table, outcome->fail.median);
    add_seconds(&table, outcome->fail.p95);
    table_text_add(&table, arena_printf(&arena, "%.3g", outcome->bad));
    add_share(&table, outcome->pass.count, outcome->runs);
    add_seconds(&table, outcome->pass.median);
  }
  buf_init(&out, 1u << 20);
  buf_addf(&out,
           "%zu runs of %.0fs each: %.4g requests/s, %.4g%% of them to the canary; stable %.4g%% "
           "errors, p99 %.4gms; canary p99 %.4gms\n\n",
           outcomes[0].runs, traffic->duration_s, traffic->rps, 100 * traffic->weight,
           100 * traffic->stable.errors, traffic->stable.p99_ms, traffic->canary.p99_ms);
  table_text_write(&table, &out);
  print_buf(&out);
  arena_dispose(&arena);
}

static void put_quantiles(struct arena *arena, struct json *json, const char *key,
                          const struct simulate_quantiles *quantiles, size_t runs) {
  struct json *item = json_need_object(arena, json, key);
  json_put(arena, item, "share", json_new_double(arena, (double)quantiles->count / (double)runs));
  if (!quantiles->count)
    return;
  json_put(arena, item, "medianSeconds", json_new_double(arena, quantiles->median));
  json_put(arena, item, "p95Seconds", json_new_double(arena, quantiles->p95));
}

static void print_json(const struct study *study, const struct canary_result *outcomes) {
  const struct simulate_traffic *traffic = &study->traffic;
  struct arena arena = {0};
  struct buf out;
  struct json *json = json_new_object(&arena);
  json_put_int(&arena, json, "runs", (int64_t)outcomes[0].runs);
  json_put(&arena, json, "durationSeconds", json_new_double(&arena, traffic->duration_s));
  json_put(&arena, json, "requestsPerSecond", json_new_double(&arena, traffic->rps));
  json_put(&arena, json, "weight", json_new_double(&arena, traffic->weight));
  json_put(&arena, json, "stableErrors", json_new_double(&arena, traffic->stable.errors));
  struct json *list = json_need_array(&arena, json, "canaries");
  for (size_t i = 0; i < study->count; i++) {
    struct json *item = json_new_object(&arena);
    json_put(&arena, item, "errors", json_new_double(&arena, outcomes[i].canary_errors));
    put_quantiles(&arena, item, "rolledBack", &outcomes[i].fail, outcomes[i].runs);
    put_quantiles(&arena, item, "passed", &outcomes[i].pass, outcomes[i].runs);
    json_put(&arena, item, "failedRequests", json_new_double(&arena, outcomes[i].bad));
    json_append(list, item);
  }
  buf_init(&out, 1u << 20);
  json_write_pretty(&out, json);
  print_buf(&out);
  arena_dispose(&arena);
}

int analyze_simulate(const struct analyze_options *options) {
  struct canary_result outcomes[CANARIES_MAX];
  struct study study;
  bool json = str_eq_z(options->output, "json");
  if (!json && options->output.len) {
    fprintf(stderr, "serin analyze: -o: expected json, found \"%.*s\"\n", STR_ARG(options->output));
    return EXIT_USAGE;
  }
  if (!read_study(options, &study))
    return EXIT_USAGE;
  for (size_t i = 0; i < study.count; i++)
    outcomes[i] =
        run_all(&study, study.canaries[i], (size_t)options->runs, (uint64_t)options->seed + i);
  if (json)
    print_json(&study, outcomes);
  else
    print_table(&study, outcomes);
  return EXIT_DONE;
}
