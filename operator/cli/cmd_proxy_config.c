// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/file.h"
#include "operator/cli/print_object.h"
#include "operator/cli/proxy_config_text.h"
#include "operator/cli/session.h"

#include <stdio.h>

#define ADMIN_DEFAULT "127.0.0.1:15000"
#define PORTS_MAX 65536u

struct proxy_config_options {
  struct common_options common;
  struct str admin;
};

// `serin up` writes its ports beside its kubeconfig.
static struct str find_admin(const struct proxy_config_options *options, struct arena *arena) {
  struct kube_config config;
  struct kube_config_lookup lookup = {
      .kubeconfig = options->common.kubeconfig.len ? options->common.kubeconfig.ptr : NULL};
  struct str text, admin = STR(ADMIN_DEFAULT);
  struct json *ports;
  if (options->admin.len)
    return options->admin;
  if (kube_config_load(&lookup, &config, NULL) != RC_OK)
    return admin;
  struct str path = file_beside(arena, config.origin, STR("ports.json"));
  if (file_read(path.ptr, PORTS_MAX, arena, &text, NULL) == RC_OK &&
      json_parse(text, arena, &ports, NULL) == RC_OK && json_get(ports, "admin"))
    admin = arena_printf(arena, "127.0.0.1:%lld", (long long)json_int(json_get(ports, "admin"), 0));
  kube_config_dispose(&config);
  return admin;
}

static int fetch(const struct proxy_config_options *options, enum proxy_config_part part,
                 struct arena *arena, struct json **ret_dump, struct err *err) {
  struct session session;
  struct str text, admin = find_admin(options, arena);
  session_open_bare(&session, options->common.timeout_ms);
  int rc = session_fetch(
      &session, arena_printf(arena, "http://%.*s%s", STR_ARG(admin), proxy_config_path(part)),
      arena, &text, err);
  if (rc)
    err_wrap(err, rc, "the proxy's admin endpoint (--admin ADDR:PORT names another)");
  else
    rc = json_parse(text, arena, ret_dump, err);
  session_close(&session);
  return rc;
}

static int run(const void *data, const struct str *arguments, size_t count) {
  const struct proxy_config_options *options = data;
  enum proxy_config_part part;
  struct arena arena = {0};
  struct err err = {0};
  struct json *dump;
  struct buf text;
  int code = EXIT_DONE;
  (void)count;
  if (!print_object_knows(options->common.output, "proxy-config"))
    return EXIT_USAGE;
  if (!proxy_config_part_of(arguments[0], &part)) {
    fprintf(stderr,
            "serin proxy-config: unknown part \"%.*s\"; there are routes, clusters, endpoints "
            "and listeners\n",
            STR_ARG(arguments[0]));
    return EXIT_USAGE;
  }
  if (fetch(options, part, &arena, &dump, &err) != RC_OK) {
    code = session_fail("proxy-config", &err);
  } else if (!print_object(dump, options->common.output)) {
    buf_init(&text, 64u << 20);
    proxy_config_text(part, dump, &arena, &text);
    print_buf(&text);
  }
  arena_dispose(&arena);
  return code;
}

static const struct option_row rows[] = {
    {"admin", 0, OPTION_STRING, offsetof(struct proxy_config_options, admin), "ADDR:PORT", NULL,
     "The proxy's admin endpoint (default: that of the running serin up, else 127.0.0.1:15000).", 0,
     0},
};

const struct command cmd_proxy_config = {
    .name = "proxy-config",
    .arguments = "routes|clusters|endpoints|listeners",
    .summary = "Show what a proxy is enforcing right now.",
    .size = sizeof(struct proxy_config_options),
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .common = true,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
