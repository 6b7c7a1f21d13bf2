// SPDX-License-Identifier: Apache-2.0
// What the files of `serin up` share. Not for others.
#pragma once

#include "operator/standalone/supervisor.h"
#include "operator/standalone/supervisor_ports.h"
#include "operator/standalone/up.h"

struct up {
  const struct up_options *options;
  struct arena arena;
  const char *data, *kubeconfig, *pods_dir;
  int lock;
  struct ports ports;
  struct supervisor supervisor;
  struct str prometheus_url; // empty: none
  const char *content_key;   // a file (up_key.c)
  const char *prometheus_binary;
  int ready[2]; // the runtime's word
};

// up_key.c: makes that file where there is none.
int up_make_content_key(struct up *up, struct err *err);

// up_components.c: decides where Prometheus is, before anything starts.
int up_choose_prometheus(struct up *up, struct err *err);
// Tells the supervisor what the components are; starts nothing.
int up_describe_components(struct up *up, struct err *err);

// up_detach.c: forks. In the parent it returns with *ret_parent true once the child is ready or has
// given up (then not 0); in the child at once, with its output going to the parent.
int up_detach(bool *ret_parent, struct err *err);
// In the child, when it is ready: the parent has heard enough, from now on DATA/logs/up.log.
void up_detach_finish(const char *data);
