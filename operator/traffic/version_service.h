// SPDX-License-Identifier: Apache-2.0
// A Service for one version alone, for routes that name Services. Pure.
#pragma once

#include "manifests/text/json.h"

struct version_service {
  struct str ns, name;
  const struct json *base;   // the user's Service: its ports and its selector are taken over
  const struct json *labels; // that only this version's Pods have
  const struct json *owners; // ownerReferences
  const char *owner_label;   // label that marks it as ours
  struct str owner;          // its value
};

// The object to create.
struct json *version_service_new(const struct version_service *wanted, struct arena *arena);
// A merge patch that brings `service` to it; NULL when it is so already.
struct json *version_service_patch(const struct version_service *wanted, const struct json *service,
                                   struct arena *arena);
// Whether we made it.
bool version_service_is_ours(const struct json *service, const char *owner_label, struct str owner);
