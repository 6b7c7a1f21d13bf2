// SPDX-License-Identifier: Apache-2.0
// Step 3 of table_build: DestinationRules (docs/dataplane.md 3.1) and the clusters of each Service
// port and subset.
#include "proxy/host.h"
#include "proxy/table_ids.h"
#include "proxy/table_parts.h"

#include <stdlib.h>

#define CLUSTER_ROOT_NAMESPACE STR("istio-system")

// A rule counts in the proxy's own namespace, the Service's, or the root namespace
// (docs/dataplane.md 3.1).
static void rule_check_namespace(struct builder *builder, const struct part_object *object,
                                 struct str host) {
  struct str namespace_ = object->meta->namespace_;
  const struct part_service *service = map_get(&builder->service_by_name, host);
  if (!service || str_eq(namespace_, service->service->namespace_) ||
      str_eq(namespace_, CLUSTER_ROOT_NAMESPACE) ||
      str_eq(namespace_, builder->input->settings->namespace_))
    return;
  table_finding(builder, FINDING_WARNING, object, STR("spec.host"), "not-in-force",
                "%.*s is a Service of namespace %.*s, where its rules must stand", STR_ARG(host),
                STR_ARG(service->service->namespace_));
}

static struct str rule_key(struct builder *builder, struct str namespace_, struct str host,
                           bool is_selected) {
  return TABLE_CONCAT(&builder->scratch, is_selected ? STR("+") : STR(""), namespace_, STR("|"),
                      host);
}

static bool rule_has_subset(const struct part_rule *rule, struct str name) {
  for (size_t i = 0; i < rule->subset_count; i++) {
    if (str_eq(rule->subsets[i]->name, name))
      return true;
  }
  return false;
}

static void rule_add_subsets(struct builder *builder, const struct part_object *object,
                             struct part_rule *rule) {
  const struct destination_rule *declared = object->from->object;
  for (size_t i = 0; i < declared->spec.subsets_count; i++) {
    const struct dr_subset *subset = &declared->spec.subsets[i];
    if (rule_has_subset(rule, subset->name)) {
      table_finding(builder, FINDING_WARNING, object,
                    arena_printf(builder->arena, "spec.subsets[%zu]", i), "duplicate-subset",
                    "subset \"%.*s\" of host %.*s is declared before; the first one counts",
                    STR_ARG(subset->name), STR_ARG(rule->host));
      continue;
    }
    const struct dr_subset **place =
        arena_push(&builder->scratch, (void **)&rule->subsets, &rule->subset_count,
                   &rule->subset_capacity, sizeof *place);
    *place = subset;
  }
}

// Whether a rule that is only for some workloads is for this proxy.
static bool rule_selects_us(const struct builder *builder, const struct destination_rule *rule) {
  const struct dr_workload_selector *selector = rule->spec.workload_selector;
  const struct table_settings *settings = builder->input->settings;
  for (size_t i = 0; selector && i < selector->match_labels.count; i++) {
    const struct string_pair *wanted = &selector->match_labels.items[i];
    bool found = false;
    for (size_t j = 0; j < settings->label_count; j++)
      found = found || (str_eq(settings->labels[j].name, wanted->key) &&
                        str_eq(settings->labels[j].value, wanted->value));
    if (!found)
      return false;
  }
  return true;
}

// Rules of one namespace for one host are one rule: subsets in order, the policy whole from the
// first that has one. Those with a workloadSelector are one of their own, which goes before.
static void rule_add(struct builder *builder, const struct part_object *object) {
  const struct destination_rule *declared = object->from->object;
  const struct destination_rule_spec *spec = &declared->spec;
  struct str namespace_ = object->meta->namespace_;
  if (!table_is_exported(builder, spec->export_to, spec->export_to_count, namespace_))
    return; // other namespaces' affair
  bool is_selected = spec->workload_selector != NULL;
  if (!rule_selects_us(builder, declared) ||
      (is_selected && !str_eq(namespace_, builder->input->settings->namespace_))) {
    table_finding(builder, FINDING_WARNING, object, STR("spec.workloadSelector"), "not-in-force",
                  "only for workloads of its own namespace with labels this proxy does not have");
    return;
  }
  struct str host = host_expand(&builder->scratch, spec->host, namespace_, builder->domain);
  rule_check_namespace(builder, object, host);
  struct str key = rule_key(builder, namespace_, host, is_selected);
  struct str name = TABLE_CONCAT(&builder->scratch, namespace_, STR("/"), object->meta->name);
  struct part_rule *rule = map_get(&builder->rule_by_host, key);
  if (!rule) {
    rule = ARENA_NEW(&builder->scratch, struct part_rule);
    *rule = (struct part_rule){.namespace_ = namespace_, .host = host, .names = name};
    (void)map_put(&builder->rule_by_host, key, rule);
  } else {
    if (rule->policy && spec->traffic_policy)
      table_finding(builder, FINDING_WARNING, object, STR("spec.trafficPolicy"), "duplicate-host",
                    "host %.*s has a trafficPolicy in DestinationRule %.*s, which is older; this "
                    "one is not in force",
                    STR_ARG(host), STR_ARG(rule->policy_name));
    rule->names =
        arena_printf(&builder->scratch, "%.*s, %.*s", STR_ARG(rule->names), STR_ARG(name));
  }
  if (!rule->policy && spec->traffic_policy) {
    rule->policy = spec->traffic_policy;
    rule->policy_name = name;
  }
  rule_add_subsets(builder, object, rule);
  table_add_source(builder, object);
}

static const struct part_rule *rule_get(struct builder *builder, struct str namespace_,
                                        struct str host) {
  const struct part_rule *rule =
      map_get(&builder->rule_by_host, rule_key(builder, namespace_, host, true));
  return rule ? rule : map_get(&builder->rule_by_host, rule_key(builder, namespace_, host, false));
}

// The most specific rule of one namespace for a name: itself, then the longest wildcard.
static const struct part_rule *rule_find_in(struct builder *builder, struct str namespace_,
                                            struct str name) {
  const struct part_rule *rule = rule_get(builder, namespace_, name);
  for (size_t i = 1; !rule && i < name.len; i++) {
    if (name.ptr[i] != '.')
      continue;
    struct str pattern = TABLE_CONCAT(&builder->scratch, STR("*"), str_slice(name, i, name.len));
    rule = rule_get(builder, namespace_, pattern);
  }
  return rule ? rule : rule_get(builder, namespace_, STR("*"));
}

static const struct part_rule *rule_find(struct builder *builder,
                                         const struct table_service *service) {
  if (map_count(&builder->rule_by_host) == 0)
    return NULL;
  struct str namespaces[] = {builder->input->settings->namespace_, service->namespace_,
                             CLUSTER_ROOT_NAMESPACE};
  // A proxy of the root namespace asks the service's first: the root's own rules are defaults.
  if (str_eq(namespaces[0], CLUSTER_ROOT_NAMESPACE))
    namespaces[0] = service->namespace_;
  for (size_t i = 0; i < sizeof namespaces / sizeof namespaces[0]; i++) {
    const struct part_rule *rule = rule_find_in(builder, namespaces[i], service->fqdn);
    if (rule)
      return rule;
  }
  return NULL;
}

static const struct dr_port_policy *policy_port(const struct dr_traffic_policy *policy,
                                                uint16_t port) {
  for (size_t i = 0; policy && i < policy->port_level_settings_count; i++) {
    if (policy->port_level_settings[i].port == port)
      return &policy->port_level_settings[i];
  }
  return NULL;
}

// A port's settings stand in for these four blocks, given or not.
static void policy_take_port(const struct dr_traffic_policy *policy, uint16_t port,
                             struct part_blocks *blocks) {
  const struct dr_port_policy *level = policy_port(policy, port);
  if (!level)
    return;
  blocks->load_balancer = level->load_balancer;
  blocks->connection_pool = level->connection_pool;
  blocks->outlier = level->outlier_detection;
  blocks->tls = level->tls;
}

// The blocks a policy gives replace those that were in force.
static void policy_take(const struct dr_traffic_policy *policy, struct part_blocks *blocks) {
  if (policy->load_balancer)
    blocks->load_balancer = policy->load_balancer;
  if (policy->connection_pool)
    blocks->connection_pool = policy->connection_pool;
  if (policy->outlier_detection)
    blocks->outlier = policy->outlier_detection;
  if (policy->tls)
    blocks->tls = policy->tls;
  if (policy->retry_budget)
    blocks->retry_budget = policy->retry_budget;
}

static struct part_blocks cluster_policy(const struct part_rule *rule,
                                         const struct dr_subset *subset, uint16_t port) {
  struct part_blocks blocks = {0};
  const struct dr_traffic_policy *levels[] = {rule ? rule->policy : NULL,
                                              subset ? subset->traffic_policy : NULL};
  for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
    if (!levels[i])
      continue;
    policy_take(levels[i], &blocks);
    policy_take_port(levels[i], port, &blocks);
  }
  return blocks;
}

static void cluster_add_endpoints(struct builder *builder, const struct part_service *service,
                                  const struct table_port *port, const struct dr_subset *subset,
                                  const struct part_blocks *blocks, struct table_cluster *cluster) {
  struct table_endpoint *endpoints = NULL;
  const struct part_endpoint **parts = NULL;
  size_t capacity = 0, part_count = 0, part_capacity = 0;
  for (size_t i = 0; i < service->endpoint_count; i++) {
    const struct part_endpoint *from = &service->endpoints[i];
    if (!str_eq(from->port_name, port->name) ||
        (subset && !string_map_includes(from->labels, &subset->labels)))
      continue;
    if (!from->is_ready) {
      cluster->unready_count++;
      continue;
    }
    struct table_endpoint *endpoint = arena_push(
        builder->arena, (void **)&endpoints, &cluster->endpoint_count, &capacity, sizeof *endpoint);
    *endpoint = from->endpoint;
    struct str key = TABLE_CONCAT(&builder->scratch, cluster->id, STR("|"), endpoint->key);
    endpoint->slot = table_ids_take(builder->input->ids, TABLE_IDS_ENDPOINT, key);
    endpoint->since_ms = table_ids_since(builder->input->ids, TABLE_IDS_ENDPOINT, endpoint->slot,
                                         builder->input->steady_ms);
    const struct part_endpoint **part =
        arena_push(&builder->scratch, (void **)&parts, &part_count, &part_capacity, sizeof *part);
    *part = from;
  }
  table_set_localities(builder, blocks, cluster, endpoints, parts);
  cluster->endpoints = endpoints;
  builder->table->endpoint_count += cluster->endpoint_count;
}

// A cluster to be made: which service, row (subset) and column (port).
struct cluster_plan {
  struct str id;
  struct part_service *service;
  size_t row, column;
};

static int cluster_plan_order(const void *a, const void *b) {
  return str_cmp(((const struct cluster_plan *)a)->id, ((const struct cluster_plan *)b)->id);
}

static size_t clusters_plan(struct builder *builder, struct part_service *service,
                            struct cluster_plan *plans) {
  size_t count = 0, port_count = service->service->port_count;
  struct str *ports = ARENA_ARRAY(&builder->scratch, struct str, port_count);
  for (size_t i = 0; i < port_count; i++)
    ports[i] = arena_printf(&builder->scratch, "%u", service->service->ports[i].number);
  for (size_t row = 0; row < service->row_count; row++) {
    struct str subset = row ? service->rule->subsets[row - 1]->name : STR("");
    for (size_t column = 0; column < port_count; column++, count++) {
      plans[count].id = TABLE_CONCAT(builder->arena, STR("outbound|"), ports[column], STR("|"),
                                     subset, STR("|"), service->service->fqdn);
      plans[count].service = service;
      plans[count].row = row;
      plans[count].column = column;
    }
  }
  return count;
}

static void cluster_make(struct builder *builder, const struct cluster_plan *plan,
                         struct table_cluster *cluster) {
  struct part_service *service = plan->service;
  const struct table_port *port = &service->service->ports[plan->column];
  const struct dr_subset *subset = plan->row ? service->rule->subsets[plan->row - 1] : NULL;
  cluster->id = plan->id;
  cluster->slot = table_ids_take(builder->input->ids, TABLE_IDS_CLUSTER, plan->id);
  cluster->port = port->number;
  cluster->subset = subset ? arena_str(builder->arena, subset->name) : STR("");
  cluster->service = service->service;
  cluster->is_http2 = port->is_http2;
  cluster->rule = service->rule ? arena_str(builder->arena, service->rule->names) : STR("");
  struct part_blocks blocks = cluster_policy(service->rule, subset, port->number);
  table_make_pool(blocks.connection_pool, blocks.retry_budget, cluster);
  table_set_balance(builder, &blocks, cluster);
  cluster_add_endpoints(builder, service, port, subset, &blocks, cluster);
  table_finish_balance(builder, cluster);
  service->clusters[plan->row * service->service->port_count + plan->column] = cluster;
}

const struct table_cluster *const *table_clusters_of(const struct part_service *service,
                                                     struct str subset) {
  if (!service)
    return NULL;
  if (subset.len == 0)
    return service->clusters;
  for (size_t row = 1; row < service->row_count; row++) {
    if (str_eq(service->rule->subsets[row - 1]->name, subset))
      return service->clusters + row * service->service->port_count;
  }
  return NULL;
}

void table_add_clusters(struct builder *builder) {
  for (size_t i = 0; i < builder->rules.count; i++)
    rule_add(builder, &builder->rules.items[i]);
  size_t total = 0;
  for (size_t i = 0; i < builder->part_count; i++) {
    struct part_service *service = &builder->parts[i];
    service->rule = rule_find(builder, service->service);
    service->row_count = 1 + (service->rule ? service->rule->subset_count : 0);
    size_t cells = service->row_count * service->service->port_count;
    service->clusters = ARENA_ARRAY(builder->arena, const struct table_cluster *, cells);
    total += cells;
  }
  struct cluster_plan *plans = ARENA_ARRAY(&builder->scratch, struct cluster_plan, total);
  size_t count = 0;
  for (size_t i = 0; i < builder->part_count; i++)
    count += clusters_plan(builder, &builder->parts[i], plans + count);
  if (count)
    qsort(plans, count, sizeof *plans, cluster_plan_order);
  struct table_cluster *clusters = ARENA_ARRAY(builder->arena, struct table_cluster, count);
  for (size_t i = 0; i < count; i++)
    cluster_make(builder, &plans[i], &clusters[i]);
  builder->table->clusters = clusters;
  builder->table->cluster_count = count;
}
