// SPDX-License-Identifier: Apache-2.0
// Objects that get in each other's way: the same object twice, several for one host.
#include "manifests/base/map.h"
#include "manifests/kinds/destination_rule.h"
#include "manifests/kinds/lint_rules.h"
#include "manifests/kinds/virtual_service.h"

static void check_same_object(struct lint *lint) {
  struct map seen;
  map_init(&seen);
  for (size_t i = 0; i < lint->count; i++) {
    struct lint_object *object = &lint->objects[i];
    if (!object->kind || !object->name.len)
      continue;
    struct str key = arena_printf(lint->arena, "%s/%s/%.*s/%.*s", object->kind->group,
                                  object->kind->plural, STR_ARG(object->ns), STR_ARG(object->name));
    const struct lint_object *other = map_get(&seen, key);
    if (other) {
      struct check check = lint_check(lint, object);
      check_warn(&check, "duplicate-object", "metadata.name",
                 "is the same object as %.*s; what is applied last replaces the other",
                 STR_ARG(lint_title(lint, other)));
    } else {
      map_put(&seen, key, object);
    }
  }
  map_dispose(&seen);
}

static bool same_object(const struct lint_object *a, const struct lint_object *b) {
  return str_eq(a->ns, b->ns) && str_eq(a->name, b->name);
}

// "mesh" is meant where no gateway is named.
static bool share_gateway(const struct virtual_service_spec *a,
                          const struct virtual_service_spec *b) {
  static struct str mesh[] = {{"mesh", 4}};
  const struct str *of_a = a->gateways_count ? a->gateways : mesh;
  const struct str *of_b = b->gateways_count ? b->gateways : mesh;
  size_t count_a = a->gateways_count ? a->gateways_count : 1;
  size_t count_b = b->gateways_count ? b->gateways_count : 1;
  for (size_t i = 0; i < count_a; i++)
    for (size_t j = 0; j < count_b; j++)
      if (str_eq(of_a[i], of_b[j]) && str_eq_z(of_a[i], "mesh"))
        return true;
  return false;
}

// At gateways the routes of several are joined, in the mesh only the oldest counts.
static void check_virtual_service_hosts(struct lint *lint, struct map *seen,
                                        const struct lint_object *object) {
  const struct virtual_service_spec *spec = &((const struct virtual_service *)object->object)->spec;
  for (size_t i = 0; i < spec->hosts_count; i++) {
    struct str host = lint_full_host(lint, object, spec->hosts[i]);
    const struct lint_object *other = map_get(seen, host);
    if (!other) {
      map_put(seen, host, (void *)(uintptr_t)object);
      continue;
    }
    const struct virtual_service *first = other->object;
    if (same_object(object, other) || !share_gateway(spec, &first->spec))
      continue;
    struct check check = lint_check(lint, object);
    check_warn(&check, "duplicate-host", check_index(&check, "spec.hosts", i, ""),
               "%.*s is also the host of %.*s; in the mesh only the oldest of them counts, by name "
               "where they are equally old",
               STR_ARG(str_slice(host, 0, 253)), STR_ARG(lint_title(lint, other)));
  }
}

static void check_rule_host(struct lint *lint, struct map *seen, const struct lint_object *object) {
  const struct destination_rule_spec *spec =
      &((const struct destination_rule *)object->object)->spec;
  if (!spec->traffic_policy)
    return;
  struct str host = object->host,
             key = arena_printf(lint->arena, "%.*s/%.*s", STR_ARG(object->ns), STR_ARG(host));
  const struct lint_object *other = map_get(seen, key);
  if (!other) {
    map_put(seen, key, (void *)(uintptr_t)object);
    return;
  }
  if (same_object(object, other))
    return;
  struct check check = lint_check(lint, object);
  check_warn(&check, "duplicate-host", "spec.host",
             "%.*s also has a trafficPolicy for %.*s; only that of the oldest counts, whole, by "
             "name where they are equally old",
             STR_ARG(lint_title(lint, other)), STR_ARG(str_slice(host, 0, 253)));
}

void lint_duplicates(struct lint *lint) {
  check_same_object(lint);
  struct map services, rules;
  map_init(&services);
  map_init(&rules);
  const struct lint_object *object;
  for (size_t i = 0; (object = lint_next(lint, &virtual_service_kind, &i));)
    check_virtual_service_hosts(lint, &services, object);
  for (size_t i = 0; (object = lint_next(lint, &destination_rule_kind, &i));)
    check_rule_host(lint, &rules, object);
  map_dispose(&services);
  map_dispose(&rules);
}
