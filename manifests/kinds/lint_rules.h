// SPDX-License-Identifier: Apache-2.0
// What the files of lint share. Private to lint*.c.
#pragma once

#include "manifests/kinds/lint.h"
#include "manifests/schema/check.h"

// The object as the place of findings.
struct check lint_check(struct lint *lint, const struct lint_object *object);
const struct object_meta *lint_meta(const struct lint_object *object);
// Istio's rule: a name without a dot is one of the object's namespace.
struct str lint_full_host(struct lint *lint, const struct lint_object *object, struct str host);
// "VirtualService team1/name (file:line)".
struct str lint_title(struct lint *lint, const struct lint_object *object);
// All objects of one kind, in order: for (i = 0; (o = lint_next(lint, kind, &i));)
const struct lint_object *lint_next(const struct lint *lint, const struct kind_desc *kind,
                                    size_t *index);
// The first of that kind, namespace and name; NULL when it is not among the files.
const struct lint_object *lint_find(const struct lint *lint, const struct kind_desc *kind,
                                    struct str ns, struct str name);
// Replicas of the Deployments of a namespace whose Pods carry `labels`; -1 when there is no such
// Deployment.
int64_t lint_replicas(const struct lint *lint, struct str ns, const struct string_map *labels);

// Rules of one object alone.
void lint_virtual_service(struct lint *lint, const struct lint_object *object);
void lint_http_route(struct lint *lint, const struct lint_object *object);
void lint_destination_rule(struct lint *lint, const struct lint_object *object);
void lint_rollout(struct lint *lint, const struct lint_object *object);
// What policies mean beyond their names; information only.
void lint_explain(struct lint *lint);
// Rules between the objects.
void lint_subsets(struct lint *lint);
void lint_duplicates(struct lint *lint);
// What Rollouts drive.
void lint_claims(struct lint *lint);
