// SPDX-License-Identifier: Apache-2.0
// Part of step 3 of table_build: localities (docs/dataplane.md 3.4). `distribute` gives them
// shares; else, with outlier detection, those near this proxy come first and the others take over.
#include "proxy/table_parts.h"

#include <stdlib.h>

struct locality_parts {
  struct str part[3]; // region, zone, subzone
};

static struct locality_parts locality_split(struct str text) {
  struct locality_parts parts = {{STR(""), STR(""), STR("")}};
  for (size_t i = 0; i < 3 && text.len; i++)
    (void)str_next(&text, '/', &parts.part[i]);
  return parts;
}

// "region/zone/*": what is left out or a star covers everything below.
static bool locality_matches(struct str locality, struct str pattern) {
  struct locality_parts is = locality_split(locality), wanted = locality_split(pattern);
  for (size_t i = 0; i < 3; i++) {
    if (str_eq(wanted.part[i], STR("*")) || wanted.part[i].len == 0)
      return i > 0 || wanted.part[i].len > 0;
    if (!str_eq(is.part[i], wanted.part[i]))
      return false;
  }
  return true;
}

// Clouds name a zone after its region: eu-west-1a, us-central1-b, westeurope-2.
static struct str region_of_zone(struct str zone, struct str own_region) {
  if (own_region.len && str_starts(zone, own_region))
    return own_region;
  if (zone.len > 2 && zone.ptr[zone.len - 1] >= 'a' && zone.ptr[zone.len - 1] <= 'z' &&
      zone.ptr[zone.len - 2] >= '0' && zone.ptr[zone.len - 2] <= '9')
    return str_slice(zone, 0, zone.len - 1);
  for (size_t i = zone.len; i > 1 && i + 2 > zone.len; i--) {
    if (zone.ptr[i - 1] == '-')
      return str_slice(zone, 0, i - 1);
  }
  return zone;
}

struct str table_locality_of(struct builder *builder, const struct string_map *labels,
                             struct str zone) {
  struct str text = labels ? string_map_get_z(labels, "istio-locality") : STR_NULL;
  if (text.len) {
    char *bytes = arena_dup(&builder->scratch, text.ptr, text.len);
    bool slashed = str_find_char(text, '/') >= 0;
    for (size_t i = 0; !slashed && i < text.len; i++)
      bytes[i] = bytes[i] == '.' ? '/' : bytes[i];
    return (struct str){bytes, text.len};
  }
  struct str region = STR(""), subzone = STR("");
  if (labels) {
    struct str own_zone = string_map_get_z(labels, "topology.kubernetes.io/zone");
    region = string_map_get_z(labels, "topology.kubernetes.io/region");
    subzone = string_map_get_z(labels, "topology.istio.io/subzone");
    zone = own_zone.len ? own_zone : zone;
  }
  if (!region.len && !zone.len)
    return STR("");
  if (!region.len)
    region = region_of_zone(zone, locality_split(builder->input->settings->locality).part[0]);
  return TABLE_CONCAT(&builder->scratch, region, STR("/"), zone, STR("/"), subzone);
}

// One cluster's localities while they are made.
struct locality_maker {
  struct builder *builder;
  const struct dr_locality *setting; // may be NULL
  struct str own;
  struct table_cluster *cluster;
  struct table_endpoint *endpoints;
  const struct part_endpoint *const *parts;
  struct table_locality *localities;
  size_t count;
};

// Endpoints of one locality, or of one priority by labels, are one entry.
static void locality_put(struct locality_maker *maker, size_t endpoint, struct str name,
                         uint32_t priority) {
  size_t i = 0;
  while (i < maker->count &&
         (!str_eq(maker->localities[i].name, name) || maker->localities[i].priority != priority))
    i++;
  if (i == maker->count)
    maker->localities[maker->count++] = (struct table_locality){
        .name = arena_str(maker->builder->arena, name), .priority = priority};
  maker->endpoints[endpoint].locality = (uint32_t)i;
}

static uint64_t locality_endpoint_weight(const struct locality_maker *maker, size_t locality) {
  uint64_t sum = 0;
  for (size_t i = 0; i < maker->cluster->endpoint_count; i++)
    sum += maker->endpoints[i].locality == locality ? maker->endpoints[i].weight : 0;
  return sum;
}

// The shares of one entry are divided among its localities by their endpoints; localities that no
// entry names get nothing.
static bool locality_distribute(struct locality_maker *maker) {
  const struct dr_distribute *found = NULL;
  for (size_t i = 0; !found && i < maker->setting->distribute_count; i++) {
    if (locality_matches(maker->own, maker->setting->distribute[i].from))
      found = &maker->setting->distribute[i];
  }
  if (!found)
    return false;
  for (size_t i = 0; i < maker->cluster->endpoint_count; i++)
    locality_put(maker, i, maker->parts[i]->locality, 0);
  for (size_t i = 0; i < maker->count; i++)
    maker->localities[i].is_out = true;
  for (size_t i = 0; i < found->to.count; i++) {
    uint64_t total = 0;
    for (size_t j = 0; j < maker->count; j++) {
      if (locality_matches(maker->localities[j].name, found->to.items[i].key))
        total += locality_endpoint_weight(maker, j);
    }
    for (size_t j = 0; total > 0 && j < maker->count; j++) {
      struct table_locality *locality = &maker->localities[j];
      if (!locality->is_out || !locality_matches(locality->name, found->to.items[i].key))
        continue;
      locality->weight = (uint32_t)((uint64_t)found->to.items[i].value * 10000 *
                                    locality_endpoint_weight(maker, j) / total);
      locality->is_out = locality->weight == 0;
    }
  }
  return true;
}

// How far away: 0 the same subzone, 1 zone, 2 region, 3 the region that takes over, 4 any other.
static uint32_t locality_distance(const struct locality_maker *maker, struct str locality) {
  struct locality_parts own = locality_split(maker->own), is = locality_split(locality);
  const struct dr_locality *setting = maker->setting;
  if (str_eq(own.part[0], is.part[0])) {
    if (!str_eq(own.part[1], is.part[1]))
      return 2;
    return str_eq(own.part[2], is.part[2]) ? 0 : 1;
  }
  for (size_t i = 0; setting && i < setting->failover_count; i++) {
    if (str_eq(setting->failover[i].from, own.part[0]))
      return str_eq(setting->failover[i].to, is.part[0]) ? 3 : 4;
  }
  return 3;
}

// A label of this proxy or an endpoint; the topology labels follow from the locality.
static struct str locality_label(const struct locality_parts *locality, struct str given,
                                 struct str name) {
  static const char *const names[] = {"topology.kubernetes.io/region",
                                      "topology.kubernetes.io/zone", "topology.istio.io/subzone"};
  for (size_t i = 0; !given.len && i < 3; i++) {
    if (str_eq_z(name, names[i]))
      return locality->part[i];
  }
  return given;
}

static struct str locality_own_label(const struct locality_maker *maker, struct str name) {
  const struct table_settings *settings = maker->builder->input->settings;
  struct locality_parts own = locality_split(maker->own);
  struct str given = STR("");
  for (size_t i = 0; i < settings->label_count; i++) {
    if (str_eq(settings->labels[i].name, name))
      given = settings->labels[i].value;
  }
  return locality_label(&own, given, name);
}

// failoverPriority: "name" compares with this proxy's label, "name=value" with that value. Only
// what matches from the first on counts.
static uint32_t locality_rank(const struct locality_maker *maker, size_t endpoint) {
  const struct dr_locality *setting = maker->setting;
  const struct part_endpoint *part = maker->parts[endpoint];
  struct locality_parts is = locality_split(part->locality);
  size_t matched = 0;
  for (; matched < setting->failover_priority_count; matched++) {
    struct str name = setting->failover_priority[matched], wanted;
    ptrdiff_t equals = str_find_char(name, '=');
    if (equals >= 0) {
      wanted = str_slice(name, (size_t)equals + 1, name.len);
      name = str_slice(name, 0, (size_t)equals);
    } else {
      wanted = locality_own_label(maker, name);
    }
    struct str have = part->labels ? string_map_get(part->labels, name) : STR_NULL;
    if (!str_eq(locality_label(&is, have, name), wanted))
      break;
  }
  return (uint32_t)(setting->failover_priority_count - matched);
}

// Priorities without gaps, as a proxy counts them.
static void locality_close_gaps(struct locality_maker *maker) {
  for (uint32_t want = 0;; want++) {
    uint32_t next = UINT32_MAX;
    for (size_t i = 0; i < maker->count; i++) {
      uint32_t priority = maker->localities[i].priority;
      if (priority >= want && priority < next)
        next = priority;
    }
    if (next == UINT32_MAX)
      return;
    for (size_t i = 0; i < maker->count; i++) {
      if (maker->localities[i].priority == next)
        maker->localities[i].priority =
            want < TABLE_PRIORITIES_MAX ? want : TABLE_PRIORITIES_MAX - 1;
    }
    if (want >= TABLE_PRIORITIES_MAX)
      return;
  }
}

// False when all endpoints have the same priority.
static bool locality_failover(struct locality_maker *maker) {
  bool by_label = maker->setting && maker->setting->failover_priority_count > 0;
  if (!by_label && !maker->own.len)
    return false;
  for (size_t i = 0; i < maker->cluster->endpoint_count; i++)
    locality_put(maker, i, maker->parts[i]->locality,
                 by_label ? locality_rank(maker, i)
                          : locality_distance(maker, maker->parts[i]->locality));
  locality_close_gaps(maker);
  for (size_t i = 0; i < maker->count; i++) {
    if (maker->localities[i].priority > 0)
      return true;
  }
  return false;
}

void table_set_localities(struct builder *builder, const struct part_blocks *blocks,
                          struct table_cluster *cluster, struct table_endpoint *endpoints,
                          const struct part_endpoint *const *parts) {
  const struct dr_locality *setting =
      blocks->load_balancer ? blocks->load_balancer->locality : NULL;
  struct locality_maker maker = {
      builder, setting, builder->input->settings->locality, cluster, endpoints, parts, NULL, 0};
  bool distribute = setting && setting->distribute_count > 0 && maker.own.len > 0;
  if ((setting && setting->has_enabled && !setting->enabled) || cluster->endpoint_count == 0 ||
      (!distribute && !blocks->outlier))
    return;
  maker.localities = ARENA_ARRAY(builder->arena, struct table_locality, cluster->endpoint_count);
  if (distribute ? locality_distribute(&maker) : locality_failover(&maker)) {
    cluster->localities = maker.localities;
    cluster->locality_count = maker.count;
    return;
  }
  for (size_t i = 0; i < cluster->endpoint_count; i++)
    endpoints[i].locality = 0;
}
