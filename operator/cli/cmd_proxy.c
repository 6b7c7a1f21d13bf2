// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/options.h"

#include "manifests/base/bug.h"
#include "proxy/proxy_main.h"

#include <stdio.h>

struct proxy_command {
  struct option_list listen, listen_fd, label;
  struct str admin;
  int64_t admin_fd, workers;
  struct str manifests, kubeconfig, context, kube_api;
  struct str name, ns, controller, hand_over;
  int64_t dns_interval_ms;
  struct str locality;
  int64_t drain_ms, header_timeout_ms, request_timeout_ms, idle_timeout_ms, stream_idle_ms;
  int64_t stream_drain_ms, lame_duck_ms;
  int64_t connection_ms, connections_max, body_max, buffers_max;
  struct str path_normalization, underscores;
  struct str reporter, access_log, access_log_format;
  struct str tracing;
  bool consecutive_errors_5xx;
  bool no_tcp_metrics, literal_uuid, shadow_hosts, one_namespace;
};

#define ROW(field) offsetof(struct proxy_command, field)

static const struct option_row rows[] = {
    {.name = "listen",
     .type = OPTION_LIST,
     .offset = ROW(listen),
     .value = "ADDR:PORT[,persona=mesh|gateway]",
     .help = "Serve HTTP here, routed by the Host header: to clients in the mesh (the default), or "
             "as a gateway to strangers."},
    {.name = "listen-fd",
     .type = OPTION_LIST,
     .offset = ROW(listen_fd),
     .value = "N[,persona=mesh|gateway]",
     .help = "Serve on an inherited listening socket; one for each worker is best."},
    {.name = "label",
     .type = OPTION_LIST,
     .offset = ROW(label),
     .value = "KEY=VALUE",
     .help =
         "A label of this proxy, for selectors of Istio Gateways, sourceLabels, and the source_* "
         "labels of the metrics."},
    {.name = "controller-name",
     .type = OPTION_STRING,
     .offset = ROW(controller),
     .value = "NAME",
     .fallback = "serin.dev/gateway-controller",
     .help = "Serve the Gateways of GatewayClasses with this controllerName."},
    {.name = "admin",
     .type = OPTION_STRING,
     .offset = ROW(admin),
     .value = "ADDR:PORT",
     .fallback = "127.0.0.1:15000",
     .help = "Metrics, readiness and administration; \"off\" for none."},
    {.name = "admin-fd",
     .type = OPTION_INT,
     .offset = ROW(admin_fd),
     .value = "N",
     .fallback = "-1",
     .help = "The same on an inherited listening socket.",
     .min = -1,
     .max = 1 << 20},
    {.name = "workers",
     .type = OPTION_INT,
     .offset = ROW(workers),
     .value = "N",
     .fallback = "0",
     .help = "Threads that serve traffic; 0 for one for each processor.",
     .min = 0,
     .max = 256},
    {.name = "manifests",
     .type = OPTION_STRING,
     .offset = ROW(manifests),
     .value = "DIR",
     .help =
         "Take the configuration from the YAML files of a folder, read again when they change."},
    {.name = "kubeconfig",
     .type = OPTION_STRING,
     .offset = ROW(kubeconfig),
     .value = "FILE",
     .help = "Take the configuration from the Kubernetes API of this kubeconfig."},
    {.name = "context",
     .type = OPTION_STRING,
     .offset = ROW(context),
     .value = "NAME",
     .help = "The kubeconfig's context to use."},
    {.name = "kube-api",
     .type = OPTION_STRING,
     .offset = ROW(kube_api),
     .value = "URL",
     .help = "Take the configuration from this Kubernetes API, without credentials."},
    {.name = "name",
     .type = OPTION_STRING,
     .offset = ROW(name),
     .value = "NAME",
     .fallback = "serin-proxy",
     .help = "This proxy's name, in metrics and in its Lease."},
    {.name = "namespace",
     .letter = 'n',
     .type = OPTION_STRING,
     .offset = ROW(ns),
     .value = "NAMESPACE",
     .fallback = "serin-system",
     .help = "This proxy's namespace."},
    {.name = "one-namespace",
     .type = OPTION_FLAG,
     .offset = ROW(one_namespace),
     .help = "Read nothing but this proxy's namespace, so that rights there are enough. "
             "GatewayClasses belong to no namespace: only Gateways of the class \"serin\" are "
             "served then."},
    {.name = "hand-over",
     .type = OPTION_STRING,
     .offset = ROW(hand_over),
     .value = "PATH",
     .help = "Take the listening sockets over from the proxy that runs with the same PATH (it then "
             "drains and ends), and pass them on to the next one."},
    {.name = "tracing",
     .type = OPTION_STRING,
     .offset = ROW(tracing),
     .value = "w3c|b3|off",
     .fallback = "w3c",
     .help = "The trace headers that a request without any gets; those that come are passed on."},
    {.name = "shadow-hosts",
     .type = OPTION_FLAG,
     .offset = ROW(shadow_hosts),
     .help =
         "Send mirrored requests to \"host-shadow\", as Istio did before 1.28, not to the host."},
    {.name = "literal-uuid",
     .type = OPTION_FLAG,
     .offset = ROW(literal_uuid),
     .help = "Send ${UUID} in header values of HTTPRoutes as it stands, as Istio does, not the "
             "request's id."},
    {.name = "locality",
     .type = OPTION_STRING,
     .offset = ROW(locality),
     .value = "REGION/ZONE[/SUBZONE]",
     .help = "Where this proxy runs, for localityLbSetting."},
    {.name = "consecutive-errors-5xx",
     .type = OPTION_FLAG,
     .offset = ROW(consecutive_errors_5xx),
     .help = "Take outlierDetection.consecutiveErrors, which has no effect since Istio 1.7, as "
             "consecutive5xxErrors where that is not given."},
    {.name = "dns-interval",
     .type = OPTION_DURATION,
     .offset = ROW(dns_interval_ms),
     .value = "DURATION",
     .fallback = "60s",
     .help = "How often names of endpoints (ServiceEntry) are resolved again."},
    {.name = "drain-time",
     .type = OPTION_DURATION,
     .offset = ROW(drain_ms),
     .value = "DURATION",
     .fallback = "30s",
     .help = "How long running requests may take after SIGTERM."},
    {.name = "lame-duck",
     .type = OPTION_DURATION,
     .offset = ROW(lame_duck_ms),
     .value = "DURATION",
     .fallback = "0s",
     .help =
         "After SIGTERM serve on for so long, no longer ready and with \"connection: close\" in "
         "the answers: until those who send connections here have heard of it."},
    {.name = "header-timeout",
     .type = OPTION_DURATION,
     .offset = ROW(header_timeout_ms),
     .value = "DURATION",
     .fallback = "60s",
     .help = "How long a client may take for the head of a request (then 408)."},
    {.name = "request-timeout",
     .type = OPTION_DURATION,
     .offset = ROW(request_timeout_ms),
     .value = "DURATION",
     .fallback = "0s",
     .help = "How long the rest of a request may take (then 408); 0 for no limit."},
    {.name = "idle-timeout",
     .type = OPTION_DURATION,
     .offset = ROW(idle_timeout_ms),
     .value = "DURATION",
     .fallback = "1h",
     .help = "How long a client's connection may wait for its next request."},
    {.name = "stream-drain-time",
     .type = OPTION_DURATION,
     .offset = ROW(stream_drain_ms),
     .value = "DURATION",
     .fallback = "5m",
     .help =
         "How long a stream (WebSocket, server-sent events, gRPC) may go on when its version has "
         "lost its traffic; then it is ended in an orderly way."},
    {.name = "stream-idle-timeout",
     .type = OPTION_DURATION,
     .offset = ROW(stream_idle_ms),
     .value = "DURATION",
     .fallback = "1h",
     .help = "How long a request may go without a byte either way; at most 5m where the client has "
             "to send or to read."},
    {.name = "max-connection-duration",
     .type = OPTION_DURATION,
     .offset = ROW(connection_ms),
     .value = "DURATION",
     .fallback = "0s",
     .help = "How long a client's connection may be used; the request that runs then ends first. "
             "0 for no limit."},
    {.name = "max-request-body",
     .type = OPTION_INT,
     .offset = ROW(body_max),
     .value = "BYTES",
     .fallback = "0",
     .help = "Longest body of a request (then 413); 0 for no limit.",
     .min = 0,
     .max = INT64_MAX},
    {.name = "max-buffer-memory",
     .type = OPTION_INT,
     .offset = ROW(buffers_max),
     .value = "BYTES",
     .fallback = "0",
     .help =
         "Memory for what is being read and kept of requests and answers, in all; beyond it new "
         "requests get 503 (flag OM). 0 for no limit.",
     .min = 0,
     .max = INT64_MAX},
    {.name = "path-normalization",
     .type = OPTION_STRING,
     .offset = ROW(path_normalization),
     .value = "MODE",
     .fallback = "base",
     .help = "How paths are read before they are matched and forwarded: base, none, "
             "merge-slashes or decode-and-merge-slashes, as Istio's pathNormalization."},
    {.name = "underscores-in-headers",
     .type = OPTION_STRING,
     .offset = ROW(underscores),
     .value = "allow|reject|drop",
     .fallback = "allow",
     .help = "What becomes of requests or headers with a \"_\" in a header's name."},
    {.name = "max-connections",
     .type = OPTION_INT,
     .offset = ROW(connections_max),
     .value = "N",
     .fallback = "32768",
     .help = "Connections from clients at a time; further ones wait.",
     .min = 1,
     .max = 10000000},
    {.name = "reporter",
     .type = OPTION_STRING,
     .offset = ROW(reporter),
     .value = "source|destination|both",
     .fallback = "source",
     .help = "The reporter label of the istio_* metrics."},
    {.name = "no-tcp-metrics",
     .type = OPTION_FLAG,
     .offset = ROW(no_tcp_metrics),
     .help = "Do not count the upstream connections of HTTP traffic as istio_tcp_connections_*."},
    {.name = "access-log",
     .type = OPTION_STRING,
     .offset = ROW(access_log),
     .value = "PATH",
     .help = "Write a line for each request; \"-\" for standard output."},
    {.name = "access-log-format",
     .type = OPTION_STRING,
     .offset = ROW(access_log_format),
     .value = "text|json",
     .fallback = "text",
     .help = "The form of these lines."},
};

static int run(const void *options, const struct str *arguments, size_t count) {
  const struct proxy_command *c = options;
  (void)arguments, (void)count;
  struct proxy_options proxy = {
      .listen = c->listen.items,
      .listen_count = c->listen.count,
      .listen_fds = c->listen_fd.items,
      .listen_fd_count = c->listen_fd.count,
      .labels = c->label.items,
      .label_count = c->label.count,
      .controller = c->controller,
      .admin = c->admin,
      .admin_fd = c->admin_fd,
      .workers = c->workers,
      .manifests = c->manifests,
      .kubeconfig = c->kubeconfig,
      .context = c->context,
      .kube_api = c->kube_api,
      .name = c->name,
      .namespace_ = c->ns,
      .one_namespace = c->one_namespace,
      .hand_over = c->hand_over,
      .locality = c->locality,
      .dns_interval_ms = c->dns_interval_ms,
      .drain_ms = c->drain_ms,
      .header_timeout_ms = c->header_timeout_ms,
      .request_timeout_ms = c->request_timeout_ms,
      .idle_timeout_ms = c->idle_timeout_ms,
      .stream_drain_ms = c->stream_drain_ms,
      .lame_duck_ms = c->lame_duck_ms,
      .stream_idle_ms = c->stream_idle_ms,
      .connection_ms = c->connection_ms,
      .connections_max = c->connections_max,
      .buffers_max = c->buffers_max,
      .body_max = c->body_max,
      .path_normalization = c->path_normalization,
      .underscores = c->underscores,
      .reporter = c->reporter,
      .access_log = c->access_log,
      .access_log_format = c->access_log_format,
      .tracing = c->tracing,
      .literal_uuid = c->literal_uuid,
      .consecutive_errors_5xx = c->consecutive_errors_5xx,
      .shadow_hosts = c->shadow_hosts,
      .no_tcp_metrics = c->no_tcp_metrics,
  };
  struct err err;
  int rc = proxy_main(&proxy, &err);
  if (rc == 0)
    return EXIT_DONE;
  fprintf(stderr, "serin proxy: %s\n", err.msg);
  return rc == RC_USAGE ? EXIT_USAGE : EXIT_FAILED;
}

const struct command cmd_proxy = {
    .name = "proxy",
    .arguments = "--listen ADDR:PORT (--manifests DIR | --kubeconfig FILE | --kube-api URL)",
    .summary = "Run the data plane alone.",
    .details =
        "Serves HTTP/1.1 and routes it as the VirtualServices, DestinationRules, Services and\n"
        "EndpointSlices of its source say. SIGTERM ends it without losing a request.",
    .size = sizeof(struct proxy_command),
    .options = rows,
    .option_count = ARRAY_LEN(rows),
    .run = run,
};
