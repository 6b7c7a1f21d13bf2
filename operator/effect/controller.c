// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "manifests/kinds/config_map.h"
#include "manifests/kinds/deployment.h"
#include "manifests/kinds/destination_rule.h"
#include "manifests/kinds/grpc_route.h"
#include "manifests/kinds/http_route.h"
#include "manifests/kinds/lease.h"
#include "manifests/kinds/metric_set.h"
#include "manifests/kinds/service.h"
#include "manifests/kinds/virtual_service.h"
#include "manifests/source/kube_resource.h"
#include "operator/effect/content_digest.h"
#include "operator/effect/controller_parts.h"

#include <malloc.h>

#define TIDY_MS 2000   // after work: memory that it took goes back
#define WAKES_PER_MS 4 // so that a start with thousands of releases leaves room for all else

bool controller_is_synced(const struct controller *controller) {
  for (int i = 0; i < WATCH_COUNT; i++)
    if (!controller->watches[i] || !kube_watch_is_synced(controller->watches[i]))
      return false;
  return true;
}

bool controller_is_ready(const struct controller *controller) {
  return !controller->closing && controller_is_synced(controller);
}

struct release *controller_release(const struct controller *controller, struct str key) {
  return map_get(&controller->releases, key);
}

// --- events: every one becomes keys; nothing else of it survives ---

void controller_wake_all(struct controller *controller) {
  int64_t count = 0;
  struct map_iter it = map_begin(&controller->releases);
  while (map_each(&it))
    release_due(it.value, count++ / WAKES_PER_MS);
}

static void on_rollout(struct kube_watch *watch, enum kube_event event, struct str key,
                       const struct json *object, const struct json *old, void *data) {
  (void)watch, (void)old;
  struct controller *controller = data;
  struct release *release = controller_release(controller, key);
  if (event == KUBE_DELETED) {
    if (release)
      release_end(release);
    return;
  }
  if (!release)
    release = release_new(controller, key, object);
  claims_update(release, object);
  index_rollout(release, object);
  release_take_facts(release, object);
  release_due(release, 0);
}

static enum controller_watch which_of(const struct controller *controller,
                                      const struct kube_watch *watch) {
  return (enum controller_watch)(kube_watch_resource(watch) - controller->resources);
}

static void on_object(struct kube_watch *watch, enum kube_event event, struct str key,
                      const struct json *object, const struct json *old, void *data) {
  (void)old;
  index_object(data, which_of(data, watch), event, key, object);
}

static void on_route(struct kube_watch *watch, enum kube_event event, struct str key,
                     const struct json *object, const struct json *old, void *data) {
  struct controller *controller = data;
  if (event == KUBE_MODIFIED && !json_equal(json_get(object, "spec"), json_get(old, "spec")))
    claims_rewritten(controller, which_of(controller, watch), object);
  on_object(watch, event, key, object, old, data);
}

static void on_lease(struct kube_watch *watch, enum kube_event event, struct str key,
                     const struct json *object, const struct json *old, void *data) {
  (void)watch, (void)old;
  controller_saw_lease(data, event, key, object);
}

static void on_synced(struct kube_watch *watch, void *data) {
  struct controller *controller = data;
  (void)watch;
  if (!controller_is_synced(controller))
    return;
  controller_tidy_later(controller);
  LOG(LOG_INFO, "all kinds are synced",
      LOG_I("rollouts", (int64_t)map_count(&controller->releases)));
  controller_wake_all(controller);
}

static void on_watch_error(struct kube_watch *watch, const struct err *err, void *data) {
  struct controller *controller = data;
  controller->counters.api_errors++;
  LOG(LOG_WARN, "watch failed, trying again", LOG_Z("kind", kube_watch_resource(watch)->kind),
      LOG_Z("error", err->msg));
}

static const kube_event_fn handlers[WATCH_COUNT] = {[WATCH_ROLLOUTS] = on_rollout,
                                                    [WATCH_DEPLOYMENTS] = on_object,
                                                    [WATCH_VIRTUAL_SERVICES] = on_route,
                                                    [WATCH_HTTP_ROUTES] = on_route,
                                                    [WATCH_GRPC_ROUTES] = on_route,
                                                    [WATCH_SERVICES] = on_object,
                                                    [WATCH_RULES] = on_object,
                                                    [WATCH_ACTIONS] = on_object,
                                                    [WATCH_CONFIG_MAPS] = on_object,
                                                    [WATCH_SETS] = on_object,
                                                    [WATCH_LEASES] = on_lease};

// What no plan reads, and is as large as the object itself. (managedFields go anyway.)
static void drop_unused(struct json *object, struct arena *arena, void *data) {
  (void)arena, (void)data;
  struct json *annotations = json_get(json_get(object, "metadata"), "annotations");
  if (annotations)
    json_remove(annotations, STR("kubectl.kubernetes.io/last-applied-configuration"));
}

static void drop_content(struct json *object, struct arena *arena, void *data) {
  (void)data;
  content_trim(object, arena);
}

static bool is_route(enum controller_watch which) {
  return which == WATCH_VIRTUAL_SERVICES || which == WATCH_HTTP_ROUTES ||
         which == WATCH_GRPC_ROUTES;
}

static int open_watch(struct controller *controller, enum controller_watch which, struct err *err) {
  struct kube_watch_options options = {
      .resource = &controller->resources[which],
      .ns = controller->options.ns,
      .event = handlers[which],
      .trim = which == WATCH_CONFIG_MAPS ? drop_content : drop_unused,
      .own_manager = is_route(which) ? FIELD_MANAGER : NULL,
      .keep = KUBE_KEEP_PACKED,
      .without_old = !is_route(which),
      .may_be_forbidden =
          which != WATCH_ROLLOUTS && which != WATCH_DEPLOYMENTS && which != WATCH_ACTIONS,
      .synced = on_synced,
      .error = on_watch_error,
      .data = controller};
  // Proxies live in a namespace of their own.
  if (which == WATCH_LEASES && !str_is_empty(options.ns))
    options.ns = controller->options.lease_namespace;
  if (which == WATCH_LEASES)
    options.label_selector = STR("serin.dev/component=proxy");
  int rc = kube_watch_open(controller->options.kube, &options, &controller->watches[which], err);
  controller->open_watches += rc == RC_OK;
  return rc;
}

// --- leadership ---

static void on_leading(void *data) {
  struct controller *controller = data;
  controller->leading = true;
  LOG(LOG_INFO, "leading");
  controller_wake_all(controller);
}

bool controller_is_leading(const struct controller *controller) {
  return controller->leading &&
         (!controller->election || kube_election_is_leader(controller->election));
}

// What runs is given up, not waited for: somebody else may start soon. What we know of the evidence
// and of our own writes will be old when we lead again.
static void on_deposed(void *data) {
  struct controller *controller = data;
  controller->leading = false;
  if (!controller->closing)
    notifier_forget_all(controller->notifier);
  LOG(LOG_WARN, "no longer leading: somebody else decides now");
  struct map_iter it = map_begin(&controller->releases);
  while (map_each(&it)) {
    struct release *release = it.value;
    kube_cancel(&release->op);
    release_forget_judgement(release);
    release->looked = false;
    release->next_query_ms = 0;
  }
}

static int start_election(struct controller *controller, struct err *err) {
  if (!controller->options.leader_elect) {
    controller->leading = true;
    return RC_OK;
  }
  struct kube_election_options options = {.ns = controller->options.lease_namespace,
                                          .name = STR("serin-operator"),
                                          .identity = controller->options.identity,
                                          .lease_ms = controller->options.lease_ms,
                                          .renew_deadline_ms =
                                              controller->options.renew_deadline_ms,
                                          .retry_ms = controller->options.retry_ms,
                                          .started = on_leading,
                                          .stopped = on_deposed,
                                          .data = controller};
  return kube_election_open(controller->options.kube, &options, &controller->election, err);
}

// --- opening and closing ---

void controller_finish(struct controller *controller) {
  if (!controller->closing || controller->open_watches || controller->alive_releases ||
      controller->open_handles || controller->election || controller->rounds ||
      controller->notifier || controller->content || prometheus_secrets_open(controller->secrets))
    return;
  void (*closed)(void *) = controller->closed;
  void *data = controller->closed_data;
  struct map_iter it = map_begin(&controller->proxies);
  while (map_each(&it))
    controller_free_proxy(it.value);
  map_dispose(&controller->proxies);
  index_dispose(controller);
  it = map_begin(&controller->servers);
  while (map_each(&it))
    xfree(it.value);
  map_dispose(&controller->servers);
  prometheus_secrets_free(controller->secrets);
  map_dispose(&controller->releases);
  xfree(controller);
  if (closed)
    closed(data);
}

static void on_notices_settled(struct str key, void *data) {
  struct controller *controller = data;
  struct release *release = key.len ? controller_release(controller, key) : NULL;
  if (release)
    release_due(release, 0);
  else if (!key.len)
    controller_wake_all(controller);
}

static void on_content_closed(void *data) {
  struct controller *controller = data;
  controller->content = NULL;
  controller_finish(controller);
}

static void on_notifier_closed(void *data) {
  struct controller *controller = data;
  controller->notifier = NULL;
  controller_finish(controller);
}

int controller_open(const struct controller_options *options, struct controller **ret_controller,
                    struct err *err) {
  struct controller *controller = XNEW(struct controller);
  controller->options = *options;
  controller->loop = http_client_loop(kube_client_http(options->kube));
  controller->started_ms = clock_wall_ms();
  rng_init(&controller->rng, uv_hrtime() ^ str_hash(options->identity));
  const struct kind_desc *kinds[] = {
#define XX(name, kind) &kind,
      CONTROLLER_WATCH_MAP(XX)
#undef XX
  };
  for (int i = 0; i < WATCH_COUNT; i++)
    controller->resources[i] = kube_resource_of(kinds[i], NULL);
  index_init(controller);
  controller->releases.borrows_keys = true;
  metric_query_open(controller);
  uv_timer_init(controller->loop, &controller->tidy_timer);
  ready_open(controller);
  controller->judge_timer.data = controller->tidy_timer.data = controller;
  controller->open_handles++;
  controller->notifier =
      notifier_new(&(struct notifier_options){.kube = options->kube,
                                              .fallback = options->notify,
                                              .rules = options->notify_rules,
                                              .give_up_ms = options->notify_give_up_ms,
                                              .settled = on_notices_settled,
                                              .data = controller});
  controller->content =
      content_secrets_new(&(struct content_secrets_options){.kube = options->kube,
                                                            .key = options->content_key,
                                                            .changed = content_changed_by_name,
                                                            .closed = on_content_closed,
                                                            .data = controller});
  int rc = RC_OK;
  for (int i = 0; i < WATCH_COUNT && rc == RC_OK; i++)
    rc = open_watch(controller, (enum controller_watch)i, err);
  if (rc == RC_OK)
    rc = start_election(controller, err);
  if (rc != RC_OK) {
    controller_close(controller, NULL, NULL);
    return rc;
  }
  *ret_controller = controller;
  return RC_OK;
}

static void on_watch_closed(void *data) {
  struct controller *controller = data;
  controller->open_watches--;
  controller_finish(controller);
}

static void on_election_closed(void *data) {
  struct controller *controller = data;
  controller->election = NULL;
  controller_finish(controller);
}

// The Lease is given back when the last write has ended: the next leader starts at once then.
void controller_maybe_resign(struct controller *controller) {
  if (controller->closing && controller->election && !controller->running_passes)
    kube_election_close(controller->election, on_election_closed, controller);
}

static void on_tidy(uv_timer_t *timer) {
  (void)timer;
  (void)malloc_trim(0);
}

void controller_tidy_later(struct controller *controller) {
  if (!controller->closing && !uv_is_active((uv_handle_t *)&controller->tidy_timer))
    uv_timer_start(&controller->tidy_timer, on_tidy, TIDY_MS, 0);
}

static void on_timer_closed(uv_handle_t *handle) {
  struct controller *controller = handle->data;
  controller->open_handles--;
  controller_finish(controller);
}

void controller_close(struct controller *controller, void (*closed)(void *data), void *data) {
  if (controller->closing)
    return;
  controller->closing = true;
  controller->closed = closed;
  controller->closed_data = data;
  controller->leading = false;
  controller_maybe_resign(controller);
  for (int i = 0; i < WATCH_COUNT; i++)
    if (controller->watches[i])
      kube_watch_close(controller->watches[i], on_watch_closed, controller);
  struct map_iter it = map_begin(&controller->releases);
  while (map_each(&it))
    release_end(it.value);
  metric_query_close(controller, on_timer_closed);
  uv_close((uv_handle_t *)&controller->tidy_timer, on_timer_closed);
  uv_close((uv_handle_t *)&controller->planner, on_timer_closed);
  content_secrets_close(controller->content);
  notifier_close(controller->notifier, on_notifier_closed, controller);
}
