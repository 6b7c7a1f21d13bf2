// SPDX-License-Identifier: Apache-2.0
// Writes a pod's volumes below a folder, as pod_volume.h plans them. Files of configMap, secret and
// downwardAPI volumes change all at once for a reader, as the kubelet does it: VOLUME/KEY ->
// ..data/KEY, ..data -> ..N, and only
// ..data is replaced.
#pragma once

#include "operator/standalone/pod_volume.h"

// Makes or updates FOLDER/<name>. Nothing is written when the content is the same already.
int volume_write(const struct pod_volume_plan *plan, const char *folder, struct err *err);
// A subPath below an emptyDir or hostPath may not exist yet: makes it as a folder.
int volume_need_sources(const struct shim_mount *mounts, size_t count, struct err *err);
