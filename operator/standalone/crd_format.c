// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/crd_format.h"
#include "manifests/source/net_range.h"
#include "manifests/base/bug.h"
#include "manifests/kinds/regex.h"
#include "manifests/text/duration.h"
#include "manifests/text/time.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#define ADDRESS_MAX 64u

static bool is_ip(struct str text, int family) {
  char copy[ADDRESS_MAX];
  unsigned char address[16];
  if (text.len == 0 || text.len >= sizeof(copy))
    return false;
  memcpy(copy, text.ptr, text.len);
  copy[text.len] = '\0';
  return inet_pton(family, copy, address) == 1;
}

static bool is_ipv4(struct str text) {
  return is_ip(text, AF_INET);
}

static bool is_ipv6(struct str text) {
  return is_ip(text, AF_INET6);
}

static bool is_cidr(struct str text) {
  struct net_range range;
  return net_range_parse(text, &range);
}

// One pattern, compiled each time: formats are rare, and this keeps no state.
static bool matches(const char *pattern, struct str text) {
  struct regex *regex;
  struct regex_worker worker;
  BUG_ON(regex_compile(str_of(pattern), false, &regex, NULL));
  regex_worker_init(&worker);
  bool yes = regex_match(regex, text, &worker) == REGEX_YES;
  regex_worker_dispose(&worker);
  regex_free(regex);
  return yes;
}

static bool is_hostname(struct str text) {
  static const char pattern[] =
      "^([a-zA-Z0-9\\p{S}\\p{L}]((-?[a-zA-Z0-9\\p{S}\\p{L}]{0,62})?)|([a-zA-Z0-9\\p{S}\\p{L}](([a-"
      "zA-Z0-9-\\p{S}\\p{L}]{0,61}[a-zA-Z0-9\\p{S}\\p{L}])?)(\\.)){1,}([a-zA-Z\\p{L}]){2,63})$";
  struct str rest = text, label;
  if (text.len > 255 || !matches(pattern, text))
    return false;
  while (str_next(&rest, '.', &label))
    if (label.len > 63)
      return false;
  return true;
}

// scheme ":" anything, or an absolute path: what Go's url.ParseRequestURI takes.
static bool is_uri(struct str text) {
  if (text.len && text.ptr[0] == '/')
    return matches("^[^\\x00-\\x20\\x7f]*$", text);
  return matches("^[a-zA-Z][a-zA-Z0-9+.-]*:(//[^\\x00-\\x20\\x7f<>]*|/[^\\x00-\\x20\\x7f]*)$",
                 text);
}

static bool is_email(struct str text) {
  return matches("^([^<>@]*<)?[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+>?$", text);
}

static bool is_date(struct str text) {
  int64_t ms;
  char whole[] = "0000-00-00T00:00:00Z";
  if (text.len != 10)
    return false;
  memcpy(whole, text.ptr, text.len);
  return time_parse(str_of(whole), &ms);
}

static bool is_datetime(struct str text) {
  int64_t ms;
  return time_parse(text, &ms);
}

// Go's durations, or a number and a unit in words ("22 ns").
static bool is_duration(struct str text) {
  return matches("^([-+]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$|^[-+]?0$", text) ||
         matches("^\\s*[0-9]+\\s*(nano|micro|milli|ns|us|ms|s|m|h|d|w|nanos|micros|millis|second|"
                 "seconds|sec|secs|minute|minutes|min|mins|hour|hours|hr|hrs|day|days|week|weeks|"
                 "nanosecond|nanoseconds|microsecond|microseconds|millisecond|milliseconds)\\s*$",
                 text);
}

static bool is_byte(struct str text) {
  return text.len % 4 == 0 && matches("^[A-Za-z0-9+/]*={0,2}$", text);
}

static bool is_isbn10(struct str text) {
  unsigned sum = 0, count = 0;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    if (c == '-' || c == ' ')
      continue;
    if (count == 10 || !(isdigit((unsigned char)c) || (count == 9 && c == 'X')))
      return false;
    sum += ++count * (c == 'X' ? 10u : (unsigned)(c - '0'));
  }
  return count == 10 && sum % 11 == 0;
}

static bool is_isbn13(struct str text) {
  unsigned sum = 0, count = 0;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    if (c == '-' || c == ' ')
      continue;
    if (count == 13 || !isdigit((unsigned char)c))
      return false;
    sum += (unsigned)(c - '0') * (count++ % 2 ? 3 : 1);
  }
  return count == 13 && sum % 10 == 0;
}

static bool is_isbn(struct str text) {
  return is_isbn10(text) || is_isbn13(text);
}

// Luhn's sum over 13 to 19 digits.
static bool is_creditcard(struct str text) {
  unsigned sum = 0, count = 0;
  for (size_t i = text.len; i-- > 0;) {
    char c = text.ptr[i];
    if (!isdigit((unsigned char)c))
      continue;
    unsigned digit = (unsigned)(c - '0') << (count++ % 2);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return count >= 13 && count <= 19 && sum % 10 == 0;
}

static const struct {
  const char *name;
  bool (*is_valid)(struct str text);
  const char *pattern; // used where there is no function
} formats[] = {
    {"uri", is_uri, NULL},
    {"email", is_email, NULL},
    {"hostname", is_hostname, NULL},
    {"ipv4", is_ipv4, NULL},
    {"ipv6", is_ipv6, NULL},
    {"cidr", is_cidr, NULL},
    {"date", is_date, NULL},
    {"datetime", is_datetime, NULL},
    {"duration", is_duration, NULL},
    {"byte", is_byte, NULL},
    {"isbn", is_isbn, NULL},
    {"isbn10", is_isbn10, NULL},
    {"isbn13", is_isbn13, NULL},
    {"creditcard", is_creditcard, NULL},
    {"bsonobjectid", NULL, "^[0-9a-fA-F]{24}$"},
    {"mac", NULL,
     "^([0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}([:-][0-9a-fA-F]{2}){0,2}|"
     "[0-9a-fA-F]{4}(\\.[0-9a-fA-F]{4}){2,3})$"},
    {"uuid", NULL, "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$"},
    {"uuid3", NULL, "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$"},
    {"uuid4", NULL,
     "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$"},
    {"uuid5", NULL,
     "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$"},
    {"ssn", NULL, "^\\d{3}[- ]?\\d{2}[- ]?\\d{4}$"},
    {"hexcolor", NULL, "^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"},
    {"rgbcolor", NULL,
     "^rgb\\(\\s*(0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])\\s*,\\s*(0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|"
     "25[0-5])\\s*,\\s*(0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])\\s*\\)$"},
    {"k8sshortname", NULL, "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"},
    {"k8slongname", NULL, "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"},
};

static bool is_called(struct str format, const char *name) {
  for (size_t i = 0; i < format.len; i++) {
    if (format.ptr[i] == '-')
      continue;
    if (*name == '\0' || format.ptr[i] != *name)
      return false;
    name++;
  }
  return *name == '\0';
}

bool crd_format_is_valid(struct str format, struct str text) {
  for (size_t i = 0; i < ARRAY_LEN(formats); i++)
    if (is_called(format, formats[i].name))
      return formats[i].is_valid ? formats[i].is_valid(text) : matches(formats[i].pattern, text);
  return true;
}
