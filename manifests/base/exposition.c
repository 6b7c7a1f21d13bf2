// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/exposition.h"

#include <math.h>
#include <stdlib.h>
#include <stdio.h>

void exposition_family(struct buf *out, const char *name, const char *type, const char *help) {
  if (help)
    buf_addf(out, "# HELP %s %s\n", name, help);
  buf_addf(out, "# TYPE %s %s\n", name, type);
}

static void add_escaped(struct buf *out, struct str value) {
  size_t start = 0;
  if (value.len == 0)
    return;
  for (size_t i = 0; i < value.len; i++) {
    const char *escape = value.ptr[i] == '\\'   ? "\\\\"
                         : value.ptr[i] == '"'  ? "\\\""
                         : value.ptr[i] == '\n' ? "\\n"
                                                : NULL;
    if (!escape)
      continue;
    buf_add(out, value.ptr + start, i - start);
    buf_add_z(out, escape);
    start = i + 1;
  }
  buf_add(out, value.ptr + start, value.len - start);
}

void exposition_labels(struct buf *out, const struct exposition_label *labels, size_t count) {
  if (count == 0)
    return;
  for (size_t i = 0; i < count; i++) {
    buf_addf(out, "%c%s=\"", i ? ',' : '{', labels[i].name);
    add_escaped(out, labels[i].value);
    buf_add_char(out, '"');
  }
  buf_add_char(out, '}');
}

void exposition_number(struct buf *out, double value) {
  if (isnan(value)) {
    buf_add_z(out, "NaN");
  } else if (isinf(value)) {
    buf_add_z(out, value > 0 ? "+Inf" : "-Inf");
  } else if (value == floor(value) && fabs(value) < 1e15) {
    buf_addf(out, "%.0f", value);
  } else {
    char text[40];
    for (int digits = 6; digits <= 17; digits++) {
      snprintf(text, sizeof text, "%.*g", digits, value);
      if (strtod(text, NULL) == value)
        break;
    }
    buf_add_z(out, text);
  }
}

void exposition_sample(struct buf *out, const char *name, const struct exposition_label *labels,
                       size_t count, double value) {
  buf_add_z(out, name);
  exposition_labels(out, labels, count);
  buf_add_char(out, ' ');
  exposition_number(out, value);
  buf_add_char(out, '\n');
}
