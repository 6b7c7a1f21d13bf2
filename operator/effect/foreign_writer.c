// SPDX-License-Identifier: Apache-2.0
// Who rewrote our route? The watch keeps no managedFields, so the object is fetched once and the
// newest entry that is not ours named. Nothing waits for it: the route is put right at once, the
// name follows.
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/text/time.h"
#include "operator/effect/controller_parts.h"

static struct str newest_foreign_manager(const struct json *object) {
  struct str manager = STR_NULL;
  int64_t newest = INT64_MIN;
  JSON_EACH(entry, json_path(object, "metadata.managedFields")) {
    struct str name = json_get_string(entry, "manager");
    int64_t at;
    if (str_eq(name, STR(FIELD_MANAGER)) || !time_parse(json_get_string(entry, "time"), &at) ||
        at < newest)
      continue;
    newest = at;
    manager = name;
  }
  return manager;
}

static void on_object(struct kube_op *op, const struct kube_reply *reply) {
  struct release *release = container_of(op, struct release, manager_op);
  struct str manager = reply->rc == RC_OK ? newest_foreign_manager(reply->object) : STR_NULL;
  release->asking_manager = false;
  if (manager.len && !str_eq(manager, release->foreign_manager)) {
    xfree((void *)(uintptr_t)release->foreign_manager.ptr);
    release->foreign_manager = (struct str){xmemdup(manager.ptr, manager.len), manager.len};
  }
  release_settle(release);
}

void foreign_writer_ask(struct release *release, enum controller_watch which, struct str name) {
  struct controller *controller = release->controller;
  if (release->asking_manager || release->gone || release->running || controller->closing)
    return;
  struct kube_request request = {
      .verb = KUBE_GET, .resource = &controller->resources[which], .ns = release->ns, .name = name};
  struct err err;
  release->asking_manager = kube_start(controller->options.kube, &request, &release->manager_op,
                                       on_object, &err) == RC_OK;
}
