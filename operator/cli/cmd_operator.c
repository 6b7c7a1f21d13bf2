// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "manifests/base/log.h"
#include "operator/cli/options.h"
#include "operator/effect/operator_main.h"

#include <stdio.h>

struct operator_command {
  struct str ns, kubeconfig, context, kube_api, prometheus, lease_namespace, log_level;
  struct str prometheus_secret, scrape_match, metrics_address, content_key;
  int64_t lease_ms, renew_deadline_ms, retry_ms;
  struct str notify_secret, notify_form, notify_proxy;
  struct option_list notify_allow, notify_hosts;
  int64_t notify_give_up_ms;
  bool notify_allow_http;
  int64_t scrape_ms, metrics_fd, metrics_port, prometheus_timeout_ms;
  bool leader_elect, prometheus_insecure, trust_users;
};

#define AT(field) offsetof(struct operator_command, field)

static const struct option_row rows[] = {
    {"kubeconfig", 0, OPTION_STRING, AT(kubeconfig), "FILE", NULL,
     "Which cluster (default: KUBECONFIG, in-cluster, the running serin up, ~/.kube/config).", 0,
     0},
    {"context", 0, OPTION_STRING, AT(context), "NAME", NULL, "Context within the kubeconfig.", 0,
     0},
    {"kube-api", 0, OPTION_STRING, AT(kube_api), "URL", NULL,
     "An API server without credentials, for tests.", 0, 0},
    {"namespace", 'n', OPTION_STRING, AT(ns), "NAME", NULL,
     "Look after this namespace only (default: all).", 0, 0},
    {"prometheus", 0, OPTION_STRING, AT(prometheus), "URL", NULL,
     "Prometheus of Rollouts that name none in spec.analysis.prometheus.address.", 0, 0},
    {"prometheus-secret", 0, OPTION_STRING, AT(prometheus_secret), "NAMESPACE/NAME", NULL,
     "Secret with its credentials: token, or username and password; ca.crt; tls.crt and tls.key.",
     0, 0},
    {"prometheus-insecure-skip-verify", 0, OPTION_FLAG, AT(prometheus_insecure), NULL, NULL,
     "Do not verify its certificate.", 0, 0},
    {"prometheus-timeout", 0, OPTION_DURATION, AT(prometheus_timeout_ms), "DURATION", "5s",
     "Longest time for one query to it.", 0, 0},
    {"scrape-match", 0, OPTION_STRING, AT(scrape_match), "MATCHERS", NULL,
     "Which targets are the proxies, where there are many others: job=\"istio-proxies\".", 0, 0},
    {"scrape-interval", 0, OPTION_DURATION, AT(scrape_ms), "DURATION", "5s",
     "How often Prometheus scrapes the proxies: samples that new wait for the next look.", 0, 0},
    {"metrics-port", 0, OPTION_INT, AT(metrics_port), "N", "-1",
     "Serve /metrics, /healthz and /readyz on this port; 0: any free one; -1: do not.", -1, 65535},
    {"metrics-address", 0, OPTION_STRING, AT(metrics_address), "ADDR", "127.0.0.1",
     "The IP address for that; in a pod its own, for probes and scrapes.", 0, 0},
    {"metrics-fd", 0, OPTION_INT, AT(metrics_fd), "N", "-1",
     "The same on an inherited listening socket.", -1, 1000000},
    {"notify-secret", 0, OPTION_STRING, AT(notify_secret), "NAMESPACE/NAME", NULL,
     "Secret (url, key, ca.crt) of the webhook for Rollouts without spec.notifications.", 0, 0},
    {"notify-form", 0, OPTION_STRING, AT(notify_form), "FORM", "generic",
     "What that webhook understands: generic, slack or teams.", 0, 0},
    {"notify-allow-http", 0, OPTION_FLAG, AT(notify_allow_http), NULL, NULL,
     "Its address may be http://.", 0, 0},
    {"notify-allow", 0, OPTION_LIST, AT(notify_allow), "NETWORK", NULL,
     "Rollouts may send notifications into this network, too (10.0.0.0/8), and not to the Internet "
     "alone.",
     0, 0},
    {"notify-host", 0, OPTION_LIST, AT(notify_hosts), "HOST", NULL,
     "Rollouts may send notifications to this host (hooks.slack.com, *.example.com) and others "
     "named so, and to no other.",
     0, 0},
    {"notify-proxy", 0, OPTION_STRING, AT(notify_proxy), "URL", NULL,
     "Notifications go through this proxy, which has to check where names lead.", 0, 0},
    {"notify-give-up", 0, OPTION_DURATION, AT(notify_give_up_ms), "DURATION", "1h",
     "A notification that nobody took for so long is dropped.", 0, 0},
    {"content-key", 0, OPTION_STRING, AT(content_key), "FILE", NULL,
     "A secret of at least 16 bytes that tells contents of Secrets apart, for Rollouts with "
     "spec.configTracking: all.",
     0, 0},
    {"leader-elect", 0, OPTION_FLAG, AT(leader_elect), NULL, NULL,
     "Several operators: only the holder of the Lease serin-operator works.", 0, 0},
    {"lease-namespace", 0, OPTION_STRING, AT(lease_namespace), "NAME", "serin-system",
     "Where that Lease is.", 0, 0},
    {"leader-elect-lease-duration", 0, OPTION_DURATION, AT(lease_ms), "DURATION", "15s",
     "Without a sign of life for that long the holder has lost the Lease.", 0, 0},
    {"leader-elect-renew-deadline", 0, OPTION_DURATION, AT(renew_deadline_ms), "DURATION", "10s",
     "A holder that could not renew it for that long stops to work.", 0, 0},
    {"leader-elect-retry-period", 0, OPTION_DURATION, AT(retry_ms), "DURATION", "2s",
     "How often the Lease is renewed.", 0, 0},
    {"trust-users", 0, OPTION_FLAG, AT(trust_users), NULL, NULL,
     "Believe the annotation serin.dev/user of RolloutActions: for an API server that stamps it, "
     "or "
     "checks it by the admission policy of manifests/install. Otherwise users are shown as "
     "claimed.",
     0, 0},
    {"log-level", 0, OPTION_STRING, AT(log_level), "LEVEL", "info", "debug, info, warn or error.",
     0, 0},
};

// NAMESPACE/NAME, or nothing.
static bool secret_of(const char *option, struct str given, struct str *ret_ns,
                      struct str *ret_name) {
  ptrdiff_t slash = str_find_char(given, '/');
  if (!given.len)
    return true;
  if (slash <= 0 || (size_t)slash + 1 == given.len) {
    fprintf(stderr, "serin operator: %s: expected NAMESPACE/NAME, found \"%.*s\"\n", option,
            STR_ARG(given));
    return false;
  }
  *ret_ns = str_slice(given, 0, (size_t)slash);
  *ret_name = str_slice(given, (size_t)slash + 1, given.len);
  return true;
}

// argv can be read by everybody on the machine: credentials do not go there.
static bool prometheus_of(const struct operator_command *given, struct prometheus_default *ret) {
  if (str_contains(given->prometheus, STR("://")) && str_find_char(given->prometheus, '@') >= 0) {
    fprintf(stderr, "serin operator: --prometheus: credentials belong into a Secret: "
                    "--prometheus-secret NAMESPACE/NAME\n");
    return false;
  }
  *ret = (struct prometheus_default){.address = given->prometheus,
                                     .insecure_skip_verify = given->prometheus_insecure,
                                     .timeout_ms = given->prometheus_timeout_ms};
  return secret_of("--prometheus-secret", given->prometheus_secret, &ret->secret_ns,
                   &ret->secret_name);
}

static bool notify_of(const struct operator_command *given, struct notify_default *ret) {
  int form = enum_find(rollout_notification_forms, given->notify_form);
  *ret = (struct notify_default){.form = (enum rollout_notification_form)form,
                                 .allow_http = given->notify_allow_http};
  if (!form)
    fprintf(stderr,
            "serin operator: --notify-form: expected generic, slack or teams, found \"%.*s\"\n",
            STR_ARG(given->notify_form));
  return form &&
         secret_of("--notify-secret", given->notify_secret, &ret->secret_ns, &ret->secret_name);
}

static bool rules_of(const struct operator_command *given, struct arena *arena,
                     struct notify_rules *ret) {
  struct err err = {0};
  if (notify_rules_read(given->notify_allow.items, given->notify_allow.count,
                        given->notify_hosts.items, given->notify_hosts.count, given->notify_proxy,
                        arena, ret, &err) == RC_OK)
    return true;
  fprintf(stderr, "serin operator: %s\n", err.msg);
  return false;
}

static int run(const void *options, const struct str *arguments, size_t count) {
  (void)arguments, (void)count;
  const struct operator_command *given = options;
  enum log_level level;
  if (!log_parse_level(given->log_level, &level)) {
    fprintf(stderr,
            "serin operator: --log-level: expected debug, info, warn or error, found \"%.*s\"\n",
            STR_ARG(given->log_level));
    return EXIT_USAGE;
  }
  log_set_part("operator");
  log_set_level(level);
  struct prometheus_default prometheus;
  struct notify_default notify;
  struct notify_rules rules;
  struct arena arena;
  arena_init(&arena);
  if (!prometheus_of(given, &prometheus) || !notify_of(given, &notify) ||
      !rules_of(given, &arena, &rules)) {
    arena_dispose(&arena);
    return EXIT_USAGE;
  }
  struct operator_options run_options = {.lookup = {.kubeconfig = given->kubeconfig.ptr,
                                                    .context = given->context.ptr,
                                                    .kube_api = given->kube_api.ptr},
                                         .ns = given->ns,
                                         .prometheus = prometheus,
                                         .content_key = given->content_key,
                                         .notify = notify,
                                         .notify_rules = rules,
                                         .notify_give_up_ms = given->notify_give_up_ms,
                                         .scrape_match = given->scrape_match,
                                         .scrape_ms = given->scrape_ms,
                                         .leader_elect = given->leader_elect,
                                         .trust_users = given->trust_users,
                                         .lease_namespace = given->lease_namespace,
                                         .lease_ms = given->lease_ms,
                                         .renew_deadline_ms = given->renew_deadline_ms,
                                         .retry_ms = given->retry_ms,
                                         .metrics_fd = (int)given->metrics_fd,
                                         .metrics_address = given->metrics_address,
                                         .metrics_port = (int)given->metrics_port};
  struct err err = {0};
  int rc = operator_run(&run_options, &err);
  arena_dispose(&arena);
  if (rc == RC_OK)
    return EXIT_DONE;
  fprintf(stderr, "serin operator: %s\n", err.msg);
  return err.rc == RC_NOT_FOUND || err.rc == RC_UNAVAILABLE ? EXIT_NOT_FOUND : EXIT_FAILED;
}

const struct command cmd_operator = {
    .name = "operator",
    .summary = "Run the controller of Rollouts against a Kubernetes API.",
    .details = "Watches Rollouts, Deployments, VirtualServices, DestinationRules, RolloutActions "
               "and the Leases of Serin's "
               "proxies,\nand moves each release along its steps. Ends cleanly at SIGTERM; a "
               "release goes on with the next one.",
    .size = sizeof(struct operator_command),
    .options = rows,
    .option_count = ARRAY_LEN(rows),
    .run = run,
};
