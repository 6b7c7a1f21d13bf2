// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/format.h"

#include <arpa/inet.h>
#include <string.h>

static bool is_lower_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
static bool is_alnum(char c) {
  return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

static bool dns_label(struct str s) {
  if (s.len == 0 || s.len > 63 || !is_lower_alnum(s.ptr[0]) || !is_lower_alnum(s.ptr[s.len - 1]))
    return false;
  for (size_t i = 0; i < s.len; i++)
    if (!is_lower_alnum(s.ptr[i]) && s.ptr[i] != '-')
      return false;
  return true;
}

// Labels in `any_case` may also have capitals; their length is bounded by that of the whole name
// alone.
static bool dotted(struct str s, bool any_case) {
  if (s.len == 0 || s.len > 253)
    return false;
  struct str part;
  while (str_next(&s, '.', &part)) {
    if (part.len == 0 || part.ptr[0] == '-' || part.ptr[part.len - 1] == '-')
      return false;
    for (size_t i = 0; i < part.len; i++) {
      char c = part.ptr[i];
      if (c != '-' && !(any_case ? is_alnum(c) : is_lower_alnum(c)))
        return false;
    }
  }
  return true;
}

static bool dns_subdomain(struct str s) {
  return dotted(s, false);
}

bool format_is_ip(struct str s) {
  char text[INET6_ADDRSTRLEN];
  unsigned char bytes[16];
  if (s.len == 0 || s.len >= sizeof(text))
    return false;
  memcpy(text, s.ptr, s.len);
  text[s.len] = '\0';
  return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static bool precise_hostname(struct str s) {
  return dotted(s, false) && !format_is_ip(s);
}

static bool hostname(struct str s) {
  return precise_hostname(str_starts(s, STR("*.")) ? str_slice(s, 2, s.len) : s);
}

static bool host(struct str s) {
  if (str_eq_z(s, "*") || format_is_ip(s))
    return true;
  return dotted(str_starts(s, STR("*.")) ? str_slice(s, 2, s.len) : s, true);
}

static bool token(struct str s) {
  for (size_t i = 0; i < s.len; i++)
    if (!is_alnum(s.ptr[i]) && (s.ptr[i] == '\0' || !strchr("!#$%&'*+-.^_`|~", s.ptr[i])))
      return false;
  return s.len > 0;
}

static bool header_value(struct str s) {
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.ptr[i];
    if ((c < 0x20 && c != '\t') || c == 0x7f)
      return false;
  }
  return true;
}

static bool label_name(struct str s) {
  if (s.len == 0 || s.len > 63 || !is_alnum(s.ptr[0]) || !is_alnum(s.ptr[s.len - 1]))
    return false;
  for (size_t i = 0; i < s.len; i++)
    if (!is_alnum(s.ptr[i]) && s.ptr[i] != '-' && s.ptr[i] != '_' && s.ptr[i] != '.')
      return false;
  return true;
}

static bool label_key(struct str s) {
  ptrdiff_t slash = str_find_char(s, '/');
  if (slash < 0)
    return label_name(s);
  return dns_subdomain(str_slice(s, 0, (size_t)slash)) &&
         label_name(str_slice(s, (size_t)slash + 1, s.len));
}

static bool label_value(struct str s) {
  return s.len == 0 || label_name(s);
}

static bool kind_name(struct str s) {
  if (s.len == 0 || s.len > 63 || (s.ptr[0] >= '0' && s.ptr[0] <= '9') || s.ptr[s.len - 1] == '-')
    return false;
  for (size_t i = 0; i < s.len; i++)
    if (!is_alnum(s.ptr[i]) && (i == 0 || s.ptr[i] != '-'))
      return false;
  return true;
}

static bool config_key(struct str s) {
  if (s.len == 0 || s.len > 253 || str_eq_z(s, ".") || str_starts(s, STR("..")))
    return false;
  for (size_t i = 0; i < s.len; i++)
    if (!is_alnum(s.ptr[i]) && s.ptr[i] != '-' && s.ptr[i] != '_' && s.ptr[i] != '.')
      return false;
  return true;
}

static bool absolute_path(struct str s) {
  return s.len > 0 && s.ptr[0] == '/';
}

static bool base64(struct str s) {
  size_t digits = 0, pads = 0;
  for (size_t i = 0; i < s.len; i++) {
    char c = s.ptr[i];
    if (c == '\n' || c == '\r')
      continue;
    if (c == '=')
      pads++;
    else if (pads || (!is_alnum(c) && c != '+' && c != '/'))
      return false;
    else
      digits++;
  }
  return pads <= 2 && (digits + pads) % 4 == 0;
}

static bool env_name(struct str s) {
  for (size_t i = 0; i < s.len; i++)
    if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e || s.ptr[i] == '=')
      return false;
  return s.len > 0;
}

#define LABEL "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define SUBDOMAIN LABEL "(\\." LABEL ")*"

const struct field_format format_dns_label = {
    "dns-label",
    "at most 63 lower-case letters, digits and '-', with a letter or digit at both ends", dns_label,
    "^" LABEL "$"};
const struct field_format format_dns_subdomain = {
    "dns-subdomain", "lower-case letters, digits, '-' and '.', with a letter or digit at both ends",
    dns_subdomain, "^" SUBDOMAIN "$"};
const struct field_format format_hostname = {
    "hostname", "a host name in lower case, or *. and one, and no IP address", hostname,
    "^(\\*\\.)?" SUBDOMAIN "$"};
const struct field_format format_precise_hostname = {
    "hostname", "a host name in lower case, without wildcard and no IP address", precise_hostname,
    "^" SUBDOMAIN "$"};
const struct field_format format_host = {"host", "a host name, *.suffix, * or an IP address", host,
                                         NULL};
const struct field_format format_token = {"token",
                                          "an HTTP token: letters, digits and !#$%&'*+-.^_`|~",
                                          token, "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$"};
const struct field_format format_header_value = {
    "header-value", "a header value without line breaks and control characters", header_value,
    NULL};
const struct field_format format_label_key = {
    "label-key",
    "a label name (at most 63 letters, digits, '-', '_', '.'), with an optional prefix/", label_key,
    NULL};
const struct field_format format_label_value = {
    "label-value",
    "at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends",
    label_value, NULL};
const struct field_format format_kind = {"kind", "the name of a kind: letters, digits and '-'",
                                         kind_name, "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$"};
const struct field_format format_config_key = {"config-key", "letters, digits, '-', '_' and '.'",
                                               config_key, NULL};
const struct field_format format_absolute_path = {"path", "a path that starts with '/'",
                                                  absolute_path, "^/"};
const struct field_format format_base64 = {"byte", "base64 text", base64, NULL};
const struct field_format format_env_name = {"env-name", "printable characters without '='",
                                             env_name, NULL};
