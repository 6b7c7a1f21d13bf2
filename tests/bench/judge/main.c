// SPDX-License-Identifier: Apache-2.0
// The bench of the judge; see tests/bench/analysis.
#include "manifests/base/bug.h"
#include "tests/bench/judge/judge.h"

#include <stdio.h>

static const struct {
  const char *name;
  void (*run)(const struct bench *bench);
} PARTS[] = {
    {"detection", bench_detection},   {"latency", bench_latency},
    {"robustness", bench_robustness}, {"healthy", bench_healthy_hours},
    {"rollouts", bench_rollouts},     {"cost", bench_cost},
};

static int usage(void) {
  fprintf(
      stderr,
      "usage: bench_judge [--runs N] [--hours N] [--seed N] [detection|latency|robustness|healthy|"
      "rollouts|cost]...\n");
  return 2;
}

int main(int argc, char **argv) {
  struct bench bench = {.runs = 2000, .hours = 10000, .seed = 1};
  bool asked[ARRAY_LEN(PARTS)] = {false}, any = false;
  for (int i = 1; i < argc; i++) {
    int64_t value = 0;
    struct str word = str_of(argv[i]);
    bool number = i + 1 < argc && str_to_i64(str_of(argv[i + 1]), &value) && value > 0;
    bool known = false;
    for (size_t p = 0; p < ARRAY_LEN(PARTS); p++)
      if (str_eq_z(word, PARTS[p].name))
        known = asked[p] = any = true;
    if (known)
      continue;
    if (number && str_eq_z(word, "--runs"))
      bench.runs = (size_t)value;
    else if (number && str_eq_z(word, "--hours"))
      bench.hours = (size_t)value;
    else if (number && str_eq_z(word, "--seed"))
      bench.seed = (uint64_t)value;
    else
      return usage();
    i++;
  }
  for (size_t p = 0; p < ARRAY_LEN(PARTS); p++)
    if (asked[p] || !any)
      PARTS[p].run(&bench);
  return 0;
}
