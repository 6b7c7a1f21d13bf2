// SPDX-License-Identifier: Apache-2.0
// The order for one start of a container: environment, command line, volumes and mounts, written as
// start.json for its shim. And where its probes go.
#pragma once

#include "operator/standalone/runtime_pod.h"

// On a failure *ret_reason is what the container's Waiting state says (ErrImageNotMapped,
// CreateContainerConfigError).
int order_write(struct runtime_container *container, const char **ret_reason, struct err *err);
// Writes the pod's volumes again where their ConfigMaps and Secrets have changed.
int order_write_volumes(struct runtime_pod *pod, struct arena *arena,
                        struct pod_volume_plan **ret_plans, struct err *err);
// Fills all of the target but timeout_ms; named ports are looked up.
void order_probe_target(struct runtime_container *container, const struct pod_http_get *http,
                        const struct pod_tcp_socket *tcp, const struct pod_exec *exec,
                        struct probe_target *target);
