// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/alloc.h"
#include "manifests/base/clock.h"
#include "operator/effect/controller_parts.h"

#define LEASE_DEFAULT_S 10

// What a proxy says it serves: JSON text in an annotation.
static void read_serving(const struct json *lease, struct arena *arena,
                         const struct json **ret_serving) {
  struct str text = json_get_string(json_path(lease, "metadata.annotations"), "serin.dev/serving");
  struct json *serving = NULL;
  if (text.len == 0 || json_parse(text, arena, &serving, NULL) != RC_OK ||
      !json_is(serving, JSON_OBJECT))
    serving = NULL;
  *ret_serving = serving;
}

// "VirtualService/<ns>/<name>"
static void wake_served(struct controller *controller, struct str object) {
  struct str kind, ns;
  if (str_next(&object, '/', &kind) && str_next(&object, '/', &ns))
    index_wake_named(controller, ns, object);
}

static void wake_differences(struct controller *controller, const struct json *now,
                             const struct json *before) {
  JSON_EACH(item, now) {
    if (!json_equal(item, json_get_s(before, item->key)))
      wake_served(controller, item->key);
  }
  JSON_EACH(item, before) {
    if (!json_get_s(now, item->key))
      wake_served(controller, item->key);
  }
}

static void lease_went(struct controller *controller, struct str key, struct proxy_seen *seen) {
  if (!seen)
    return;
  map_del(&controller->proxies, key);
  wake_differences(controller, NULL, seen->serving);
  controller_free_proxy(seen);
}

void controller_saw_lease(struct controller *controller, enum kube_event event, struct str key,
                          const struct json *lease) {
  struct proxy_seen *seen = map_get(&controller->proxies, key);
  struct str renewed = json_path_string(lease, "spec.renewTime");
  struct arena arena = {0};
  const struct json *serving;
  if (event == KUBE_DELETED) {
    lease_went(controller, key, seen);
    return;
  }
  bool is_new = !seen;
  if (is_new) {
    seen = XNEW(struct proxy_seen);
    map_put(&controller->proxies, key, seen);
  }
  read_serving(lease, &arena, &serving);
  if (is_new) // a proxy more: whatever it does not serve yet is waited for
    controller_wake_all(controller);
  else
    wake_differences(controller, serving, seen->serving);
  arena_dispose(&seen->arena);
  seen->arena = arena;
  seen->serving = serving;
  if (str_eq(seen->renewed, renewed))
    return;
  xfree((void *)(uintptr_t)seen->renewed.ptr);
  seen->renewed = (struct str){xmemdup(renewed.ptr, renewed.len), renewed.len};
  seen->seen_ms = clock_mono_ms(); // the stamp in the Lease is another machine's clock
}

void controller_free_proxy(struct proxy_seen *seen) {
  xfree((void *)(uintptr_t)seen->renewed.ptr);
  arena_dispose(&seen->arena);
  xfree(seen);
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
      proxies[input->proxies_count++] = (struct proxy){kube_name(it.object), seen->serving};
  }
  input->proxies = proxies;
}

static void select_objects(const struct release *release, enum controller_watch which,
                           struct arena *arena, const struct json *const **ret_items,
                           size_t *ret_count) {
  struct object_selection selection = index_select(release, which, arena);
  *ret_items = selection.items;
  *ret_count = selection.count;
}

static enum controller_watch route_watch(const struct json *rollout) {
  const struct json *traffic = json_path(rollout, "spec.traffic");
  return json_get(traffic, "httpRoute")   ? WATCH_HTTP_ROUTES
         : json_get(traffic, "grpcRoute") ? WATCH_GRPC_ROUTES
                                          : WATCH_VIRTUAL_SERVICES;
}

void controller_snapshot(const struct release *release, const struct json *rollout,
                         const struct json *acted_on, struct arena *arena,
                         struct snapshot_input *ret_input) {
  const struct controller *controller = release->controller;
  int64_t now_ms = clock_wall_ms();
  *ret_input = (struct snapshot_input){.now_ms = now_ms,
                                       .rollout = rollout,
                                       .judgement = release->judgement,
                                       .foreign_manager = release->foreign_manager,
                                       .users_are_stamped = controller->options.trust_users,
                                       .first_look = !release->looked,
                                       .just_started = now_ms - controller->started_ms < 15000};
  select_objects(release, WATCH_DEPLOYMENTS, arena, &ret_input->deployments,
                 &ret_input->deployments_count);
  select_objects(release, WATCH_SERVICES, arena, &ret_input->services, &ret_input->services_count);
  select_objects(release, route_watch(acted_on), arena, &ret_input->routes,
                 &ret_input->routes_count);
  select_objects(release, WATCH_RULES, arena, &ret_input->rules, &ret_input->rules_count);
  select_objects(release, WATCH_ACTIONS, arena, &ret_input->actions, &ret_input->actions_count);
  ret_input->rivals = claims_rivals(release, arena, &ret_input->rivals_count);
  replica_sets_add(release, acted_on, arena, ret_input);
  add_proxies(controller, arena, ret_input);
  ret_input->notify_default = notifier_has_default(controller->notifier);
  ret_input->notices =
      notifier_results(controller->notifier, release->key, arena, &ret_input->notices_count);
}
