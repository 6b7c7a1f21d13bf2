// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/istio_gateway.h"

#include "manifests/schema/check.h"
#include "manifests/schema/format.h"

static const struct field port_fields[] = {
    F_INT(struct istio_port, number, "number", .required = true, F_RANGE(1, 65535), F_ENFORCED,
          .doc = "Port that is opened."),
    F_STRING(struct istio_port, protocol, "protocol", .required = true, .not_empty = true,
             F_ENFORCED, .doc = "HTTP, HTTPS, HTTP2, GRPC, TLS or TCP."),
    F_STRING(struct istio_port, name, "name", .required = true, .not_empty = true,
             .doc = "Name of the port."),
    F_INT(struct istio_port, target_port, "targetPort", F_RANGE(0, 65535),
          .deprecated = "it has no effect in a Gateway"),
};
static const struct schema port_schema = SCHEMA("Port", struct istio_port, port_fields);

static const struct enum_value modes[] = {
    {.name = ""},
    {.name = "PASSTHROUGH", .doc = "routed by server name, not opened"},
    {.name = "SIMPLE", .doc = "our certificate"},
    {.name = "MUTUAL", .doc = "the client shows one, too"},
    {.name = "AUTO_PASSTHROUGH"},
    {.name = "ISTIO_MUTUAL"},
    {.name = "OPTIONAL_MUTUAL"},
    {.name = NULL}};
static const struct enum_value versions[] = {
    {.name = ""},        {.name = "TLS_AUTO"}, {.name = "TLSV1_0"}, {.name = "TLSV1_1"},
    {.name = "TLSV1_2"}, {.name = "TLSV1_3"},  {.name = NULL}};

static const struct field certificate_fields[] = {
    F_STRING(struct istio_tls_certificate, server_certificate, "serverCertificate"),
    F_STRING(struct istio_tls_certificate, private_key, "privateKey"),
    F_STRING(struct istio_tls_certificate, ca_certificates, "caCertificates"),
};
static const struct schema certificate_schema =
    SCHEMA("TLSCertificate", struct istio_tls_certificate, certificate_fields);

static const struct field tls_fields[] = {
    F_BOOL(struct istio_server_tls, https_redirect, "httpsRedirect", F_ENFORCED,
           .doc = "Answer plain requests with 301 to https."),
    F_ENUM(struct istio_server_tls, mode, "mode", modes, F_NOT_ENFORCED, .doc = "How TLS is used."),
    F_STRING(struct istio_server_tls, server_certificate, "serverCertificate", F_NOT_ENFORCED,
             .doc = "File of our certificate."),
    F_STRING(struct istio_server_tls, private_key, "privateKey", F_NOT_ENFORCED,
             .doc = "File of its key."),
    F_STRING(struct istio_server_tls, ca_certificates, "caCertificates", F_NOT_ENFORCED,
             .doc = "File of the authorities that sign clients."),
    F_STRING(struct istio_server_tls, ca_crl, "caCrl", F_NOT_ENFORCED,
             .doc = "File of revoked certificates."),
    F_STRING(struct istio_server_tls, credential_name, "credentialName", F_NOT_ENFORCED,
             .doc = "Secret with certificate and key."),
    F_STRINGS(struct istio_server_tls, credential_names, "credentialNames", F_RANGE(1, 2),
              F_NOT_ENFORCED, .doc = "Several Secrets."),
    F_STRING(struct istio_server_tls, ca_cert_credential_name, "caCertCredentialName",
             F_NOT_ENFORCED, .doc = "Secret with the authorities that sign clients."),
    F_LIST(struct istio_server_tls, tls_certificates, "tlsCertificates", &certificate_schema,
           F_RANGE(1, 2), F_NOT_ENFORCED, .doc = "Several certificates."),
    F_STRINGS(struct istio_server_tls, subject_alt_names, "subjectAltNames", F_NOT_ENFORCED,
              .doc = "Names one of which a client's certificate must have."),
    F_STRINGS(struct istio_server_tls, verify_certificate_spki, "verifyCertificateSpki",
              F_NOT_ENFORCED),
    F_STRINGS(struct istio_server_tls, verify_certificate_hash, "verifyCertificateHash",
              F_NOT_ENFORCED),
    F_ENUM(struct istio_server_tls, min_protocol_version, "minProtocolVersion", versions,
           F_NOT_ENFORCED, .doc = "Default TLSV1_2."),
    F_ENUM(struct istio_server_tls, max_protocol_version, "maxProtocolVersion", versions,
           F_NOT_ENFORCED),
    F_STRINGS(struct istio_server_tls, cipher_suites, "cipherSuites", F_NOT_ENFORCED),
    F_BOOL(struct istio_server_tls, insecure_skip_verify, "insecureSkipVerify", F_NOT_ENFORCED),
};

static void check_tls(const void *object, struct check *check) {
  const struct istio_server_tls *tls = object;
  bool secret = tls->credential_name.len || tls->credential_names_count;
  bool file = tls->server_certificate.len || tls->tls_certificates_count;
  bool terminates = tls->mode == ISTIO_TLS_SIMPLE || tls->mode == ISTIO_TLS_MUTUAL ||
                    tls->mode == ISTIO_TLS_OPTIONAL_MUTUAL;
  if (terminates && !secret && !file)
    check_error(check, "required", "",
                "this mode needs credentialName, or serverCertificate and privateKey");
  if (terminates && tls->server_certificate.len && !tls->private_key.len && !secret)
    check_error(check, "required", "privateKey", "is required beside serverCertificate");
  if (tls->credential_name.len && tls->credential_names_count)
    check_error(check, "one-of", "credentialNames",
                "only one of credentialName and credentialNames may be given");
}

static const struct schema tls_schema =
    SCHEMA("ServerTLSSettings", struct istio_server_tls, tls_fields, .check = check_tls);

static bool is_protocol(struct str s) {
  static const char *const names[] = {"HTTP", "HTTPS", "HTTP2", "GRPC",  "GRPC-WEB",
                                      "TLS",  "TCP",   "MONGO", "MYSQL", "REDIS"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (str_eq_nocase(s, str_of(names[i])))
      return true;
  return false;
}

// host, or namespace/host with ".", "*" or a name in front.
static void check_hosts(const struct istio_server *server, struct check *check) {
  for (size_t i = 0; i < server->hosts_count; i++) {
    struct str host = server->hosts[i], namespace_ = STR("*");
    ptrdiff_t slash = str_find_char(host, '/');
    if (slash >= 0) {
      namespace_ = str_slice(host, 0, (size_t)slash);
      host = str_slice(host, (size_t)slash + 1, host.len);
    }
    bool fine = str_eq_z(namespace_, ".") || str_eq_z(namespace_, "*") ||
                format_dns_label.is_valid(namespace_);
    if (!fine || !format_host.is_valid(host))
      check_error(check, "bad-value", check_index(check, "hosts", i, ""),
                  "expected host, namespace/host, ./host or */host, found \"%.*s\"",
                  STR_ARG(str_slice(server->hosts[i], 0, 80)));
  }
}

static void check_server(const void *object, struct check *check) {
  const struct istio_server *server = object;
  struct str protocol = server->port.protocol;
  if (!is_protocol(protocol))
    check_error(check, "bad-value", "port.protocol",
                "expected HTTP, HTTPS, HTTP2, GRPC, TLS or TCP, found \"%.*s\"",
                STR_ARG(str_slice(protocol, 0, 80)));
  bool secure = str_eq_nocase(protocol, STR("HTTPS")) || str_eq_nocase(protocol, STR("TLS"));
  if (secure && !server->tls)
    check_error(check, "required", "tls", "is required with protocol %.*s", STR_ARG(protocol));
  check_hosts(server, check);
}

static const struct field server_fields[] = {
    F_OBJECT(struct istio_server, port, "port", &port_schema, .required = true,
             .doc = "The port that is opened."),
    F_STRING(struct istio_server, bind, "bind", F_ENFORCED,
             .doc = "Address it is opened on; default: where the proxy binds."),
    F_STRINGS(struct istio_server, hosts, "hosts", .required = true, .not_empty = true, F_ENFORCED,
              .doc = "Host names served: host, namespace/host, ./host or */host."),
    F_OPTIONAL(struct istio_server, tls, "tls", &tls_schema, .doc = "TLS towards clients."),
    F_STRING(struct istio_server, default_endpoint, "defaultEndpoint", F_NOT_ENFORCED),
    F_STRING(struct istio_server, name, "name", .doc = "Name, unique among the servers."),
};
static const struct schema server_schema =
    SCHEMA("Server", struct istio_server, server_fields, .check = check_server);

static void check_spec(const void *object, struct check *check) {
  const struct istio_gateway_spec *spec = object;
  if (!spec->servers_count)
    check_error(check, "required", "servers", "must not be empty");
  check_unique(check, "servers", ".name", spec->servers, spec->servers_count,
               sizeof(struct istio_server), offsetof(struct istio_server, name));
}

static const struct field spec_fields[] = {
    F_LIST(struct istio_gateway_spec, servers, "servers", &server_schema, .doc = "The listeners."),
    F_STRING_MAP(struct istio_gateway_spec, selector, "selector", F_ENFORCED,
                 .doc = "Labels of the proxies that open them."),
};
static const struct schema spec_schema =
    SCHEMA("GatewaySpec", struct istio_gateway_spec, spec_fields, .check = check_spec);

static const struct field gateway_fields[] = {
    F_OBJECT(struct istio_gateway, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct istio_gateway, spec, "spec", &spec_schema, .required = true,
             .doc = "The listeners."),
    F_JSON(struct istio_gateway, status, "status", .read_only = true,
           .doc = "Written by controllers."),
};
static const struct schema gateway_schema = SCHEMA("Gateway", struct istio_gateway, gateway_fields);

static const struct printer_column columns[] = {
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc istio_gateway_kind = {
    .group = "networking.istio.io",
    .versions = (const char *const[]){"v1", "v1beta1", "v1alpha3", NULL},
    .kind = "Gateway",
    .plural = "gateways",
    .singular = "gateway",
    .short_names = (const char *const[]){"gw", NULL},
    .categories = (const char *const[]){"istio-io", "networking-istio-io", NULL},
    .namespaced = true,
    .has_status = true,
    .has_generation = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &gateway_schema,
    .doc = "Listeners at the edge, as Istio means them.",
};
