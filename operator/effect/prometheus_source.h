// SPDX-License-Identifier: Apache-2.0
// Where a Rollout's metrics are asked for, and with what credentials. Credentials come from Secrets
// that are watched while they are in use, so that a changed one counts from the next query on. They
// go from the watch into the request and nowhere else: not into logs, status or argv.
#pragma once

#include "manifests/kinds/rollout_analysis.h"
#include "manifests/source/http_client.h"
#include "manifests/source/kube_client.h"

struct prometheus_secrets; // the Secrets that are watched

struct prometheus_default { // where a Rollout names no address
  struct str address;
  struct str secret_ns, secret_name; // empty: none
  bool insecure_skip_verify;
  int64_t timeout_ms;
};

// Everything that two Rollouts must have in common to share a query.
struct prometheus_source {
  struct str key; // equal for equal sources
  struct str address;
  struct str secret_ns, secret_name;
  const struct rollout_header *headers;
  size_t header_count;
  bool insecure_skip_verify;
  int64_t timeout_ms;
};

// The operator's own credentials are only ever sent to the operator's own address. Texts are in
// `arena` or belong to the arguments.
struct prometheus_source prometheus_source_of(const struct rollout_prometheus *given,
                                              const struct prometheus_default *fallback,
                                              struct str ns, struct arena *arena);

// `released` is called once for each watch that is closed.
struct prometheus_secrets *prometheus_secrets_new(struct kube_client *kube,
                                                  void (*released)(void *data), void *data);
void prometheus_secrets_close(struct prometheus_secrets *secrets); // all watches
void prometheus_secrets_free(struct prometheus_secrets *secrets);  // after the last `released`
size_t prometheus_secrets_open(const struct prometheus_secrets *secrets); // watches not yet closed

enum prometheus_ready { SOURCE_READY, SOURCE_WAITS, SOURCE_BROKEN };
// Whether the source's Secret is there. WAITS: it was not read yet, ask again soon. BROKEN: *err
// says why.
enum prometheus_ready prometheus_source_ready(struct prometheus_secrets *secrets,
                                              const struct prometheus_source *source,
                                              struct err *err);
// Fills the request's url, headers, credentials, TLS and deadline for "/api/v1/query" and the like.
// `type`: its Content-Type, empty for none. Strings are in `arena`.
int prometheus_source_request(struct prometheus_secrets *secrets,
                              const struct prometheus_source *source, const char *path,
                              const char *type, struct arena *arena,
                              struct http_request *ret_request, struct err *err);
// The same from a Secret's data (keys token, username, password, ca.crt, tls.crt, tls.key). Pure.
int prometheus_credentials(const struct json *secret, struct arena *arena,
                           struct http_request *request, struct err *err);

#define PROMETHEUS_SECRETS 3
// What a request sends that nothing may show: token, password, and both as basic authentication
// says them. Empty where there is none.
void prometheus_request_secrets(const struct http_request *request, struct arena *arena,
                                struct str ret_secrets[PROMETHEUS_SECRETS]);
