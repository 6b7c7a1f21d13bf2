// SPDX-License-Identifier: Apache-2.0
// What must never be, looked at after every single action.
#include "support_world_parts.h"
#include "manifests/kinds/rollout.h"
#include "manifests/schema/decode.h"
#include "manifests/text/percent.h"
#include "manifests/text/time.h"

bool world_is_bare(const struct world *world) {
  JSON_EACH(item, world_destinations(world))
    if (world->gateway ? str_eq_z(json_get_string(item, "name"), "agent")
                       : str_is_empty(json_path_string(item, "destination.subset")))
      return true;
  return false;
}

// A version of the workload form, not of another that it had before.
static bool is_ours(const struct world *world, const struct json *d) {
  JSON_EACH(name, json_path(world->rollout, "status.former.made"))
    if (str_eq(json_string(name), json_path_string(d, "metadata.name")))
      return false;
  return json_get_s(json_path(d, "metadata.labels"), STR(ROLLOUT_OWNER_LABEL)) != NULL &&
         json_path(world->rollout, "status.workload") != NULL;
}

// The bare host reaches a canary's Pods, whatever weight is asked.
void world_check_bare(struct world *world) {
  for (size_t i = 0; i < world->deployments_count && world->is_workload; i++) {
    const struct json *d = world->deployments[i];
    if (is_ours(world, d) && world_is_bare(world) && !world->foreign_bare &&
        json_int(json_path(d, "status.readyReplicas"), 0) > 0)
      world_broken(world, "promise 2: the route names the bare host while %s has ready pods",
                   json_path_string(d, "metadata.name").ptr);
  }
}

static int64_t step_weight(const struct world *world) {
  const struct json *steps = json_path(world->rollout, "spec.steps");
  int64_t index = json_int(json_path(world->rollout, "status.step.index"), 0), parts = 0;
  size_t i = 0;
  JSON_EACH(step, steps) {
    if (i++ <= (size_t)index && json_get(step, "setWeight"))
      parts = (int64_t)(json_number(json_get(step, "setWeight"), 0) * 100 + 0.5);
  }
  return parts;
}

struct str world_untouched(const struct world *world) {
  struct json *service = json_dup(world->arena, world->service),
              *rule = world->rule ? json_dup(world->arena, world->rule) : NULL;
  if (world->gateway)
    json_remove(json_path(service, "spec.rules.1"), STR("backendRefs"));
  else
    json_remove(json_path(service, "spec.http.1"), STR("route"));
  json_remove(json_get(service, "metadata"), STR("resourceVersion"));
  json_remove(json_get(service, "metadata"), STR("generation"));
  if (world->gateway)
    return json_text(world->arena, service);
  json_remove(json_get(rule, "metadata"), STR("resourceVersion"));
  struct json *subsets = json_path(rule, "spec.subsets");
  for (size_t i = subsets->count; i-- > 0;)
    if (str_starts(json_get_string(json_at(subsets, i), "name"), STR("agent-")))
      json_remove_at(subsets, i);
  return arena_printf(world->arena, "%s %s", json_text(world->arena, service).ptr,
                      json_text(world->arena, rule).ptr);
}

void world_check_weight(struct world *world) {
  struct str subset = world_status(world, "canary.subset");
  if (json_is_true(json_path(world->rollout, "status.release.first")))
    return; // there is nothing beside it
  int64_t asked = 0;
  (void)percent_parse_parts(world_status(world, "weight.canary"), &asked);
  int64_t share = str_is_empty(subset) ? 0 : world_share(world, subset.ptr);
  if (share > asked)
    world_broken(world, "promise 2: the canary has %lld parts, status asks %lld", (long long)share,
                 (long long)asked);
  if (json_path(world->rollout, "spec.steps") && share > step_weight(world))
    world_broken(world, "promise 2: the canary has %lld parts, its step %lld", (long long)share,
                 (long long)step_weight(world));
}

// What the original rolls to is what status says is released, and no request reaches its Pods.
void world_check_roll(struct world *world, const struct json *original) {
  struct str hash = snapshot_template_hash(json_path(original, "spec.template"), world->arena);
  bool serves = str_eq(hash, world_status(world, "stable.hash"));
  bool released = str_eq(hash, world_status(world, "canary.hash")) &&
                  str_eq_z(world_status(world, "step.name"), "decommission");
  bool told = json_path(world->rollout, "metadata.deletionTimestamp") &&
              str_eq_z(json_path_string(world->rollout, "spec.workloadRef.onDelete"), "roll");
  if (!serves && !released && !told)
    world_broken(world, "the Deployment is let roll to a version that was not released");
  if (!serves && !told &&
      (world_is_bare(world) || world_share(world, world_status(world, "stable.subset").ptr) > 0))
    world_broken(world, "promise 4: the Deployment rolls with traffic on its pods");
}

void world_check_down(struct world *world, struct str name) {
  struct str subset = str_eq_z(name, "agent-v1")   ? STR("v1")
                      : str_eq_z(name, "agent-v2") ? STR("v2")
                      : str_eq_z(name, "agent-v3") ? STR("v3")
                                                   : name;
  if (world_share(world, subset.ptr) > 0)
    world_broken(world, "promise 4: %s goes down with %lld parts of the traffic", name.ptr,
                 (long long)world_share(world, subset.ptr));
}

// A weight is passed when all proxies serve it, after 30 s without, or when a person says so.
static void check_verified(struct world *world, const struct json *before) {
  struct str was = json_path_string(before, "release.id"), written;
  int64_t index = json_int(json_path(before, "step.index"), 0), at = 0;
  if (!str_eq_z(json_path_string(before, "step.name"), "setWeight") || str_is_empty(was) ||
      !str_eq(was, world_status(world, "release.id")) || !world->proxies_lag ||
      !str_is_empty(world_status(world, "release.result")) ||
      json_int(json_path(world->rollout, "status.step.index"), 0) <= index ||
      !json_equal(json_get(before, "handled"), json_path(world->rollout, "status.handled")))
    return;
  written = json_path_string(before, "weight.writtenAt");
  bool verified = !str_is_empty(json_path_string(before, "weight.verifiedAt"));
  if (!verified && (!time_parse(written, &at) || world->now_ms < at + 30000))
    world_broken(world,
                 "promise 5: step %lld ended unverified %lld ms after its weight was "
                 "written",
                 (long long)index, (long long)(world->now_ms - at));
}

static void check_promoted_once(struct world *world, const struct json *before) {
  const struct json *history = json_path(world->rollout, "status.history");
  bool is_new = !json_equal(history, json_get(before, "history"));
  if (!is_new || !str_eq_z(json_path_string(json_at(history, 0), "result"), "Promoted"))
    return;
  int64_t number = json_int(json_path(before, "release.number"), 0);
  if (number <= world->promoted)
    world_broken(world, "promise 10: release %lld was promoted twice", (long long)number);
  world->promoted = number;
}

// What the CRD, which is made of the same tables, would refuse or take out.
static void check_form(struct world *world) {
  const struct decode_options options = {.unknown = UNKNOWN_ERROR, .skip_checks = true};
  const struct field *row = schema_find(rollout_kind.schema, STR("status"));
  struct rollout_status status = {0};
  struct findings findings;
  findings_init(&findings, world->arena);
  if (schema_decode(row->schema, json_get(world->rollout, "status"), &options, STR("status"),
                    world->arena, &findings, &status))
    world_broken(world, "a status that an API server does not take: %.*s: %.*s",
                 STR_ARG(findings.items[0].path), STR_ARG(findings.items[0].message));
}

void world_check_status(struct world *world, const struct json *before) {
  check_form(world);
  static const char *const ends[] = {"Healthy", "RolledBack", "Aborted", "Degraded"};
  bool final = false;
  for (size_t i = 0; i < 4; i++)
    final |= str_eq_z(world_phase(world), ends[i]);
  if (str_is_empty(world_status(world, "step.waitingFor")))
    world_broken(world, "promise 7: phase %s does not say what it waits for",
                 world_phase(world).ptr);
  if (!final && str_is_empty(world_status(world, "step.deadline")))
    world_broken(world, "promise 7: phase %s has no deadline", world_phase(world).ptr);
  check_verified(world, before);
  check_promoted_once(world, before);
}
