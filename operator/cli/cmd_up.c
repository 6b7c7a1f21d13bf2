// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/log.h"
#include "operator/cli/commands.h"
#include "operator/standalone/pod_image.h"
#include "operator/standalone/up.h"

#include <stdio.h>

struct up_flags {
  struct str data, prometheus;
  int64_t api_port, http_port, admin_port, workers;
  struct option_list images;
  bool detach;
};

#define AT(field) offsetof(struct up_flags, field)

static const struct option_row rows[] = {
    {"data", 0, OPTION_STRING, AT(data), "DIR", NULL,
     "Where everything is kept (default: $XDG_STATE_HOME/serin, else ~/.local/state/serin).", 0, 0},
    {"api-port", 0, OPTION_INT, AT(api_port), "N", "0",
     "Port of the API server; 0: the one kept in DIR, else any free one.", 0, 65535},
    {"http-port", 0, OPTION_INT, AT(http_port), "N", "0", "Port of the proxy; 0: as above.", 0,
     65535},
    {"admin-port", 0, OPTION_INT, AT(admin_port), "N", "0",
     "Port of the proxy's admin page; 0: as above.", 0, 65535},
    {"workers", 0, OPTION_INT, AT(workers), "N", "0",
     "Worker threads of the proxy; 0: one a processor, at most 8.", 0, 64},
    {"prometheus", 0, OPTION_STRING, AT(prometheus), "auto|URL|off", "auto",
     "auto starts the one that is installed; a URL names one that runs already.", 0, 0},
    {"image", 0, OPTION_LIST, AT(images), "NAME=COMMAND", NULL,
     "The command that stands for an image, for containers without one.", 0, 0},
    {"detach", 'd', OPTION_FLAG, AT(detach), NULL, NULL,
     "Return when all is ready; 'serin down' stops it.", 0, 0},
};

static int run(const void *options, const struct str *arguments, size_t count) {
  (void)arguments, (void)count;
  const struct up_flags *flags = options;
  struct err err = {0};
  struct arena arena;
  struct pod_images images = {0};
  log_set_part("up");
  arena_init(&arena);
  int rc = RC_OK;
  for (size_t i = 0; rc == RC_OK && i < flags->images.count; i++)
    rc = pod_images_add(&images, flags->images.items[i], STR("."), &arena, &err);
  struct up_options up = {.data = flags->data,
                          .api_port = flags->api_port,
                          .http_port = flags->http_port,
                          .admin_port = flags->admin_port,
                          .workers = flags->workers,
                          .prometheus = flags->prometheus,
                          .images = flags->images.items,
                          .image_count = flags->images.count,
                          .detach = flags->detach,
                          .has_operator = command_find(STR("operator")),
                          .has_proxy = command_find(STR("proxy"))};
  if (rc == RC_OK)
    rc = up_run(&up, &err);
  arena_dispose(&arena);
  if (rc == RC_OK)
    return EXIT_DONE;
  fprintf(stderr, "serin up: %s\n", err.msg);
  return rc == RC_USAGE || rc == RC_PARSE ? EXIT_USAGE : EXIT_FAILED;
}

const struct command cmd_up = {
    .name = "up",
    .summary =
        "Run everything on this machine: API server, workloads, operator, proxy, Prometheus.",
    .details =
        "Prints one line that starts with \"ready\" when all of it answers: the addresses and "
        "the path of a kubeconfig for kubectl. Ctrl-C stops everything, workloads too. After "
        "kill -9 the workloads go on and the next 'serin up' adopts them.\n\n"
        "Workloads are processes that share this machine: a pod gets a loopback address of "
        "its own in POD_IP and its first containerPort in PORT, and should listen there. "
        "Images are not pulled: a container without a command runs the COMMAND that --image "
        "names for it.",
    .size = sizeof(struct up_flags),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .run = run,
};
