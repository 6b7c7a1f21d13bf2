// SPDX-License-Identifier: Apache-2.0
#include "proxy/outlier.h"

static bool code_counts(const struct outlier_policy *policy, int status) {
  if (!policy->codes)
    return status >= 500 && status <= 599;
  for (size_t i = 0; i < policy->code_count; i++) {
    if (policy->codes[i] == status)
      return true;
  }
  return false;
}

static bool is_gateway_error(int status) {
  return status == 502 || status == 503 || status == 504;
}

// Ejects at once when the share allows it; whether the cause is enforced is looked at after the
// share, as Envoy does, so that an overflow is counted for the others, too.
static uint32_t try_eject(const struct outlier_policy *policy, struct outlier_host *host,
                          uint32_t *ejected, size_t total, bool enforced, uint32_t effect,
                          int64_t now_ms) {
  if (100.0 * (*ejected + 1) / (double)(total ? total : 1) > policy->max_percent)
    return OUTLIER_OVERFLOW;
  if (!enforced)
    return 0;
  (*ejected)++;
  host->is_ejected = true;
  host->ejected_ms = now_ms;
  if (host->ejections * policy->base_ms < policy->max_ms + policy->base_ms)
    host->ejections++;
  return effect;
}

// Counts one failure. The counter starts anew when it has led to something; an ejected endpoint
// (which requests that were under way still report on) only counts on.
static uint32_t count_failure(const struct outlier_policy *policy, struct outlier_host *host,
                              uint32_t *ejected, size_t total, uint32_t *counter,
                              uint32_t threshold, bool enforced, uint32_t detected, uint32_t effect,
                              int64_t now_ms) {
  if (++*counter != threshold || host->is_ejected)
    return 0;
  *counter = 0;
  return detected | try_eject(policy, host, ejected, total, enforced, effect, now_ms);
}

static uint32_t on_status(const struct outlier_policy *policy, struct outlier_host *host,
                          uint32_t *ejected, size_t total, int status, int64_t now_ms) {
  uint32_t effects = 0;
  if (!code_counts(policy, status)) {
    host->consecutive_5xx = host->consecutive_gateway = 0;
    return 0;
  }
  if (is_gateway_error(status))
    effects |= count_failure(policy, host, ejected, total, &host->consecutive_gateway,
                             policy->consecutive_gateway, policy->enforce_gateway,
                             OUTLIER_DETECTED_GATEWAY, OUTLIER_EJECTED_GATEWAY, now_ms);
  else
    host->consecutive_gateway = 0;
  return effects | count_failure(policy, host, ejected, total, &host->consecutive_5xx,
                                 policy->consecutive_5xx, true, OUTLIER_DETECTED_5XX,
                                 OUTLIER_EJECTED_5XX, now_ms);
}

// A local failure that is not split off counts whatever codes are declared.
static uint32_t on_local(const struct outlier_policy *policy, struct outlier_host *host,
                         uint32_t *ejected, size_t total, int status, int64_t now_ms) {
  if (policy->split_local)
    return count_failure(policy, host, ejected, total, &host->consecutive_local,
                         policy->consecutive_local, true, OUTLIER_DETECTED_LOCAL,
                         OUTLIER_EJECTED_LOCAL, now_ms);
  struct outlier_policy plain = *policy;
  plain.codes = NULL;
  return on_status(&plain, host, ejected, total, status, now_ms);
}

uint32_t outlier_step(const struct outlier_policy *policy, struct outlier_host *host,
                      uint32_t *ejected, size_t total, enum outlier_event event, int status,
                      int64_t now_ms) {
  switch (event) {
  case OUTLIER_CONNECTED:
    if (policy->split_local)
      host->consecutive_local = 0;
    return 0;
  case OUTLIER_RESPONSE: return on_status(policy, host, ejected, total, status, now_ms);
  case OUTLIER_FAILURE: return on_local(policy, host, ejected, total, 503, now_ms);
  case OUTLIER_TIMEOUT: return on_local(policy, host, ejected, total, 504, now_ms);
  }
  return 0;
}

int64_t outlier_until_ms(const struct outlier_policy *policy, const struct outlier_host *host) {
  int64_t time_ms = host->ejections * policy->base_ms;
  return host->ejected_ms + (time_ms < policy->max_ms ? time_ms : policy->max_ms);
}

bool outlier_sweep(const struct outlier_policy *policy, struct outlier_host *host,
                   uint32_t *ejected, int64_t now_ms) {
  if (!host->is_ejected) {
    if (host->ejections > 0)
      host->ejections--;
    return false;
  }
  if (now_ms < outlier_until_ms(policy, host))
    return false;
  host->is_ejected = false;
  host->consecutive_5xx = host->consecutive_gateway = host->consecutive_local = 0;
  if (*ejected > 0)
    (*ejected)--;
  return true;
}

bool outlier_is_quiet(const struct outlier_host *host) {
  return (host->consecutive_5xx | host->consecutive_gateway | host->consecutive_local) == 0;
}

bool outlier_is_success(const struct outlier_policy *policy, enum outlier_event event, int status) {
  return event == OUTLIER_CONNECTED || (event == OUTLIER_RESPONSE && !code_counts(policy, status));
}

int outlier_grpc_status(int64_t grpc_status) {
  static const int statuses[] = {200, 499, 500, 400, 504, 404, 409, 403, 429,
                                 400, 409, 400, 501, 500, 503, 500, 401};
  if (grpc_status < 0 || grpc_status >= (int64_t)(sizeof statuses / sizeof statuses[0]))
    return 500;
  return statuses[grpc_status];
}
