// SPDX-License-Identifier: Apache-2.0
// CustomResourceDefinition -> the descriptions of its kind, one for each served version. Pure.
#pragma once

#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

#define CRD_FINALIZER "customresourcecleanup.apiextensions.k8s.io"

// All in `arena`; the definition must live as long. Returns how many.
size_t crd_kinds(const struct json *definition, struct arena *arena,
                 const struct kind_desc ***ret_kinds);
// Whether condition `type` of the definition is True.
bool crd_has_condition(const struct json *definition, const char *type);
// Sets a condition; its time only changes when its status does.
void crd_set_condition(struct json *definition, const char *type, const char *status,
                       const char *reason, struct str message, int64_t now_ms, struct arena *arena);
// Kubernetes' order of versions, the preferred one first: v2, v1, v1beta2, v1alpha1, others by
// name.
int crd_version_order(struct str a, struct str b);
