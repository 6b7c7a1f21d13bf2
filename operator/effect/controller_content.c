// SPDX-License-Identifier: Apache-2.0
// ConfigMaps and Secrets that pod templates refer to: what a plan is told of them, and the copies
// it wants. The content of a copy is read when it is made and compared with what the plan meant, so
// that it is in no plan and no memory for longer than that.
#include "manifests/base/bug.h"
#include "manifests/kinds/config_map.h"
#include "manifests/kinds/secret.h"
#include "manifests/source/kube_resource.h"
#include "operator/effect/content_digest.h"
#include "operator/effect/controller_parts.h"
#include "operator/reconcile/content.h"

const struct kube_resource *content_resource(const struct controller *controller,
                                             const struct kind_desc *kind) {
  static struct kube_resource secrets;
  if (kind == &config_map_kind)
    return &controller->resources[WATCH_CONFIG_MAPS];
  if (!secrets.kind)
    secrets = kube_resource_of(&secret_kind, NULL);
  return &secrets;
}

// --- what a plan is told ---

static struct snapshot_content config_map_state(const struct release *release, struct str name,
                                                struct arena *arena) {
  const struct kube_watch *watch = release->controller->watches[WATCH_CONFIG_MAPS];
  if (!kube_watch_is_served(watch))
    return (struct snapshot_content){.state = CONTENT_DENIED};
  const struct json *object = kube_watch_get(watch, release->ns, name);
  if (!object)
    return (struct snapshot_content){.state = CONTENT_ABSENT};
  return (struct snapshot_content){.state = CONTENT_THERE,
                                   .hash = arena_str(arena, content_digest_of_trimmed(object)),
                                   .left_out = content_trimmed_is_left_out(object)};
}

void content_fill(struct release *release, struct snapshot *snapshot, struct arena *arena) {
  size_t count;
  const struct content_ref *refs = snapshot_content_needed(snapshot, arena, &count);
  struct snapshot_content *items = ARENA_ARRAY(arena, struct snapshot_content, count + 1);
  uint64_t *terms = ARENA_ARRAY(arena, uint64_t, count + 1);
  for (size_t i = 0; i < count; i++) {
    items[i] =
        str_eq_z(refs[i].kind, "Secret")
            ? content_secrets_state(release->controller->content, release->ns, refs[i].name, arena)
            : config_map_state(release, refs[i].name, arena);
    items[i].kind = refs[i].kind;
    items[i].name = refs[i].name;
    terms[i] = reference_name(release->ns, refs[i].name);
  }
  snapshot->content = items;
  snapshot->content_count = count;
  term_index_set(&release->controller->interests, &release->contents, release, terms, count);
}

void content_changed_by_name(struct str ns, struct str name, void *data) {
  index_wake_named(data, ns, name);
}

// --- copies ---

// As the reply of a write that failed.
static void fail(struct kube_op *op, int rc, const char *why) {
  struct err err = {0};
  (void)err_set(&err, rc, "%s", why);
  release_action_done(op, &(struct kube_reply){.rc = rc, .err = &err});
}

static void on_source(struct kube_op *op, const struct kube_reply *reply) {
  static const char *const parts[] = {"type", "data", "binaryData"};
  struct release *release = container_of(op, struct release, op);
  const struct controller *controller = release->controller;
  const struct plan_action *action = &release->plan.actions[release->at];
  if (reply->rc != RC_OK) {
    release_action_done(op, reply);
    return;
  }
  struct str digest =
      action->of == &secret_kind
          ? content_digest_secret(reply->object, controller->options.content_key, reply->arena)
          : content_digest_config_map(reply->object, reply->arena);
  struct str meant =
      json_get_string(json_path(action->body, "metadata.annotations"), ROLLOUT_CONTENT_MARK);
  if (!str_eq(digest, meant)) {
    fail(op, RC_CONFLICT, "it was changed meanwhile");
    return;
  }
  struct json *copy = json_dup(reply->arena, action->body);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    const struct json *part = json_get(reply->object, parts[i]);
    if (part)
      json_put(reply->arena, copy, parts[i], json_dup(reply->arena, part));
  }
  struct kube_request request = {.verb = KUBE_CREATE,
                                 .resource = content_resource(controller, action->of),
                                 .ns = release->ns,
                                 .name = action->name,
                                 .body = copy,
                                 .field_manager = FIELD_MANAGER,
                                 .deadline_ms = CONTROLLER_WRITE_MS};
  struct err err = {0};
  int rc = kube_start(controller->options.kube, &request, op, release_action_done, &err);
  if (rc != RC_OK)
    fail(op, rc, err.msg);
}

int content_copy_start(struct release *release, const struct plan_action *action, struct err *err) {
  const struct controller *controller = release->controller;
  struct kube_request request = {
      .verb = KUBE_GET,
      .resource = content_resource(controller, action->of),
      .ns = release->ns,
      .name = json_get_string(json_path(action->body, "metadata.annotations"), ROLLOUT_COPY_OF),
      .deadline_ms = CONTROLLER_WRITE_MS};
  return kube_start(controller->options.kube, &request, &release->op, on_source, err);
}
