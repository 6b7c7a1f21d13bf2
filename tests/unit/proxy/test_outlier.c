// SPDX-License-Identifier: Apache-2.0
#include "proxy/outlier.h"

#include "manifests/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct outlier_policy policy_of(uint32_t percent) {
  return (struct outlier_policy){.consecutive_5xx = 5,
                                 .consecutive_gateway = 5,
                                 .consecutive_local = 5,
                                 .interval_ms = 10000,
                                 .base_ms = 30000,
                                 .max_ms = 300000,
                                 .max_percent = percent};
}

static uint32_t feed(const struct outlier_policy *policy, struct outlier_host *host,
                     uint32_t *ejected, size_t total, const char *statuses) {
  uint32_t effects = 0;
  for (const char *at = statuses; *at; at += 4) // "500 502 ..."
    effects |= outlier_step(policy, host, ejected, total, OUTLIER_RESPONSE,
                            (at[0] - '0') * 100 + (at[1] - '0') * 10 + (at[2] - '0'), 0);
  return effects;
}

static void five_in_a_row_eject(void **state) {
  (void)state;
  struct outlier_policy policy = policy_of(100);
  struct outlier_host host = {0};
  uint32_t ejected = 0;
  assert_int_equal(feed(&policy, &host, &ejected, 2, "500 500 500 500 200 500 500 500 500 "), 0);
  assert_int_equal(feed(&policy, &host, &ejected, 2, "404 500 501 599 500 "), 0);
  assert_false(outlier_is_quiet(&host));
  assert_int_equal(feed(&policy, &host, &ejected, 2, "500 "),
                   OUTLIER_DETECTED_5XX | OUTLIER_EJECTED_5XX);
  assert_true(host.is_ejected);
  assert_int_equal(ejected, 1);
  assert_true(outlier_is_quiet(&host));
}

// Counted with 5 although nothing was declared, and ejects only when it was.
static void gateway_errors_have_a_counter_of_their_own(void **state) {
  (void)state;
  struct outlier_policy policy = policy_of(100);
  struct outlier_host host = {0};
  uint32_t ejected = 0;
  policy.consecutive_5xx = 0;
  assert_int_equal(feed(&policy, &host, &ejected, 2, "502 503 504 502 502 "),
                   OUTLIER_DETECTED_GATEWAY);
  assert_false(host.is_ejected);
  policy.enforce_gateway = true;
  policy.consecutive_gateway = 3;
  assert_int_equal(feed(&policy, &host, &ejected, 2, "502 503 500 502 503 "), 0);
  assert_int_equal(feed(&policy, &host, &ejected, 2, "504 "),
                   OUTLIER_DETECTED_GATEWAY | OUTLIER_EJECTED_GATEWAY);
  // Both thresholds at once: a 502 counts in both, the first one reached ejects.
  host = (struct outlier_host){0};
  ejected = 0;
  policy = policy_of(100);
  policy.enforce_gateway = true;
  policy.consecutive_gateway = 3;
  assert_int_equal(feed(&policy, &host, &ejected, 2, "500 500 502 502 502 "),
                   OUTLIER_DETECTED_GATEWAY | OUTLIER_EJECTED_GATEWAY);
}

static void local_failures_count_as_statuses_or_apart(void **state) {
  (void)state;
  struct outlier_policy policy = policy_of(100);
  struct outlier_host host = {0};
  uint32_t ejected = 0, effects = 0;
  policy.enforce_gateway = true;
  for (int i = 0; i < 5; i++)
    effects |=
        outlier_step(&policy, &host, &ejected, 2, i % 2 ? OUTLIER_TIMEOUT : OUTLIER_FAILURE, 0, 0);
  assert_int_equal(effects, OUTLIER_DETECTED_GATEWAY | OUTLIER_EJECTED_GATEWAY);
  host = (struct outlier_host){0};
  ejected = effects = 0;
  policy.split_local = true;
  for (int i = 0; i < 4; i++)
    effects |= outlier_step(&policy, &host, &ejected, 2, OUTLIER_FAILURE, 0, 0);
  (void)outlier_step(&policy, &host, &ejected, 2, OUTLIER_CONNECTED, 0, 0);
  for (int i = 0; i < 4; i++)
    effects |= outlier_step(&policy, &host, &ejected, 2, OUTLIER_TIMEOUT, 0, 0);
  effects |= feed(&policy, &host, &ejected, 2, "500 500 500 500 200 ");
  assert_int_equal(effects, 0);
  assert_int_equal(outlier_step(&policy, &host, &ejected, 2, OUTLIER_FAILURE, 0, 0),
                   OUTLIER_DETECTED_LOCAL | OUTLIER_EJECTED_LOCAL);
}

// The table of docs/dataplane.md 3.3: which clusters can lose an endpoint at all.
static void the_percentage_is_a_hard_limit(void **state) {
  (void)state;
  static const struct {
    size_t total;
    uint32_t percent, most;
  } rows[] = {{9, 10, 0}, {10, 10, 1}, {19, 10, 1}, {20, 10, 2}, {1, 50, 0},
              {2, 50, 1}, {3, 50, 1},  {4, 50, 2},  {1, 100, 1}, {3, 100, 3}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct outlier_policy policy = policy_of(rows[i].percent);
    struct outlier_host hosts[20] = {0};
    uint32_t ejected = 0, overflows = 0;
    for (size_t j = 0; j < rows[i].total; j++)
      overflows += (feed(&policy, &hosts[j], &ejected, rows[i].total, "500 500 500 500 500 ") &
                    OUTLIER_OVERFLOW) != 0;
    assert_int_equal(ejected, rows[i].most);
    assert_int_equal(overflows, rows[i].total - rows[i].most);
  }
}

static void time_out_grows_and_ends_only_with_a_sweep(void **state) {
  (void)state;
  struct outlier_policy policy = policy_of(100);
  struct outlier_host host = {0};
  uint32_t ejected = 0;
  int64_t now_ms = 1000;
  for (uint32_t k = 1; k <= 12; k++) {
    for (int i = 0; i < 5; i++)
      (void)outlier_step(&policy, &host, &ejected, 2, OUTLIER_RESPONSE, 500, now_ms);
    int64_t out_ms = k * 30000 < 300000 ? k * 30000 : 300000;
    assert_int_equal(outlier_until_ms(&policy, &host), now_ms + out_ms);
    assert_false(outlier_sweep(&policy, &host, &ejected, now_ms + out_ms - 1));
    now_ms += out_ms;
    assert_true(outlier_sweep(&policy, &host, &ejected, now_ms));
    assert_int_equal(ejected, 0);
  }
  // Each quiet sweep takes one off.
  assert_int_equal(host.ejections, 11);
  for (int i = 0; i < 20; i++)
    assert_false(outlier_sweep(&policy, &host, &ejected, now_ms));
  assert_int_equal(host.ejections, 0);
}

static void codes_may_be_chosen(void **state) {
  (void)state;
  static const int64_t codes[] = {429, 503};
  struct outlier_policy policy = policy_of(100);
  struct outlier_host host = {0};
  uint32_t ejected = 0;
  policy.codes = codes;
  policy.code_count = 2;
  assert_int_equal(feed(&policy, &host, &ejected, 2, "500 500 500 500 500 500 429 503 429 503 "),
                   0);
  assert_int_equal(feed(&policy, &host, &ejected, 2, "429 "),
                   OUTLIER_DETECTED_5XX | OUTLIER_EJECTED_5XX);
  assert_true(outlier_is_success(&policy, OUTLIER_RESPONSE, 500));
  assert_int_equal(outlier_grpc_status(14), 503);
  assert_int_equal(outlier_grpc_status(0), 200);
  assert_int_equal(outlier_grpc_status(99), 500);
}

// A model that keeps the whole history of each endpoint and counts anew for each question.
#define MODEL_HOSTS 6
#define MODEL_EVENTS 4096

struct model_host {
  int statuses[MODEL_EVENTS];
  int count, from5, from_gateway; // events before these are forgotten
  bool out;
  int64_t since_ms, factor;
};

static int trailing(const struct model_host *host, int from, bool gateway) {
  int n = 0;
  for (int i = host->count - 1; i >= from; i--, n++) {
    int s = host->statuses[i];
    if (gateway ? s < 502 || s > 504 : s < 500)
      break;
  }
  return n;
}

static void model_eject(struct model_host *hosts, size_t total, size_t which, int64_t now_ms,
                        const struct outlier_policy *policy) {
  uint32_t out = 1;
  for (size_t i = 0; i < total; i++)
    out += hosts[i].out;
  if (out * 100 > policy->max_percent * total)
    return;
  hosts[which].out = true;
  hosts[which].since_ms = now_ms;
  if (hosts[which].factor * policy->base_ms < policy->max_ms + policy->base_ms)
    hosts[which].factor++;
}

static void model_event(struct model_host *hosts, size_t total, size_t which, int status,
                        int64_t now_ms, const struct outlier_policy *policy) {
  struct model_host *host = &hosts[which];
  host->statuses[host->count++] = status;
  if (trailing(host, host->from_gateway, true) == (int)policy->consecutive_gateway && !host->out &&
      status >= 502 && status <= 504) {
    host->from_gateway = host->count;
    if (policy->enforce_gateway)
      model_eject(hosts, total, which, now_ms, policy);
  }
  if (trailing(host, host->from5, false) == (int)policy->consecutive_5xx && !host->out &&
      status >= 500) {
    host->from5 = host->count;
    model_eject(hosts, total, which, now_ms, policy);
  }
}

static void model_sweep(struct model_host *host, int64_t now_ms,
                        const struct outlier_policy *policy) {
  int64_t time_ms = host->factor * policy->base_ms;
  if (time_ms > policy->max_ms)
    time_ms = policy->max_ms;
  if (!host->out) {
    host->factor -= host->factor > 0;
  } else if (now_ms - host->since_ms >= time_ms) {
    host->out = false;
    host->from5 = host->from_gateway = host->count;
  }
}

static void random_histories_agree_with_a_simple_model(void **state) {
  (void)state;
  static struct model_host model[MODEL_HOSTS];
  static const int statuses[] = {200, 404, 500, 502, 503, 504, 500, 503};
  struct rng rng;
  rng_init(&rng, 20240611);
  for (int round = 0; round < 200; round++) {
    struct outlier_host hosts[MODEL_HOSTS] = {0};
    struct outlier_policy policy = policy_of((uint32_t)rng_below(&rng, 101));
    size_t total = 1 + rng_below(&rng, MODEL_HOSTS);
    uint32_t ejected = 0;
    int64_t now_ms = 0;
    memset(model, 0, sizeof(model));
    policy.consecutive_5xx = (uint32_t)rng_below(&rng, 6);
    policy.consecutive_gateway = (uint32_t)rng_below(&rng, 6);
    policy.enforce_gateway = rng_below(&rng, 2);
    policy.base_ms = 1 + (int64_t)rng_below(&rng, 100);
    policy.max_ms = policy.base_ms * (1 + (int64_t)rng_below(&rng, 4));
    for (int step = 0; step < 600; step++) {
      size_t which = rng_below(&rng, total);
      int status = statuses[rng_below(&rng, sizeof statuses / sizeof statuses[0])];
      now_ms += (int64_t)rng_below(&rng, 20);
      if (rng_below(&rng, 10) == 0) {
        for (size_t i = 0; i < total; i++) {
          (void)outlier_sweep(&policy, &hosts[i], &ejected, now_ms);
          model_sweep(&model[i], now_ms, &policy);
        }
      }
      (void)outlier_step(&policy, &hosts[which], &ejected, total, OUTLIER_RESPONSE, status, now_ms);
      model_event(model, total, which, status, now_ms, &policy);
      uint32_t out = 0;
      for (size_t i = 0; i < total; i++) {
        assert_int_equal(hosts[i].is_ejected, model[i].out);
        assert_int_equal(hosts[i].ejections, model[i].factor);
        out += model[i].out;
      }
      assert_int_equal(ejected, out);
      assert_true(out * 100 <= policy.max_percent * total);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(five_in_a_row_eject),
      cmocka_unit_test(gateway_errors_have_a_counter_of_their_own),
      cmocka_unit_test(local_failures_count_as_statuses_or_apart),
      cmocka_unit_test(the_percentage_is_a_hard_limit),
      cmocka_unit_test(time_out_grows_and_ends_only_with_a_sweep),
      cmocka_unit_test(codes_may_be_chosen),
      cmocka_unit_test(random_histories_agree_with_a_simple_model),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
