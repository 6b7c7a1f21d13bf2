// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_kinds.h"
#include "manifests/base/alloc.h"
#include "manifests/kinds/registry.h"

struct api_kinds {
  const struct kind_desc **defined; // by definitions in the store
  size_t defined_count;
};

struct api_kinds *api_kinds_new(void) {
  return xcalloc(1, sizeof(struct api_kinds));
}

void api_kinds_free(struct api_kinds *kinds) {
  if (!kinds)
    return;
  xfree(kinds->defined);
  xfree(kinds);
}

size_t api_kind_count(const struct api_kinds *kinds) {
  return kind_count() + kinds->defined_count;
}

const struct kind_desc *api_kind_at(const struct api_kinds *kinds, size_t index) {
  size_t builtin = kind_count();
  if (index < builtin)
    return kind_at(index);
  return index - builtin < kinds->defined_count ? kinds->defined[index - builtin] : NULL;
}

const struct kind_desc *api_kind_find(const struct api_kinds *kinds, struct str api_version,
                                      struct str kind) {
  struct str group, version;
  kind_split_api_version(api_version, &group, &version);
  for (size_t i = 0; i < api_kind_count(kinds); i++) {
    const struct kind_desc *at = api_kind_at(kinds, i);
    if (str_eq_z(kind, at->kind) && str_eq_z(group, at->group) && kind_has_version(at, version))
      return at;
  }
  return NULL;
}

const struct kind_desc *api_kind_find_plural(const struct api_kinds *kinds, struct str group,
                                             struct str version, struct str plural) {
  for (size_t i = 0; i < api_kind_count(kinds); i++) {
    const struct kind_desc *at = api_kind_at(kinds, i);
    if (str_eq_z(plural, at->plural) && str_eq_z(group, at->group) && kind_has_version(at, version))
      return at;
  }
  return NULL;
}

const struct kind_desc *api_kind_of(const struct api_kinds *kinds, struct str resource) {
  ptrdiff_t dot = str_find_char(resource, '.');
  struct str plural = str_slice(resource, 0, dot < 0 ? resource.len : (size_t)dot);
  struct str group = dot < 0 ? STR("") : str_slice(resource, (size_t)dot + 1, resource.len);
  for (size_t i = 0; i < api_kind_count(kinds); i++) {
    const struct kind_desc *at = api_kind_at(kinds, i);
    if (str_eq_z(plural, at->plural) && str_eq_z(group, at->group))
      return at;
  }
  return NULL;
}
