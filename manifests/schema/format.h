// SPDX-License-Identifier: Apache-2.0
// Text forms that several kinds use in their tables (struct field_format of field.h).
#pragma once

#include "manifests/schema/field.h"

extern const struct field_format format_dns_label;     // RFC 1123 label, at most 63
extern const struct field_format format_dns_subdomain; // RFC 1123 subdomain, at most 253
extern const struct field_format format_hostname; // Gateway API: exact or *.suffix, no IP address
extern const struct field_format format_precise_hostname; // the same without wildcard
extern const struct field_format format_host;  // Istio: name, short name, *.suffix, * or IP address
extern const struct field_format format_token; // HTTP token: header and method names
extern const struct field_format format_header_value;  // no CR, LF, NUL or other control bytes
extern const struct field_format format_label_key;     // [prefix/]name
extern const struct field_format format_label_value;   // at most 63, may be empty
extern const struct field_format format_kind;          // Gateway API kind names
extern const struct field_format format_config_key;    // keys of ConfigMap and Secret data
extern const struct field_format format_absolute_path; // starts with /
extern const struct field_format format_base64;
extern const struct field_format format_env_name; // printable, no '='

// "10.0.0.1", "2001:db8::1"; no brackets, no zone.
bool format_is_ip(struct str text);
