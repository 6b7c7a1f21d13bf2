// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/auth_role.h"
#include "manifests/base/bug.h"

#define WRITE (AUTH_CREATE | AUTH_UPDATE | AUTH_PATCH | AUTH_DELETE)
#define STATUS (AUTH_GET | AUTH_UPDATE | AUTH_PATCH)
#define ISTIO "networking.istio.io"
#define GATEWAY "gateway.networking.k8s.io"

static const struct auth_rule viewer_rules[] = {
    {"*", "*", "secrets", AUTH_READ},
};

// A RolloutAction is how a person promotes, aborts, pauses, resumes, retries and undoes.
static const struct auth_rule promote_rules[] = {
    {"*", "*", "secrets", AUTH_READ},
    {"serin.dev", "rolloutactions", NULL, AUTH_CREATE}, // they are the record of who did what
};

// The operator's and the proxy's are those of manifests/install/rbac.yaml; a unit test compares.
static const struct auth_rule operator_rules[] = {
    {"serin.dev", "rollouts", NULL, AUTH_READ | AUTH_UPDATE | AUTH_PATCH},
    {"serin.dev", "rollouts/status", NULL, STATUS},
    {"serin.dev", "rollouts/finalizers", NULL, STATUS},
    {"serin.dev", "rolloutactions", NULL, AUTH_READ | AUTH_DELETE},
    {"serin.dev", "rolloutactions/status", NULL, STATUS},
    {"serin.dev", "metricsets", NULL, AUTH_READ},
    {"apps", "deployments", NULL, AUTH_READ | WRITE},
    {"apps", "replicasets", NULL, AUTH_READ},
    {"autoscaling", "horizontalpodautoscalers", NULL, AUTH_READ | WRITE},
    {"policy", "poddisruptionbudgets", NULL, AUTH_READ | WRITE},
    {"", "services", NULL, AUTH_READ | WRITE},
    {"", "pods", NULL, AUTH_READ},
    {"", "configmaps", NULL, AUTH_READ | AUTH_CREATE | AUTH_DELETE},
    {"", "secrets", NULL, AUTH_READ | AUTH_CREATE | AUTH_DELETE},
    {"", "namespaces", NULL, AUTH_READ},
    {"", "events", NULL, AUTH_CREATE | AUTH_PATCH},
    {"discovery.k8s.io", "endpointslices", NULL, AUTH_READ},
    {ISTIO, "virtualservices", NULL, AUTH_READ | AUTH_UPDATE | AUTH_PATCH},
    {ISTIO, "destinationrules", NULL, AUTH_READ | AUTH_UPDATE | AUTH_PATCH},
    {GATEWAY, "httproutes", NULL, AUTH_READ | AUTH_UPDATE | AUTH_PATCH},
    {GATEWAY, "grpcroutes", NULL, AUTH_READ | AUTH_UPDATE | AUTH_PATCH},
    {"coordination.k8s.io", "leases", NULL, AUTH_READ | WRITE},
};

static const struct auth_rule proxy_rules[] = {
    {"", "services", NULL, AUTH_READ},
    {"", "pods", NULL, AUTH_READ},
    {"", "namespaces", NULL, AUTH_READ},
    {ISTIO, "virtualservices", NULL, AUTH_READ},
    {ISTIO, "destinationrules", NULL, AUTH_READ},
    {ISTIO, "gateways", NULL, AUTH_READ},
    {ISTIO, "serviceentries", NULL, AUTH_READ},
    {ISTIO, "workloadentries", NULL, AUTH_READ},
    {GATEWAY, "gatewayclasses", NULL, AUTH_READ},
    {GATEWAY, "gateways", NULL, AUTH_READ},
    {GATEWAY, "httproutes", NULL, AUTH_READ},
    {GATEWAY, "grpcroutes", NULL, AUTH_READ},
    {GATEWAY, "referencegrants", NULL, AUTH_READ},
    {GATEWAY, "gatewayclasses/status", NULL, AUTH_GET | AUTH_PATCH},
    {GATEWAY, "gateways/status", NULL, AUTH_GET | AUTH_PATCH},
    {GATEWAY, "httproutes/status", NULL, AUTH_GET | AUTH_PATCH},
    {GATEWAY, "grpcroutes/status", NULL, AUTH_GET | AUTH_PATCH},
    {"discovery.k8s.io", "endpointslices", NULL, AUTH_READ},
    {"coordination.k8s.io", "leases", NULL, AUTH_READ | WRITE},
};

// What turns Deployments into processes.
static const struct auth_rule runtime_rules[] = {
    {"apps", "deployments", NULL, AUTH_READ | AUTH_PATCH}, // the revision, an annotation
    {"apps", "deployments/status", NULL, STATUS},
    {"apps", "replicasets", NULL, AUTH_READ | WRITE},
    {"apps", "replicasets/status", NULL, STATUS},
    {"", "pods", NULL, AUTH_READ | WRITE},
    {"", "pods/status", NULL, STATUS},
    {"", "services", NULL, AUTH_READ},
    {"", "configmaps", NULL, AUTH_READ},
    {"", "secrets", NULL, AUTH_READ},
    {"", "events", NULL, AUTH_CREATE | AUTH_PATCH},
    {"discovery.k8s.io", "endpointslices", NULL, AUTH_READ | WRITE},
    {"", "endpoints", NULL, AUTH_READ | WRITE},
};

#define RULES(rules) rules, ARRAY_LEN(rules)

const struct auth_role auth_roles[] = {
    {"admin", "everything", true, false, NULL, 0},
    {"viewer", "read all but Secrets", false, false, RULES(viewer_rules)},
    {"promote", "what viewer may, and promote, abort, pause, resume, retry, undo", false, false,
     RULES(promote_rules)},
    {"operator", "what serin operator needs", false, true, RULES(operator_rules)},
    {"proxy", "what serin proxy needs", false, true, RULES(proxy_rules)},
    {"runtime", "what the runtime of serin up needs", false, true, RULES(runtime_rules)},
};
const size_t auth_role_count = ARRAY_LEN(auth_roles);

const struct auth_role *auth_role_find(struct str name) {
  for (size_t i = 0; i < auth_role_count; i++)
    if (str_eq_z(name, auth_roles[i].name))
      return &auth_roles[i];
  return NULL;
}

const char *auth_role_names(void) {
  return "admin, viewer, promote, operator, proxy, runtime";
}

static const struct {
  const char *name;
  unsigned bits;
} verbs[] = {{"get", AUTH_GET},       {"list", AUTH_LIST},
             {"watch", AUTH_WATCH},   {"create", AUTH_CREATE},
             {"update", AUTH_UPDATE}, {"patch", AUTH_PATCH},
             {"delete", AUTH_DELETE}, {"deletecollection", AUTH_DELETE_COLLECTION},
             {"*", AUTH_ALL}};

unsigned auth_verb_of(struct str verb) {
  for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
    if (str_eq_z(verb, verbs[i].name))
      return verbs[i].bits;
  return 0;
}

const char *auth_verb_name(unsigned verb) {
  for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
    if (verbs[i].bits == verb)
      return verbs[i].name;
  return "use";
}

static bool is_resource(const char *rule, struct str resource, struct str subresource) {
  struct str want = str_of(rule), name;
  (void)str_next(&want, '/', &name);
  return str_eq(name, resource) && str_eq(want.ptr ? want : STR(""), subresource);
}

static bool covers(const struct auth_rule *rule, struct str group, struct str resource,
                   struct str subresource) {
  if (!str_eq_z(STR("*"), rule->group) && !str_eq_z(group, rule->group))
    return false;
  if (!str_eq_z(STR("*"), rule->resource))
    return is_resource(rule->resource, resource, subresource);
  // "All resources" is more than all but one.
  return !rule->but || (!str_eq_z(resource, rule->but) && !str_eq(resource, STR("*")));
}

unsigned auth_role_verbs(const struct auth_role *role, struct str group, struct str resource,
                         struct str subresource) {
  unsigned allowed = role && role->all ? AUTH_ALL : 0;
  for (size_t i = 0; role && i < role->rule_count; i++)
    if (covers(&role->rules[i], group, resource, subresource))
      allowed |= role->rules[i].verbs;
  return allowed;
}

bool auth_role_allows(const struct auth_role *role, const struct auth_access *access) {
  unsigned allowed = auth_role_verbs(role, access->group, access->resource, access->subresource);
  return access->verbs && (access->verbs & ~allowed) == 0;
}
