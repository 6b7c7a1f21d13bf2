// SPDX-License-Identifier: Apache-2.0
// Reading: documents to objects, with the faults of each. The rules are in lint_*.c.
#include "manifests/kinds/lint.h"

#include "manifests/kinds/deployment.h"
#include "manifests/kinds/destination_rule.h"
#include "manifests/kinds/http_route.h"
#include "manifests/kinds/lint_rules.h"
#include "manifests/kinds/rollout.h"
#include "manifests/kinds/virtual_service.h"
#include "manifests/schema/decode.h"
#include "manifests/schema/enforced.h"
#include "manifests/schema/format.h"
#include "manifests/text/yaml.h"

#include <stdlib.h>

void lint_init(struct lint *lint, struct arena *arena, struct findings *findings) {
  *lint = (struct lint){.arena = arena, .findings = findings};
  map_init(&lint->faulty);
}

static void fault(struct lint *lint, enum finding_level level, struct str file, int line,
                  const char *path, const char *id, struct str message) {
  findings_add(lint->findings, level, file, line, str_of(path), id, "%.*s", STR_ARG(message));
}

static struct str clip(struct str text) {
  return str_slice(text, 0, 80);
}

static struct lint_object *push(struct lint *lint, struct str file, const struct json *json) {
  void *items = lint->objects;
  struct lint_object *object =
      arena_push(lint->arena, &items, &lint->count, &lint->capacity, sizeof(struct lint_object));
  lint->objects = items;
  struct str ns = json_path_string(json, "metadata.namespace");
  *object = (struct lint_object){.file = file,
                                 .json = json,
                                 .ns = ns.len ? ns : STR("default"),
                                 .name = json_path_string(json, "metadata.name")};
  return object;
}

// Kinds that stand beside ours in an installation and are the API server's business alone.
static const struct {
  const char *api_version, *kind;
} NOT_OURS[] = {
    {"v1", "ServiceAccount"},
    {"rbac.authorization.k8s.io/v1", "Role"},
    {"rbac.authorization.k8s.io/v1", "RoleBinding"},
    {"rbac.authorization.k8s.io/v1", "ClusterRole"},
    {"rbac.authorization.k8s.io/v1", "ClusterRoleBinding"},
};

static bool is_not_ours(struct str api_version, struct str kind) {
  for (size_t i = 0; i < sizeof NOT_OURS / sizeof NOT_OURS[0]; i++)
    if (str_eq_z(api_version, NOT_OURS[i].api_version) && str_eq_z(kind, NOT_OURS[i].kind))
      return true;
  return false;
}

// The kind exists, but not in this version or group; or there is none of that name.
static void unknown_kind(struct lint *lint, struct str file, const struct json *json,
                         struct str api_version, struct str kind) {
  struct arena *arena = lint->arena;
  struct str group, version;
  kind_split_api_version(api_version, &group, &version);
  for (size_t i = 0; i < kind_count(); i++) {
    const struct kind_desc *known = kind_at(i);
    if (!str_eq_z(kind, known->kind) || !str_eq_z(group, known->group))
      continue;
    fault(lint, FINDING_ERROR, file, json_get(json, "apiVersion")->line, "apiVersion",
          "unknown-version",
          arena_printf(arena, "%s has no version \"%.*s\"; use \"%.*s\"", known->kind,
                       STR_ARG(clip(version)), STR_ARG(kind_api_version(known, STR_NULL, arena))));
    return;
  }
  const struct kind_desc *near = kind_nearest(kind);
  struct str message = arena_printf(arena, "unknown kind \"%.*s\" of apiVersion \"%.*s\"",
                                    STR_ARG(clip(kind)), STR_ARG(clip(api_version)));
  if (near)
    message = arena_printf(arena, "%.*s; did you mean %s of \"%.*s\"?", STR_ARG(message),
                           near->kind, STR_ARG(kind_api_version(near, STR_NULL, arena)));
  fault(lint, FINDING_ERROR, file, json_get(json, "kind")->line, "kind", "unknown-kind", message);
}

static void check_name(struct lint *lint, struct str file, const struct json *json) {
  const struct json *metadata = json_get(json, "metadata");
  struct str name = json_get_string(metadata, "name");
  int line = metadata && metadata->line ? metadata->line : json->line;
  if (!name.len && !json_get_string(metadata, "generateName").len)
    fault(lint, FINDING_ERROR, file, line, "metadata.name", "required", STR("is required"));
  else if (name.len && !format_dns_subdomain.is_valid(name))
    fault(lint, FINDING_ERROR, file, json_get(metadata, "name")->line, "metadata.name", "bad-value",
          arena_printf(lint->arena, "expected %s, found \"%.*s\"", format_dns_subdomain.expected,
                       STR_ARG(clip(name))));
}

static void add_object(struct lint *lint, struct str file, const struct json *json,
                       const struct kind_desc *kind) {
  struct lint_object *object = push(lint, file, json);
  object->kind = kind;
  check_name(lint, file, json);
  // A template is judged by lint_rollout(), as the Pods that it makes.
  const struct decode_options options = {.file = file, .skip_verbatim = true};
  void *decoded = NULL;
  if (kind_decode(kind, json, &options, lint->arena, lint->findings, &decoded) == 0)
    object->object = decoded;
  (void)unenforced_report(kind, json, file, lint->arena, lint->findings);
}

static void add_document(struct lint *lint, struct str file, const struct json *json, int line);

static void add_items(struct lint *lint, struct str file, const struct json *items) {
  JSON_EACH(item, items) {
    add_document(lint, file, item, item->line);
  }
}

static void add_document(struct lint *lint, struct str file, const struct json *json, int line) {
  if (!json_is(json, JSON_OBJECT)) {
    fault(lint, FINDING_ERROR, file, line, "", "wrong-type",
          arena_printf(lint->arena, "expected an object with apiVersion and kind, found a %s",
                       json_type_name(json->type)));
    return;
  }
  const struct json *version = json_get(json, "apiVersion"), *kind = json_get(json, "kind");
  if (!version && !kind) {
    (void)push(lint, file, json);
    fault(lint, FINDING_WARNING, file, line, "", "patch-fragment",
          STR("has neither apiVersion nor kind: taken for a patch fragment, not checked"));
  } else if (!version || !json_string(version).len) {
    fault(lint, FINDING_ERROR, file, version ? version->line : line, "apiVersion", "required",
          version ? STR("must be a text that is not empty") : STR("is required beside kind"));
  } else if (!kind || !json_string(kind).len) {
    fault(lint, FINDING_ERROR, file, kind ? kind->line : line, "kind", "required",
          kind ? STR("must be a text that is not empty") : STR("is required beside apiVersion"));
  } else if (str_eq_z(json_string(kind), "List") && str_eq_z(json_string(version), "v1")) {
    add_items(lint, file, json_get(json, "items"));
  } else {
    const struct kind_desc *known = kind_find(json_string(version), json_string(kind));
    if (known)
      add_object(lint, file, json, known);
    else if (is_not_ours(json_string(version), json_string(kind)))
      fault(lint, FINDING_WARNING, file, kind->line, "kind", "not-checked",
            STR("is a kind that Serin does not use: not checked"));
    else
      unknown_kind(lint, file, json, json_string(version), json_string(kind));
  }
}

void lint_add_text(struct lint *lint, struct str file, struct str text) {
  struct yaml_doc *docs = NULL;
  size_t errors = lint->findings->errors;
  size_t count = yaml_parse(text, file, lint->arena, &docs, lint->findings);
  if (count == 0 && lint->findings->errors == errors)
    fault(lint, FINDING_ERROR, file, 1, "", "empty-file", STR("contains no object"));
  for (size_t i = 0; i < count; i++)
    add_document(lint, file, docs[i].root, docs[i].line);
}

// What the rules ask for again and again.
static void prepare(struct lint *lint) {
  struct lint_object *object;
  for (size_t i = 0; i < lint->count; i++) {
    object = &lint->objects[i];
    if (object->object && object->kind == &destination_rule_kind)
      object->host = lint_full_host(lint, object,
                                    ((const struct destination_rule *)object->object)->spec.host);
    if (!object->object || object->kind != &virtual_service_kind)
      continue;
    const struct virtual_service_spec *spec =
        &((const struct virtual_service *)object->object)->spec;
    bool faulty = false;
    for (size_t r = 0; r < spec->http_count; r++)
      faulty |= spec->http[r].fault != NULL;
    for (size_t h = 0; faulty && h < spec->hosts_count; h++)
      (void)map_put(&lint->faulty, lint_full_host(lint, object, spec->hosts[h]), object);
  }
}

// By file and line; what was found first stays first within a line.
static int compare_findings(const void *a, const void *b) {
  const struct finding *x = a, *y = b;
  int order = str_cmp(x->file, y->file);
  if (order)
    return order;
  if (x->line != y->line)
    return x->line < y->line ? -1 : 1;
  order = str_cmp(x->path, y->path);
  return order ? order : str_cmp(x->message, y->message);
}

void lint_dispose(struct lint *lint) {
  map_dispose(&lint->faulty);
}

void lint_finish(struct lint *lint) {
  prepare(lint);
  for (size_t i = 0; i < lint->count; i++) {
    const struct lint_object *object = &lint->objects[i];
    if (!object->object)
      continue;
    if (object->kind == &virtual_service_kind)
      lint_virtual_service(lint, object);
    else if (object->kind == &http_route_kind)
      lint_http_route(lint, object);
    else if (object->kind == &destination_rule_kind)
      lint_destination_rule(lint, object);
    else if (object->kind == &rollout_kind)
      lint_rollout(lint, object);
  }
  lint_explain(lint);
  lint_subsets(lint);
  lint_duplicates(lint);
  lint_claims(lint);
  if (lint->findings->count)
    qsort(lint->findings->items, lint->findings->count, sizeof(struct finding), compare_findings);
}

struct check lint_check(struct lint *lint, const struct lint_object *object) {
  return (struct check){.findings = lint->findings,
                        .arena = lint->arena,
                        .file = object->file,
                        .path = STR(""),
                        .json = object->json};
}

const struct object_meta *lint_meta(const struct lint_object *object) {
  return object->object; // every kind's struct begins with its metadata
}

struct str lint_full_host(struct lint *lint, const struct lint_object *object, struct str host) {
  if (str_find_char(host, '.') >= 0 || str_eq_z(host, "*"))
    return host;
  return arena_printf(lint->arena, "%.*s.%.*s.svc.cluster.local", STR_ARG(host),
                      STR_ARG(object->ns));
}

struct str lint_title(struct lint *lint, const struct lint_object *object) {
  return arena_printf(lint->arena, "%s %.*s/%.*s (%.*s:%d)", object->kind->kind,
                      STR_ARG(object->ns), STR_ARG(object->name), STR_ARG(object->file),
                      object->json->line);
}

const struct lint_object *lint_next(const struct lint *lint, const struct kind_desc *kind,
                                    size_t *index) {
  while (*index < lint->count) {
    const struct lint_object *object = &lint->objects[(*index)++];
    if (object->object && object->kind == kind)
      return object;
  }
  return NULL;
}

const struct lint_object *lint_find(const struct lint *lint, const struct kind_desc *kind,
                                    struct str ns, struct str name) {
  const struct lint_object *object;
  for (size_t i = 0; (object = lint_next(lint, kind, &i));)
    if (str_eq(object->ns, ns) && str_eq(object->name, name))
      return object;
  return NULL;
}

int64_t lint_replicas(const struct lint *lint, struct str ns, const struct string_map *labels) {
  int64_t replicas = -1;
  const struct lint_object *object;
  for (size_t i = 0; (object = lint_next(lint, &deployment_kind, &i));) {
    const struct deployment *deployment = object->object;
    if (!str_eq(object->ns, ns) ||
        !string_map_includes(&deployment->spec.template_.metadata.labels, labels))
      continue;
    replicas = (replicas < 0 ? 0 : replicas) + deployment->spec.replicas;
  }
  return replicas;
}
