// SPDX-License-Identifier: Apache-2.0
// Rules between fields and the habits lint warns about: each case is one manifest (or several) and
// the ids it gives.
#include "manifests/kinds/lint.h"
#include "manifests/kinds/regex_form.h"
#include "manifests/kinds/retry_on.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define VS                                                                                         \
  "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, namespace: "      \
  "t}\nspec:\n  hosts: [a]\n  http:\n"
#define DR                                                                                         \
  "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a, namespace: "     \
  "t}\nspec:\n  host: a\n"
#define SAFE_DR DR "  trafficPolicy: {outlierDetection: {maxEjectionPercent: 50}}\n"
#define HR                                                                                         \
  "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a}\nspec:\n  "      \
  "parentRefs: [{name: g}]\n"
#define RO                                                                                         \
  "apiVersion: serin.dev/v1alpha1\nkind: Rollout\nmetadata: {name: a, namespace: t}\nspec:\n"      \
  "  stable: {deployment: a-v1, subset: v1}\n  canary: {deployment: a-v2, subset: v2}\n"           \
  "  traffic: {virtualService: {name: a}, destinationRule: a}\n"
#define RO2 "apiVersion: serin.dev/v1alpha1\nkind: Rollout\nmetadata: {name: b, namespace: t}\n"
#define DEP(name, labels)                                                                          \
  "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " name                                  \
  ", namespace: t}\nspec:\n  replicas: 3\n  selector: {matchLabels: {app: a}}\n  template:\n    "  \
  "metadata: {labels: " labels "}\n    spec: {containers: [{name: m}]}\n"
#define TO "    route: [{destination: {host: a}}]\n"

struct rule_case {
  const char *manifest;
  const char *ids; // in order of lines, without not-enforced and infos
};

static void judge(const struct rule_case *item) {
  struct arena arena;
  arena_init(&arena);
  struct findings findings;
  struct lint lint;
  findings_init(&findings, &arena);
  lint_init(&lint, &arena, &findings);
  lint_add_text(&lint, STR("f"), str_of(item->manifest));
  lint_finish(&lint);
  lint_dispose(&lint);
  struct str ids = STR("");
  for (size_t i = 0; i < findings.count; i++) {
    const struct finding *finding = &findings.items[i];
    if (finding->level == FINDING_INFO || str_eq_z(finding->id, "not-enforced"))
      continue;
    ids =
        arena_printf(&arena, "%.*s%s%.*s", STR_ARG(ids), ids.len ? " " : "", STR_ARG(finding->id));
  }
  if (!str_eq_z(ids, item->ids))
    fail_msg("found \"%.*s\" instead of \"%s\" in\n%s", STR_ARG(ids), item->ids, item->manifest);
  arena_dispose(&arena);
}

static void judge_all(const struct rule_case *items, size_t count) {
  for (size_t i = 0; i < count; i++)
    judge(&items[i]);
}
#define JUDGE(items) judge_all(items, sizeof(items) / sizeof((items)[0]))

static void timeouts(void **state) {
  (void)state;
  const struct rule_case cases[] = {
      {VS "  - timeout: 5s\n" TO, ""},
      {VS "  - timeout: 0s\n" TO, "no-timeout"},
      {VS "  - name: x\n" TO, "no-timeout"},
      {VS "  - redirect: {uri: /x}\n", ""},
      {VS "  - directResponse: {status: 503}\n", ""},
      {HR "  rules: [{backendRefs: [{name: a, port: 80}]}]\n", "no-timeout"},
      {HR "  rules: [{timeouts: {request: 5s}, backendRefs: [{name: a, port: 80}]}]\n", ""},
      {HR "  rules: [{timeouts: {request: 0s}, backendRefs: [{name: a, port: 80}]}]\n",
       "no-timeout"},
  };
  JUDGE(cases);
}

static void retries(void **state) {
  (void)state;
  const struct rule_case cases[] = {
      {VS "  - timeout: 5s\n    retries: {attempts: 2}\n" TO, ""},
      {VS "  - timeout: 5s\n    retries: {attempts: 2, retryOn: "
          "'connect-failure,refused-stream'}\n" TO,
       ""},
      {VS "  - timeout: 5s\n    retries: {attempts: 2, retryOn: 'connect-failure,5xx'}\n" TO,
       "retry-non-idempotent"},
      {VS "  - timeout: 5s\n    retries: {attempts: 2, retryOn: '503'}\n" TO,
       "retry-non-idempotent"},
      {VS "  - timeout: 5s\n    match: [{method: {exact: GET}}]\n    retries: {attempts: 2, "
          "retryOn: 5xx}\n" TO,
       ""},
      {VS "  - timeout: 5s\n    match: [{method: {exact: GET}}, {uri: {prefix: /}}]\n    retries: "
          "{attempts: 2, retryOn: 5xx}\n" TO,
       "retry-non-idempotent"},
      {"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: a\n  "
       "annotations: {serin.dev/retry-reason: all calls carry an idempotency key}\nspec:\n  hosts: "
       "[a]\n  http:\n  - timeout: 5s\n    retries: {attempts: 2, retryOn: 5xx}\n" TO,
       ""},
      {VS "  - timeout: 5s\n    retries: {attempts: 0}\n" TO, ""},
      {VS "  - timeout: 5s\n    retries: {attempts: 0, retryOn: 5xx}\n" TO, "no-effect"},
      {VS "  - timeout: 15s\n    retries: {attempts: 3, perTryTimeout: 5s}\n" TO,
       "retries-exceed-timeout"},
      {VS "  - timeout: 20s\n    retries: {attempts: 3, perTryTimeout: 5s}\n" TO, ""},
      {VS "  - timeout: 5s\n    retries: {attempts: 3, perTryTimeout: 5s}\n" TO,
       "per-try-no-effect"},
      {VS "  - timeout: 5s\n    retries: {attempts: -1}\n" TO, "out-of-range"},
  };
  JUDGE(cases);
}

#define HOSTS(hosts)                                                                               \
  "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, namespace: t}\n"  \
  "spec:\n  hosts: " hosts "\n  http:\n  - timeout: 5s\n    route: [{destination: {host: a}}]\n"

static void routes(void **state) {
  (void)state;
  const struct rule_case cases[] = {
      {VS "  - timeout: 5s\n    route: [{destination: {host: a}, weight: 1}, {destination: {host: "
          "b}, weight: 999}]\n",
       "weights-not-100"},
      {VS "  - timeout: 5s\n    route: [{destination: {host: a}, weight: 0}]\n", ""},
      {VS "  - timeout: 5s\n    delegate: {name: b}\n" TO, "one-of"},
      {VS "  - name: nothing\n", "required"},
      {VS "  - redirect: {uri: /x}\n    rewrite: {uri: /y}\n", "one-of"},
      {VS "  - directResponse: {status: 200}\n    rewrite: {uri: /y}\n", "one-of"},
      {VS "  - rewrite: {uri: /y}\n", "required required"},
      {VS "  - redirect: {redirectCode: 301}\n", "required"},
      {VS "  - redirect: {uri: /x, redirectCode: 200}\n", "out-of-range"},
      {VS "  - redirect: {uri: /x, redirectCode: 304}\n", "unsupported"},
      {VS "  - redirect: {uri: /x, prefixRewrite: /y}\n", "one-of"},
      {VS "  - redirect: {prefixRewrite: /y}\n    match: [{uri: {exact: /x}}]\n", "bad-value"},
      {VS "  - redirect: {port: 80, derivePort: FROM_REQUEST_PORT}\n", "one-of"},
      {VS "  - directResponse: {body: {string: x}}\n", "required"},
      {VS "  - directResponse: {status: 99}\n", "out-of-range"},
      {VS "  - timeout: 5s\n    fault: {}\n" TO, "required"},
      {VS "  - timeout: 5s\n    fault: {delay: {fixedDelay: 1s}}\n" TO, "no-effect"},
      {VS "  - timeout: 5s\n    fault: {abort: {httpStatus: 503, grpcStatus: UNAVAILABLE, "
          "percentage: {value: 1}}}\n" TO,
       "one-of"},
      {VS
       "  - timeout: 5s\n    fault: {abort: {grpcStatus: NONSENSE, percentage: {value: 1}}}\n" TO,
       "bad-value"},
      {VS "  - timeout: 5s\n    mirrorPercent: 10\n" TO, "no-effect deprecated-mirror-percent"},
      {VS "  - timeout: 5s\n    corsPolicy: {allowMethods: [FETCH], maxAge: 1500ms, allowOrigins: "
          "[{}]}\n" TO,
       "bad-value required bad-value"},
      {VS "  - timeout: 5s\n    headers: {request: {set: {x: '100%'}}}\n" TO, "header-format"},
      {VS "  - timeout: 5s\n    headers: {response: {set: {Host: b}}}\n" TO, "bad-value"},
      {VS "  - timeout: 5s\n    headers: {response: {add: {':authority': b}}}\n" TO, "bad-value"},
      {VS "  - timeout: 5s\n    headers: {request: {set: {':path': b}}}\n" TO, "bad-value"},
      {VS "  - timeout: 5s\n    headers: {request: {remove: [Host]}}\n" TO, "no-effect"},
      {VS "  - timeout: 5s\n    headers: {request: {remove: [':path']}}\n" TO, "bad-value"},
      {VS "  - timeout: 5s\n    match: [{headers: {x: }}]\n" TO, "wrong-type"},
      {VS "  - timeout: 5s\n    match: [{headers: {x: {}}}]\n" TO, ""},
      {VS "  - timeout: 5s\n    match: [{headers: {x: {regex: '*'}}}]\n" TO, "bad-regex"},
      {VS "  - timeout: 5s\n    match: [{withoutHeaders: {x: {regex: '*'}}}]\n" TO, ""},
      {VS "  - timeout: 1.5ms\n" TO, "bad-value"},
      {VS "  - timeout: 5s\n    fault: {delay: {percentage: {value: 1}, fixedDelay: 0.5ms}}\n" TO,
       "bad-value"},
      {VS "  - timeout: 5s\n    fault: {delay: {percentage: {value: 101}, fixedDelay: 1s}}\n" TO,
       "out-of-range"},
      {VS "  - delegate: {name: nobody}\n", "unknown-delegate"},
      {VS "  - timeout: 5s\n    match: [{queryParams: {'': {exact: a}}}]\n" TO, "bad-value"},
      {VS "  - timeout: 5s\n    match: [{uri: {regex: 'a{1001}'}}]\n" TO, "bad-regex"},
      {VS "  - timeout: 5s\n    match: [{uri: {regex: '[b-a]'}}]\n" TO, "bad-regex"},
      {VS "  - timeout: 5s\n    match: [{uri: {regex: '[a-z-][[:alpha:]-][+-.]'}}]\n" TO, ""},
      {VS "  - timeout: 5s\n    rewrite: {uri: '/a b'}\n" TO, "bad-value"},
      {VS "  - timeout: 5s\n    rewrite: {uriRegexRewrite: {match: '/(a)(?:b)[(]', rewrite: "
          "'/\\1\\0\\\\'}}\n" TO,
       ""},
      {VS "  - timeout: 5s\n    rewrite: {uriRegexRewrite: {match: '/(a)(?:b)[(]', rewrite: "
          "'/\\2'}}\n" TO,
       "bad-value"},
      {VS "  - timeout: 5s\n    rewrite: {uriRegexRewrite: {match: '/', rewrite: '/\\'}}\n" TO,
       "bad-value"},
      {VS "  - timeout: 5s\n    headers: {request: {set: {Connection: close}}}\n" TO, "no-effect"},
      {VS "  - timeout: 5s\n    headers: {response: {add: {content-length: '5'}}}\n" TO,
       "no-effect"},
      {"apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}\nspec: {servers: "
       "[{port: {number: 80, name: h, protocol: HTTP}, hosts: [a.com, ./*, '*/*.a.com', ns/a.com, "
       "'*']}]}\n",
       ""},
      {"apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}\nspec: {servers: "
       "[{port: {number: 80, name: h, protocol: HTTP}, hosts: [a.com/*, ns/, 'a.*']}]}\n",
       "bad-value bad-value bad-value"},
      {"apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: a}\nspec: "
       "{address: not an address}\n",
       "bad-value"},
      {"apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: a}\nspec: "
       "{address: '2001:db8::1'}\n",
       ""},
      {VS "  - redirect: {authority: \"a\\r\\n\"}\n", "bad-value"},
      {VS "  - timeout: 5s\n    rewrite: {authority: b}\n    headers: {request: {set: {Host: "
          "c}}}\n" TO,
       "one-of"},
      {VS "  - timeout: 5s\n    headers: {request: {set: {Host: c}, add: {':authority': d}}}\n" TO,
       "one-of"},
      {HOSTS("[a, a.t.svc.cluster.local]"), "duplicate"},
      {HOSTS("[b.x.com, '*.x.com']"), "duplicate"},
      {HOSTS("['*.a.x.com', '*.x.com']"), "duplicate"},
      {HOSTS("[b.x.com, c.x.com, '*.y.com']"), ""},
      {VS "  - timeout: 5s\n    headers: {response: {add: {x: '%NOBODY%'}}}\n" TO, "header-format"},
      {VS "  - timeout: 5s\n    headers: {request: {add: {x: '%START_TIME(%s)%'}}}\n" TO, ""},
      {VS "  - timeout: 5s\n    headers: {request: {set: {x: '100%%', ':authority': b}}}\n" TO, ""},
      {VS "  - timeout: 5s\n" TO "  - timeout: 6s\n" TO, "unreachable-route"},
      {VS
       "  - timeout: 5s\n    match: [{uri: {prefix: /a}, method: {exact: GET}}]\n" TO
       "  - timeout: 6s\n    match: [{name: again, method: {exact: GET}, uri: {prefix: /a}}]\n" TO,
       "unreachable-route"},
      {VS "  - timeout: 5s\n    match: [{uri: {prefix: /}}]\n" TO "  - timeout: 6s\n" TO,
       "unreachable-route"},
      {VS "  - timeout: 5s\n    match: [{uri: {prefix: /}, headers: {x: {}}}]\n" TO
          "  - timeout: 6s\n" TO,
       ""},
      {"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec: "
       "{hosts: ['*'], http: [{timeout: 5s, route: [{destination: {host: a}}]}]}\n",
       "bad-value"},
      {"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec: "
       "{hosts: ['*'], gateways: [g], http: [{timeout: 5s, route: [{destination: {host: a}}]}]}\n",
       ""},
      {"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec: "
       "{http: "
       "[{timeout: 5s, route: [{destination: {host: a}}]}]}\n",
       ""}, // a delegate
      {"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec: "
       "{hosts: [a]}\n",
       "required"},
  };
  JUDGE(cases);
}

static void http_routes(void **state) {
  (void)state;
#define RULE(text)                                                                                 \
  HR "  rules: [{timeouts: {request: 5s}, backendRefs: [{name: a, port: 80}], " text "}]\n"
  const struct rule_case cases[] = {
      {RULE("name: r"), ""},
      {RULE("matches: [{headers: [{name: x, value: a}, {name: x, value: b}]}]"), "duplicate"},
      {RULE("matches: [{path: {type: RegularExpression, value: '/a(b'}}]"), "bad-regex"},
      {RULE("filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: "
            "Connection, value: close}]}}]"),
       "no-effect"},
      {RULE("matches: [{path: {value: /a/../b}}]"), "bad-value"},
      {RULE("matches: [{path: {value: '/a%2Fb'}}]"), "bad-value"},
      {RULE(
           "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: "
           "x}, {name: A, value: z}]}}]"),
       "duplicate"},
      {RULE(
           "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: a, value: "
           "'${UUID}'}]}}]"),
       ""},
      {RULE(
           "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: a, value: "
           "'${HOST}'}]}}]"),
       "literal-variable"},
      {RULE("filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, "
            "replacePrefixMatch: /x}}}]"),
       ""},
      {RULE("matches: [{path: {type: Exact, value: /a}}], filters: [{type: URLRewrite, urlRewrite: "
            "{path: {type: ReplacePrefixMatch, replacePrefixMatch: /x}}}]"),
       "bad-value"},
      {RULE("filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath}}}]"),
       "required"},
      {RULE("filters: [{type: URLRewrite, urlRewrite: {hostname: b.c}}, {type: URLRewrite, "
            "urlRewrite: {hostname: d.e}}]"),
       "duplicate"},
      {RULE("filters: [{type: RequestMirror, requestMirror: {backendRef: {name: b, port: 1}, "
            "percent: 1, fraction: {numerator: 2}}}]"),
       "one-of"},
      {RULE("retry: {codes: [200]}"), "out-of-range"},
      {RULE("sessionPersistence: {cookieConfig: {lifetimeType: Permanent}}"), "required"},
      {HR "  rules: [{name: r}]\n", "no-backend"},
      {HR "  rules: [{timeouts: {request: 5s}, backendRefs: [{name: a, port: 80, weight: 0}]}]\n",
       "zero-weights"},
      {HR "  hostnames: ['*.a.com', 10.0.0.1]\n", "no-backend bad-value"},
      {"apiVersion: gateway.networking.k8s.io/v1beta1\nkind: HTTPRoute\nmetadata: {name: "
       "a}\nspec: {parentRefs: [{name: g}, {name: g}]}\n",
       "no-backend duplicate"},
      {"apiVersion: gateway.networking.k8s.io/v1beta1\nkind: HTTPRoute\nmetadata: {name: "
       "a}\nspec: {parentRefs: [{name: g, sectionName: a}, {name: g, sectionName: b}], rules: "
       "[{timeouts: {request: 5s}, backendRefs: [{name: a, port: 80}]}]}\n",
       ""},
  };
  JUDGE(cases);
}

static void policies(void **state) {
  (void)state;
  const struct rule_case cases[] = {
      {SAFE_DR, ""},
      {DR, "no-circuit-breaker"},
      {DR "  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}\n", "no-outlier-detection"},
      {DR "  trafficPolicy: {outlierDetection: {}}\n", "ejection-impossible"},
      {DR "  trafficPolicy: {outlierDetection: {maxEjectionPercent: 50, consecutiveErrors: 5}}\n",
       "deprecated-consecutive-errors"},
      {DR "  trafficPolicy: {outlierDetection: {maxEjectionPercent: 50, "
          "consecutiveLocalOriginFailures: 5}}\n",
       "required"},
      {SAFE_DR "  subsets: [{name: v1, trafficPolicy: {loadBalancer: {simple: LEAST_CONN}}}]\n",
       "deprecated-least-conn"},
      {DR "  trafficPolicy: {outlierDetection: {maxEjectionPercent: 50}, connectionPool: {tcp: "
          "{maxConnections: 100}}}\n",
       "circuit-never-opens"},
      {DR "  trafficPolicy: {outlierDetection: {maxEjectionPercent: 50}, connectionPool: {http: "
          "{http2MaxRequests: 1000000}}}\n",
       "circuit-never-opens"},
      {DR "  trafficPolicy: {outlierDetection: {maxEjectionPercent: 50}, connectionPool: {tcp: "
          "{maxConnections: 100}, http: {http1MaxPendingRequests: 10}}}\n",
       ""},
      {DR "  trafficPolicy: {tls: {mode: MUTUAL}}\n", "required"},
      {DR "  trafficPolicy: {tls: {mode: ISTIO_MUTUAL, caCertificates: /x}}\n", "one-of"},
      {DR
       "  trafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: c, ttl: 0s}, maglev: "
       "{tableSize: 10}}}}\n",
       "bad-value"},
      {DR "  trafficPolicy: {loadBalancer: {consistentHash: {}}}\n", "required"},
      {DR "  trafficPolicy: {outlierDetection: {maxEjectionPercent: 50}, loadBalancer: {simple: "
          "RANDOM, warmup: {duration: 1m}}}\n",
       "no-effect"},
      {DR "  trafficPolicy: {outlierDetection: {maxEjectionPercent: 50}, loadBalancer: {simple: "
          "ROUND_ROBIN, warmup: {duration: 1m}}}\n",
       ""},
      {DR "  trafficPolicy: {loadBalancer: {warmup: {duration: 1m, aggression: 0}}}\n",
       "out-of-range"},
      {DR "  trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE, useClientProtocol: "
          "true}}}\n",
       "one-of"},
      {DR "  trafficPolicy: {portLevelSettings: [{port: {number: 80}}, {port: {number: 80}}]}\n",
       "duplicate"},
  };
  JUDGE(cases);
}

static void several_objects(void **state) {
  (void)state;
#define SUBSET_VS                                                                                  \
  VS "  - timeout: 5s\n    route: [{destination: {host: a.t.svc.cluster.local, subset: v1}}]\n"
#define SERVICE                                                                                    \
  "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: t}\nspec: {selector: {app: a}, "  \
  "ports: [{port: 80}]}\n"
  const struct rule_case cases[] = {
      {SUBSET_VS, "subset-without-rule"},
      {SUBSET_VS "---\n" SAFE_DR, "unknown-subset"},
      {SUBSET_VS "---\n" SAFE_DR "  subsets: [{name: v1, labels: {version: v1}}]\n", ""},
      {SAFE_DR "  subsets: [{name: v1, labels: {version: v1}}]\n---\n" DEP("a", "{app: a}"),
       "subset-without-endpoints"},
      {SAFE_DR
       "  subsets: [{name: v1, labels: {version: v1}}]\n---\n" DEP("a", "{app: a, version: v1}"),
       ""},
      {VS "  - timeout: 5s\n" TO "---\napiVersion: networking.istio.io/v1\nkind: "
          "VirtualService\nmetadata: {name: b, namespace: t}\nspec: {hosts: "
          "[a.t.svc.cluster.local], http: [{timeout: 5s, route: [{destination: {host: a}}]}]}\n",
       "duplicate-host"},
      {VS "  - timeout: 5s\n" TO "---\n" VS "  - timeout: 6s\n" TO, "duplicate-object"},
      {SAFE_DR "---\napiVersion: networking.istio.io/v1beta1\nkind: DestinationRule\nmetadata: "
               "{name: b, namespace: t}\nspec: {host: a, trafficPolicy: {outlierDetection: "
               "{maxEjectionPercent: 50}}}\n",
       "duplicate-host"},
      {SERVICE "---\n" DEP(
           "a", "{app: a}") "---\n" DR
                            "  trafficPolicy: {outlierDetection: {maxEjectionPercent: 30}}\n",
       "ejection-impossible"},
      {SERVICE "---\n" DEP(
           "a", "{app: a}") "---\n" DR
                            "  trafficPolicy: {outlierDetection: {maxEjectionPercent: 34}}\n",
       ""},
  };
  JUDGE(cases);
}

static void rollouts(void **state) {
  (void)state;
  const struct rule_case cases[] = {
      {RO, ""}, // the default steps
      {RO "  steps: [{setWeight: 100}]\n", "all-at-once"},
      {RO "  steps: [{setWeight: 10}, {pause: {}}, {setWeight: 100}]\n", "no-analysis"},
      {RO "  steps: [{setWeight: 10}, {monitor: {duration: 1m}}, {setWeight: 100}]\n", ""},
      {RO "  steps: [{setWeight: 10}, {monitor: {duration: 5s, min: 1s}}, {setWeight: 100}]\n",
       "short-window"},
      {RO "  analysis: {metrics: [{name: latency-p99, limit: 3600s}]}\n", "limit-beyond-buckets"},
      {RO "  analysis: {metrics: [{name: latency-p99, limit: 500ms}]}\n", ""},
      {RO "  analysis: {metrics: [{name: q, query: 'rate(x[5s])', limit: 40}]}\n", "short-window"},
      {RO "  analysis: {metrics: [{name: q, query: 'rate(x[5m])', limit: 40}]}\n", ""},
      {RO "---\n" RO2 "spec:\n  stable: {deployment: x, subset: v1}\n  canary: {deployment: z, "
          "subset: v2}\n  traffic: {virtualService: {name: a}, destinationRule: a}\n",
       "claimed"},
      {RO "---\n" RO2 "spec:\n  stable: {deployment: x, subset: v1}\n  canary: {deployment: z, "
          "subset: v2}\n  traffic: {virtualService: {name: a}, destinationRule: other}\n",
       ""},
      {RO "---\n" RO2 "spec:\n  stable: {deployment: a-v2, subset: v1}\n  canary: {deployment: z, "
          "subset: v2}\n  traffic: {virtualService: {name: b}, destinationRule: b}\n",
       "claimed"},
      {RO2 "spec:\n  stable: {deployment: x}\n  canary: {deployment: z}\n  traffic: {httpRoute: "
           "{name: a, stableService: x, canaryService: z}}\n---\n"
           "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a, "
           "namespace: t}\nspec:\n  parentRefs: [{name: g}]\n  rules:\n  - {timeouts: {request: "
           "5s}, backendRefs: [{name: x, port: 80}]}\n  - {timeouts: {request: 5s}, matches: "
           "[{path: {value: /b}}], backendRefs: [{name: x, port: 80}]}\n",
       "ambiguous-route"},
      {RO "---\n" SAFE_DR "  subsets: [{name: v1, labels: {version: v1}}]\n", "unknown-subset"},
      {RO "---\n" VS "  - {timeout: 5s, match: [{uri: {prefix: /a}}], route: [{destination: {host: "
          "a}}]}\n  - {timeout: 5s, route: [{destination: {host: b}}]}\n",
       "ambiguous-route"},
  };
  JUDGE(cases);
}

static void versions_and_lists(void **state) {
  (void)state;
  const struct rule_case cases[] = {
      {"{\"apiVersion\": \"networking.istio.io/v1alpha3\", \"kind\": \"DestinationRule\", "
       "\"metadata\": {\"name\": \"a\"}, \"spec\": {\"host\": \"a\"}}",
       "no-circuit-breaker"}, // JSON is YAML
      {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: "
       "a}}\n",
       ""},
      {"spec: {replicas: 2}\n", "patch-fragment"},
      {"apiVersion: v1\nkind: ''\n", "required"},
      {"apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-}\n", ""},
      {"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, resources: "
       "{limits: {cpu: 1, memory: 1Gi}}}], volumes: [{name: v, nfs: {server: s, path: /}}]}\n",
       ""}, // known to Kubernetes: reported as not enforced, never as unknown
  };
  JUDGE(cases);
}

static void regular_expressions(void **state) {
  (void)state;
  const char *good[] = {"",     "a.b*",     "(a|b)+?",     "[a-z]{2,3}",   "[]a]",
                        "[^]]", "\\d+\\.x", "(?i)a(?:b)c", "[[:alpha:]]*", "a{,3}",
                        "x{",   "(?P<n>a)"};
  const char *bad[] = {"(",   ")",   "[a",     "*",      "a**",     "+a",      "(*a)",
                       "a|*", "a\\", "(a)\\1", "(?=a)b", "(?<!a)b", "a{2}{3}", "(?>a)"};
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
    if (regex_form_fault(str_of(good[i])))
      fail_msg("%s: %s", good[i], regex_form_fault(str_of(good[i])));
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    if (!regex_form_fault(str_of(bad[i])))
      fail_msg("%s passes", bad[i]);
}

static void retry_words(void **state) {
  (void)state;
  assert_true(retry_on_is_known(STR("5xx")));
  assert_true(retry_on_is_known(STR("503")));
  assert_false(retry_on_is_known(STR(" reset")));
  assert_false(retry_on_is_known(STR("700")));
  assert_true(retry_on_is_unsafe(STR("reset")));
  assert_false(retry_on_is_unsafe(STR("connect-failure")));
  assert_string_equal(retry_on_nearest(STR("gateway-eror")), "gateway-error");
  assert_null(retry_on_nearest(STR("nonsense")));
  assert_true(grpc_status_is_known(STR("UNAVAILABLE")));
  assert_false(grpc_status_is_known(STR("14")));
}

#define ANALYSIS(text) RO "  analysis: " text "\n"
#define QUERY "{name: q, limit: 1, query: "
static void what_no_judge_can_use_is_refused(void **state) {
  (void)state;
  static const struct rule_case CASES[] = {
      {ANALYSIS("{metrics: [{name: latency-p99.9}, {name: latency-p5}]}"), ""},
      {ANALYSIS("{metrics: [{name: latency-p100}]}"), "format"},
      {ANALYSIS("{metrics: [{name: latency-p0}]}"), "format"},
      {ANALYSIS("{metrics: [" QUERY "'x{v=\"{{ canaryVersion }}{{weight}}\"}'}]}"), ""},
      {ANALYSIS("{metrics: [" QUERY "'x{v=\"{{ canaryversion }}\"}'}]}"), "unknown-variable"},
      {ANALYSIS("{metrics: [" QUERY "'x{v=\"{{ canaryVersion'}]}"), "format"},
      {ANALYSIS("{metrics: [" QUERY "'x{v=\"{{ args.a }}\"}'}]}"), "format"},
      {ANALYSIS("{judge: {type: condition}}"), "required required"},
      {ANALYSIS("{judge: {type: condition}, metrics: [{name: error-rate, successCondition: "
                "'result[0] < 1'}]}"),
       ""},
      {ANALYSIS("{judge: {type: condition}, metrics: [{name: error-rate, failureCondition: "
                "'result[0] <'}]}"),
       "format"},
      {ANALYSIS("{metrics: [{name: error-rate, successCondition: 'result[0] < 1'}]}"), "no-effect"},
      {ANALYSIS("{metrics: [{name: q, query: up, successCondition: 'result[0] < 1'}]}"),
       "required no-effect"},
      {ANALYSIS("{judge: {type: burnRate}, metrics: [{name: error-rate}]}"), "required"},
      {ANALYSIS("{judge: {type: burnRate}, metrics: [{name: error-rate, limit: 1%}]}"), ""},
      {ANALYSIS("{judge: {type: rank}, metrics: [{name: q, query: up, limit: 1}]}"), "required"},
      {ANALYSIS("{judge: {type: rank}, metrics: [{name: q, query: up, stableQuery: up}]}"), ""},
      {ANALYSIS("{metrics: []}"), "required"},
      {ANALYSIS("{prometheus: {address: 'http://h:9090/api?x=1'}}"), "format"},
      {ANALYSIS("{prometheus: {headers: [{name: X Y, value: a}]}}"), "format"},
      {ANALYSIS("{prometheus: {headers: [{name: X, value: \"a\\r\\nb: c\"}]}}"), "format"},
      {ANALYSIS("{prometheus: {headers: [{name: Content-Length, value: '1'}]}}"), "format"},
      {ANALYSIS("{prometheus: {headers: [{name: X-Scope-OrgID, value: t1}]}}"), ""},
  };
  JUDGE(CASES);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_no_judge_can_use_is_refused),
      cmocka_unit_test(timeouts),
      cmocka_unit_test(retries),
      cmocka_unit_test(routes),
      cmocka_unit_test(http_routes),
      cmocka_unit_test(policies),
      cmocka_unit_test(several_objects),
      cmocka_unit_test(rollouts),
      cmocka_unit_test(versions_and_lists),
      cmocka_unit_test(regular_expressions),
      cmocka_unit_test(retry_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
