// SPDX-License-Identifier: Apache-2.0
// What a real API server asks of the values of Kubernetes' own kinds, beyond the types that the
// field tables of manifests/kinds know: required fields, choices, bounds, forms, what may not
// change. Tables of paths, walked over the JSON after defaults were filled in; the causes have the
// field, the reason and, where it is short, the wording of a real server. Pure.
// Source: k8s.io/kubernetes pkg/apis/*/validation of 1.34.
#pragma once

#include "manifests/base/findings.h"
#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

// Ids of findings say the reason of the cause: see api_invalid_findings().
#define VALUE_REQUIRED_ID "required"
#define VALUE_INVALID_ID "bad-value"
#define VALUE_CHOICE_ID "enum"
#define VALUE_DUPLICATE_ID "duplicate"
#define VALUE_FORBIDDEN_ID "forbidden"
#define VALUE_NOT_FOUND_ID "not-found"
#define VALUE_TOO_LONG_ID "too-long"
#define VALUE_UNREADABLE_ID "unreadable" // no such object can be read at all: a 400, not a cause

struct value_check {
  struct arena *arena;
  struct findings *findings;
  const struct json *object, *old; // the whole objects; old is NULL when it is created
  struct str version;              // of the request: "events.k8s.io/v1" asks more than "v1"
};

// A text form: what is not valid gets `why`.
struct value_form {
  const char *why;
  bool (*is_valid)(struct str text);
};

enum value_test {
  VALUE_REQUIRED, // absent, "" or []: Required value; `words` says more
  VALUE_ONE_OF,   // "" or absent pass; `words`: the choices, with commas between
  VALUE_NUMBER,   // low..high when it is there
  VALUE_FORM,     // a text that is not empty
  VALUE_ITEMS,    // each text of a list
  VALUE_KEYS,     // of a map, the fault is at the map: labels, selectors
  VALUE_UNIQUE,   // items of a list: their member `words`
  VALUE_SHARE,    // a whole number, 0 or more, or "10%"
  VALUE_QUANTITY, // of a map's values: cannot be read otherwise
  VALUE_FIXED,    // may not change; `words` says why, else "field is immutable"
  VALUE_CHECK,    // `check` looks at it; NULL when it is absent
  VALUE_RULES,    // `rules` with this place before their paths
};

// A path: members with points between. `a[]` stands for each item of a list, `a{}` for each value
// of a map; what follows `a?` is only looked at when it is there. Otherwise an absent object is
// looked at as one that has nothing, as the Go structs are.
struct value_rule {
  const char *path; // NULL ends a table; "" is the place itself
  enum value_test test;
  const char *words;
  const struct value_form *form;
  int64_t low, high;
  void (*check)(struct value_check *check, const struct json *value, struct str path);
  const struct value_rule *rules;
};

struct value_kind { // a row of a table that ends with kind NULL
  const struct kind_desc *kind;
  const struct value_rule *rules;
};

#define RULE(p, t, ...)                                                                            \
  { .path = (p), .test = (t), ##__VA_ARGS__ }
#define REQUIRED(p, ...) RULE(p, VALUE_REQUIRED, ##__VA_ARGS__)
#define ONE_OF(p, w) RULE(p, VALUE_ONE_OF, .words = (w))
#define NUMBER(p, lo, hi) RULE(p, VALUE_NUMBER, .low = (lo), .high = (hi))
#define AT_LEAST(p, lo) RULE(p, VALUE_NUMBER, .low = (lo), .high = INT64_MAX)
#define FORM(p, f) RULE(p, VALUE_FORM, .form = (f))
#define ITEMS(p, f) RULE(p, VALUE_ITEMS, .form = (f))
#define KEYS(p, f) RULE(p, VALUE_KEYS, .form = (f))
#define UNIQUE(p, k) RULE(p, VALUE_UNIQUE, .words = (k))
#define SHARE(p) RULE(p, VALUE_SHARE)
#define FIXED(p, ...) RULE(p, VALUE_FIXED, ##__VA_ARGS__)
#define CHECKED(p, f) RULE(p, VALUE_CHECK, .check = (f))
#define WITH(p, r) RULE(p, VALUE_RULES, .rules = (r))
#define RULES_END                                                                                  \
  { .path = NULL }

extern const struct value_form value_dns_label, value_dns1035, value_subdomain, value_label_key,
    value_label_value, value_port_name, value_env_name, value_config_key, value_ip, value_cidr,
    value_path_segment, value_wildcard_host;

// The verdict on an object of a built-in kind; all faults, into findings. Kinds without a table,
// and others, have those of their metadata only.
void value_check_object(const struct kind_desc *kind, const struct json *object,
                        const struct json *old, struct str version, struct arena *arena,
                        struct findings *findings);

// --- For the tables and their checks

// A fault at `path` and, where it is not NULL, `rest` behind it ("image", "[0]").
void value_fault(struct value_check *check, struct str path, const char *rest, const char *id,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));
// "Invalid value: "x": why".
void value_invalid(struct value_check *check, struct str path, const char *rest,
                   const struct json *value, const char *why);
void value_run(struct value_check *check, const struct value_rule *rules, const struct json *value,
               const struct json *old, struct str path);
// Labels: keys and values are well formed; the faults are at `path`.
void value_check_labels(struct value_check *check, const struct json *labels, struct str path);
void value_check_annotations(struct value_check *check, const struct json *map, struct str path);
void value_check_selector(struct value_check *check, const struct json *selector, struct str path);
bool value_selector_is_well_formed(const struct json *selector);
bool value_selector_matches(const struct json *selector, const struct json *labels);
// A port as number or name.
void value_check_port(struct value_check *check, const struct json *port, struct str path);
void value_check_resources(struct value_check *check, const struct json *resources,
                           struct str path);
// The members of `object` among `names` (with commas between): the first one; a fault at each other
// one, for there is one `kind` only.
struct str value_members(struct value_check *check, const char *names, const struct json *object,
                         struct str path, const char *kind);
void value_check_init_container(struct value_check *check, const struct json *container,
                                struct str path);
bool value_is_empty(const struct json *value); // absent, null, "", [] or {}
bool value_is_quantity(const struct json *value);

extern const struct value_rule value_container_rules[], value_pod_rules[],
    value_template_rules[]; // of a Pod; of its template
extern const struct value_rule value_metadata_rules[], value_own_metadata_rules[];
extern const struct value_rule value_claim_rules[]; // of a PersistentVolumeClaim's spec
extern const struct value_kind value_workload_kinds[], value_core_kinds[], value_record_kinds[],
    value_network_kinds[], value_policy_kinds[], value_access_kinds[], value_status_kinds[];
