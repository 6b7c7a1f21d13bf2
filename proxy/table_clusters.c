// SPDX-License-Identifier: Apache-2.0
// Step 3 of table_build: DestinationRules (docs/dataplane.md 3.1) and the clusters of each Service
// port and subset.
#include "proxy/host.h"
#include "proxy/table_ids.h"
#include "proxy/table_parts.h"

#include <stdlib.h>

#define CLUSTER_CONNECT_TIMEOUT_MS 10000 // Istio's meshConfig.connectTimeout
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

static struct str rule_key(struct builder *builder, struct str namespace_, struct str host) {
  return TABLE_CONCAT(&builder->scratch, namespace_, STR("|"), host);
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
// first that has one.
static void rule_add(struct builder *builder, const struct part_object *object) {
  const struct destination_rule *declared = object->from->object;
  if (!rule_selects_us(builder, declared)) {
    table_finding(builder, FINDING_WARNING, object, STR("spec.workloadSelector"), "not-in-force",
                  "only for workloads with labels this proxy does not have");
    return;
  }
  struct str host = host_expand(&builder->scratch, declared->spec.host, object->meta->namespace_,
                                builder->domain);
  rule_check_namespace(builder, object, host);
  struct str key = rule_key(builder, object->meta->namespace_, host);
  struct str name =
      TABLE_CONCAT(&builder->scratch, object->meta->namespace_, STR("/"), object->meta->name);
  struct part_rule *rule = map_get(&builder->rule_by_host, key);
  if (!rule) {
    rule = ARENA_NEW(&builder->scratch, struct part_rule);
    *rule = (struct part_rule){.namespace_ = object->meta->namespace_, .host = host, .names = name};
    (void)map_put(&builder->rule_by_host, key, rule);
  } else {
    if (rule->policy && declared->spec.traffic_policy)
      table_finding(builder, FINDING_WARNING, object, STR("spec.trafficPolicy"), "duplicate-host",
                    "host %.*s has a trafficPolicy in DestinationRule %.*s, which is older; this "
                    "one is not in force",
                    STR_ARG(host), STR_ARG(rule->names));
    rule->names =
        arena_printf(&builder->scratch, "%.*s, %.*s", STR_ARG(rule->names), STR_ARG(name));
  }
  if (!rule->policy)
    rule->policy = declared->spec.traffic_policy;
  rule_add_subsets(builder, object, rule);
  table_add_source(builder, object);
}

// The most specific rule of one namespace for a name: itself, then the longest wildcard.
static const struct part_rule *rule_find_in(struct builder *builder, struct str namespace_,
                                            struct str name) {
  const struct part_rule *rule =
      map_get(&builder->rule_by_host, rule_key(builder, namespace_, name));
  for (size_t i = 1; !rule && i < name.len; i++) {
    if (name.ptr[i] != '.')
      continue;
    struct str pattern = TABLE_CONCAT(&builder->scratch, STR("*"), str_slice(name, i, name.len));
    rule = map_get(&builder->rule_by_host, rule_key(builder, namespace_, pattern));
  }
  return rule ? rule : map_get(&builder->rule_by_host, rule_key(builder, namespace_, STR("*")));
}

static const struct part_rule *rule_find(struct builder *builder,
                                         const struct table_service *service) {
  if (map_count(&builder->rule_by_host) == 0)
    return NULL;
  struct str namespaces[] = {builder->input->settings->namespace_, service->namespace_,
                             CLUSTER_ROOT_NAMESPACE};
  for (size_t i = 0; i < sizeof namespaces / sizeof namespaces[0]; i++) {
    const struct part_rule *rule = rule_find_in(builder, namespaces[i], service->fqdn);
    if (rule)
      return rule;
  }
  return NULL;
}

// The blocks of a policy that this proxy enforces; later ones replace earlier ones as a whole.
struct cluster_blocks {
  const struct dr_load_balancer *load_balancer;
  const struct dr_connection_pool *connection_pool;
};

static const struct dr_port_policy *policy_port(const struct dr_traffic_policy *policy,
                                                uint16_t port) {
  for (size_t i = 0; policy && i < policy->port_level_settings_count; i++) {
    if (policy->port_level_settings[i].port == port)
      return &policy->port_level_settings[i];
  }
  return NULL;
}

static struct cluster_blocks cluster_policy(const struct part_rule *rule,
                                            const struct dr_subset *subset, uint16_t port) {
  struct cluster_blocks blocks = {NULL, NULL};
  const struct dr_traffic_policy *top = rule ? rule->policy : NULL;
  const struct dr_traffic_policy *own = subset ? subset->traffic_policy : NULL;
  const struct dr_port_policy *level = policy_port(top, port);
  if (level)
    blocks = (struct cluster_blocks){level->load_balancer, level->connection_pool};
  else if (top)
    blocks = (struct cluster_blocks){top->load_balancer, top->connection_pool};
  if (own && own->load_balancer)
    blocks.load_balancer = own->load_balancer;
  if (own && own->connection_pool)
    blocks.connection_pool = own->connection_pool;
  level = policy_port(own, port);
  if (level)
    blocks = (struct cluster_blocks){level->load_balancer, level->connection_pool};
  return blocks;
}

static enum table_balancer cluster_balancer(const struct dr_load_balancer *load_balancer) {
  switch (load_balancer ? load_balancer->simple : DR_LB_UNSET) {
  case DR_LB_ROUND_ROBIN: return TABLE_ROUND_ROBIN;
  case DR_LB_RANDOM: return TABLE_RANDOM;
  case DR_LB_UNSET:
  case DR_LB_UNSPECIFIED:
  case DR_LB_LEAST_CONN:
  case DR_LB_LEAST_REQUEST:
  case DR_LB_PASSTHROUGH: break; // reported: there is no original destination here
  }
  return TABLE_LEAST_REQUEST;
}

static void cluster_set_policy(struct table_cluster *cluster, struct cluster_blocks blocks) {
  const struct dr_connection_pool *pool = blocks.connection_pool;
  cluster->balancer = cluster_balancer(blocks.load_balancer);
  cluster->connect_timeout_ms = pool && pool->tcp && pool->tcp->connect_timeout_ms > 0
                                    ? pool->tcp->connect_timeout_ms
                                    : CLUSTER_CONNECT_TIMEOUT_MS;
  if (pool && pool->http && pool->http->max_requests_per_connection > 0 &&
      pool->http->max_requests_per_connection <= UINT32_MAX)
    cluster->max_requests_per_connection = (uint32_t)pool->http->max_requests_per_connection;
}

static void cluster_add_endpoints(struct builder *builder, const struct part_service *service,
                                  const struct table_port *port, const struct dr_subset *subset,
                                  struct table_cluster *cluster) {
  struct table_endpoint *endpoints = NULL;
  size_t capacity = 0;
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
  }
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
  cluster_set_policy(cluster, cluster_policy(service->rule, subset, port->number));
  cluster_add_endpoints(builder, service, port, subset, cluster);
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
