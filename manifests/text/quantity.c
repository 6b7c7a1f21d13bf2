// SPDX-License-Identifier: Apache-2.0
#include "manifests/text/quantity.h"

bool quantity_parse(struct str text, double *ret_value) {
  static const struct {
    const char *suffix;
    double factor;
  } suffixes[] = {{"n", 1e-9},    {"u", 1e-6},    {"m", 1e-3},       {"k", 1e3},
                  {"M", 1e6},     {"G", 1e9},     {"T", 1e12},       {"P", 1e15},
                  {"E", 1e18},    {"Ki", 1024.0}, {"Mi", 1048576.0}, {"Gi", 1073741824.0},
                  {"Ti", 0x1p40}, {"Pi", 0x1p50}, {"Ei", 0x1p60}};
  if (str_to_double(text, ret_value))
    return true;
  for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
    struct str suffix = str_of(suffixes[i].suffix);
    double value;
    if (!str_ends(text, suffix) ||
        !str_to_double(str_slice(text, 0, text.len - suffix.len), &value))
      continue;
    *ret_value = value * suffixes[i].factor;
    return true;
  }
  return false;
}
