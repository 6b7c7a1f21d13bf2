// SPDX-License-Identifier: Apache-2.0
// networking.istio.io Gateway: listeners at the edge. (gateway.h is the Gateway API's.)
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/schema/kind.h"

struct istio_port {
  int64_t number, target_port;
  struct str protocol, name; // protocol: HTTP HTTPS HTTP2 GRPC TLS TCP
};
enum istio_tls_mode {
  ISTIO_TLS_UNSET,
  ISTIO_TLS_PASSTHROUGH,
  ISTIO_TLS_SIMPLE,
  ISTIO_TLS_MUTUAL,
  ISTIO_TLS_AUTO_PASSTHROUGH,
  ISTIO_TLS_ISTIO_MUTUAL,
  ISTIO_TLS_OPTIONAL_MUTUAL,
};
enum istio_tls_version {
  ISTIO_TLS_VERSION_UNSET,
  ISTIO_TLS_AUTO,
  ISTIO_TLSV1_0,
  ISTIO_TLSV1_1,
  ISTIO_TLSV1_2,
  ISTIO_TLSV1_3,
};
struct istio_tls_certificate {
  struct str server_certificate, private_key, ca_certificates;
};
struct istio_server_tls {
  bool https_redirect, insecure_skip_verify;
  enum istio_tls_mode mode;
  struct str server_certificate, private_key, ca_certificates, ca_crl;
  struct str credential_name, ca_cert_credential_name;
  struct str *credential_names, *subject_alt_names, *cipher_suites;
  size_t credential_names_count, subject_alt_names_count, cipher_suites_count;
  struct str *verify_certificate_hash, *verify_certificate_spki;
  size_t verify_certificate_hash_count, verify_certificate_spki_count;
  struct istio_tls_certificate *tls_certificates;
  size_t tls_certificates_count;
  enum istio_tls_version min_protocol_version, max_protocol_version;
};
struct istio_server {
  struct istio_port port;
  struct str bind, name, default_endpoint;
  struct str *hosts; // "ns/host", "*/host", "./host" or "host"
  size_t hosts_count;
  struct istio_server_tls *tls;
};
struct istio_gateway_spec {
  struct istio_server *servers;
  size_t servers_count;
  struct string_map selector;
};
struct istio_gateway {
  struct object_meta metadata;
  struct istio_gateway_spec spec;
  const struct json *status;
};
extern const struct kind_desc istio_gateway_kind;
