// SPDX-License-Identifier: Apache-2.0
#include "proxy/retry_policy.h"

#include "manifests/base/bug.h"

#define RETRY_BACKOFF_CAP 10 // the longest interval is this many times the base

static const struct {
  struct str token;
  enum retry_on bit;
} retry_tokens[] = {
#define XX(name, bit, token) {STR(token), RETRY_ON_##name},
    RETRY_ON_MAP(XX)
#undef XX
};

struct retry_policy retry_policy_default(void) {
  return (struct retry_policy){
      .on = RETRY_DEFAULT_ON,
      .attempts = RETRY_DEFAULT_ATTEMPTS,
      .backoff_ms = RETRY_DEFAULT_BACKOFF_MS,
      .ignore_previous_hosts = true,
  };
}

const char *retry_on_token(enum retry_on bit) {
  for (size_t i = 0; i < ARRAY_LEN(retry_tokens); i++) {
    if (retry_tokens[i].bit == bit)
      return retry_tokens[i].token.ptr;
  }
  return NULL;
}

static bool retry_has_status(const struct retry_policy *policy, int status) {
  for (size_t i = 0; i < policy->status_code_count; i++) {
    if (policy->status_codes[i] == status)
      return true;
  }
  return false;
}

static int retry_add_status(struct retry_policy *policy, uint64_t status, struct err *err) {
  if (status < 100 || status > 599)
    return err_set(err, RC_INVALID, "%llu is no HTTP status code", (unsigned long long)status);
  policy->on |= RETRY_ON_RETRIABLE_STATUS_CODES;
  if (retry_has_status(policy, (int)status))
    return 0;
  if (policy->status_code_count == RETRY_STATUS_CODES_MAX)
    return err_set(err, RC_INVALID, "expected at most %d status codes", RETRY_STATUS_CODES_MAX);
  policy->status_codes[policy->status_code_count++] = (uint16_t)status;
  return 0;
}

static int retry_add_token(struct retry_policy *policy, struct str token, struct err *err) {
  uint64_t status;
  if (str_to_u64(token, &status))
    return retry_add_status(policy, status, err);
  for (size_t i = 0; i < ARRAY_LEN(retry_tokens); i++) {
    if (str_eq(token, retry_tokens[i].token)) {
      policy->on |= retry_tokens[i].bit;
      return 0;
    }
  }
  return err_set(err, RC_INVALID, "unknown retry condition \"%.*s\"", STR_ARG(token));
}

int retry_policy_parse_on(struct retry_policy *policy, struct str text, struct err *err) {
  struct str rest = text, part;
  int result = 0;
  while (str_next(&rest, ',', &part)) {
    struct str token = str_trim(part);
    if (token.len == 0)
      continue;
    int rc = retry_add_token(policy, token, result ? NULL : err);
    if (rc)
      result = rc; // the known ones are still added
  }
  return result;
}

static bool retry_wants_response(const struct retry_policy *policy,
                                 const struct retry_event *event) {
  uint32_t on = policy->on;
  if (event->is_ratelimited) // without the token its presence forbids every retry
    return (on & RETRY_ON_ENVOY_RATELIMITED) != 0;
  int status = event->status;
  if ((on & RETRY_ON_5XX) && status >= 500 && status <= 599)
    return true;
  if ((on & RETRY_ON_GATEWAY_ERROR) && status >= 502 && status <= 504)
    return true;
  if ((on & RETRY_ON_RETRIABLE_4XX) && status == 409)
    return true;
  if ((on & RETRY_ON_RETRIABLE_STATUS_CODES) && retry_has_status(policy, status))
    return true;
  if ((on & RETRY_ON_RETRIABLE_HEADERS) && event->is_retriable)
    return true;
  switch (event->grpc_status) {
  case 1: return (on & RETRY_ON_CANCELLED) != 0;
  case 4: return (on & RETRY_ON_DEADLINE_EXCEEDED) != 0;
  case 8: return (on & RETRY_ON_RESOURCE_EXHAUSTED) != 0;
  case 13: return (on & RETRY_ON_INTERNAL) != 0;
  case 14: return (on & RETRY_ON_UNAVAILABLE) != 0;
  default: return false;
  }
}

bool retry_policy_wants(const struct retry_policy *policy, const struct retry_event *event) {
  const uint32_t any_reset = RETRY_ON_5XX | RETRY_ON_GATEWAY_ERROR | RETRY_ON_RESET;
  switch (event->kind) {
  case RETRY_EVENT_RESPONSE: return retry_wants_response(policy, event);
  case RETRY_EVENT_CONNECT_FAILURE:
    // No byte of the request can have been sent on a connection that never was.
    return (policy->on & (any_reset | RETRY_ON_CONNECT_FAILURE | RETRY_ON_RESET_BEFORE_REQUEST)) !=
           0;
  case RETRY_EVENT_RESET:
    if (policy->on & any_reset)
      return true;
    return !event->request_started && (policy->on & RETRY_ON_RESET_BEFORE_REQUEST);
  case RETRY_EVENT_REFUSED_STREAM: return (policy->on & (any_reset | RETRY_ON_REFUSED_STREAM)) != 0;
  case RETRY_EVENT_PER_TRY_TIMEOUT: return (policy->on & any_reset) != 0;
  }
  return false;
}

enum retry_verdict retry_decide(const struct retry_policy *policy, uint32_t retries_done,
                                const struct retry_event *event) {
  // No attempts is no policy at all: nothing "would" be retried, so no URX either.
  if (policy->attempts == 0 || !retry_policy_wants(policy, event))
    return RETRY_NO;
  return retries_done < policy->attempts ? RETRY_YES : RETRY_LIMIT_EXCEEDED;
}

int64_t retry_backoff_ms(const struct retry_policy *policy, uint32_t retry, uint64_t rnd) {
  int64_t base = policy->backoff_ms > 0 ? policy->backoff_ms : RETRY_DEFAULT_BACKOFF_MS;
  int64_t interval = base, longest = base * RETRY_BACKOFF_CAP;
  for (uint32_t i = 1; i < retry && interval < longest; i++)
    interval = interval * 2 <= longest ? interval * 2 : longest;
  return policy->backoff_least_ms + (int64_t)(rnd % (uint64_t)interval);
}

uint32_t retry_budget_limit(double percent, uint32_t least, uint64_t active) {
  double share = percent * (double)active / 100.0;
  if (share >= (double)UINT32_MAX)
    return UINT32_MAX;
  return share > (double)least ? (uint32_t)share : least;
}
