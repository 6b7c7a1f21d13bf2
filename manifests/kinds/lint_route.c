// SPDX-License-Identifier: Apache-2.0
// Habits of routes: timeouts, retries, weights.
#include "manifests/base/map.h"
#include "manifests/kinds/http_route.h"
#include "manifests/kinds/lint_rules.h"
#include "manifests/kinds/retry_on.h"
#include "manifests/kinds/virtual_service.h"
#include "manifests/text/duration.h"

// An annotation that says why a request may be repeated although its method is not idempotent.
#define RETRY_REASON "serin.dev/retry-reason"

static void check_timeout(const struct vs_http *http, size_t index, struct check *check) {
  if (http->route_count && !http->timeout_ms)
    check_warn(check, "no-timeout", check_index(check, "spec.http", index, ""),
               "no timeout: a backend that hangs blocks its clients for ever; set timeout");
}

static bool is_idempotent(struct str method) {
  static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
  for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
    if (str_eq_z(method, methods[i]))
      return true;
  return false;
}

// Whether a POST could take this route.
static bool takes_any_method(const struct vs_http *http) {
  for (size_t i = 0; i < http->match_count; i++) {
    const struct string_match *method = http->match[i].method;
    if (!method || !is_idempotent(method->exact))
      return true;
  }
  return http->match_count == 0;
}

static struct str first_unsafe(struct str retry_on) {
  struct str rest = retry_on, token;
  while (retry_on.len && str_next(&rest, ',', &token))
    if (retry_on_is_unsafe(str_trim(token)))
      return str_trim(token);
  return STR_NULL;
}

static void check_retry_methods(const struct virtual_service *vs, const struct vs_http *http,
                                size_t index, struct check *check) {
  if (!http->retries->attempts || !takes_any_method(http))
    return;
  struct str unsafe = first_unsafe(http->retries->retry_on);
  if (!unsafe.len || string_map_get_z(&vs->metadata.annotations, RETRY_REASON).len)
    return;
  check_warn(check, "retry-non-idempotent", check_index(check, "spec.http", index, ".retries"),
             "\"%.*s\" also repeats POST requests that the backend may have carried out; match on "
             "method, retry only on connect-failure,refused-stream, or say why in the "
             "annotation " RETRY_REASON,
             STR_ARG(unsafe));
}

static void check_retry_time(const struct vs_http *http, size_t index, struct check *check) {
  const struct vs_retries *retries = http->retries;
  if (!http->timeout_ms || !retries->per_try_timeout_ms)
    return;
  struct str timeout = duration_format(check->arena, http->timeout_ms);
  struct str each = duration_format(check->arena, retries->per_try_timeout_ms);
  const char *field = check_index(check, "spec.http", index, ".retries.perTryTimeout");
  int64_t tries = retries->attempts + 1;
  if (retries->per_try_timeout_ms >= http->timeout_ms)
    check_warn(check, "per-try-no-effect", field,
               "%.*s is not shorter than the timeout of %.*s, so it never ends a try",
               STR_ARG(each), STR_ARG(timeout));
  else if (retries->per_try_timeout_ms > http->timeout_ms / tries)
    check_warn(
        check, "retries-exceed-timeout", field,
        "%lld tries (the first and %lld retries) of %.*s do not fit into the timeout of %.*s",
        (long long)tries, (long long)retries->attempts, STR_ARG(each), STR_ARG(timeout));
}

static void check_weights(const struct vs_http *http, size_t index, struct check *check) {
  int64_t sum = 0;
  for (size_t i = 0; i < http->route_count; i++)
    sum += http->route[i].weight;
  if (http->route_count > 1 && sum != 100)
    check_warn(check, "weights-not-100", check_index(check, "spec.http", index, ".route"),
               "the weights sum to %lld, not 100: each share is weight / %lld", (long long)sum,
               (long long)sum);
}

static void check_retries_tried(struct lint *lint, const struct lint_object *object,
                                const struct vs_http *http, size_t index, struct check *check) {
  const struct virtual_service *vs = object->object;
  if (!http->retries->attempts || !vs->spec.hosts_count)
    return;
  struct str host = lint_full_host(lint, object, vs->spec.hosts[0]);
  if (!map_get(&lint->faulty, host))
    check_add(
        check, FINDING_INFO, "retries-untried", check_index(check, "spec.http", index, ".retries"),
        "no file injects a fault for %.*s; try the retries against one before relying on them",
        STR_ARG(str_slice(host, 0, 253)));
}

// A block of conditions as text, the same for the same meaning; its name does not matter.
static struct str match_text(const struct json *match, struct arena *arena) {
  struct json *copy = json_dup(arena, match);
  (void)json_remove(copy, STR("name"));
  (void)json_remove(copy, STR("statPrefix"));
  struct buf out;
  buf_init(&out, 1u << 20);
  struct str text = json_write_canonical(&out, copy) ? STR("") : arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}

static void check_same_match(const struct lint_object *object, struct check *check) {
  struct map seen;
  map_init(&seen);
  size_t route = 0;
  JSON_EACH(http, json_path(object->json, "spec.http")) {
    size_t block = 0;
    JSON_EACH(match, json_get(http, "match")) {
      struct str field = arena_printf(check->arena, "spec.http[%zu].match[%zu]", route, block++);
      struct str text = match_text(match, check->arena);
      const char *first = text.len ? map_get(&seen, text) : NULL;
      if (first)
        check_warn(check, "unreachable-route", field.ptr, "never matches: %s asks for the same",
                   first);
      else if (text.len)
        (void)map_put(&seen, text, (void *)(uintptr_t)field.ptr);
    }
    route++;
  }
  map_dispose(&seen);
}

// The proxy says the same when it loads the object: it opens no gateways yet.
static void check_gateways(const struct virtual_service_spec *spec, struct check *check) {
  bool mesh = spec->gateways_count == 0;
  for (size_t i = 0; i < spec->gateways_count && !mesh; i++)
    mesh = str_eq_z(spec->gateways[i], "mesh");
  if (!mesh)
    check_warn(check, "not-enforced", "spec.gateways",
               "only for gateways; this proxy opens none yet");
}

static void check_delegate(struct lint *lint, const struct lint_object *object,
                           const struct vs_delegate *delegate, size_t index, struct check *check) {
  struct str ns = delegate->namespace_.len ? delegate->namespace_ : object->ns;
  const struct lint_object *found = lint_find(lint, &virtual_service_kind, ns, delegate->name);
  const struct virtual_service_spec *spec =
      found ? &((const struct virtual_service *)found->object)->spec : NULL;
  const char *why = !spec ? "is not among these files"
                    : spec->hosts_count || spec->gateways_count
                        ? "has hosts or gateways, so it is no delegate"
                        : NULL;
  if (why)
    check_warn(check, "unknown-delegate", check_index(check, "spec.http", index, ".delegate"),
               "VirtualService %.*s/%.*s %s; without it this entry takes no requests",
               STR_ARG(str_slice(ns, 0, 63)), STR_ARG(str_slice(delegate->name, 0, 253)), why);
}

// Short names are completed with the namespace: "agent" and "agent.team1.svc.cluster.local" are
// one.
static void check_same_hosts(struct lint *lint, const struct lint_object *object,
                             const struct virtual_service_spec *spec, struct check *check) {
  struct map seen;
  map_init(&seen);
  for (size_t i = 0; i < spec->hosts_count; i++) {
    struct str full = lint_full_host(lint, object, spec->hosts[i]);
    const struct str *other = map_get(&seen, full);
    if (other && !str_eq(*other, spec->hosts[i])) // the same text twice is another finding
      check_error(check, "duplicate", check_index(check, "spec.hosts", i, ""),
                  "is the same host as \"%.*s\"", STR_ARG(str_slice(*other, 0, 253)));
    (void)map_put(&seen, full, &spec->hosts[i]);
  }
  map_dispose(&seen);
}

void lint_virtual_service(struct lint *lint, const struct lint_object *object) {
  const struct virtual_service *vs = object->object;
  struct check check = lint_check(lint, object);
  check_gateways(&vs->spec, &check);
  check_same_match(object, &check);
  check_same_hosts(lint, object, &vs->spec, &check);
  for (size_t i = 0; i < vs->spec.http_count; i++) {
    const struct vs_http *http = &vs->spec.http[i];
    check_timeout(http, i, &check);
    check_weights(http, i, &check);
    if (http->delegate)
      check_delegate(lint, object, http->delegate, i, &check);
    if (!http->retries)
      continue;
    check_retry_methods(vs, http, i, &check);
    check_retry_time(http, i, &check);
    check_retries_tried(lint, object, http, i, &check);
  }
}

// ${UUID} alone is known; any other ${...} reaches the backend as it stands.
static void check_variables(const struct route_header *headers, size_t count, const char *list,
                            size_t rule, size_t filter, struct check *check) {
  for (size_t i = 0; i < count; i++)
    if (str_contains(headers[i].value, STR("${")) && !str_eq_z(headers[i].value, "${UUID}")) {
      struct str field = arena_printf(check->arena, "spec.rules[%zu].filters[%zu].%s[%zu].value",
                                      rule, filter, list, i);
      check_warn(check, "literal-variable", field.ptr,
                 "only ${UUID} alone is replaced; this is sent as it stands");
    }
}

static void check_filters(const struct http_route_rule *rule, size_t index, struct check *check) {
  for (size_t i = 0; i < rule->filters_count; i++) {
    const struct route_header_modifier *modifier = rule->filters[i].request_header_modifier;
    if (!modifier)
      continue;
    check_variables(modifier->set, modifier->set_count, "requestHeaderModifier.set", index, i,
                    check);
    check_variables(modifier->add, modifier->add_count, "requestHeaderModifier.add", index, i,
                    check);
  }
}

void lint_http_route(struct lint *lint, const struct lint_object *object) {
  const struct http_route *route = object->object;
  struct check check = lint_check(lint, object);
  for (size_t i = 0; i < route->spec.rules_count; i++) {
    const struct http_route_rule *rule = &route->spec.rules[i];
    bool limited = rule->timeouts &&
                   (rule->timeouts->request_ms > 0 || rule->timeouts->backend_request_ms > 0);
    if (rule->backend_refs_count && !limited)
      check_warn(&check, "no-timeout", check_index(&check, "spec.rules", i, ""),
                 "no timeout: a backend that hangs blocks its clients for ever; set "
                 "timeouts.request");
    check_filters(rule, i, &check);
  }
  if (!route->spec.parent_refs_count)
    check_warn(&check, "no-parent", "spec.parentRefs",
               "without parentRefs no Gateway serves this route");
}
