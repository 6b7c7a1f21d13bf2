// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/retry_on.h"

struct retry_word {
  const char *name;
  bool unsafe; // the backend may have done the work already
};

static const struct retry_word words[] = {
    {"5xx", true},
    {"gateway-error", true},
    {"reset", true},
    {"reset-before-request", false},
    {"connect-failure", false},
    {"refused-stream", false},
    {"retriable-4xx", true},
    {"retriable-status-codes", true},
    {"retriable-headers", true},
    {"envoy-ratelimited", false},
    {"http3-post-connect-failure", false},
    {"cancelled", true},
    {"deadline-exceeded", true},
    {"internal", true},
    {"resource-exhausted", true},
    {"unavailable", true},
};

static bool is_status_code(struct str token) {
  int64_t code = 0;
  return token.len == 3 && str_to_i64(token, &code) && code >= 100 && code <= 599;
}

bool retry_on_is_known(struct str token) {
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
    if (str_eq_z(token, words[i].name))
      return true;
  return is_status_code(token);
}

bool retry_on_is_unsafe(struct str token) {
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
    if (str_eq_z(token, words[i].name))
      return words[i].unsafe;
  return is_status_code(token);
}

const char *retry_on_nearest(struct str token) {
  const char *best = NULL;
  size_t distance = token.len > 4 ? 4 : 0; // a short one is no slip of the pen
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
    size_t d = str_distance(token, str_of(words[i].name), distance);
    if (d < distance) {
      distance = d;
      best = words[i].name;
    }
  }
  return best;
}

int grpc_status_number(struct str name) {
  static const char *const names[] = {"OK",
                                      "CANCELLED",
                                      "UNKNOWN",
                                      "INVALID_ARGUMENT",
                                      "DEADLINE_EXCEEDED",
                                      "NOT_FOUND",
                                      "ALREADY_EXISTS",
                                      "PERMISSION_DENIED",
                                      "RESOURCE_EXHAUSTED",
                                      "FAILED_PRECONDITION",
                                      "ABORTED",
                                      "OUT_OF_RANGE",
                                      "UNIMPLEMENTED",
                                      "INTERNAL",
                                      "UNAVAILABLE",
                                      "DATA_LOSS",
                                      "UNAUTHENTICATED"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (str_eq_z(name, names[i]))
      return (int)i;
  return -1;
}

bool grpc_status_is_known(struct str name) {
  return grpc_status_number(name) >= 0;
}
