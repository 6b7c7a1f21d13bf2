// SPDX-License-Identifier: Apache-2.0
#include "proxy/exchange_policy.h"

#include "proxy/head_rules.h"

#define RETRIES_MAX 1000

int64_t grpc_timeout_ms(struct str text) {
  int64_t value;
  if (text.len < 2 || text.len > 9 || !str_to_i64(str_slice(text, 0, text.len - 1), &value) ||
      value < 0)
    return -1;
  switch (text.ptr[text.len - 1]) {
  case 'H': return value * 3600000;
  case 'M': return value * 60000;
  case 'S': return value * 1000;
  case 'm': return value;
  case 'u': return (value + 999) / 1000;
  case 'n': return (value + 999999) / 1000000;
  default: return -1;
  }
}

// A route's timeout is the most a gRPC client can ask for.
static void read_grpc_timeout(const struct head *head, struct exchange_policy *policy) {
  const struct head_field *field = head_find_name(head, STR("grpc-timeout"));
  int64_t asked = field && policy->timeout_ms > 0 ? grpc_timeout_ms(field->value) : -1;
  if (asked > 0 && asked < policy->timeout_ms)
    policy->timeout_ms = asked;
}

// Tokens, statuses: what nobody knows is nobody's.
static void add_conditions(struct head *head, struct exchange_wishes *wishes) {
  static const enum head_name names[] = {HEAD_X_ENVOY_RETRY_ON, HEAD_X_ENVOY_RETRY_GRPC_ON,
                                         HEAD_X_ENVOY_RETRIABLE_CODES};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const struct head_field *field = head_find(head, names[i]);
    uint32_t before = wishes->retry.on;
    if (!field)
      continue;
    (void)retry_policy_parse_on(&wishes->retry, field->value, NULL);
    if (names[i] == HEAD_X_ENVOY_RETRIABLE_CODES) // a list alone asks for nothing
      wishes->retry.on = before;
  }
}

static void read_retries(const struct route_decision *decision, struct head *head,
                         struct exchange_wishes *wishes, struct exchange_policy *policy) {
  bool asks = head_find(head, HEAD_X_ENVOY_RETRY_ON) || head_find(head, HEAD_X_ENVOY_RETRY_GRPC_ON);
  const struct retry_policy *own = decision->retry;
  if (!asks && own->attempts == 0)
    return;
  if (!asks && !head_find(head, HEAD_X_ENVOY_MAX_RETRIES) &&
      !head_find(head, HEAD_X_ENVOY_RETRIABLE_CODES) &&
      !head_find(head, HEAD_X_ENVOY_RETRIABLE_NAMES))
    return;
  wishes->retry = *own;
  if (own->attempts == 0) { // the route has no policy: only what the client asks for counts
    wishes->retry.on = 0;
    wishes->retry.status_code_count = 0;
    wishes->retry.attempts = 1;
  }
  add_conditions(head, wishes);
  int64_t most = head_rules_number(head, HEAD_X_ENVOY_MAX_RETRIES, wishes->retry.attempts);
  wishes->retry.attempts = (uint32_t)(most < RETRIES_MAX ? most : RETRIES_MAX);
  const struct head_field *names = head_find(head, HEAD_X_ENVOY_RETRIABLE_NAMES);
  if (names)
    wishes->retriable_names = names->value;
  policy->retry = &wishes->retry;
}

void exchange_policy_read(const struct route_decision *decision, struct head *head,
                          bool is_internal, bool is_grpc, struct exchange_wishes *wishes,
                          struct exchange_policy *policy) {
  policy->timeout_ms = decision->timeout_ms;
  policy->per_try_timeout_ms = decision->retry->per_try_timeout_ms;
  policy->retry = decision->retry;
  wishes->retriable_names = STR_NULL;
  if (is_grpc)
    read_grpc_timeout(head, policy);
  if (!is_internal || !head_has_flagged(head, HEAD_IS_CONTROL))
    return;
  policy->timeout_ms = head_rules_number(head, HEAD_X_ENVOY_TIMEOUT, policy->timeout_ms);
  policy->per_try_timeout_ms =
      head_rules_number(head, HEAD_X_ENVOY_PER_TRY_TIMEOUT, policy->per_try_timeout_ms);
  policy->timeout_is_204 = head_find(head, HEAD_X_ENVOY_TIMEOUT_ALT) != NULL;
  read_retries(decision, head, wishes, policy);
}

static bool has_field(const struct head *head, struct str name) {
  for (unsigned i = 0; i < head->count; i++) {
    if (str_eq_nocase(head->fields[i].name, name))
      return true;
  }
  return false;
}

bool exchange_policy_is_retriable(const struct exchange_wishes *wishes,
                                  const struct head *response) {
  struct str rest = wishes->retriable_names, part;
  while (rest.len > 0 && str_next(&rest, ',', &part)) {
    struct str name = str_trim(part);
    if (name.len > 0 && has_field(response, name))
      return true;
  }
  return false;
}
