// SPDX-License-Identifier: Apache-2.0
// Rules of the blocks of a traffic policy (declared in destination_rule_policy.h).
#include "manifests/kinds/destination_rule.h"
#include "manifests/kinds/destination_rule_policy.h"

void dr_check_cookie(const void *object, struct check *check) {
  const struct dr_cookie *cookie = object;
  check_unique(check, "attributes", ".name", cookie->attributes, cookie->attributes_count,
               sizeof(struct dr_cookie_attribute), offsetof(struct dr_cookie_attribute, name));
}

static bool is_prime(int64_t n) {
  if (n < 2 || n % 2 == 0)
    return n == 2;
  for (int64_t d = 3; d * d <= n; d += 2)
    if (n % d == 0)
      return false;
  return true;
}

void dr_check_maglev(const void *object, struct check *check) {
  const struct dr_maglev *maglev = object;
  if (check_given(check, "tableSize") &&
      (maglev->table_size >= 5000011 || !is_prime(maglev->table_size)))
    check_error(check, "bad-value", "tableSize", "expected a prime below 5000011, found %lld",
                (long long)maglev->table_size);
}

void dr_check_consistent_hash(const void *object, struct check *check) {
  const struct dr_consistent_hash *hash = object;
  int keys = (hash->http_header_name.len > 0) + (hash->http_cookie != NULL) + hash->use_source_ip +
             (hash->http_query_parameter_name.len > 0);
  if (keys != 1)
    check_error(check, keys ? "one-of" : "required", "",
                "exactly one of httpHeaderName, httpCookie, useSourceIp and "
                "httpQueryParameterName is required");
  if (hash->ring_hash && hash->maglev)
    check_error(check, "one-of", "maglev", "only one of ringHash and maglev may be given");
  if (hash->minimum_ring_size && (hash->ring_hash || hash->maglev))
    check_error(check, "one-of", "minimumRingSize",
                "cannot be given together with ringHash or maglev");
}

void dr_check_warmup(const void *object, struct check *check) {
  const struct dr_warmup *warmup = object;
  if (!(warmup->aggression > 0))
    check_error(check, "out-of-range", "aggression", "must be above 0");
}

void dr_check_locality(const void *object, struct check *check) {
  const struct dr_locality *locality = object;
  if (locality->distribute_count && locality->failover_count)
    check_error(check, "one-of", "failover", "only one of distribute and failover may be given");
  for (size_t i = 0; i < locality->distribute_count; i++) {
    int64_t sum = 0;
    for (size_t j = 0; j < locality->distribute[i].to.count; j++)
      sum += locality->distribute[i].to.items[j].value;
    if (sum != 100)
      check_error(check, "bad-value", check_index(check, "distribute", i, ".to"),
                  "the shares sum to %lld, not 100", (long long)sum);
  }
}

void dr_check_load_balancer(const void *object, struct check *check) {
  const struct dr_load_balancer *lb = object;
  if (lb->simple && lb->consistent_hash)
    check_error(check, "one-of", "consistentHash",
                "only one of simple and consistentHash may be given");
  if (lb->locality && lb->zone_aware)
    check_error(check, "one-of", "zoneAwareLbSetting",
                "only one of localityLbSetting and zoneAwareLbSetting may be given");
  if ((lb->warmup || lb->warmup_duration_ms) &&
      (lb->consistent_hash || lb->simple == DR_LB_RANDOM || lb->simple == DR_LB_PASSTHROUGH))
    check_warn(check, "no-effect", lb->warmup ? "warmup" : "warmupDurationSecs",
               "has no effect but with LEAST_REQUEST and ROUND_ROBIN");
}

void dr_check_http_pool(const void *object, struct check *check) {
  const struct dr_http_pool *http = object;
  if (http->h2_upgrade_policy == DR_H2_UPGRADE && http->use_client_protocol)
    check_error(check, "one-of", "useClientProtocol",
                "cannot be given together with h2UpgradePolicy: UPGRADE");
}

void dr_check_connection_pool(const void *object, struct check *check) {
  const struct dr_connection_pool *pool = object;
  if (!pool->tcp && !pool->http)
    check_error(check, "required", "", "one of tcp and http is required");
}

void dr_check_outlier(const void *object, struct check *check) {
  const struct dr_outlier *outlier = object;
  if (outlier->has_consecutive_local_origin_failures &&
      !outlier->split_external_local_origin_errors)
    check_error(check, "required", "consecutiveLocalOriginFailures",
                "needs splitExternalLocalOriginErrors: true");
}

void dr_check_tls(const void *object, struct check *check) {
  const struct dr_tls *tls = object;
  bool files = tls->client_certificate.len || tls->private_key.len || tls->ca_certificates.len ||
               tls->ca_crl.len;
  if (tls->mode == DR_TLS_MUTUAL && !tls->credential_name.len &&
      (!tls->client_certificate.len || !tls->private_key.len))
    check_error(check, "required", "",
                "mode MUTUAL needs clientCertificate and privateKey, or credentialName");
  if (tls->mode == DR_TLS_ISTIO_MUTUAL && (files || tls->credential_name.len))
    check_error(check, "one-of", "mode",
                "ISTIO_MUTUAL uses the mesh's own certificates; none may be given");
  if (tls->credential_name.len && files)
    check_error(check, "one-of", "credentialName",
                "cannot be given together with certificate files");
}
