// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/route_filter_check.h"

#include "manifests/kinds/header_command.h"
#include "manifests/kinds/regex_form.h"

void route_check_regex(struct str pattern, const char *field, struct check *check) {
  const char *fault = regex_form_fault(pattern);
  if (fault)
    check_error(check, "bad-regex", field, "is not an RE2 regular expression: %s", fault);
}

static void check_twice(const struct route_header *headers, size_t count, const char *name,
                        struct check *check) {
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < i; j++)
      if (str_eq_nocase(headers[i].name, headers[j].name))
        check_error(check, "duplicate", check_index(check, name, i, ".name"),
                    "is the same as %s[%zu]", name, j);
}

static void check_connection(const struct route_header *headers, size_t count, const char *name,
                             struct check *check) {
  for (size_t i = 0; i < count; i++)
    if (header_is_of_connection(headers[i].name))
      check_warn(check, "no-effect", check_index(check, name, i, ".name"),
                 "is made by the proxy itself, from the message");
}

void route_check_header_modifier(const void *object, struct check *check) {
  const struct route_header_modifier *modifier = object;
  check_twice(modifier->set, modifier->set_count, "set", check);
  check_twice(modifier->add, modifier->add_count, "add", check);
  check_connection(modifier->set, modifier->set_count, "set", check);
  check_connection(modifier->add, modifier->add_count, "add", check);
}

static bool is_service(const struct route_backend_object *ref) {
  return str_is_empty(ref->group) && str_eq_z(ref->kind, "Service");
}

void route_check_backend_object(const void *object, struct check *check) {
  const struct route_backend_object *ref = object;
  if (is_service(ref) && !ref->port)
    check_error(check, "required", "port", "is required for a Service");
}

void route_check_backend_ref(const void *object, struct check *check) {
  const struct route_backend_ref *ref = object;
  route_check_backend_object(&ref->ref, check);
  route_check_filters(ref->filters, ref->filters_count, "filters", check);
}

void route_check_mirror(const void *object, struct check *check) {
  const struct route_mirror *mirror = object;
  if (mirror->has_percent && mirror->fraction)
    check_error(check, "one-of", "fraction", "only one of percent and fraction may be given");
  if (mirror->fraction && mirror->fraction->numerator > mirror->fraction->denominator)
    check_error(check, "out-of-range", "fraction.numerator", "must not exceed the denominator");
}

void route_check_path_modifier(const void *object, struct check *check) {
  const struct route_path_modifier *path = object;
  bool full = path->type == ROUTE_PATH_REPLACE_FULL;
  if (full && !path->replace_full_path.ptr)
    check_error(check, "required", "replaceFullPath", "is required with type ReplaceFullPath");
  if (!full && !path->replace_prefix_match.ptr)
    check_error(check, "required", "replacePrefixMatch",
                "is required with type ReplacePrefixMatch");
  if (full && path->replace_prefix_match.ptr)
    check_error(check, "one-of", "replacePrefixMatch", "does not belong to type ReplaceFullPath");
  if (!full && path->replace_full_path.ptr)
    check_error(check, "one-of", "replaceFullPath", "does not belong to type ReplacePrefixMatch");
}

void route_check_redirect(const void *object, struct check *check) {
  const struct route_redirect *redirect = object;
  if (redirect->scheme.len && !str_eq_z(redirect->scheme, "http") &&
      !str_eq_z(redirect->scheme, "https"))
    check_error(check, "bad-value", "scheme", "expected http or https");
  int64_t code = redirect->status_code;
  if (code != 301 && code != 302 && code != 303 && code != 307 && code != 308)
    check_error(check, "bad-value", "statusCode", "expected 301, 302, 303, 307 or 308, found %lld",
                (long long)code);
}

void route_check_cors(const void *object, struct check *check) {
  const struct route_cors *cors = object;
  for (size_t i = 0; i < cors->allow_origins_count; i++)
    if (!str_eq_z(cors->allow_origins[i], "*") && !str_contains(cors->allow_origins[i], STR("://")))
      check_error(check, "bad-value", check_index(check, "allowOrigins", i, ""),
                  "expected scheme://host[:port] or *");
}

struct filter_member {
  const char *name;
  bool given;
};

void route_check_filter(const void *object, struct check *check) {
  const struct route_filter *filter = object;
  const struct filter_member members[] = {
      [ROUTE_FILTER_UNSET] = {"", false},
      [ROUTE_FILTER_REQUEST_HEADER] = {"requestHeaderModifier", filter->request_header_modifier},
      [ROUTE_FILTER_RESPONSE_HEADER] = {"responseHeaderModifier", filter->response_header_modifier},
      [ROUTE_FILTER_MIRROR] = {"requestMirror", filter->request_mirror},
      [ROUTE_FILTER_REDIRECT] = {"requestRedirect", filter->request_redirect},
      [ROUTE_FILTER_URL_REWRITE] = {"urlRewrite", filter->url_rewrite},
      [ROUTE_FILTER_CORS] = {"cors", filter->cors},
      [ROUTE_FILTER_EXTENSION_REF] = {"extensionRef", filter->extension_ref},
  };
  for (int i = 1; i < (int)(sizeof(members) / sizeof(members[0])); i++) {
    if ((int)filter->type == i && !members[i].given)
      check_error(check, "required", members[i].name, "is required with this type");
    if ((int)filter->type != i && members[i].given)
      check_error(check, "one-of", members[i].name, "does not belong to this type");
  }
}

static bool may_repeat(enum route_filter_type type) {
  return type == ROUTE_FILTER_MIRROR || type == ROUTE_FILTER_EXTENSION_REF;
}

void route_check_filters(const struct route_filter *filters, size_t count, const char *name,
                         struct check *check) {
  bool redirect = false, rewrite = false;
  for (size_t i = 0; i < count; i++) {
    redirect |= filters[i].type == ROUTE_FILTER_REDIRECT;
    rewrite |= filters[i].type == ROUTE_FILTER_URL_REWRITE;
    for (size_t j = 0; j < i; j++)
      if (filters[i].type == filters[j].type && !may_repeat(filters[i].type))
        check_error(check, "duplicate", check_index(check, name, i, ".type"),
                    "this filter may be given only once; %s[%zu] is one already", name, j);
  }
  if (redirect && rewrite)
    check_error(check, "one-of", name, "RequestRedirect and URLRewrite cannot be used together");
}

void route_check_persistence(const void *object, struct check *check) {
  const struct route_session_persistence *persistence = object;
  bool permanent = persistence->cookie_config &&
                   persistence->cookie_config->lifetime_type == ROUTE_COOKIE_PERMANENT;
  if (permanent && !persistence->absolute_timeout_ms)
    check_error(check, "required", "absoluteTimeout", "is required with lifetimeType Permanent");
  if (persistence->cookie_config && persistence->type == ROUTE_PERSISTENCE_HEADER)
    check_error(check, "one-of", "cookieConfig", "does not belong to type Header");
}

static bool same_parent(const struct route_parent_ref *a, const struct route_parent_ref *b) {
  return str_eq(a->group, b->group) && str_eq(a->kind, b->kind) && str_eq(a->name, b->name) &&
         str_eq(a->namespace_, b->namespace_);
}

void route_check_parents(const struct route_parent_ref *refs, size_t count, struct check *check) {
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < i; j++) {
      if (!same_parent(&refs[i], &refs[j]))
        continue;
      if (str_eq(refs[i].section_name, refs[j].section_name) && refs[i].port == refs[j].port)
        check_error(check, "duplicate", check_index(check, "parentRefs", i, ""),
                    "is the same as parentRefs[%zu]; they must differ by sectionName or port", j);
      else if (!refs[i].section_name.len != !refs[j].section_name.len &&
               !refs[i].port == !refs[j].port)
        check_error(check, "duplicate", check_index(check, "parentRefs", i, ""),
                    "names the parent of parentRefs[%zu]: both or none must have a sectionName", j);
    }
}
