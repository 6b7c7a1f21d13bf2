// SPDX-License-Identifier: Apache-2.0
// The text forms of value_rules.h, and checks of metadata, labels and selectors.
#include "operator/standalone/value_rules.h"
#include "manifests/kinds/label_selector.h"
#include "manifests/schema/decode.h"
#include "manifests/schema/format.h"
#include "manifests/text/quantity.h"

#include <ctype.h>
#include <string.h>

#define ANNOTATION_BYTES (256u << 10)

static bool is_label(struct str s) {
  return format_dns_label.is_valid(s);
}
static bool is_dns1035(struct str s) {
  return is_label(s) && islower((unsigned char)s.ptr[0]);
}
static bool is_subdomain(struct str s) {
  return format_dns_subdomain.is_valid(s);
}
static bool is_label_key(struct str s) {
  return format_label_key.is_valid(s);
}
static bool is_label_value(struct str s) {
  return format_label_value.is_valid(s);
}
static bool is_env_name(struct str s) {
  return format_env_name.is_valid(s);
}
static bool is_config_key(struct str s) {
  return format_config_key.is_valid(s);
}

static bool is_port_name(struct str s) {
  bool letter = false;
  for (size_t i = 0; i < s.len; i++) {
    bool dash = s.ptr[i] == '-';
    if (!islower((unsigned char)s.ptr[i]) && !isdigit((unsigned char)s.ptr[i]) && !dash)
      return false;
    if (dash && (i == 0 || i + 1 == s.len || s.ptr[i + 1] == '-'))
      return false;
    letter |= islower((unsigned char)s.ptr[i]) != 0;
  }
  return letter && s.len <= 15;
}

static bool is_cidr(struct str s) {
  ptrdiff_t slash = str_find_char(s, '/');
  uint64_t bits;
  if (slash < 0 || !format_is_ip(str_slice(s, 0, (size_t)slash)) ||
      !str_to_u64(str_slice(s, (size_t)slash + 1, s.len), &bits))
    return false;
  return bits <= (str_find_char(s, ':') >= 0 ? 128u : 32u);
}

static bool is_path_segment(struct str s) {
  return s.len && !str_eq_z(s, ".") && !str_eq_z(s, "..") && str_find_char(s, '/') < 0 &&
         str_find_char(s, '%') < 0;
}

static bool is_wildcard_host(struct str s) {
  return is_subdomain(str_starts(s, STR("*.")) ? str_slice(s, 2, s.len) : s);
}

const struct value_form
    value_dns_label = {"a lowercase RFC 1123 label must consist of lower case alphanumeric "
                       "characters or '-', and must start and end with an alphanumeric character "
                       "(e.g. 'my-name',  or '123-abc', regex used for validation is "
                       "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
                       is_label},
    value_dns1035 = {"a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
                     "start with an alphabetic character, and end with an alphanumeric character "
                     "(e.g. 'my-name',  or 'abc-123', regex used for validation is "
                     "'[a-z]([-a-z0-9]*[a-z0-9])?')",
                     is_dns1035},
    value_subdomain = {"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
                       "characters, '-' or '.', and must start and end with an alphanumeric "
                       "character (e.g. 'example.com', regex used for validation is "
                       "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
                       is_subdomain},
    value_label_key = {"name part must consist of alphanumeric characters, '-', '_' or '.', and "
                       "must start and end with an alphanumeric character (e.g. 'MyName',  or "
                       "'my.name',  or '123-abc', regex used for validation is "
                       "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
                       is_label_key},
    value_label_value = {"a valid label must be an empty string or consist of alphanumeric "
                         "characters, '-', '_' or '.', and must start and end with an alphanumeric "
                         "character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
                         "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
                         is_label_value},
    value_port_name = {"must be no more than 15 characters of [a-z0-9-], with at least one letter, "
                       "not beginning or ending with '-', without '--'",
                       is_port_name},
    value_env_name = {"a valid environment variable name must consist only of printable ASCII "
                      "characters other than '='",
                      is_env_name},
    value_config_key = {"a valid config key must consist of alphanumeric characters, '-', '_' or "
                        "'.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for "
                        "validation is '[-._a-zA-Z0-9]+')",
                        is_config_key},
    value_ip = {"must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)", format_is_ip},
    value_cidr = {"must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)", is_cidr},
    value_path_segment = {"may not be '.', '..', nor contain '/' or '%'", is_path_segment},
    value_wildcard_host = {
        "a lowercase RFC 1123 subdomain, after '*.' where it is a wildcard, must "
        "consist of lower case alphanumeric characters, '-' or '.'",
        is_wildcard_host};

bool value_is_quantity(const struct json *value) {
  double number;
  return json_is(value, JSON_INT) || json_is(value, JSON_DOUBLE) || json_is(value, JSON_NULL) ||
         (json_is(value, JSON_STRING) && quantity_parse(value->string, &number));
}

// --- Metadata

void value_check_labels(struct value_check *check, const struct json *labels, struct str path) {
  const struct value_rule rules[] = {KEYS("", &value_label_key), RULES_END};
  value_run(check, rules, labels, NULL, path);
  JSON_EACH(item, json_is(labels, JSON_OBJECT) ? labels : NULL)
    if (!is_label_value(json_string(item)))
      value_invalid(check, path, NULL, item, value_label_value.why);
}

void value_check_annotations(struct value_check *check, const struct json *map, struct str path) {
  size_t bytes = 0;
  char lower[512];
  JSON_EACH(item, json_is(map, JSON_OBJECT) ? map : NULL) {
    size_t len = item->key.len < sizeof(lower) ? item->key.len : sizeof(lower);
    for (size_t i = 0; i < len; i++)
      lower[i] = (char)tolower((unsigned char)item->key.ptr[i]);
    if (len == sizeof(lower) || !is_label_key((struct str){lower, len}))
      value_fault(check, path, NULL, VALUE_INVALID_ID, "Invalid value: \"%.*s\": %s",
                  STR_ARG(str_slice(item->key, 0, 512)), value_label_key.why);
    bytes += item->key.len + json_string(item).len;
  }
  if (bytes > ANNOTATION_BYTES)
    value_fault(check, path, NULL, VALUE_TOO_LONG_ID, "Too long: may not be more than %u bytes",
                ANNOTATION_BYTES);
}

static void check_owners(struct value_check *check, const struct json *list, struct str path) {
  static const char *const needed[] = {"apiVersion", "kind", "name", "uid"};
  size_t controllers = 0;
  JSON_EACH(owner, json_is(list, JSON_ARRAY) ? list : NULL) {
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
      if (value_is_empty(json_get(owner, needed[i])))
        value_invalid(check, path, needed[i], NULL, "must not be empty");
    if (str_eq_z(json_get_string(owner, "kind"), "Event") &&
        str_eq_z(json_get_string(owner, "apiVersion"), "v1"))
      value_invalid(check, path, NULL, owner, "/v1, Kind=Event is disallowed from being an owner");
    controllers += json_is_true(json_get(owner, "controller"));
  }
  if (controllers > 1)
    value_invalid(check, path, NULL, list,
                  "Only one reference can have Controller set to true. Found \"true\" in several");
}

static bool is_standard_finalizer(struct str name) {
  return str_eq_z(name, "kubernetes") || str_eq_z(name, "orphan") ||
         str_eq_z(name, "foregroundDeletion");
}

static void check_finalizers(struct value_check *check, const struct json *list, struct str path) {
  bool orphan = false, foreground = false;
  JSON_EACH(item, json_is(list, JSON_ARRAY) ? list : NULL) {
    struct str name = json_string(item);
    if (!is_label_key(name))
      value_invalid(check, path, NULL, item, value_label_key.why);
    orphan |= str_eq_z(name, "orphan");
    foreground |= str_eq_z(name, "foregroundDeletion");
  }
  if (orphan && foreground)
    value_invalid(check, path, NULL, list,
                  "finalizer orphan and foregroundDeletion cannot be both set");
}

// Kubernetes' own kinds want a group before the name.
static void check_own_finalizers(struct value_check *check, const struct json *list,
                                 struct str path) {
  size_t index = 0;
  JSON_EACH(item, json_is(list, JSON_ARRAY) ? list : NULL) {
    struct str name = json_string(item);
    if (str_find_char(name, '/') < 0 && !is_standard_finalizer(name))
      value_invalid(check, path, arena_printf(check->arena, "[%zu]", index).ptr, item,
                    "name is neither a standard finalizer name nor is it fully qualified");
    index++;
  }
}

const struct value_rule value_metadata_rules[] = {
    CHECKED("metadata.labels", value_check_labels),
    CHECKED("metadata.annotations", value_check_annotations),
    CHECKED("metadata.ownerReferences", check_owners),
    CHECKED("metadata.finalizers", check_finalizers),
    RULES_END,
};
const struct value_rule value_own_metadata_rules[] = {
    CHECKED("metadata.finalizers", check_own_finalizers),
    RULES_END,
};

// --- Selectors

static void check_requirement(struct value_check *check, const struct json *item, struct str path) {
  static const struct value_rule rules[] = {FORM("key", &value_label_key), RULES_END};
  struct str operator_ = json_get_string(item, "operator");
  bool values = !value_is_empty(json_get(item, "values"));
  bool list = str_eq_z(operator_, "In") || str_eq_z(operator_, "NotIn");
  bool presence = str_eq_z(operator_, "Exists") || str_eq_z(operator_, "DoesNotExist");
  if (list && !values)
    value_fault(check, path, "values", VALUE_REQUIRED_ID,
                "Required value: must be specified when `operator` is 'In' or 'NotIn'");
  if (presence && values)
    value_fault(check, path, "values", VALUE_FORBIDDEN_ID,
                "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
  if (!list && !presence)
    value_invalid(check, path, "operator", json_get(item, "operator"),
                  "not a valid selector operator");
  value_run(check, rules, item, NULL, path);
}

void value_check_selector(struct value_check *check, const struct json *selector, struct str path) {
  static const struct value_rule rules[] = {
      CHECKED("matchLabels", value_check_labels),
      CHECKED("matchExpressions[]", check_requirement),
      RULES_END,
  };
  value_run(check, rules, selector, NULL, path);
}

bool value_selector_is_well_formed(const struct json *selector) {
  struct arena arena;
  struct findings findings;
  arena_init(&arena);
  findings_init(&findings, &arena);
  struct value_check check = {.arena = &arena, .findings = &findings};
  value_check_selector(&check, selector, STR(""));
  bool good = findings.errors == 0;
  arena_dispose(&arena);
  return good;
}

bool value_selector_matches(const struct json *selector, const struct json *labels) {
  struct arena arena;
  struct label_selector decoded = {0};
  struct string_map map = {0};
  const struct decode_options options = {.unknown = UNKNOWN_IGNORE};
  arena_init(&arena);
  bool matches = selector && schema_decode(&label_selector_schema, selector, &options, STR(""),
                                           &arena, NULL, &decoded) == 0;
  map.items = ARENA_ARRAY(&arena, struct string_pair, labels ? labels->count : 0);
  JSON_EACH(item, json_is(labels, JSON_OBJECT) ? labels : NULL)
    map.items[map.count++] = (struct string_pair){item->key, json_string(item)};
  matches = matches && label_selector_matches(&decoded, &map);
  arena_dispose(&arena);
  return matches;
}
