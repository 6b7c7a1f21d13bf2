// SPDX-License-Identifier: Apache-2.0
// What a pod template takes from ConfigMaps and Secrets. A version keeps what it was started with:
// its pods read copies that never change, so that those of the stable version go on with the old
// content when they restart or when more of them come, and a rollback finds it as it was. The
// version's template is the declared one with the names of the copies in it, which is why its hash
// tells content apart, too. Pure.
#pragma once

#include "manifests/kinds/rollout.h"
#include "manifests/text/json.h"

#define CONTENT_REFS_MAX 32 // of one template; more are not tracked, and the user is told
#define CONTENT_ABSENT_HASH "absent"

struct content_ref {
  struct str kind, name; // ConfigMap or Secret
  bool optional;         // wherever it is named
  bool in_volume;        // somewhere: files that change under a running pod
};

// Each object once, in the order of the template: envFrom, env.valueFrom and volumes (configMap,
// secret, projected) of containers and init containers. Ephemeral containers and imagePullSecrets
// are no content of the app.
struct content_ref *content_refs(const struct json *pod_template, struct arena *arena,
                                 size_t *ret_count);
// The template with the copies' names in the place of the objects'; what has no copy stays.
struct json *content_apply(const struct json *pod_template, const struct rollout_content *items,
                           size_t count, struct arena *arena);

const struct rollout_content *content_find(const struct rollout_content *items, size_t count,
                                           struct str kind, struct str name);
// False also when the two cannot be compared: hashes of a Secret under different keys.
bool content_hash_differs(struct str a, struct str b);
// The two are by the same key and method.
bool content_hash_comparable(struct str a, struct str b);
// A name for the copy: of that Rollout, that object and that content alone. Of what is absent: one
// that nobody has.
struct str content_copy_name(struct str rollout_uid, const struct rollout_content *item,
                             struct arena *arena);
// Workload form: what goes into the Deployment's pod template as annotation ROLLOUT_CONTENT_MARK.
struct str content_mark(const struct rollout_content *items, size_t count, struct arena *arena);
struct json *content_with_mark(const struct json *pod_template, struct str mark,
                               struct arena *arena); // empty: without

// What is written on the Deployment of a version, to be found when status is lost and when the
// version goes.
struct str content_record(struct str template_hash, const struct rollout_content *items,
                          size_t count, struct arena *arena);
// Of a Deployment; count 0 when there is none or it is no such text.
struct rollout_content *content_recorded(const struct json *deployment, struct arena *arena,
                                         size_t *ret_count, struct str *ret_template_hash);
