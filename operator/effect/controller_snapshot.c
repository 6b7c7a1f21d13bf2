// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/alloc.h"
#include "manifests/base/clock.h"
#include "operator/effect/controller_parts.h"

#define LEASE_DEFAULT_S 10

void controller_saw_lease(struct controller *controller, enum kube_event event, struct str key,
                          const struct json *lease) {
  struct proxy_seen *seen = map_get(&controller->proxies, key);
  struct str renewed = json_path_string(lease, "spec.renewTime");
  if (event == KUBE_DELETED) {
    map_del(&controller->proxies, key);
    if (seen)
      xfree((void *)(uintptr_t)seen->renewed.ptr);
    xfree(seen);
    return;
  }
  if (seen && str_eq(seen->renewed, renewed))
    return;
  if (!seen) {
    seen = XNEW(struct proxy_seen);
    map_put(&controller->proxies, key, seen);
  }
  xfree((void *)(uintptr_t)seen->renewed.ptr);
  seen->renewed = (struct str){xmemdup(renewed.ptr, renewed.len), renewed.len};
  seen->seen_ms = clock_mono_ms(); // the stamp in the Lease is another machine's clock
}

// What a proxy says it serves: JSON text in an annotation.
static const struct json *serving_of(const struct json *lease, struct arena *arena) {
  struct str text = json_get_string(json_path(lease, "metadata.annotations"), "serin.dev/serving");
  struct json *serving = NULL;
  struct err err;
  if (text.len == 0 || json_parse(text, arena, &serving, &err) != RC_OK ||
      !json_is(serving, JSON_OBJECT))
    return NULL;
  return serving;
}

static void add_proxies(const struct controller *controller, struct arena *arena,
                        struct snapshot_input *input) {
  const struct kube_watch *leases = controller->watches[WATCH_LEASES];
  struct proxy *proxies = ARENA_ARRAY(arena, struct proxy, kube_watch_count(leases) + 1);
  int64_t now_ms = clock_mono_ms();
  struct kube_watch_iter it = kube_watch_begin(leases);
  while (kube_watch_each(&it)) {
    const struct proxy_seen *seen = map_get(&controller->proxies, it.key);
    int64_t lease_ms =
        json_int(json_path(it.object, "spec.leaseDurationSeconds"), LEASE_DEFAULT_S) * 1000;
    if (seen && now_ms - seen->seen_ms <= lease_ms)
      proxies[input->proxies_count++] =
          (struct proxy){kube_name(it.object), serving_of(it.object, arena)};
  }
  input->proxies = proxies;
}

static const struct json *const *all_of(const struct release *release, enum controller_watch which,
                                        struct arena *arena, size_t *ret_count) {
  const struct kube_watch *watch = release->controller->watches[which];
  const struct json **items = ARENA_ARRAY(arena, const struct json *, kube_watch_count(watch) + 1);
  size_t count = 0;
  struct kube_watch_iter it = kube_watch_begin(watch);
  bool of_all = which == WATCH_VIRTUAL_SERVICES || which == WATCH_HTTP_ROUTES ||
                which == WATCH_GRPC_ROUTES; // one of another namespace may shadow ours
  while (kube_watch_each(&it))
    if (of_all || str_eq(kube_namespace(it.object), release->ns))
      items[count++] = it.object;
  *ret_count = count;
  return items;
}

static enum controller_watch route_watch(const struct json *rollout) {
  const struct json *traffic = json_path(rollout, "spec.traffic");
  return json_get(traffic, "httpRoute")   ? WATCH_HTTP_ROUTES
         : json_get(traffic, "grpcRoute") ? WATCH_GRPC_ROUTES
                                          : WATCH_VIRTUAL_SERVICES;
}

void controller_snapshot(const struct release *release, const struct json *rollout,
                         struct arena *arena, struct snapshot_input *ret_input) {
  const struct controller *controller = release->controller;
  int64_t now_ms = clock_wall_ms();
  *ret_input = (struct snapshot_input){.now_ms = now_ms,
                                       .rollout = rollout,
                                       .judgement = release->judgement,
                                       .foreign_manager = release->foreign_manager,
                                       .first_look = !release->looked,
                                       .just_started = now_ms - controller->started_ms < 15000};
  ret_input->deployments = all_of(release, WATCH_DEPLOYMENTS, arena, &ret_input->deployments_count);
  ret_input->services = all_of(release, WATCH_SERVICES, arena, &ret_input->services_count);
  ret_input->routes = all_of(release, route_watch(rollout), arena, &ret_input->routes_count);
  ret_input->rivals = claims_rivals(release, arena, &ret_input->rivals_count);
  ret_input->rules = all_of(release, WATCH_RULES, arena, &ret_input->rules_count);
  ret_input->actions = all_of(release, WATCH_ACTIONS, arena, &ret_input->actions_count);
  add_proxies(controller, arena, ret_input);
  ret_input->notify_default = notifier_has_default(controller->notifier);
  ret_input->notices =
      notifier_results(controller->notifier, release->key, arena, &ret_input->notices_count);
}
