// SPDX-License-Identifier: Apache-2.0
// Which files a pod's volumes consist of, and what is mounted where. Pure: runtime_volume.c writes
// them. configMap, secret, downwardAPI, emptyDir and hostPath; anything else is refused with a
// message. A process that shares the host's file system gets its volumes bound in a mount namespace
// of its own where the machine allows it (shim_mount.h). Where it does not, the files are still
// written below DATA/pods/<uid>/volumes/<volume>, the pod gets the event VolumeNotMounted, and
// every container finds the folder in SERIN_VOLUME_<NAME> (always set; NAME in capitals, '-' and
// '.' as '_').
#pragma once

#include "operator/standalone/pod_env.h"
#include "operator/standalone/shim_record.h"

enum pod_volume_type { POD_VOLUME_FILES, POD_VOLUME_EMPTY, POD_VOLUME_HOST };

struct pod_file {
  struct str path; // relative, without ".."
  struct str content;
  unsigned mode;
};

struct pod_volume_plan {
  struct str name;
  enum pod_volume_type type;
  bool read_only; // configMap, secret, downwardAPI
  struct pod_file *files;
  size_t file_count;
  struct str host_path, host_type;
};

// RC_NOT_FOUND: a ConfigMap, Secret or key that is not optional is missing (try again when it
// appears); RC_UNSUPPORTED: a kind of volume that is not known here; RC_INVALID: a bad path or
// mode.
int pod_volume_plan(const struct pod_facts *facts, const struct pod_volume *volume,
                    const struct pod_lookup *lookup, struct arena *arena,
                    struct pod_volume_plan *ret_plan, struct err *err);
// What the container mounts, with absolute sources below `folder` (of the pod's volumes). `env` is
// for subPathExpr.
int pod_volume_mounts(const struct pod_container *container, const struct pod_volume_plan *plans,
                      size_t plan_count, struct str folder, const struct pod_env_list *env,
                      struct arena *arena, struct shim_mount **ret_mounts, size_t *ret_count,
                      struct err *err);
// SERIN_VOLUME_<NAME>.
struct str pod_volume_variable(struct str name, struct arena *arena);
// Relative, no empty part, no ".."; what a key or an item's path must be.
bool pod_path_is_safe(struct str path);
