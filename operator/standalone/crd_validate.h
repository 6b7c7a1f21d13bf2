// SPDX-License-Identifier: Apache-2.0
// Judges a custom object by its structural schema, with Kubernetes' words. Findings carry the field
// as their path and, as their id, the kind of the cause: required, type, enum, duplicate,
// forbidden, too-long, too-many or invalid. Pure. Source: k8s.io/kube-openapi pkg/validation,
// k8s.io/apiextensions-apiserver pkg/apiserver/{validation,schema/listtype,schema/objectmeta}.
#pragma once

#include "manifests/base/findings.h"
#include "manifests/text/json.h"

// All keywords a structural schema may use, but for x-kubernetes-validations (see crd_rules.h).
// `part`: "status" where that is written by itself: a real server judges it by its own schema then,
// and messages name the fields from there. Else "".
void crd_validate(const struct json *schema, const struct json *value, struct str part,
                  struct arena *arena, struct findings *findings);
// Lists of type set and map hold nothing twice.
void crd_validate_lists(const struct json *schema, const struct json *value, struct str path,
                        struct findings *findings);
// The id of a finding that makes an object unreadable as what it is: 400 rather than 422.
#define CRD_UNREADABLE "unreadable"
// Embedded resources name their apiVersion and kind, and have proper metadata.
void crd_validate_embedded(const struct json *schema, const struct json *value, struct str path,
                           struct findings *findings);
// A value as Kubernetes' messages quote it, "" for none; long ones are cut.
struct str crd_show(const struct json *value, struct arena *arena);
