// SPDX-License-Identifier: Apache-2.0
// `serin runtime`: the process runtime of the single machine. It watches the API through
// DATA/kubeconfig, runs the controllers of deploy*.h, and each Pod's containers as processes under
// shims (shim.h). All it knows is in the API and below DATA/pods, so it may be killed at any time:
// the next one adopts what runs.
//   SIGTERM, SIGINT  stop the workloads, then exit
//   SIGUSR1          exit and leave the workloads running (an upgrade)
// Every pod of the API is this machine's. Containers begin in the folder serin was started in
// unless workingDir says else, with PATH, HOME, USER, LANG, TZ and the like of serin itself,
// POD_IP, PORT (the first containerPort) and SERIN_VOLUME_*; what the manifest sets comes last and
// wins.
#pragma once

#include "operator/standalone/pod_image.h"

struct runtime_options {
  const char *data;       // absolute
  const char *kubeconfig; // NULL: DATA/kubeconfig
  const struct pod_images *images;
  const char *node_name; // NULL: the host's name
  int ready_fd;          // gets one byte once pods are looked after; -1: none
};

// Blocks until it is told to stop. 0, or a code and a message.
int runtime_run(const struct runtime_options *options, struct err *err);
