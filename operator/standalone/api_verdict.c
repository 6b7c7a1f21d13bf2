// SPDX-License-Identifier: Apache-2.0
// What is wrong with an object that a write would store.
#include "manifests/base/bug.h"
#include "manifests/kinds/object_meta.h"
#include "manifests/schema/decode.h"
#include "manifests/schema/prune.h"
#include "operator/standalone/api_write_job.h"
#include "operator/standalone/crd_rules.h"
#include "operator/standalone/crd_scale.h"
#include "operator/standalone/crd_validate.h"
#include "operator/standalone/crd_value.h"
#include "operator/standalone/value_rules.h"

#include <stdarg.h>
#include <string.h>

int write_unreadable(struct write_job *job, const struct json *object, const char *format, ...) {
  struct arena *arena = job->call->arena;
  struct buf text;
  va_list args;
  buf_init(&text, 64u << 10);
  va_start(args, format);
  (void)buf_addv(&text, format, args);
  va_end(args);
  struct str why = arena_str(arena, buf_str(&text));
  buf_dispose(&text);
  const char *kind = job->request->part == WRITE_SCALE ? "Scale" : job->request->kind->kind;
  if (job->request->verb == WRITE_APPLY && job->request->kind->builtin)
    return api_fail(job->call, 500, NULL,
                    "failed to convert new object (%.*s; %s) to proper version: %.*s",
                    STR_ARG(job->request->name), kind, STR_ARG(why));
  if (!write_is_patch(job->request->verb))
    return api_bad_request(job->call, "%s in version \"%.*s\" cannot be handled as a %s: %.*s",
                           kind, STR_ARG(job->request->version), kind, STR_ARG(why));
  struct str shown = crd_show(json_new_string(arena, json_text(arena, object)), arena);
  return api_bad_patch(
      job->call, arena_printf(arena, "Invalid value: %.*s: %.*s", STR_ARG(shown), STR_ARG(why)));
}

// "spec.a["x/y"].b" as a real server writes it: "spec.a.x/y.b".
static struct str plain_path(struct arena *arena, struct str path) {
  char *text = arena_alloc(arena, path.len + 1);
  size_t len = 0;
  for (size_t i = 0; i < path.len; i++) {
    bool opens = str_starts(str_slice(path, i, path.len), STR("[\""));
    bool closes = str_starts(str_slice(path, i, path.len), STR("\"]"));
    if (!closes && !(opens && !len))
      text[len++] = opens ? '.' : path.ptr[i];
    i += opens || closes;
  }
  return (struct str){text, len};
}

static int refuse_unknown(struct write_job *job, const struct findings *unknown) {
  const struct write_request *request = job->request;
  struct buf text;
  buf_init(&text, 8192);
  for (size_t i = 0; i < unknown->count; i++)
    buf_addf(&text, "%sunknown field \"%.*s\"", text.len ? ", " : "",
             STR_ARG(plain_path(job->call->arena, unknown->items[i].path)));
  if (request->duplicate.len)
    buf_addf(&text, "%sduplicate field \"%.*s\"", text.len ? ", " : "",
             STR_ARG(request->duplicate));
  int rc = request->verb == WRITE_APPLY && request->kind->builtin
               ? api_bad_request(job->call, "error strict decoding YAML: %s", buf_z(&text))
               : write_unreadable(job, job->object, "strict decoding error: %s", buf_z(&text));
  buf_dispose(&text);
  return rc;
}

int write_say_unknown(struct write_job *job, const struct findings *unknown) {
  const struct write_request *request = job->request;
  bool any = unknown->count || request->duplicate.len;
  if (any && request->validation == VALIDATE_STRICT)
    return refuse_unknown(job, unknown);
  if (request->validation != VALIDATE_WARN)
    return RC_OK;
  for (size_t i = 0; i < unknown->count; i++)
    api_warn(job->call, "unknown field \"%.*s\"",
             STR_ARG(plain_path(job->call->arena, unknown->items[i].path)));
  if (request->duplicate.len)
    api_warn(job->call, "duplicate field \"%.*s\"", STR_ARG(request->duplicate));
  return RC_OK;
}

int write_prune(struct write_job *job) {
  const struct write_request *request = job->request;
  struct findings unknown;
  findings_init(&unknown, job->call->arena);
  if (request->kind->structural)
    crd_prune(request->kind->structural, job->object, true, job->call->arena, &unknown);
  else
    kind_prune(request->kind, job->object, job->call->arena, &unknown);
  return write_say_unknown(job, &unknown);
}

static bool has_same_error(const struct findings *list, const struct finding *error) {
  for (size_t i = 0; i < list->count; i++)
    if (list->items[i].level == FINDING_ERROR && str_eq(list->items[i].path, error->path) &&
        str_eq(list->items[i].id, error->id) && str_eq(list->items[i].message, error->message))
      return true;
  return false;
}

static void judge(struct write_job *job, const struct json *object, struct findings *found) {
  const struct kind_desc *kind = job->request->kind;
  struct decode_options options = {.unknown = UNKNOWN_IGNORE};
  struct arena *arena = job->call->arena;
  void *decoded;
  findings_init(found, arena);
  if (!kind->structural) {
    (void)kind_decode(kind, object, &options, arena, found, &decoded);
    return;
  }
  struct object_meta meta = {0};
  if (json_get(object, "metadata"))
    (void)schema_decode(&object_meta_schema, json_get(object, "metadata"), &options,
                        STR("metadata"), arena, found, &meta);
  crd_validate(kind->structural, object,
               job->request->part == WRITE_STATUS ? STR("status") : STR(""), arena, found);
  crd_validate_lists(kind->structural, object, STR(""), found);
  crd_validate_embedded(kind->structural, object, STR(""), found);
  crd_scale_check(kind, object, job->request->part != WRITE_STATUS, arena, found);
}

// Rules in CEL, once the object has the form they were written for.
static void judge_rules(struct write_job *job, struct findings *found) {
  static const char *const blocking[] = {"required", "type", "enum", "too-long", "too-many"};
  const struct kind_desc *kind = job->request->kind;
  if (!kind->rules)
    return;
  for (size_t i = 0; i < found->count; i++)
    for (size_t k = 0; k < ARRAY_LEN(blocking); k++)
      if (found->items[i].level == FINDING_ERROR && str_eq_z(found->items[i].id, blocking[k])) {
        findings_add(found, FINDING_ERROR, STR(""), 0, STR("<nil>"), "invalid",
                     "Invalid value: null: some validation rules were not checked because the "
                     "object was invalid; correct the existing errors to complete validation");
        return;
      }
  size_t before = found->count;
  crd_rules_judge(kind->rules, job->object, job->old ? write_old_as_seen(job) : NULL, STR(""),
                  found);
  for (size_t i = before; i < found->count; i++)
    if (found->items[i].level == FINDING_WARNING)
      api_warn(job->call, "%.*s", STR_ARG(found->items[i].message));
}

// What makes an object unreadable is no cause of a 422 but a 400: of Kubernetes' own kinds each
// value of a wrong type.
static const struct finding *unreadable(bool typed, const struct findings *found) {
  for (size_t i = 0; i < found->count; i++)
    if (str_eq_z(found->items[i].id, CRD_UNREADABLE) ||
        (typed && found->items[i].level == FINDING_ERROR &&
         (str_eq_z(found->items[i].id, "wrong-type") || str_eq_z(found->items[i].id, "bad-time"))))
      return &found->items[i];
  return NULL;
}

int write_check_metadata(struct write_job *job) {
  const struct decode_options options = {.unknown = UNKNOWN_IGNORE};
  const struct json *meta = json_get(job->object, "metadata");
  struct object_meta decoded = {0};
  struct findings found;
  findings_init(&found, job->call->arena);
  if (!json_is(meta, JSON_OBJECT))
    return RC_OK;
  (void)schema_decode(&object_meta_schema, meta, &options, STR("metadata"), job->call->arena,
                      &found, &decoded);
  const struct finding *bad = unreadable(true, &found);
  return bad ? write_unreadable(job, job->object, "%.*s: %.*s", STR_ARG(bad->path),
                                STR_ARG(bad->message))
             : RC_OK;
}

int write_check_readable(struct write_job *job) {
  struct findings found;
  if (!job->request->kind->builtin || job->request->part == WRITE_SCALE)
    return RC_OK;
  judge(job, job->object, &found);
  const struct finding *bad = unreadable(true, &found);
  return bad ? write_unreadable(job, job->object, "%.*s: %.*s", STR_ARG(bad->path),
                                STR_ARG(bad->message))
             : RC_OK;
}

// What the stored object has already is no fault of this write.
static void forgive(struct findings *found, const struct findings *before) {
  for (size_t i = 0; i < found->count; i++)
    if (has_same_error(before, &found->items[i]))
      found->items[i].level = FINDING_INFO;
}

static int report(struct write_job *job, struct findings *found, const struct findings *before) {
  const struct finding *bad = unreadable(job->request->kind->builtin, found);
  if (bad)
    return write_unreadable(job, job->object, "%.*s: %.*s", STR_ARG(bad->path),
                            STR_ARG(bad->message));
  forgive(found, before);
  return api_invalid_findings(job->call, job->request->kind, job->name, found);
}

// The rules' verdict has the causes of a real server; the schema's stands where they have none.
int write_validate(struct write_job *job) {
  const struct write_request *request = job->request;
  struct findings found, values, before;
  struct arena *arena = job->call->arena;
  judge(job, job->object, &found);
  findings_init(&values, arena);
  value_check_object(request->kind, job->object, job->old, request->version, arena, &values);
  findings_init(&before, arena);
  if (!found.errors && !values.errors) {
    judge_rules(job, &found);
    return report(job, &found, &before);
  }
  if (unreadable(request->kind->builtin, &found))
    return report(job, &found, &before);
  if (job->old)
    value_check_object(request->kind, job->old, NULL, request->version, arena, &before);
  int rc = values.errors ? report(job, &values, &before) : RC_OK;
  if (rc || !found.errors)
    return rc;
  if (job->old)
    judge(job, job->old, &before);
  forgive(&found, &before);
  if (!unreadable(request->kind->builtin, &found))
    judge_rules(job, &found);
  return report(job, &found, &before);
}
