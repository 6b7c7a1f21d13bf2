// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/crd_check.h"
#include "manifests/base/bug.h"
#include "operator/standalone/crd_validate.h"
#include "operator/standalone/crd_value.h"

#include <ctype.h>

#define DNS_LABEL                                                                                  \
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "     \
  "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "  \
  "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
#define DNS_SUBDOMAIN                                                                              \
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "     \
  "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "    \
  "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

static struct str lower(struct str text, struct arena *arena) {
  char *to = arena_alloc(arena, text.len + 1);
  for (size_t i = 0; i < text.len; i++)
    to[i] = (char)tolower((unsigned char)text.ptr[i]);
  to[text.len] = '\0';
  return (struct str){to, text.len};
}

static bool is_label(struct str text) {
  if (text.len == 0 || text.len > 63 || !islower((unsigned char)text.ptr[0]) ||
      text.ptr[text.len - 1] == '-')
    return false;
  for (size_t i = 0; i < text.len; i++)
    if (!islower((unsigned char)text.ptr[i]) && !isdigit((unsigned char)text.ptr[i]) &&
        text.ptr[i] != '-')
      return false;
  return true;
}

static bool is_subdomain(struct str text) {
  struct str rest = text, part;
  if (text.len == 0 || text.len > 253 || text.ptr[text.len - 1] == '.')
    return false;
  while (str_next(&rest, '.', &part)) {
    if (part.len == 0 || part.ptr[0] == '-' || part.ptr[part.len - 1] == '-')
      return false;
    for (size_t i = 0; i < part.len; i++)
      if (!islower((unsigned char)part.ptr[i]) && !isdigit((unsigned char)part.ptr[i]) &&
          part.ptr[i] != '-')
        return false;
  }
  return true;
}

// --- Names

static void check_label(struct findings *findings, struct str path, struct str text,
                        const char *also) {
  if (text.len && !is_label(also[0] ? lower(text, findings->arena) : text))
    crd_add(findings, path, "invalid", "Invalid value: \"%.*s\": %s" DNS_LABEL, STR_ARG(text),
            also);
}

static void check_name_list(struct findings *findings, const struct json *names,
                            const char *member) {
  size_t index = 0;
  JSON_EACH(name, json_get(names, member))
    check_label(findings, arena_printf(findings->arena, "spec.names.%s[%zu]", member, index++),
                json_string(name), "");
}

static void check_names(const struct json *names, struct findings *findings) {
  static const struct {
    const char *name, *path, *also;
  } rows[] = {
      {"plural", "spec.names.plural", ""},
      {"singular", "spec.names.singular", ""},
      {"kind", "spec.names.kind", "may have mixed case, but should otherwise match: "},
      {"listKind", "spec.names.listKind", "may have mixed case, but should otherwise match: "}};
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    struct str text = json_get_string(names, rows[i].name), path = str_of(rows[i].path);
    if (!text.len)
      crd_add(findings, path, "required", "Required value");
    check_label(findings, path, text, rows[i].also);
  }
  check_name_list(findings, names, "shortNames");
  check_name_list(findings, names, "categories");
  struct str kind = json_get_string(names, "kind"), list = json_get_string(names, "listKind");
  if (kind.len && str_eq(kind, list))
    crd_add(findings, STR("spec.names.listKind"), "invalid",
            "Invalid value: \"%.*s\": kind and listKind may not be the same", STR_ARG(list));
}

static void check_identity(const struct json *definition, struct findings *findings) {
  struct str group = json_path_string(definition, "spec.group");
  struct str scope = json_path_string(definition, "spec.scope");
  struct str plural = json_path_string(definition, "spec.names.plural");
  struct str name = json_path_string(definition, "metadata.name");
  struct str want = arena_printf(findings->arena, "%.*s.%.*s", STR_ARG(plural), STR_ARG(group));
  if (!str_eq(name, want))
    crd_add(findings, STR("metadata.name"), "invalid",
            "Invalid value: \"%.*s\": must be spec.names.plural+\".\"+spec.group", STR_ARG(name));
  if (!group.len)
    crd_add(findings, STR("spec.group"), "required", "Required value");
  else if (!is_subdomain(group))
    crd_add(findings, STR("spec.group"), "invalid", "Invalid value: \"%.*s\": " DNS_SUBDOMAIN,
            STR_ARG(group));
  else if (str_find_char(group, '.') < 0)
    crd_add(findings, STR("spec.group"), "invalid",
            "Invalid value: \"%.*s\": should be a domain with at least one dot", STR_ARG(group));
  if (!scope.len)
    crd_add(findings, STR("spec.scope"), "required", "Required value");
  else if (!str_eq_z(scope, "Cluster") && !str_eq_z(scope, "Namespaced"))
    crd_add(findings, STR("spec.scope"), "enum",
            "Unsupported value: \"%.*s\": supported values: \"Cluster\", \"Namespaced\"",
            STR_ARG(scope));
  bool protected = str_ends(group, STR(".k8s.io")) || str_ends(group, STR(".kubernetes.io")) ||
                   str_eq_z(group, "k8s.io") || str_eq_z(group, "kubernetes.io");
  const struct json *notes = json_path(definition, "metadata.annotations");
  if (protected && !json_get_string(notes, "api-approved.kubernetes.io").len)
    crd_add(findings, STR("metadata.annotations[api-approved.kubernetes.io]"), "required",
            "Required value: protected groups must have approval annotation "
            "\"api-approved.kubernetes.io\", see "
            "https://github.com/kubernetes/enhancements/pull/1111");
}

// --- Versions

// Where a part of a version stands in the messages: what all versions have alike is one part of the
// definition to Kubernetes, under a name of its own.
struct part {
  const char *member, *alike;
};
static const struct part PART_SCHEMA = {"schema", "spec.validation"};
static const struct part PART_SUBRESOURCES = {"subresources", "spec.subresources"};
static const struct part PART_COLUMNS = {"additionalPrinterColumns",
                                         "spec.additionalPrinterColumns"};

static bool is_alike(const struct json *versions, const char *member) {
  const struct json *first = json_get(json_at(versions, 0), member);
  JSON_EACH(version, versions) {
    const struct json *own = json_get(version, member);
    if (!first || !own ? first != own : !json_equal(first, own))
      return false;
  }
  return true;
}

static struct str in_part(struct findings *findings, const struct json *versions, size_t index,
                          struct part part, const char *rest) {
  if (is_alike(versions, part.member))
    return arena_printf(findings->arena, "%s%s", part.alike, rest);
  return arena_printf(findings->arena, "spec.versions[%zu].%s%s", index, part.member, rest);
}

static void check_path(struct findings *findings, struct str field, struct str path,
                       const char *prefix, const char *second) {
  if (path.len && path.ptr[0] != '.')
    crd_add(findings, field, "invalid",
            "Invalid value: \"%.*s\": must be a simple json path starting with .", STR_ARG(path));
  else if (prefix && !str_starts(path, str_of(prefix)) &&
           (!second || !str_starts(path, str_of(second))))
    crd_add(findings, field, "invalid", "Invalid value: \"%.*s\": should be a json path under %s",
            STR_ARG(path),
            second             ? "either .spec or .status"
            : prefix[2] == 'p' ? ".spec"
                               : ".status");
}

static void check_subresources(const struct json *versions, const struct json *version,
                               size_t index, struct findings *findings) {
  const struct json *scale = json_path(version, "subresources.scale");
  static const struct {
    const char *name, *rest, *prefix, *second;
    bool required;
  } rows[] = {{"specReplicasPath", ".scale.specReplicasPath", ".spec.", NULL, true},
              {"statusReplicasPath", ".scale.statusReplicasPath", ".status.", NULL, true},
              {"labelSelectorPath", ".scale.labelSelectorPath", ".spec.", ".status.", false}};
  for (size_t i = 0; scale && i < ARRAY_LEN(rows); i++) {
    struct str path = json_get_string(scale, rows[i].name);
    struct str field = in_part(findings, versions, index, PART_SUBRESOURCES, rows[i].rest);
    if (path.len)
      check_path(findings, field, path, rows[i].prefix, rows[i].second);
    else if (rows[i].required)
      crd_add(findings, field, "required", "Required value");
  }
}

static void check_column(const struct json *column, struct str field, struct findings *findings) {
  static const char *const types[] = {"boolean", "date", "integer", "number", "string"};
  struct arena *arena = findings->arena;
  struct str type = json_get_string(column, "type"), path = json_get_string(column, "jsonPath");
  bool known = false;
  for (size_t i = 0; i < ARRAY_LEN(types); i++)
    known = known || str_eq_z(type, types[i]);
  if (!json_get_string(column, "name").len)
    crd_add(findings, arena_printf(arena, "%.*s.name", STR_ARG(field)), "required",
            "Required value");
  if (!known)
    crd_add(findings, arena_printf(arena, "%.*s.type", STR_ARG(field)),
            type.len ? "invalid" : "required",
            "%s%s%.*s%smust be one of boolean,date,integer,number,string",
            type.len ? "Invalid value: " : "Required value: ", type.len ? "\"" : "", STR_ARG(type),
            type.len ? "\": " : "");
  struct str at = arena_printf(arena, "%.*s.JSONPath", STR_ARG(field));
  if (!path.len)
    crd_add(findings, at, "required", "Required value");
  else
    check_path(findings, at, path, NULL, NULL);
}

static void check_schema_of(const struct json *versions, const struct json *version, size_t index,
                            struct findings *findings) {
  const struct json *schema = json_path(version, "schema.openAPIV3Schema");
  struct str path = in_part(findings, versions, index, PART_SCHEMA, ".openAPIV3Schema");
  struct str type = json_get_string(schema, "type");
  if (!schema) {
    crd_add(findings,
            arena_printf(findings->arena, "spec.versions[%zu].schema.openAPIV3Schema", index),
            "required", "Required value");
    return;
  }
  crd_check_schema(schema, path, findings);
  if (json_path(version, "subresources.status") && !str_eq_z(type, "object"))
    crd_add(findings, arena_printf(findings->arena, "%.*s.type", STR_ARG(path)), "invalid",
            "Invalid value: \"%.*s\": only \"object\" is allowed as the type at the root of the "
            "schema if the status subresource is enabled",
            STR_ARG(type));
}

static void check_version(const struct json *versions, const struct json *version, size_t index,
                          struct findings *findings) {
  check_label(findings, arena_printf(findings->arena, "spec.versions[%zu].name", index),
              json_get_string(version, "name"), "");
  if (index == 0)
    check_label(findings, STR("spec.version"), json_get_string(version, "name"), "");
  if (index == 0 || !is_alike(versions, "schema"))
    check_schema_of(versions, version, index, findings);
  if (index == 0 || !is_alike(versions, "subresources"))
    check_subresources(versions, version, index, findings);
  size_t column_index = 0;
  JSON_EACH(column, index == 0 || !is_alike(versions, "additionalPrinterColumns")
                        ? json_get(version, "additionalPrinterColumns")
                        : NULL) {
    const char *rest = arena_printf(findings->arena, "[%zu]", column_index++).ptr;
    check_column(column, in_part(findings, versions, index, PART_COLUMNS, rest), findings);
  }
}

static void check_versions(const struct json *versions, struct findings *findings) {
  size_t index = 0, stored = 0;
  bool unique = true;
  JSON_EACH(version, versions) {
    stored += json_is_true(json_get(version, "storage"));
    JSON_EACH(other, versions)
      if (other != version &&
          str_eq(json_get_string(other, "name"), json_get_string(version, "name")))
        unique = false;
    check_version(versions, version, index++, findings);
  }
  struct str shown = crd_show(versions ? versions : &(struct json){0}, findings->arena);
  if (!unique)
    crd_add(findings, STR("spec.versions"), "invalid",
            "Invalid value: %.*s: must contain unique version names", STR_ARG(shown));
  if (stored == 1)
    return;
  crd_add(findings, STR("spec.versions"), "invalid",
          "Invalid value: %.*s: must have exactly one version marked as storage version",
          STR_ARG(shown));
  if (stored == 0)
    crd_add(findings, STR("status.storedVersions"), "invalid",
            "Invalid value: null: must have at least one stored version");
}

static void check_conversion(const struct json *spec, struct findings *findings) {
  struct str strategy = json_path_string(spec, "conversion.strategy");
  if (json_is_true(json_get(spec, "preserveUnknownFields")))
    crd_add(findings, STR("spec.preserveUnknownFields"), "invalid",
            "Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to "
            "true in spec.versions[*].schema instead");
  size_t served = 0;
  JSON_EACH(version, json_get(spec, "versions"))
    served += json_is_true(json_get(version, "served"));
  if (str_eq_z(strategy, "Webhook") && served > 1)
    crd_add(findings, STR("spec.conversion.strategy"), "enum",
            "Unsupported value: \"Webhook\": supported values: \"None\": this embedded API server "
            "calls no webhooks, and %zu versions are served",
            served);
  else if (!str_eq_z(strategy, "None") && !str_eq_z(strategy, "Webhook"))
    crd_add(findings, STR("spec.conversion.strategy"), "enum",
            "Unsupported value: \"%.*s\": supported values: \"None\", \"Webhook\"",
            STR_ARG(strategy));
}

// --- Changes

static void check_same(const struct json *definition, const struct json *old, const char *path,
                       struct findings *findings) {
  const struct json *now = json_path(definition, path), *was = json_path(old, path);
  if (now && was && json_equal(now, was))
    return;
  crd_add(findings, str_of(path), "invalid", "Invalid value: %.*s: field is immutable",
          STR_ARG(now ? crd_show(now, findings->arena) : STR("\"\"")));
}

static void check_stored_versions(const struct json *definition, struct findings *findings) {
  size_t index = 0;
  JSON_EACH(stored, json_path(definition, "status.storedVersions")) {
    bool found = false;
    struct str name = json_string(stored);
    JSON_EACH(version, json_path(definition, "spec.versions"))
      found = found || str_eq(json_get_string(version, "name"), name);
    if (!found)
      crd_add(findings, arena_printf(findings->arena, "status.storedVersions[%zu]", index),
              "invalid",
              "Invalid value: \"%.*s\": missing from spec.versions; %.*s was previously a storage "
              "version, and must remain in spec.versions until a storage migration ensures no data "
              "remains persisted in %.*s and removes %.*s from status.storedVersions",
              STR_ARG(name), STR_ARG(name), STR_ARG(name), STR_ARG(name));
    index++;
  }
}

void crd_check(const struct json *definition, const struct json *old, struct findings *findings) {
  const struct json *spec = json_get(definition, "spec");
  check_identity(definition, findings);
  check_versions(json_get(spec, "versions"), findings);
  check_names(json_get(spec, "names"), findings);
  check_conversion(spec, findings);
  if (!old)
    return;
  check_same(definition, old, "spec.scope", findings);
  check_same(definition, old, "spec.names.kind", findings);
  check_same(definition, old, "spec.group", findings);
  check_same(definition, old, "spec.names.plural", findings);
  check_stored_versions(definition, findings);
}

void crd_check_default(struct json *definition, struct arena *arena) {
  struct json *spec = json_get(definition, "spec"), *names = json_get(spec, "names");
  struct str kind = json_get_string(names, "kind");
  if (json_is(names, JSON_OBJECT) && kind.len) {
    if (!json_get_string(names, "singular").len)
      json_put_string(arena, names, "singular", lower(kind, arena));
    if (!json_get_string(names, "listKind").len)
      json_put_string(arena, names, "listKind", arena_printf(arena, "%.*sList", STR_ARG(kind)));
  }
  if (json_is(spec, JSON_OBJECT) && !json_get(spec, "conversion"))
    json_put_z(arena, json_need_object(arena, spec, "conversion"), "strategy", "None");
}
