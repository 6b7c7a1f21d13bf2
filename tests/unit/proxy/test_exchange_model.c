// SPDX-License-Identifier: Apache-2.0
// Random sequences of events against the promises of the state machine. Events that make no sense
// in a state must do no harm, and whatever happens: one connection at a time, one response, one
// end, nothing repeated that cannot be, every retry accounted for.
#include "manifests/base/bug.h"
#include "manifests/base/rng.h"
#include "proxy/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 200000
#define STEPS 40

// One request and what the model has seen of it.
struct model {
  struct exchange x;
  struct retry_policy retry;
  struct rng *rng;
  int64_t now;
  unsigned upstreams, heads, ends, finishes, connects, taken, refused, replaced;
  bool forwarded; // anything of a response went to the client
  bool kept;      // all of the body so far
  bool bound;     // the client sent a body in a pause that nobody could hold
};

static bool take_retry(void *ctx) {
  struct model *m = ctx;
  bool yes = rng_below(m->rng, 4) != 0;
  m->taken += yes;
  m->refused += !yes;
  return yes;
}

static void begin(struct model *m, struct rng *rng) {
  *m = (struct model){.rng = rng, .now = 1000, .kept = true};
  m->retry = retry_policy_default();
  m->retry.on = (uint32_t)rng_next(rng);
  m->retry.attempts = (uint32_t)rng_below(rng, 4);
  m->retry.status_codes[m->retry.status_code_count++] = 400;
  struct exchange_policy policy = {.timeout_ms = (int64_t)rng_below(rng, 3) * 100,
                                   .per_try_timeout_ms = (int64_t)rng_below(rng, 3) * 30,
                                   .idle_timeout_ms = 60000,
                                   .client_idle_ms = 30000,
                                   .request_timeout_ms = (int64_t)rng_below(rng, 2) * 300,
                                   .retry = &m->retry,
                                   .take_retry = take_retry,
                                   .ctx = m,
                                   .timeout_is_204 = rng_below(rng, 8) == 0,
                                   .is_idempotent = rng_below(rng, 2),
                                   .may_tunnel = rng_below(rng, 4) == 0};
  exchange_init(&m->x, &policy, rng_below(rng, 2), m->now);
}

static struct exchange_event random_event(struct model *m, bool first) {
  struct rng *rng = m->rng;
  struct exchange_event event = {
      .kind = first ? (rng_below(rng, 8) ? EXCHANGE_ON_BEGIN : EXCHANGE_ON_LOCAL)
                    : (enum exchange_event_kind)(2 + rng_below(rng, EXCHANGE_ON_TIMER - 1)),
      .now_ms = m->now += (int64_t)rng_below(rng, 40),
      .rnd = rng_next(rng),
      .status = rng_below(rng, 8) ? 200 + (int)rng_below(rng, 4) * 100 : 101,
      .grpc_status = (int)rng_below(rng, 20) - 4,
      .is_ratelimited = rng_below(rng, 8) == 0,
      .is_retriable = rng_below(rng, 4) == 0,
      .reused = rng_below(rng, 2),
      .request_started = rng_below(rng, 2),
      .response_started = rng_below(rng, 2),
      .reason = (enum exchange_reason)rng_below(rng, EXCHANGE_REASON_COUNT),
      .reply = {503, EXCHANGE_UH, STR("x"), STR("y")},
  };
  if (first && rng_below(rng, 8) == 0)
    event.delay_ms = 1 + (int64_t)rng_below(rng, 100);
  // Often what is waited for comes.
  if (!first && rng_below(rng, 3) == 0 && m->x.try == EXCHANGE_TRY_CONNECTING)
    event.kind = EXCHANGE_ON_CONNECTED;
  if (!first && rng_below(rng, 3) == 0 && m->x.try == EXCHANGE_TRY_BACKOFF) {
    event.kind = EXCHANGE_ON_TIMER;
    m->now = event.now_ms = exchange_deadline(&m->x);
  }
  return event;
}

// What the owner would never say: an upstream that is not there cannot speak.
static bool is_possible(const struct exchange *x, enum exchange_event_kind kind) {
  bool from_upstream = kind == EXCHANGE_ON_UPSTREAM_RESET || kind == EXCHANGE_ON_RESPONSE_BODY ||
                       kind == EXCHANGE_ON_RESPONSE_HEAD || kind == EXCHANGE_ON_RESPONSE_END;
  bool from_connect = kind == EXCHANGE_ON_CONNECT_FAILED || kind == EXCHANGE_ON_NO_ENDPOINT ||
                      kind == EXCHANGE_ON_CONNECTED;
  return (!from_upstream || x->try == EXCHANGE_TRY_OPEN) &&
         (!from_connect || x->try == EXCHANGE_TRY_CONNECTING);
}

static void check_connect(struct model *m) {
  m->connects++;
  m->replaced += m->x.fresh;
  assert_false(m->forwarded); // nothing is repeated once the client has seen something
  assert_true(m->kept);       // nor without all of the body
  assert_int_equal(m->connects, 1 + m->x.retries + m->replaced);
}

static void check(struct model *m, const struct exchange_event *event, uint32_t actions) {
  const struct exchange *x = &m->x;
  m->upstreams -= (actions & EXCHANGE_DO_RESET_UPSTREAM) != 0;
  if (actions & EXCHANGE_DO_CONNECT)
    check_connect(m);
  m->upstreams += (actions & EXCHANGE_DO_CONNECT) != 0;
  m->upstreams -= (actions & EXCHANGE_DO_RELEASE_UPSTREAM) != 0;
  m->heads += (actions & (EXCHANGE_DO_SEND_RESPONSE | EXCHANGE_DO_REPLY)) != 0;
  m->ends +=
      (actions & (EXCHANGE_DO_END_RESPONSE | EXCHANGE_DO_REPLY | EXCHANGE_DO_RESET_CLIENT)) != 0;
  m->finishes += (actions & EXCHANGE_DO_FINISH) != 0;
  assert_true(!(actions & EXCHANGE_DO_FORWARD_RESPONSE) || m->heads == 1);
  m->forwarded |= m->heads > 0 || (actions & EXCHANGE_DO_FORWARD_INTERIM);
  assert_true(m->upstreams <= 1 && m->heads <= 1 && m->ends <= 1 && m->finishes <= 1);
  assert_int_equal(m->upstreams, x->try == EXCHANGE_TRY_CONNECTING || x->try == EXCHANGE_TRY_OPEN);
  assert_true(x->retries <= m->retry.attempts);
  assert_int_equal(x->retries, m->taken);
  assert_int_equal(x->retry_overflow, m->refused > 0);
  assert_true(!x->retry_overflow || (x->flags & EXCHANGE_UO));
  assert_true(!x->retry_limit || (x->flags & EXCHANGE_URX));
  if (m->heads == 1 && (actions & (EXCHANGE_DO_SEND_RESPONSE | EXCHANGE_DO_REPLY)))
    assert_true(x->status >= 101);
  if (x->status == 507)
    assert_true(x->copy_lost);
  if (event->kind == EXCHANGE_ON_COPY_LOST && x->try == EXCHANGE_TRY_OPEN)
    m->kept = false;
  assert_true(x->finished || exchange_deadline(x) > 0); // something is awaited, with an end
}

static void any_sequence_keeps_the_promises(void **state) {
  struct rng rng;
  unsigned retries = 0, refused = 0, replaced = 0, too_long = 0;
  (void)state;
  rng_init(&rng, 42);
  for (int round = 0; round < ROUNDS; round++) {
    struct model m;
    begin(&m, &rng);
    for (int i = 0; i < STEPS && !m.x.finished; i++) {
      struct exchange_event event = random_event(&m, i == 0);
      if (!is_possible(&m.x, event.kind))
        continue;
      if (event.kind == EXCHANGE_ON_UPSTREAM_RESET || event.kind == EXCHANGE_ON_CONNECT_FAILED ||
          event.kind == EXCHANGE_ON_NO_ENDPOINT)
        m.upstreams--;
      if (event.kind == EXCHANGE_ON_REQUEST_BODY && m.x.request == EXCHANGE_BODY)
        m.kept = m.kept && exchange_keeps_request(&m.x);
      check(&m, &event, exchange_step(&m.x, &event));
    }
    if (m.x.finished) {
      assert_int_equal(m.finishes, 1);
      assert_int_equal(m.upstreams, 0);
    }
    retries += m.taken;
    refused += m.refused;
    replaced += m.replaced;
    too_long += m.x.status == 507;
  }
  // The sequences do go where it is interesting.
  assert_true(retries > ROUNDS / 20 && refused > ROUNDS / 60 && replaced > ROUNDS / 100 &&
              too_long > ROUNDS / 300);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(any_sequence_keeps_the_promises)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
