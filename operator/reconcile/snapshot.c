// SPDX-License-Identifier: Apache-2.0
#include "operator/reconcile/snapshot.h"
#include "manifests/schema/decode.h"

static struct str letters(uint64_t hash, struct arena *arena) {
  // Without vowels and look-alikes, as Kubernetes' own suffixes.
  static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
  char text[11] = {0};
  for (size_t i = 0; i < 10; i++) {
    text[i] = alphabet[hash % (sizeof(alphabet) - 1)];
    hash /= sizeof(alphabet) - 1;
  }
  return arena_strz(arena, text);
}

struct str snapshot_hash(const struct json *json, struct arena *arena) {
  struct buf text;
  buf_init(&text, SIZE_MAX / 2);
  (void)json_write_canonical(&text, json);
  // FNV-1a, 64 bits. It names versions for good, so it may not change with a library: str_hash
  // would.
  uint64_t hash = 14695981039346656037u;
  for (size_t i = 0; i < text.len; i++)
    hash = (hash ^ (unsigned char)text.ptr[i]) * 1099511628211u;
  buf_dispose(&text);
  return letters(hash, arena);
}

struct str snapshot_template_hash(const struct json *pod_template, struct arena *arena) {
  struct json *copy = json_dup(arena, pod_template);
  struct json *labels = json_path(copy, "metadata.labels");
  if (labels)
    json_remove(labels, STR(ROLLOUT_HASH_LABEL));
  struct json *metadata = json_get(copy, "metadata");
  if (metadata) // some writers put it there, some do not; it means nothing
    json_remove(metadata, STR("creationTimestamp"));
  return arena_printf(arena, "v1-%s", snapshot_hash(copy, arena).ptr);
}

// For people: the label `version`, else the tag of the first image, else the hash.
struct str snapshot_template_version(const struct json *pod_template, struct str hash,
                                     struct arena *arena) {
  struct str label = json_get_string(json_path(pod_template, "metadata.labels"), "version");
  if (!str_is_empty(label))
    return label;
  struct str image = json_path_string(pod_template, "spec.containers.0.image");
  for (size_t i = image.len; i-- > 0 && image.ptr[i] != '/';)
    if (image.ptr[i] == ':')
      return arena_str(arena, str_slice(image, i + 1, image.len));
  return hash;
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

struct json *snapshot_set_template(const struct json *set, struct arena *arena) {
  struct json *copy = json_dup(arena, json_path(set, "spec.template"));
  struct json *labels = json_path(copy, "metadata.labels");
  if (labels)
    json_remove(labels, STR(SNAPSHOT_POD_HASH));
  return copy;
}

static void set_read(const struct json *object, struct arena *arena, struct version_set *set) {
  const struct json *status = json_get(object, "status"),
                    *pod_template = json_path(object, "spec.template");
  *set = (struct version_set){
      .object = object,
      .name = json_path_string(object, "metadata.name"),
      .pod_hash = json_get_string(json_path(pod_template, "metadata.labels"), SNAPSHOT_POD_HASH),
      .hash = snapshot_template_hash(snapshot_set_template(object, arena), arena),
      .replicas = json_int(json_path(object, "spec.replicas"), 1),
      .pods = json_int(json_get(status, "replicas"), 0),
      .ready = json_int(json_get(status, "readyReplicas"), 0),
      .available = json_int(json_get(status, "availableReplicas"), 0)};
  (void)str_to_i64(json_get_string(json_path(object, "metadata.annotations"),
                                   "deployment.kubernetes.io/revision"),
                   &set->revision);
  set->version = snapshot_template_version(pod_template, set->hash, arena);
}

static bool is_owned_by(const struct json *object, struct str uid) {
  JSON_EACH(owner, json_path(object, "metadata.ownerReferences"))
    if (json_is_true(json_get(owner, "controller")))
      return str_eq(json_get_string(owner, "uid"), uid);
  return false;
}

static void add_sets(const struct snapshot_input *input, struct arena *arena,
                     struct snapshot *snapshot) {
  const struct workload *original = snapshot_original(snapshot);
  struct str uid = original ? json_path_string(original->object, "metadata.uid") : STR_NULL;
  snapshot->sets = ARENA_ARRAY(arena, struct version_set, input->replica_sets_count + 1);
  snapshot->sets_current = original && input->replica_sets_current;
  for (size_t i = 0; i < input->replica_sets_count && original; i++)
    if (is_owned_by(input->replica_sets[i], uid) &&
        str_is_empty(json_path_string(input->replica_sets[i], "metadata.deletionTimestamp")))
      set_read(input->replica_sets[i], arena, &snapshot->sets[snapshot->sets_count++]);
}

static void workload_read(const struct json *object, struct arena *arena, struct workload *w) {
  const struct json *status = json_get(object, "status"),
                    *pod_template = json_path(object, "spec.template");
  int64_t observed = json_int(json_get(status, "observedGeneration"), 0);
  bool is_current = observed >= json_int(json_path(object, "metadata.generation"), 0);
  *w = (struct workload){.object = object, .name = json_path_string(object, "metadata.name")};
  w->replicas = json_int(json_path(object, "spec.replicas"), 1);
  w->serving = json_int(json_get(status, "readyReplicas"), 0);
  // Before the Deployment's controller has seen the newest spec, its numbers may be those of the
  // old template; a change of the number of replicas alone leaves the old ones true.
  int64_t updated = json_int(json_get(status, "updatedReplicas"), 0);
  int64_t usable = json_int(json_path(object, "spec.minReadySeconds"), 0) > 0
                       ? json_int(json_get(status, "availableReplicas"), 0)
                       : w->serving;
  w->ready = is_current ? smaller(usable, updated) : 0;
  w->pods = is_current ? json_int(json_get(status, "replicas"), 0) : w->replicas + 1;
  w->paused = json_is_true(json_path(object, "spec.paused"));
  // What we made ourselves carries its hash: a server may have filled in defaults.
  w->hash = json_get_string(json_path(object, "metadata.labels"), ROLLOUT_HASH_LABEL);
  if (str_is_empty(w->hash))
    w->hash = snapshot_template_hash(pod_template, arena);
  w->version = snapshot_template_version(pod_template, w->hash, arena);
}

static bool concerns(const struct rollout *rollout, enum rollout_form form,
                     const struct json *object) {
  struct str name = json_path_string(object, "metadata.name");
  const struct rollout_status *status = &rollout->status;
  const struct json *labels = json_path(object, "metadata.labels");
  bool named = false;
  if (form == ROLLOUT_FORM_PAIR)
    named = str_eq(name, rollout->spec.stable->deployment) ||
            str_eq(name, rollout->spec.canary->deployment);
  if (form == ROLLOUT_FORM_WORKLOAD)
    named = str_eq(name, rollout->spec.workload_ref->name);
  if (status->stable)
    named |= str_eq(name, status->stable->deployment);
  if (status->canary)
    named |= str_eq(name, status->canary->deployment);
  for (size_t i = 0; i < status->retired_count; i++)
    named |= str_eq(name, status->retired[i].deployment);
  for (size_t i = 0; status->former && i < status->former->made_count; i++)
    named |= str_eq(name, status->former->made[i]);
  return named || (form != ROLLOUT_FORM_PAIR &&
                   str_eq(json_get_string(labels, ROLLOUT_OWNER_LABEL), rollout->metadata.name));
}

static bool is_ours(const struct json *object, const struct rollout *rollout) {
  return str_eq(json_path_string(object, "metadata.namespace"), rollout->metadata.namespace_);
}

static void add_workloads(const struct snapshot_input *input, struct arena *arena,
                          struct snapshot *snapshot) {
  snapshot->workloads = ARENA_ARRAY(arena, struct workload, input->deployments_count + 1);
  for (size_t i = 0; i < input->deployments_count; i++)
    if (is_ours(input->deployments[i], snapshot->rollout) &&
        concerns(snapshot->rollout, snapshot->form, input->deployments[i]))
      workload_read(input->deployments[i], arena,
                    &snapshot->workloads[snapshot->workloads_count++]);
}

static bool is_older(const struct rollout_action *a, const struct rollout_action *b) {
  if (a->metadata.creation_timestamp_ms != b->metadata.creation_timestamp_ms)
    return a->metadata.creation_timestamp_ms < b->metadata.creation_timestamp_ms;
  int64_t x = 0, y = 0; // within one second the server's revision tells; an update in between
                        // cannot be: immutable
  if (str_to_i64(a->metadata.resource_version, &x) &&
      str_to_i64(b->metadata.resource_version, &y) && x != y)
    return x < y;
  return str_cmp(a->metadata.name, b->metadata.name) < 0;
}

static void add_actions(const struct snapshot_input *input, struct arena *arena,
                        struct snapshot *snapshot) {
  snapshot->actions = ARENA_ARRAY(arena, const struct rollout_action *, input->actions_count + 1);
  for (size_t i = 0; i < input->actions_count; i++) {
    struct rollout_action *action;
    struct decode_options options = {.unknown = UNKNOWN_IGNORE};
    if (!is_ours(input->actions[i], snapshot->rollout) ||
        !str_eq(json_path_string(input->actions[i], "spec.rollout"),
                snapshot->rollout->metadata.name) ||
        kind_decode(&rollout_action_kind, input->actions[i], &options, arena, NULL,
                    (void **)&action) != RC_OK)
      continue;
    size_t at = snapshot->actions_count++;
    for (; at > 0 && is_older(action, snapshot->actions[at - 1]); at--)
      snapshot->actions[at] = snapshot->actions[at - 1];
    snapshot->actions[at] = action;
  }
}

static const struct json *find(const struct json *const *items, size_t count,
                               const struct rollout *rollout, struct str name) {
  for (size_t i = 0; i < count; i++)
    if (is_ours(items[i], rollout) && str_eq(json_path_string(items[i], "metadata.name"), name))
      return items[i];
  return NULL;
}

static void add_routes(const struct snapshot_input *input, struct snapshot *snapshot) {
  const struct rollout *rollout = snapshot->rollout;
  struct route_ref refs[ROUTER_REFS_MAX];
  size_t count = router_refs(&rollout->spec.traffic, refs);
  for (size_t i = 0; i < count; i++)
    snapshot->routes[snapshot->routes_count++] = (struct route_object){
        refs[i], find(input->routes, input->routes_count, rollout, refs[i].name)};
  if (!router_names_services(&rollout->spec.traffic))
    snapshot->rule =
        find(input->rules, input->rules_count, rollout, rollout->spec.traffic.destination_rule);
}

static void add_rivals(const struct snapshot_input *input, struct arena *arena,
                       struct snapshot *snapshot) {
  struct decode_options options = {
      .unknown = UNKNOWN_IGNORE, .skip_checks = true, .skip_verbatim = true};
  snapshot->rivals = ARENA_ARRAY(arena, const struct rollout *, input->rivals_count + 1);
  for (size_t i = 0; i < input->rivals_count; i++) {
    void *rival = NULL;
    (void)kind_decode(&rollout_kind, input->rivals[i], &options, arena, NULL, &rival);
    if (rival && is_ours(input->rivals[i], snapshot->rollout))
      snapshot->rivals[snapshot->rivals_count++] = rival;
  }
}

const struct json *snapshot_service(const struct snapshot *snapshot, struct str name) {
  return find(snapshot->services, snapshot->services_count, snapshot->rollout, name);
}

void snapshot_build(const struct snapshot_input *input, struct arena *arena,
                    struct snapshot *ret_snapshot) {
  struct findings *findings = ARENA_NEW(arena, struct findings);
  struct rollout *rollout;
  // The API server judges a template, and one that it takes is not for us to refuse.
  struct decode_options options = {.unknown = UNKNOWN_IGNORE, .skip_verbatim = true};
  findings_init(findings, arena);
  (void)kind_decode(&rollout_kind, input->rollout, &options, arena, findings, (void **)&rollout);
  const struct json *acted_on;
  enum taken taken = taken_apply(input->rollout, arena, &acted_on);
  if (taken != TAKEN_SAME) {
    options.skip_checks = true;
    (void)kind_decode(&rollout_kind, acted_on, &options, arena, NULL, (void **)&rollout);
  }
  *ret_snapshot = (struct snapshot){.now_ms = input->now_ms,
                                    .rollout_json = input->rollout,
                                    .rollout = rollout,
                                    .taken = taken,
                                    .findings = findings,
                                    .form = rollout_form(&rollout->spec),
                                    .all_routes = input->routes,
                                    .all_routes_count = input->routes_count,
                                    .services = input->services,
                                    .services_count = input->services_count,
                                    .rules = input->rules,
                                    .rules_count = input->rules_count,
                                    .proxies = input->proxies,
                                    .proxies_count = input->proxies_count,
                                    .judgement = input->judgement,
                                    .foreign_manager = input->foreign_manager,
                                    .notify_default = input->notify_default,
                                    .notices = input->notices,
                                    .notices_count = input->notices_count,
                                    .users_are_stamped = input->users_are_stamped,
                                    .first_look = input->first_look,
                                    .just_started = input->just_started};
  add_routes(input, ret_snapshot);
  add_rivals(input, arena, ret_snapshot);
  add_workloads(input, arena, ret_snapshot);
  add_sets(input, arena, ret_snapshot);
  add_actions(input, arena, ret_snapshot);
}

const struct workload *snapshot_original(const struct snapshot *snapshot) {
  return snapshot->form == ROLLOUT_FORM_WORKLOAD
             ? snapshot_workload(snapshot, snapshot->rollout->spec.workload_ref->name)
             : NULL;
}

const struct workload *snapshot_workload(const struct snapshot *snapshot, struct str name) {
  for (size_t i = 0; i < snapshot->workloads_count; i++)
    if (str_eq(snapshot->workloads[i].name, name))
      return &snapshot->workloads[i];
  return NULL;
}
