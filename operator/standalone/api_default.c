// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_default.h"
#include "manifests/kinds/deployment.h"
#include "manifests/kinds/idle.h"
#include "manifests/kinds/service.h"

static void put_missing(struct arena *arena, struct json *object, const char *key,
                        const char *value) {
  if (!json_get(object, key))
    json_put_z(arena, object, key, value);
}

static void deployment(struct arena *arena, struct json *object) {
  struct json *strategy =
      json_need_object(arena, json_need_object(arena, object, "spec"), "strategy");
  if (!str_eq_z(json_get_string(strategy, "type"), "RollingUpdate"))
    return;
  struct json *rolling = json_need_object(arena, strategy, "rollingUpdate");
  put_missing(arena, rolling, "maxUnavailable", "25%");
  put_missing(arena, rolling, "maxSurge", "25%");
}

static void service(struct arena *arena, struct json *object) {
  JSON_EACH(port, json_path(object, "spec.ports")) {
    const struct json *number = json_get(port, "port");
    if (json_is(port, JSON_OBJECT) && number && json_int(json_get(port, "targetPort"), 0) == 0 &&
        !json_is(json_get(port, "targetPort"), JSON_STRING))
      json_put(arena, port, "targetPort", json_dup(arena, number));
  }
}

// A volume of which nothing is said is an empty folder.
static void volumes(struct arena *arena, struct json *spec) {
  JSON_EACH(volume, json_get(spec, "volumes"))
    if (json_is(volume, JSON_OBJECT) && volume->count == 1 && json_get(volume, "name"))
      json_need_object(arena, volume, "emptyDir");
}

void api_default(struct arena *arena, const struct kind_desc *kind, struct json *object) {
  if (kind->builtin) { // a Rollout's template is what its author wrote
    volumes(arena, json_get(object, "spec"));
    volumes(arena, json_path(object, "spec.template.spec"));
  }
  if (kind == &deployment_kind)
    deployment(arena, object);
  else if (kind == &service_kind)
    service(arena, object);
  else if (kind == &persistent_volume_claim_kind)
    put_missing(arena, json_need_object(arena, object, "status"), "phase", "Pending");
}
