// SPDX-License-Identifier: Apache-2.0
#include "operator/traffic/shadow.h"
#include "operator/traffic/virtual_service.h"

static bool is_mesh(const struct json *object) {
  const struct json *gateways = json_path(object, "spec.gateways");
  if (!gateways || gateways->count == 0)
    return true;
  JSON_EACH(gateway, gateways) {
    if (str_eq_z(json_string(gateway), "mesh"))
      return true;
  }
  return false;
}

static bool is_visible(const struct json *object, struct str ns) {
  if (str_eq(json_path_string(object, "metadata.namespace"), ns))
    return true;
  const struct json *to = json_path(object, "spec.exportTo");
  if (!to || to->count == 0)
    return true;
  JSON_EACH(item, to) {
    if (str_eq_z(json_string(item), "*") || str_eq(json_string(item), ns))
      return true;
  }
  return false;
}

static bool comes_first(const struct json *a, const struct json *b) {
  int order = str_cmp(json_path_string(a, "metadata.creationTimestamp"),
                      json_path_string(b, "metadata.creationTimestamp"));
  if (order == 0)
    order = str_cmp(json_path_string(a, "metadata.name"), json_path_string(b, "metadata.name"));
  if (order == 0)
    order = str_cmp(json_path_string(a, "metadata.namespace"),
                    json_path_string(b, "metadata.namespace"));
  return order < 0;
}

static bool share_host(const struct json *a, const struct json *b, struct arena *arena) {
  JSON_EACH(x, json_path(a, "spec.hosts")) {
    JSON_EACH(y, json_path(b, "spec.hosts")) {
      if (str_eq(vs_full_host(json_string(x), json_path_string(a, "metadata.namespace"), arena),
                 vs_full_host(json_string(y), json_path_string(b, "metadata.namespace"), arena)))
        return true;
    }
  }
  return false;
}

const struct json *shadow_find(const struct json *object, const struct json *const *others,
                               size_t count, struct arena *arena) {
  const struct json *first = NULL;
  if (!is_mesh(object))
    return NULL; // VirtualServices of one gateway are merged
  for (size_t i = 0; i < count; i++)
    if (comes_first(others[i], object) && is_mesh(others[i]) &&
        is_visible(others[i], json_path_string(object, "metadata.namespace")) &&
        share_host(others[i], object, arena) && (!first || comes_first(others[i], first)))
      first = others[i];
  return first;
}
