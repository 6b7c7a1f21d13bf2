// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/kube_resource.h"

struct kube_resource kube_resource_of(const struct kind_desc *kind, const char *version) {
  return (struct kube_resource){
      .group = kind->group,
      .version = version ? version : kind->versions[0],
      .kind = kind->kind,
      .plural = kind->plural,
      .namespaced = kind->namespaced,
  };
}
