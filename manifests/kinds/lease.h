// SPDX-License-Identifier: Apache-2.0
// coordination.k8s.io/v1 Lease.
#pragma once

#include "manifests/kinds/object_meta.h"
#include "manifests/schema/kind.h"

struct lease {
  struct object_meta metadata;
  struct lease_spec {
    struct str holder_identity;
    int64_t lease_duration_s;
    int64_t acquire_time_ms, renew_time_ms;
    int64_t lease_transitions;
    struct str strategy, preferred_holder;
  } spec;
};
extern const struct kind_desc lease_kind;
