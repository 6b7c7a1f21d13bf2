// SPDX-License-Identifier: Apache-2.0
// The URLs of the Kubernetes API: paths and queries, as text. Pure. Private to this folder;
// kube_path itself is declared in kube_client.h.
#pragma once

#include "manifests/source/kube_client.h"

// "?fieldManager=x&limit=500..." as the verb wants it, or "". `token` continues a list; page 0: no
// limit.
struct str kube_path_query(struct arena *arena, const struct kube_request *request,
                           const char *field_manager, int64_t page, struct str token);
// The path of a watch from a revision on, with bookmarks; the server ends it after `seconds`.
struct str kube_path_watch(struct arena *arena, const struct kube_request *request,
                           struct str revision, int64_t seconds);
const char *kube_path_method(enum kube_verb verb);
const char *kube_path_content_type(const struct kube_request *request);
