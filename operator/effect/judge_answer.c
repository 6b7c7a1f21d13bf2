// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/judge_answer.h"
#include "manifests/base/bug.h"

static int add_param(struct judge_call *call, const struct json *item, struct arena *arena,
                     struct err *err) {
  struct str value;
  if (json_is(item, JSON_STRING))
    value = json_string(item);
  else if (json_is(item, JSON_INT))
    value = arena_printf(arena, "%lld", (long long)json_int(item, 0));
  else if (json_is(item, JSON_DOUBLE))
    value = arena_printf(arena, "%.10g", json_number(item, 0));
  else
    return err_set(err, RC_INVALID, "%.*s: expected a text or a number", STR_ARG(item->key));
  if (call->count == JUDGE_PARAMS_MAX)
    return err_set(err, RC_INVALID, "more than %u parameters", JUDGE_PARAMS_MAX);
  call->params[call->count++] = (struct judge_param){item->key, value};
  return RC_OK;
}

int judge_call_argo(const struct json *body, struct arena *arena, struct judge_call *ret_call,
                    struct err *err) {
  struct judge_call call = {.role = JUDGE_ARGO};
  if (!json_is(body, JSON_OBJECT))
    return err_set(err, RC_INVALID, "expected a JSON object with run, service, canary and stable");
  JSON_EACH(item, body) {
    int rc = RC_OK;
    if (str_eq_z(item->key, "run"))
      call.run = json_string(item);
    else
      rc = add_param(&call, item, arena, err);
    if (rc != RC_OK)
      return rc;
  }
  if (!call.run.len)
    return err_set(err, RC_INVALID, "run is missing: a name for this release, e.g. its pod hash");
  *ret_call = call;
  return RC_OK;
}

static int role_of(struct str name, enum judge_role *ret_role, struct err *err) {
  static const struct {
    const char *name;
    enum judge_role role;
  } ROLES[] = {{"", JUDGE_FLAGGER_CHECK},
               {"check", JUDGE_FLAGGER_CHECK},
               {"rollback", JUDGE_FLAGGER_ROLLBACK},
               {"gate", JUDGE_FLAGGER_GATE}};
  for (size_t i = 0; i < ARRAY_LEN(ROLES); i++)
    if (str_eq_z(name, ROLES[i].name)) {
      *ret_role = ROLES[i].role;
      return RC_OK;
    }
  return err_set(err, RC_INVALID, "metadata.as: expected check, rollback or gate, found \"%.*s\"",
                 STR_ARG(name));
}

int judge_call_flagger(const struct json *body, struct arena *arena, struct judge_call *ret_call,
                       struct err *err) {
  struct judge_call call = {0};
  const struct json *metadata = json_get(body, "metadata");
  struct str name = json_get_string(body, "name"), ns = json_get_string(body, "namespace");
  if (!name.len || !ns.len || !json_is(metadata, JSON_OBJECT))
    return err_set(err, RC_INVALID,
                   "expected Flagger's JSON object with name, namespace, checksum and metadata");
  int rc = role_of(json_get_string(metadata, "as"), &call.role, err);
  call.token = json_get_string(metadata, "token");
  call.run = arena_printf(arena, "%.*s/%.*s/%.*s", STR_ARG(ns), STR_ARG(name),
                          STR_ARG(json_get_string(body, "checksum")));
  JSON_EACH(item, metadata) {
    if (rc == RC_OK && !str_eq_z(item->key, "as") && !str_eq_z(item->key, "token"))
      rc = add_param(&call, item, arena, err);
  }
  if (rc == RC_OK)
    *ret_call = call;
  return rc;
}

static struct json *metric_json(const struct metric_verdict *metric, struct arena *arena) {
  struct json *json = metric_verdict_json(metric, arena);
  if (!metric->has_evidence)
    return json;
  json_put(arena, json, "evidence", json_new_double(arena, metric->evidence));
  json_put(arena, json, "evidenceNeed", json_new_double(arena, metric->evidence_need));
  json_put(arena, json, "passEvidence", json_new_double(arena, metric->pass_evidence));
  json_put(arena, json, "passNeed", json_new_double(arena, metric->pass_need));
  return json;
}

static struct str argo_body(const struct judge_call *call, const struct verdict *verdict,
                            struct str reason, struct arena *arena) {
  struct json *json = json_new_object(arena);
  enum outcome outcome = verdict ? verdict->outcome : OUTCOME_INSUFFICIENT;
  json_put_string(arena, json, "run", call->run);
  json_put_z(arena, json, "verdict", outcome_name(outcome));
  json_put_z(arena, json, "cause",
             verdict ? cause_name(verdict->cause) : cause_name(CAUSE_FEW_REQUESTS));
  json_put_string(arena, json, "reason", reason);
  if (verdict && verdict->has_evidence) {
    json_put(arena, json, "evidence", json_new_double(arena, verdict->evidence));
    json_put(arena, json, "evidenceNeed", json_new_double(arena, verdict->evidence_need));
    if (verdict->expected_ms >= 0)
      json_put_int(arena, json, "expectedSeconds", verdict->expected_ms / 1000);
  }
  struct json *metrics = json_need_array(arena, json, "metrics");
  for (size_t i = 0; verdict && i < verdict->metric_count; i++)
    json_append(metrics, metric_json(&verdict->metrics[i], arena));
  return json_text(arena, json);
}

int judge_answer(const struct judge_call *call, const struct verdict *verdict, struct arena *arena,
                 struct str *ret_body) {
  enum outcome outcome = verdict ? verdict->outcome : OUTCOME_INSUFFICIENT;
  struct str reason = verdict ? verdict->reason : STR("nothing has been measured yet");
  if (call->role == JUDGE_ARGO) {
    *ret_body = argo_body(call, verdict, reason, arena);
    return 200;
  }
  // Flagger shows the body of a refusal in its event.
  *ret_body = arena_printf(arena, "%s: %.*s\n", outcome_name(outcome), STR_ARG(reason));
  bool yes = call->role == JUDGE_FLAGGER_CHECK      ? outcome != OUTCOME_FAIL
             : call->role == JUDGE_FLAGGER_ROLLBACK ? outcome == OUTCOME_FAIL
                                                    : outcome == OUTCOME_PASS;
  return yes ? 200 : 409;
}

int judge_answer_error(const struct err *err) {
  switch (err->rc) {
  case RC_INVALID:
  case RC_PARSE:
  case RC_UNSUPPORTED: return 400;
  case RC_CONFLICT: return 409;
  case RC_TOO_MANY: return 429;
  default: return 500;
  }
}
