// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/kind.h"

#include <string.h>

bool kind_is_same(const struct kind_desc *a, const struct kind_desc *b) {
  return a == b || (strcmp(a->plural, b->plural) == 0 && strcmp(a->group, b->group) == 0);
}

bool kind_has_version(const struct kind_desc *kind, struct str version) {
  for (size_t i = 0; kind->versions[i]; i++)
    if (str_eq_z(version, kind->versions[i]))
      return true;
  return false;
}

struct str kind_api_version(const struct kind_desc *kind, struct str version, struct arena *arena) {
  if (str_is_empty(version))
    version = str_of(kind->stored ? kind->stored : kind->versions[0]);
  if (!kind->group[0] || str_find_char(version, '/') >= 0)
    return arena_str(arena, version);
  return arena_printf(arena, "%s/%.*s", kind->group, STR_ARG(version));
}

void kind_split_api_version(struct str api_version, struct str *ret_group,
                            struct str *ret_version) {
  ptrdiff_t slash = str_find_char(api_version, '/');
  if (slash < 0) {
    *ret_group = STR("");
    *ret_version = api_version;
    return;
  }
  *ret_group = str_slice(api_version, 0, (size_t)slash);
  *ret_version = str_slice(api_version, (size_t)slash + 1, api_version.len);
}
