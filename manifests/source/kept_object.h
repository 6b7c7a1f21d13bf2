// SPDX-License-Identifier: Apache-2.0
// What every object goes through before a watch keeps it. Pure. Used by kube_watch.c.
#pragma once

#include "manifests/source/kube_resource.h"
#include "manifests/text/json.h"

// Changes the object in place: metadata.managedFields go (they are as large as the object), and the
// apiVersion and kind that items of a list leave out come. What is added is in `arena`.
// With `own_manager` metadata.lastWriter names the manager of the newest write that is not older
// than that manager's own, and is empty when there is none.
void kept_object_prepare(struct json *object, const struct kube_resource *resource,
                         const char *own_manager, struct arena *arena);
